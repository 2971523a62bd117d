/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks, then acts: up to the line that says so nothing outside stage2's own memory is changed and
 * every failure returns; below it nothing can fail.
 */
#include "handoff.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"
#include "core/entry/boottable.h"
#include "core/entry/format.h"
#include "core/map/ram.h"
#include "core/map/scrub.h"
#include "geometry.h"
#include "layout.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/console.h"
#include "pc/memory.h"
#include "progress.h"
#include "resident/resident_abi.h"
#include "tables.h"
#include "vhdx_header.h"

#define LOW_HIDDEN_END  0xa0000u
#define FIRST_HARD_DISK 0x80u

extern const uint8_t resident_image[], resident_image_end[];
extern const uint8_t resident_vhdx[], resident_vhdx_end[]; /* the same for VHDXs that grow */
extern const uint8_t handoff_jump[], handoff_jump_end[];   /* offsets in STAGE2_SEGMENT */

/* The disk as a drive, read through its map. */
struct mapped {
    struct blk blk;
    const struct map *map;
    struct blk *drive[MAP_DRIVES_MAX];
};

static struct mapped mapped;
static uint8_t boot_record[SECTOR_SIZE];
static struct boottable told;

static enum err mapped_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    struct mapped *m = b->ctx;
    return map_read(m->map, m->drive, lba, count, buf, f);
}

/* Makes `mapped` of the map. */
static void mapped_init(const struct map *map, struct drive *const *drive, unsigned drive_count)
{
    mapped.map = map;
    mapped.blk = (struct blk){.read = mapped_read, .ctx = &mapped, .sectors = map->sectors};
    for (unsigned i = 0; i < drive_count; i++)
        mapped.drive[i] = &drive[i]->blk;
}

static const struct resident_header *image_header(void)
{
    return (const struct resident_header *)resident_image; /* the binary starts with it */
}

uint32_t handoff_resident_bytes(void)
{
    return image_header()->resident_size;
}

enum err handoff_drives_check(struct drive *const *drive, unsigned count, struct fail *f)
{
    if (!count || count > MAP_DRIVES_MAX)
        return fail(f, ERR_LIMIT, "the disk lies on %u drives", count);
    for (unsigned i = 0; i < count; i++)
        if (drive[i]->sector_shift)
            return fail(
                f, ERR_UNSUPPORTED,
                "drive %x has sectors of more than 512 bytes: nothing boots from a disk on it",
                drive[i]->number);
    return ERR_OK;
}

/* Where the resident goes: below the end of conventional memory, on a 1 KiB border, not across a
 * 64 KiB border (its buffer is for BIOSes that cannot have that). */
enum err handoff_resident_place(uint32_t *base, struct fail *f)
{
    uint32_t size = handoff_resident_bytes();
    uint32_t end = memory_low_end() & ~1023u;

    *base = (end - size) & ~1023u;
    if (end > LOW_MEMORY_NEEDED && (*base ^ (end - 1)) >> 16)
        *base = ((end & ~0xffffu) - size) & ~1023u;
    if (end <= LOW_MEMORY_NEEDED || *base < LOW_MEMORY_NEEDED)
        return fail(f, ERR_MEMORY, "only %u bytes of conventional memory", end);
    return ERR_OK;
}

/* What the resident's buffer gets behind what it has, where there are slots to look at: the whole
 * moves down by as much, if there is so much before a 64 KiB border and what stage2 uses. */
static uint32_t look_bytes(uint32_t base, const struct map *map)
{
    uint32_t room = base & 0xffffu;

    if (!map_slots_unknown(map))
        return 0;
    if (room > RESIDENT_LOOK)
        room = RESIDENT_LOOK;
    return base - room < LOW_MEMORY_NEEDED ? 0 : room;
}

uint32_t handoff_look_bytes(const struct map *map)
{
    struct fail ignored;
    uint32_t base;

    return handoff_resident_place(&base, &ignored) ? 0 : look_bytes(base, map);
}

/* What INT 19h of the resident gives back. */
void handoff_remember(struct resident_header *h)
{
    h->old_int13 = le32_make(bios_vector(0x13));
    h->old_int15 = bios_vector(0x15);
    h->old_int18 = bios_vector(0x18);
    h->old_int19 = bios_vector(0x19);
    h->old_int41 = bios_vector(0x41);
    h->old_int46 = bios_vector(0x46);
    h->old_low_kib = *(volatile uint16_t *)bios_data(BDA_LOW_KIB);
    h->bios_hd_count = *(volatile uint8_t *)bios_data(BDA_HD_COUNT);
}

