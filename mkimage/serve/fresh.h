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
    const char *name;
    int fd;
};

/* Says what is wrong. Without `replace`, `name` must not be there. */
enum status fresh_open(struct fresh *fresh, const char *name, bool replace);

/* Gives it the name, where `status` is STATUS_OK; else takes it away. Returns how it ended. */
enum status fresh_end(struct fresh *fresh, enum status status);

#endif
