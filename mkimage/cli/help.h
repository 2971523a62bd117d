/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The help, made from the table of verbs and the table of options: for people, and as lines for
 * what makes the manual and the completions of it.
 */
#ifndef MKIMAGE_CLI_HELP_H
#define MKIMAGE_CLI_HELP_H

#include "cli/options.h"

struct verbs {
    const struct verb *verb;
    unsigned count;
};

/* All verbs, a line each, in their groups. */
void help_all(const struct verbs *verbs);

/* Those whose name begins with that word and has another. */
void help_family(const struct verbs *verbs, const char *word);

/* One verb with its options. */
void help_verb(const struct verb *verb);

/* The tables, fields separated by tabs: `group TITLE`, `verb NAME ARGUMENTS BRIEF`, `about TEXT`,
 * `option NAME VALUE TEXT`; a verb's follow its line, its group's line is in front. */
void help_table(const struct verbs *verbs);

#endif
