/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text only: looks at no file, and knows no volume's table of letters. */
#include "cli/path.h"
#include "core/base/path.h"

size_t path_folder_length(const char *path)
{
    return (size_t)(path_last_part(path) - path);
}

void path_backslashes(char *path)
{
    for (; *path; path++) {
        if (path_is_separator(*path))
            *path = '\\';
    }
}
