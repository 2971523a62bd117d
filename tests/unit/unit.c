/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the tests that registered themselves; a failed CHECK ends its test by longjmp(). */
#include "unit/unit.h"
#include <setjmp.h>
#include <stdarg.h>

static struct unit_test *first;
static jmp_buf end_of_test;

void unit_register(struct unit_test *test)
{
    struct unit_test **link = &first;
    while (*link)
        link = &(*link)->next;
    *link = test;
}

void unit_failed(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("# %s:%d: ", file, line);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    longjmp(end_of_test, 1);
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], name))
            return true;
    }
    return argc < 2;
}

static int list(void)
{
    for (struct unit_test *test = first; test; test = test->next)
        puts(test->name);
    return 0;
}

int main(int argc, char **argv)
{
    volatile int failures = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && !strcmp(argv[1], "--list"))
        return list();
    for (struct unit_test *volatile test = first; test; test = test->next) {
        if (!wanted(test->name, argc, argv))
            continue;
        if (setjmp(end_of_test)) {
            printf("not ok %s\n", test->name);
            failures++;
        } else {
            test->run();
            printf("ok %s\n", test->name);
        }
    }
    return failures ? 1 : 0;
}
