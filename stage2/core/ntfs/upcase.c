/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the pages of the table that were asked for last, and none where the letters are ASCII. */
#include "core/ntfs/upcase.h"
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/ntfs/format.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/ntfs.h"

#define PAGE_SHIFT 8 /* log2 of units a page of one sector */

static uint16_t unit_at(struct ntfs_name name, unsigned index)
{
    return (uint16_t)(name.units[2 * index] | name.units[2 * index + 1] << 8);
}

static uint16_t ascii_upper(uint16_t unit)
{
    return unit >= 'a' && unit <= 'z' ? (uint16_t)(unit - ('a' - 'A')) : unit;
}

static enum err load_page(struct ntfs *vol, unsigned number, const uint8_t **page, struct fail *f)
{
    struct ntfs_upcase *u = vol->upcase;
    for (unsigned i = 0; i < NTFS_UPCASE_PAGES; i++) {
        if (u->number[i] == number + 1) {
            *page = u->page[i];
            return ERR_OK;
        }
    }
    unsigned slot = u->next;
    u->next = (slot + 1) % NTFS_UPCASE_PAGES;
    u->number[slot] = 0;
    enum err err = ntfs_attr_read(vol, &u->table, (uint64_t)number * SECTOR_SIZE, u->page[slot],
                                  SECTOR_SIZE, f);
    if (err)
        return err;
    u->number[slot] = (uint16_t)(number + 1);
    *page = u->page[slot];
    return ERR_OK;
}

static enum err unit_upper(struct ntfs *vol, uint16_t unit, uint16_t *upper, struct fail *f)
{
    const struct ntfs_upcase *u = vol->upcase;
    if (!u->table.present || (unit < 0x80 && u->plain_ascii)) {
        *upper = ascii_upper(unit);
        return ERR_OK;
    }
    const uint8_t *page;
    enum err err = load_page(vol, unit >> PAGE_SHIFT, &page, f);
    if (err)
        return err;
    unsigned low = unit & ((1u << PAGE_SHIFT) - 1);
    *upper = (uint16_t)(page[2 * low] | page[2 * low + 1] << 8);
    return ERR_OK;
}

/* Does the table treat ASCII as all tables that were ever seen do? */
static enum err look_at_ascii(struct ntfs *vol, struct fail *f)
{
    struct ntfs_upcase *u = vol->upcase;
    bool plain = true;
    for (uint16_t unit = 0; unit < 0x80; unit++) {
        uint16_t upper;
        enum err err = unit_upper(vol, unit, &upper, f);
        if (err)
            return err;
        plain = plain && upper == ascii_upper(unit);
    }
    u->plain_ascii = plain;
    if (!plain)
        notes_add(&vol->notes, "the volume's $UpCase table treats ASCII letters unusually", 0);
    return ERR_OK;
}

static enum err open_table(struct ntfs *vol, struct ntfs_attr *table, struct fail *f)
{
    size_t mark = arena_mark(vol->arena);
    struct ntfs_inode inode;
    enum err err = ntfs_inode_open(vol, NTFS_UPCASE, &inode, f);
    if (!err)
        err = ntfs_attr_open(vol, &inode, NTFS_ATTR_DATA, NULL, 0, table, f);
    if (err)
        return err;
    if (table->size != NTFS_UPCASE_SIZE ||
        table->flags & (NTFS_FLAG_COMPRESSION_MASK | NTFS_FLAG_ENCRYPTED))
        return fail(f, ERR_CORRUPT, "$UpCase has %u bytes", table->size);
    ntfs_attr_keep(vol, table, mark);
    return ERR_OK;
}

void ntfs_upcase_open(struct ntfs *vol)
{
    struct ntfs_upcase *u = vol->upcase;
    struct fail f;
    size_t mark = arena_mark(vol->arena);
    enum err err = open_table(vol, &u->table, &f);
    if (!err)
        err = look_at_ascii(vol, &f);
    if (err) {
        *u = (struct ntfs_upcase){0};
        arena_release(vol->arena, mark);
        notes_add(&vol->notes, "$UpCase cannot be read: only ASCII letters are compared caseless",
                  0);
    }
}

enum err ntfs_name_compare_caseless(struct ntfs *vol, struct ntfs_name a, struct ntfs_name b,
                                    int *order, struct fail *f)
{
    unsigned shorter = a.length < b.length ? a.length : b.length;
    for (unsigned i = 0; i < shorter; i++) {
        uint16_t ua = unit_at(a, i);
        uint16_t ub = unit_at(b, i);
        if (ua == ub)
            continue;
        enum err err = unit_upper(vol, ua, &ua, f);
        if (!err)
            err = unit_upper(vol, ub, &ub, f);
        if (err)
            return err;
        if (ua != ub) {
            *order = ua < ub ? -1 : 1;
            return ERR_OK;
        }
    }
    *order = a.length < b.length ? -1 : a.length > b.length;
    return ERR_OK;
}

enum err ntfs_name_compare(struct ntfs *vol, struct ntfs_name a, struct ntfs_name b, int *order,
                           struct fail *f)
{
    enum err err = ntfs_name_compare_caseless(vol, a, b, order, f);
    if (err || *order)
        return err;
    for (unsigned i = 0; i < a.length && !*order; i++)
        *order = (int)unit_at(a, i) - (int)unit_at(b, i);
    return ERR_OK;
}

bool ntfs_name_same(struct ntfs_name a, struct ntfs_name b)
{
    return a.length == b.length && !memcmp(a.units, b.units, 2u * a.length);
}
