/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts a path together part by part, so that `..` is worked out before anything is opened. */
#include "core/chain/path.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/base/path.h"
#include "core/base/text.h"

static char separator_of(const char *path)
{
    for (const char *c = path; *c; c++) {
        if (path_is_separator(*c))
            return *c;
    }
    return '/';
}

/* Takes the last part off `path`, which is `length` long: what is left ends before a separator.
 * Nothing is left to take off at the root, and behind a `..` that could not be worked out. */
static bool drop_part(const char *path, size_t *length)
{
    size_t n = *length;
    while (n && !path_is_separator(path[n - 1]))
        n--;
    if (n == *length || (*length - n == 2 && path[n] == '.' && path[n + 1] == '.'))
        return false;
    *length = n ? n - 1 : 0;
    return true;
}

/* Appends one part, or acts on it where it is a dot or two. */
static void add_part(char *path, size_t *length, const char *part, size_t size, char separator,
                     bool absolute)
{
    if (!size || (size == 1 && part[0] == '.'))
        return;
    if (size == 2 && part[0] == '.' && part[1] == '.' && (drop_part(path, length) || absolute))
        return;
    if (*length || absolute)
        path[(*length)++] = separator;
    memcpy(path + *length, part, size);
    *length += size;
}

static void add_parts(char *path, size_t *length, const char *parts, size_t size, char separator,
                      bool absolute)
{
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && !path_is_separator(parts[i]))
            continue;
        add_part(path, length, parts + start, i - start, separator, absolute);
        start = i + 1;
    }
}

size_t chain_path_volume(const char *path)
{
    size_t n = 0;
    while (path[n] && path[n] != ':' && !path_is_separator(path[n]))
        n++;
    return n && path[n] == ':' && path_is_separator(path[n + 1]) ? n + 1 : 0;
}

char *chain_parent_path(const char *child, const struct image_parent *parent, struct arena *a)
{
    size_t volume = chain_path_volume(child);
    const char *on_volume = child + volume;
    size_t folder = text_length(on_volume);
    while (folder && !path_is_separator(on_volume[folder - 1]))
        folder--;
    if (!parent->relative)
        folder = 0;

    size_t named = text_length(parent->path);
    char *path = arena_alloc(a, (uint64_t)volume + folder + named + 3);
    if (!path)
        return NULL;
    memcpy(path, child, volume);
    char *to = path + volume;
    bool absolute = !parent->relative || path_is_separator(on_volume[0]);
    char separator = separator_of(child);
    size_t length = 0;
    add_parts(to, &length, on_volume, folder, separator, absolute);
    add_parts(to, &length, parent->path, named, separator, absolute);
    if (!length && absolute)
        to[length++] = separator; /* the root itself: no file, but on the right volume */
    to[length] = '\0';
    return path;
}
