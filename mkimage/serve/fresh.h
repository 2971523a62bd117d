/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that is made beside the one it is to replace, and takes its name when it is whole and on
 * the medium: whoever is killed before leaves the old one as it was.
 */
#ifndef MKIMAGE_SERVE_FRESH_H
#define MKIMAGE_SERVE_FRESH_H

#include <stdbool.h>
#include "cli/say.h"

struct fresh {
    char *path; /* as long as it is not done */
    char *name; /* the file that it replaces, not a symbolic link to it */
    int fd;
    int old; /* that file, locked: nobody else may have it open meanwhile; -1: there is none */
};

/* Says what is wrong. Without `replace`, `name` must not be there; with it, it may be a file that
 * nobody uses, has no other names, and whose owner and mode the new one gets. */
enum status fresh_open(struct fresh *fresh, const char *name, bool replace);

/* Gives it the name, where `status` is STATUS_OK; else takes it away. Returns how it ended. */
enum status fresh_end(struct fresh *fresh, enum status status);

#endif
