/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sentences of the loader and of this tool name commands of mkimage: changed where they are
 * printed, so that no sentence has to be put together from parts. */
#include "cli/program.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "cli/printable.h"

static const char own_name[] = "mkimage";
static const char *name = own_name;

void program_set_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *last = slash ? slash + 1 : path;
    static char copy[64]; /* who serves a disk changes argv[0] */
    if (!last || !*last)
        return;
    snprintf(copy, sizeof copy, "%s", last);
    name = copy;
}

const char *program_name(void)
{
    return name;
}

/* The next place where the text names the command, or NULL. */
static const char *next_command(const char *text, const char *start)
{
    const size_t length = sizeof own_name - 1;
    for (const char *at = text; (at = strstr(at, own_name)); at += length) {
        bool begins = at == start || strchr(" (`'\"\n", at[-1]);
        bool ends = at[length] == ' ' &&
                    ((at[length + 1] >= 'a' && at[length + 1] <= 'z') || at[length + 1] == '-');
        if (begins && ends)
            return at;
    }
    return NULL;
}

void program_print(FILE *to, const char *text)
{
    const char *start = text;
    for (const char *at; name != own_name && (at = next_command(text, start));) {
        char *before = strndup(text, (size_t)(at - text));
        print_safely(to, before ? before : "");
        free(before);
        print_safely(to, name);
        text = at + sizeof own_name - 1;
    }
    print_safely(to, text);
}