/* Every vector and BDA byte that the guest sees changed. */
static void hook(const struct resident_header *h, uint32_t base)
{
    uint32_t segment = base >> 4 << 16;

    *(volatile uint16_t *)bios_data(BDA_LOW_KIB) = (uint16_t)(base >> 10);
    *(volatile uint8_t *)bios_data(BDA_HD_COUNT) = h->hidden_drives ? 1 : h->bios_hd_count + 1;
    bios_vector_set(0x13, segment | RESIDENT_HEADER);
    bios_vector_set(0x15, segment | h->int15_entry);
    bios_vector_set(0x18, segment | h->int18_entry);
    bios_vector_set(0x19, segment | h->int19_entry);
    bios_vector_set(0x46, h->hidden_drives ? 0 : h->old_int41); /* 0: there is no second drive */
    bios_vector_set(0x41,
                    segment | (RESIDENT_HEADER + (uint32_t)offsetof(struct resident_header, fdpt)));
}

void handoff_hook_overlay(const struct resident_header *h, uint32_t base)
{
    uint32_t segment = base >> 4 << 16;

    *(volatile uint16_t *)bios_data(BDA_LOW_KIB) = (uint16_t)(base >> 10);
    bios_vector_set(0x13, segment | h->overlaid_entry);
    bios_vector_set(0x15, segment | h->int15_entry);
    bios_vector_set(0x19, segment | h->int19_entry);
}

/* By way of the resident's bounce buffer: all of stage2 is cleared. */
static void start_guest(uint32_t base)
{
    const uint32_t bounce = RESIDENT_SIZE_MAX - RESIDENT_BOUNCE * SECTOR_SIZE;
    struct bios_regs r = {.edx = FIRST_HARD_DISK};

    console_text_mode();
    memcpy((void *)bios_data(BOOT_ADDRESS), boot_record, SECTOR_SIZE);
    memcpy((void *)bios_data(base + bounce), handoff_jump + STAGE2_ADDRESS,
           (size_t)(handoff_jump_end - handoff_jump));
    bios_call_far(base >> 4 << 16 | bounce, &r);
}

/* Where in high memory everything goes, from the bottom up: the disk's contents where they are to
 * be in memory, room for changes, the map, the boot table. */
struct high_memory {
    uint64_t contents, changes, map, table, end; /* table: 0 where there is none */
};

/* Places all, with `table_bytes` of a boot table, or none of it. */
static MUST_CHECK enum err high_memory_try(struct high_memory *high, const struct boot_disk *disk,
                                           uint32_t table_bytes, struct fail *f)
{
    uint64_t contents = disk->in_memory ? map_ram_bytes(&disk->map) : 0;
    uint64_t changes = map_memory_bytes(&disk->map);
    uint64_t bytes = contents + changes + map_bytes(&disk->map) + MAP_SEAL_BYTES;
    uint64_t table = (bytes + BOOTTABLE_BORDER - 1) & ~(uint64_t)(BOOTTABLE_BORDER - 1);
    enum err err =
        memory_map_place(table_bytes ? table + table_bytes : bytes, &high->contents, &high->end, f);
    if (err)
        return err;
    high->changes = high->contents + contents;
    high->map = high->changes + changes;
    high->table = table_bytes ? high->contents + table : 0;
    return ERR_OK;
}

/* The disk is what must fit; the table is left out where it does not, or would lie over what it is
 * made of. */
static MUST_CHECK enum err high_memory_place(struct high_memory *high, const struct boot_disk *disk,
                                             const struct arena *arena, struct fail *f)
{
    uint64_t arena_start = (uint64_t)(uintptr_t)arena->base;
    uint64_t arena_end = arena_start + arena->used; /* the map is still there */
    enum err err = high_memory_try(high, disk, boottable_bytes(&told), f);
    if (err || (high->table < arena_end && high->end > arena_start))
        err = high_memory_try(high, disk, 0, f);
    if (err)
        return err;
    if (high->contents < high->changes && high->contents < arena_end && high->changes > arena_start)
        return fail(f, ERR_MEMORY, "this machine has too little memory for the disk's %u bytes",
                    high->changes - high->contents);
    return ERR_OK;
}

static bool show_progress(struct map_ram_progress *progress, uint64_t done, uint64_t total)
{
    (void)progress;
    return progress_show(done, total);
}

static MUST_CHECK enum err contents_load(struct boot_disk *disk, uint64_t address, struct fail *f)
{
    struct map_ram_progress progress = {show_progress};
    if (!disk->in_memory)
        return ERR_OK;
    progress_begin(disk->chain.link[0]->path);
    return map_ram_load(&disk->map, mapped.drive, address, (void *)(uintptr_t)address, &progress,
                        f);
}

