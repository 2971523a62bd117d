/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text only: looks at no file, and knows no volume's table of letters. */
#include "cli/path.h"

bool path_is_separator(char c)
{
    return c == '\\' || c == '/';
}

const char *path_last(const char *path)
{
    const char *last = path;
    for (; *path; path++) {
        if (path_is_separator(*path))
            last = path + 1;
    }
    return last;
}

size_t path_folder_length(const char *path)
{
    return (size_t)(path_last(path) - path);
}

void path_backslashes(char *path)
{
    for (; *path; path++) {
        if (path_is_separator(*path))
            *path = '\\';
    }
}
