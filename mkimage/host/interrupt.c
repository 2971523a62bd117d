/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handler may come at any instruction, so it only writes what was put together before. */
#include "host/interrupt.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/printable.h"
#include "core/base/text.h"

static const char *volatile unfinished;
static const char *volatile sentence;

static void on_signal(int number)
{
    if (unfinished)
        unlink(unfinished);
    if (sentence && write(STDERR_FILENO, sentence, strlen(sentence)) < 0)
        unfinished = NULL; /* nobody is there to be told */
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    static bool watching;
    for (unsigned i = 0; !watching && i < sizeof numbers / sizeof numbers[0]; i++) {
        if (signal(numbers[i], on_signal) == SIG_IGN) /* nohup */
            signal(numbers[i], SIG_IGN);
    }
    watching = true;
}

/* The line that is said; the path's letters go through print_safely as in cli/say. */
static void compose(char *buf, size_t size, const char *path, const char *state)
{
    char name[200];
    struct text t;
    text_init(&t, name, sizeof name);
    text_str(&t, path);
    FILE *to = fmemopen(buf, size, "w");
    if (!to) {
        snprintf(buf, size, "\nmkimage: interrupted: %s\n", state);
        return;
    }
    fputs("\nmkimage: ", to);
    print_safely(to, name);
    fprintf(to, ": interrupted: %s\n", state);
    fclose(to);
}

void interrupt_state(const char *path, const char *state)
{
    static char text[2][2048]; /* each byte of a name may take four */
    static unsigned next;
    if (!state) {
        sentence = NULL;
        return;
    }
    char *buf = text[next++ % 2]; /* the other one may be on its way out */
    compose(buf, sizeof text[0], path, state);
    sentence = buf;
    watch();
}

void interrupt_file(const char *path)
{
    unfinished = path;
    watch();
}