/* The leaf's own format may want it known that its contents change. */
static MUST_CHECK enum err leaf_announce(const struct boot_disk *disk, struct drive *const *drive,
                                         struct fail *f)
{
    const struct chain_link *leaf = disk->chain.link[0];

    if (!disk->map.writable || disk->map.growth == MAP_GROWS_IN_MEMORY)
        return ERR_OK;
    return vhdx_header_write(leaf, drive[leaf->drive_index], f);
}

struct resident_header *handoff_resident_put(uint32_t base, bool vhdx)
{
    uint8_t *resident = (uint8_t *)bios_data(base);
    const uint8_t *image = vhdx ? resident_vhdx : resident_image;
    const uint8_t *end = vhdx ? resident_vhdx_end : resident_image_end;

    memset(resident, 0, handoff_resident_bytes());
    memcpy(resident + RESIDENT_HEADER, image, (size_t)(end - image));
    return (struct resident_header *)(resident + RESIDENT_HEADER);
}

void handoff_map_put(struct resident_header *h, struct map *map, uint32_t base, uint64_t hidden,
                     uint64_t address, uint64_t end)
{
    map_join(map);
    memmove((void *)(uintptr_t)address, map->cell, (size_t)map_bytes(map));
    *(volatile uint64_t *)(uintptr_t)(address + map_bytes(map)) = MAP_SEAL;
    h->map_address = (uint32_t)address;
    h->hidden[HIDDEN_SEGMENT] = (struct resident_range){base, LOW_HIDDEN_END};
    h->hidden[HIDDEN_MAP] = (struct resident_range){(uint32_t)hidden, (uint32_t)end};
}

/* What can be told of the disk before it has a place. */
static void table_describe(const struct boot_disk *disk, const struct config_entry *entry,
                           const struct ntfs *own, struct drive *const *drive, unsigned drive_count)
{
    uint8_t number[MAP_DRIVES_MAX];
    for (unsigned i = 0; i < drive_count; i++)
        number[i] = drive[i]->number;
    boottable_describe(&told, disk, entry, own, number);
}

/* Comes before handoff_map_put(): the names lie in the arena. */
static void table_put(struct resident_header *h, const struct high_memory *high)
{
    h->boot_table = (uint32_t)high->table;
    if (!high->table)
        return;
    told.map.cells = high->map;
    told.map.record_next = (uintptr_t)&h->record_next;
    told.map.contents = high->contents;
    told.map.contents_bytes = high->changes - high->contents;
    told.map.changes = high->changes;
    told.map.changes_bytes = high->map - high->changes;
    boottable_write(&told, (uint8_t *)(uintptr_t)high->table);
}

enum err handoff_start(struct boot_disk *disk, const struct config_entry *entry,
                       const struct ntfs *own, struct drive *const *drive, unsigned drive_count,
                       const struct arena *arena, struct fail *f)
{
    uint32_t base, look;
    struct high_memory high;
    struct geometry geometry;

    enum err err = handoff_drives_check(drive, drive_count, f);
    if (err)
        return err;
    mapped_init(&disk->map, drive, drive_count);
    err = boot_record_read(&disk->map, mapped.drive, boot_record, f);
    if (err)
        return err;
    geometry_find(&geometry, &mapped.blk);
    table_describe(disk, entry, own, drive, drive_count);
    err = handoff_resident_place(&base, f);
    if (!err)
        err = high_memory_place(&high, disk, arena, f);
    if (!err)
        err = contents_load(disk, high.contents, f);
    if (!err)
        err = leaf_announce(disk, drive, f);
    if (err)
        return err;

    /* From here on nothing fails, and the chain, which lies in the arena, is gone after the map has
     * moved. */
    look = look_bytes(base, &disk->map);
    base -= look;
    struct resident_header *h = handoff_resident_put(base, disk->map.vhdx);
    struct drive_slot *slot = (struct drive_slot *)bios_data(base + RESIDENT_SLOTS);
    map_memory_place(&disk->map, high.changes);
    handoff_remember(h);
    tables_header(h, disk, drive, drive_count, &geometry, look);
    tables_run((struct resident_run *)bios_data(base + RESIDENT_RUN), &disk->map);
    tables_slot(slot, disk, drive, &geometry);
    table_put(h, &high);
    handoff_map_put(h, &disk->map, base, high.contents, high.map, high.end);
    hook(h, base);
    start_guest(base);
    return fail(f, ERR_BIOS, "the guest came back", 0);
}
