/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of paths. */
#include "core/base/path.h"

const char *path_last_part(const char *path)
{
    const char *last = path;
    for (; *path; path++) {
        if (path_is_separator(*path))
            last = path + 1;
    }
    return last;
}
