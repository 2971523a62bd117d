/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths as users and images write them: / and \ both part the names. */
#ifndef CORE_BASE_PATH_H
#define CORE_BASE_PATH_H

#include <stdbool.h>

static inline bool path_is_separator(char c)
{
    return c == '\\' || c == '/';
}

/* What stands behind the last separator: all of a path without one. */
const char *path_last_part(const char *path);

#endif
