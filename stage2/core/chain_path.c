/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chain_path.h"
#include "arena.h"
#include "mem.h"
#include "text.h"

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

static char separator_of(const char *path)
{
    for (const char *c = path; *c; c++) {
        if (is_separator(*c))
            return *c;
    }
    return '/';
}

/* Takes the last part off `path`, which is `length` long: what is left ends before a separator.
 * Nothing is left to take off at the root, and behind a `..` that could not be worked out. */
static bool drop_part(const char *path, size_t *length)
{
    size_t n = *length;
    while (n && !is_separator(path[n - 1]))
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
        if (i < size && !is_separator(parts[i]))
            continue;
        add_part(path, length, parts + start, i - start, separator, absolute);
        start = i + 1;
    }
}

char *chain_parent_path(const char *child, const struct image_parent *parent, struct arena *a)
{
    size_t folder = text_length(child);
    while (folder && !is_separator(child[folder - 1]))
        folder--;
    if (!parent->relative)
        folder = 0;

    size_t named = text_length(parent->path);
    char *path = arena_alloc(a, (uint64_t)folder + named + 3);
    if (!path)
        return NULL;
    bool absolute = !parent->relative || is_separator(child[0]);
    char separator = separator_of(child);
    size_t length = 0;
    add_parts(path, &length, child, folder, separator, absolute);
    add_parts(path, &length, parent->path, named, separator, absolute);
    path[length] = '\0';
    return path;
}
