/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths as images keep them: in UTF-16LE with backslashes. */
#include "image/way.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/path.h"
#include "core/ntfs/path.h"

/* "..\base\x.vhd": from the child's folder to the parent. Allocated. */
static char *relative_path(const char *path, const char *parent)
{
    size_t same = 0; /* both folders are alike up to here, a separator included */
    for (size_t i = 0; path[i] && parent[i]; i++) {
        if (path_is_separator(path[i]) && path_is_separator(parent[i]))
            same = i + 1;
        else if (path[i] != parent[i])
            break;
    }
    size_t up = 0;
    for (const char *c = path + same; *c; c++)
        up += path_is_separator(*c);
    char *way = malloc(3 * up + strlen(parent + same) + 3);
    if (!way)
        return NULL;
    char *to = way;
    for (size_t i = 0; i < up; i++)
        to = stpcpy(to, "..\\");
    if (!up)
        to = stpcpy(to, ".\\");
    strcpy(to, parent + same);
    return way;
}

uint8_t *way_text(const char *path, size_t *size)
{
    uint8_t *units = malloc(2 * strlen(path) + 512);
    *size = 0;
    while (units && *path) {
        if (path_is_separator(*path)) {
            units[(*size)++] = '\\';
            units[(*size)++] = 0;
            path++;
            continue;
        }
        uint8_t length;
        size_t n = strcspn(path, "/\\");
        if (!ntfs_units_from_utf8(path, n, units + *size, &length)) {
            free(units);
            return NULL;
        }
        *size += 2u * length;
        path += n;
    }
    return units;
}

uint8_t *way_to_parent(const char *path, const char *parent_path, size_t *size)
{
    char *way = relative_path(path, parent_path);
    uint8_t *units = way ? way_text(way, size) : NULL;
    free(way);
    return units;
}
