/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a differencing VHD says that its parent lies: up to eight locators with a path each, and a
 * name in the header. They are hints: the parent's id decides, so a locator that cannot be read is
 * only one place less to look.
 */
#include "arena.h"
#include "file.h"
#include "mem.h"
#include "text.h"
#include "vhd_dynamic.h"

#define LOCATOR_LENGTH_MAX 65536u
#define NAME_UNITS         256u

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

static bool is_drive(const char *path)
{
    return ((path[0] >= 'A' && path[0] <= 'Z') || (path[0] >= 'a' && path[0] <= 'z')) &&
           path[1] == ':';
}

static void parent_add(struct image *image, const char *source, bool relative, const char *path)
{
    if (!path[0] || image->parent_count == IMAGE_PARENTS_MAX)
        return;
    for (unsigned i = 0; i < image->parent_count; i++) {
        const struct image_parent *old = &image->parent[i];
        if (old->relative == relative && !text_compare(old->path, path))
            return;
    }
    image->parent[image->parent_count++] = (struct image_parent){source, relative, path};
}

/* Adds a Windows path: C:\x, \\?\C:\x, \\?\Volume{..}\x and \x count from the volume's root, all
 * others from the child's folder (Xen's tools put such a path into W2ku, too). A path to another
 * machine leads nowhere here. */
static void parent_add_windows(struct image *image, const char *source, const char *path)
{
    if (is_separator(path[0]) && is_separator(path[1])) {
        if ((path[2] != '?' && path[2] != '.') || !is_separator(path[3]))
            return;
        path += 4;
        if (is_drive(path)) {
            path += 2;
        } else {
            while (*path && !is_separator(*path))
                path++;
        }
    } else if (is_drive(path)) {
        path += 2;
    }
    parent_add(image, source, !is_separator(path[0]), path);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Adds the path of a file URL, which is decoded in place: file://HOST/path. The host may be empty
 * or localhost; "." means a path from the child's folder. */
static void parent_add_url(struct image *image, const char *source, char *url)
{
    if (text_length(url) < 7 || memcmp(url, "file://", 7))
        return;
    char *from = url + 7;
    bool relative = from[0] == '.';
    while (!relative && *from && *from != '/')
        from++;

    char *to = url;
    while (*from) {
        int high = from[0] == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        bool coded = low >= 0 && (high || low);
        *to++ = coded ? (char)(high << 4 | low) : *from;
        from += coded ? 3 : 1;
    }
    *to = '\0';
    if (is_separator(url[0]) && is_drive(url + 1))
        url += 3;
    parent_add(image, source, relative, url);
}

/* Reads a locator's data and converts them to UTF-8. NULL where that is not possible. */
static char *locator_text(struct image *image, const struct vhd_locator *locator, bool utf16,
                          bool utf8, struct arena *a)
{
    uint32_t length = be32_get(locator->data_length);
    if (!length || length > LOCATOR_LENGTH_MAX)
        return NULL;
    size_t size = (size_t)length * 2 + 1; /* 8-bit letters may take two bytes */
    size_t mark = arena_mark(a);
    char *path = arena_alloc(a, size);
    size_t keep = arena_mark(a);
    uint8_t *data = arena_alloc(a, length);
    struct fail ignored;
    if (!path || !data ||
        file_read(image->file, be64_get(locator->data_offset), data, length, &ignored)) {
        arena_release(a, mark);
        return NULL;
    }

    struct text t;
    text_init(&t, path, size);
    if (utf16) {
        uint32_t units = 0;
        while (2 * units + 1 < length && (data[2 * units] || data[2 * units + 1]))
            units++;
        text_utf16le(&t, data, units);
    }
    for (uint32_t i = 0; !utf16 && i < length && data[i]; i++) {
        uint8_t unit[2] = {data[i], 0}; /* which code page nobody knows: taken as Latin-1 */
        if (utf8)
            text_char(&t, (char)data[i]);
        else
            text_utf16le(&t, unit, 1);
    }
    arena_release(a, keep);
    return path;
}

static char *header_name(const struct vhd_header *header, struct arena *a)
{
    uint8_t units[2 * NAME_UNITS];
    uint32_t count = 0;
    const uint8_t *name = header->parent_name;
    while (count < NAME_UNITS && (name[2 * count] || name[2 * count + 1])) {
        units[2 * count] = name[2 * count + 1];
        units[2 * count + 1] = name[2 * count];
        count++;
    }
    size_t size = (size_t)count * 3 + 1;
    char *path = arena_alloc(a, size);
    if (path) {
        struct text t;
        text_init(&t, path, size);
        text_utf16le(&t, units, count);
    }
    return path;
}

static const char *last_part(const char *path)
{
    const char *last = path;
    for (; *path; path++) {
        if (is_separator(*path))
            last = path + 1;
    }
    return last;
}

enum err vhd_parent_list(struct image *image, const struct vhd_header *header, struct arena *a,
                         struct fail *f)
{
    static const char *const order[] = {"W2ru", "W2ku", "MacX", "Wi2r", "Wi2k"};
    memcpy(image->parent_id[0], header->parent_id, sizeof image->parent_id[0]);
    image->parent_ids = 1;
    for (unsigned kind = 0; kind < sizeof order / sizeof order[0]; kind++) {
        for (unsigned i = 0; i < sizeof header->locator / sizeof header->locator[0]; i++) {
            const struct vhd_locator *locator = &header->locator[i];
            if (memcmp(locator->code, order[kind], sizeof locator->code))
                continue;
            char *path = locator_text(image, locator, kind < 2, kind == 2, a);
            if (path && kind == 2)
                parent_add_url(image, order[kind], path);
            else if (path)
                parent_add_windows(image, order[kind], path);
        }
    }

    char *name = header_name(header, a);
    if (!name)
        return fail(f, ERR_MEMORY, "no memory for the parent's name", 0);
    parent_add_windows(image, "header name", name);
    unsigned count = image->parent_count;
    parent_add(image, "last part of header name", true, last_part(name));
    for (unsigned i = 0; i < count; i++)
        parent_add(image, "last part of its path", true, last_part(image->parent[i].path));
    return ERR_OK;
}
