/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent locator: key = value pairs in UTF-16LE. parent_linkage is the parent's data-write
 * GUID; parent_linkage2 the one that it is about to get, while a merge is under way. The paths are
 * candidates, in the order of `paths`; then come their last parts in the child's folder, for images
 * that were moved together.
 */
#include "core/vhdx/locator.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/vhdx/format.h"
#include "core/vhdx/pages.h"
#include "core/vhdx/state.h"

#define LOCATOR_SIZE_MAX VHDX_WINDOW_SIZE
#define LINKAGE_UNITS    38 /* {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx} */

struct utf16 {
    const uint8_t *data;
    size_t units;
};

static const char *const paths[] = {"relative_path", "volume_path", "absolute_win32_path"};

static bool utf16_is(struct utf16 s, const char *ascii)
{
    if (s.units != text_length(ascii))
        return false;
    for (size_t i = 0; i < s.units; i++) {
        if (s.data[2 * i] != (uint8_t)ascii[i] || s.data[2 * i + 1])
            return false;
    }
    return true;
}

/* The value of `key`; false: there is none. Entries that do not lie in the item are skipped. */
static bool value_find(struct view item, unsigned count, const char *key, struct utf16 *value)
{
    for (unsigned i = 0; i < count; i++) { /* count has 16 bits */
        const struct vhdx_locator_entry *entry =
            view_at(item, sizeof(struct vhdx_locator) + i * sizeof *entry, sizeof *entry);
        if (!entry)
            return false;
        uint16_t key_length = le16_get(entry->key_length);
        uint16_t value_length = le16_get(entry->value_length);
        struct utf16 name = {view_at(item, le32_get(entry->key_offset), key_length),
                             key_length >> 1};
        *value = (struct utf16){view_at(item, le32_get(entry->value_offset), value_length),
                                value_length >> 1};
        if (!name.data || !value->data || !utf16_is(name, key))
            continue;
        while (value->units && !value->data[2 * value->units - 2] &&
               !value->data[2 * value->units - 1])
            value->units--; /* some writers store the closing NUL */
        return true;
    }
    return false;
}

/* {aabbccdd-eeff-gghh-iijj-kkllmmnnoopp} to its 16 bytes. */
static bool linkage_parse(struct utf16 s, uint8_t id[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    unsigned digits = 0;
    if (s.units != LINKAGE_UNITS)
        return false;
    memset(id, 0, 16);
    for (size_t i = 0; i < s.units; i++) {
        unsigned c = s.data[2 * i] | (unsigned)s.data[2 * i + 1] << 8;
        bool dash = i == 9 || i == 14 || i == 19 || i == 24;
        int digit = text_hex_digit(c);
        if (i == 0 || i == LINKAGE_UNITS - 1 || dash) {
            if (c != (unsigned)(dash ? '-' : i ? '}' : '{'))
                return false;
            continue;
        }
        if (digit < 0)
            return false;
        uint8_t *byte = &id[order[digits >> 1]];
        *byte = (uint8_t)(*byte << 4 | digit);
        digits++;
    }
    return digits == 32;
}

static enum err paths_add(struct image *image, struct view item, unsigned count, struct arena *a,
                          struct fail *f)
{
    const char *found[sizeof paths / sizeof *paths];
    unsigned found_count = 0;
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct utf16 value;
        if (!value_find(item, count, paths[i], &value))
            continue;
        size_t size = value.units * 3 + 1;
        char *path = arena_alloc(a, size);
        if (!path)
            return fail(f, ERR_MEMORY, "no memory for the path of a VHDX's parent: %u bytes", size);
        struct text t;
        text_init(&t, path, size);
        text_utf16le(&t, value.data, value.units);
        image_parent_add_windows(image, paths[i], path);
        found[found_count++] = path;
    }
    for (unsigned i = 0; i < found_count; i++)
        image_parent_add_beside(image, "name in the child's folder", found[i]);
    return ERR_OK;
}

enum err vhdx_locator_load(struct vhdx *v, struct image *image, uint64_t off, uint32_t len,
                           struct arena *a, struct fail *f)
{
    static const uint8_t type[16] = VHDX_GUID_LOCATOR_TYPE;
    struct view item = {v->window, len};
    if (len < sizeof(struct vhdx_locator))
        return fail(f, ERR_IMAGE, "the VHDX parent locator at %x is too short", off);
    if (len > LOCATOR_SIZE_MAX)
        return fail(f, ERR_LIMIT, "the VHDX parent locator of %u bytes is longer than 64 KiB", len);
    enum err err = vhdx_read(v, off, v->window, len, f);
    if (err)
        return err;
    const struct vhdx_locator *locator = (const struct vhdx_locator *)v->window;
    if (memcmp(locator->type, type, 16))
        return fail(f, ERR_UNSUPPORTED, "the VHDX parent locator at %x is of an unknown kind", off);

    unsigned count = le16_get(locator->count);
    struct utf16 linkage;
    if (!value_find(item, count, "parent_linkage", &linkage))
        return fail(f, ERR_IMAGE, "the VHDX parent locator at %x has no parent_linkage", off);
    if (!linkage_parse(linkage, image->parent_id[0]))
        return fail(f, ERR_IMAGE, "the parent_linkage in the VHDX parent locator at %x is no GUID",
                    off);
    image->parent_ids = 1;
    if (value_find(item, count, "parent_linkage2", &linkage) &&
        linkage_parse(linkage, image->parent_id[1]))
        image->parent_ids = 2;
    return paths_add(image, item, count, a, f);
}
