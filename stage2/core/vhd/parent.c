/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a differencing VHD says that its parent lies: up to eight locators with a path each, and a
 * name in the header. They are hints: the parent's id decides, so a locator that cannot be read is
 * only one place less to look.
 */
#include "core/vhd/parent.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/vhd/format.h"

#define LOCATOR_LENGTH_MAX 65536u
#define NAME_UNITS         256u
#define LOCATORS           8u

static_assert(sizeof((struct vhd_header){0}.locator) == LOCATORS * sizeof(struct vhd_locator),
              "locators of a VHD header");

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
        int high = from[0] == '%' ? text_hex_digit((uint8_t)from[1]) : -1;
        int low = high >= 0 ? text_hex_digit((uint8_t)from[2]) : -1;
        bool coded = low >= 0 && (high || low);
        *to++ = coded ? (char)(high << 4 | low) : *from;
        from += coded ? 3 : 1;
    }
    *to = '\0';
    /* file:///C:/x, or /x */
    image_parent_add_windows(image, source,
                             url[0] == '/' && url[1] && url[2] == ':' ? url + 1 : url);
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

enum err vhd_parent_list(struct image *image, const struct vhd_header *header, struct arena *a,
                         struct fail *f)
{
    static const char *const order[] = {"W2ru", "W2ku", "MacX", "Wi2r", "Wi2k"};
    const char *path[LOCATORS];
    unsigned count = 0;
    memcpy(image->parent_id[0], header->parent_id, sizeof image->parent_id[0]);
    image->parent_ids = 1;
    for (unsigned kind = 0; kind < sizeof order / sizeof order[0]; kind++) {
        for (unsigned i = 0; i < LOCATORS; i++) { /* each adds to `path` for one kind only */
            const struct vhd_locator *locator = &header->locator[i];
            if (memcmp(locator->code, order[kind], sizeof locator->code))
                continue;
            char *text = locator_text(image, locator, kind < 2, kind == 2, a);
            if (!text)
                continue;
            if (kind == 2)
                parent_add_url(image, order[kind], text);
            else
                image_parent_add_windows(image, order[kind], text);
            path[count++] = text;
        }
    }

    char *name = header_name(header, a);
    if (!name)
        return fail(f, ERR_MEMORY, "no memory for the parent's name", 0);
    image_parent_add_windows(image, "header name", name);
    image_parent_add_beside(image, "last part of header name", name);
    for (unsigned i = 0; i < count; i++)
        image_parent_add_beside(image, "last part of its path", path[i]);
    return ERR_OK;
}
