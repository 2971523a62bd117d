/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks, then acts: up to the line that says so nothing outside stage2's own memory is changed and
 * every failure returns; below it nothing can fail.
 */
#include "handoff.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/console.h"
#include "core/base/arena.h"
#include "core/entry/open.h"
#include "core/map/ram.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "geometry.h"
#include "layout.h"
#include "mark.h"
#include "pc/memory.h"
#include "resident/resident_abi.h"

#define LOW_HIDDEN_END   0xa0000u
#define TEXT_MODE        3
#define PNP_START        0xf0000u
#define PNP_END          0x100000u
#define PNP_STEP         16
#define PNP_LENGTH_LEAST 0x21

extern const uint8_t resident_image[], resident_image_end[];
extern uint8_t handoff_jump[]; /* an offset in STAGE2_SEGMENT */

/* The disk as a drive, read through its map. */
struct mapped {
    struct blk blk;
    const struct map *map;
    struct blk *drive[MAP_DRIVES_MAX];
};

static struct mapped mapped;
static uint8_t boot_record[SECTOR_SIZE];

static enum err mapped_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    struct mapped *m = b->ctx;
    return map_read(m->map, m->drive, lba, count, buf, f);
}

static const struct resident_header *image_header(void)
{
    return (const struct resident_header *)resident_image; /* the binary starts with it */
}

uint32_t handoff_resident_bytes(void)
{
    return image_header()->resident_size;
}

static MUST_CHECK enum err drives_check(struct drive *const *drive, unsigned count, struct fail *f)
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
static MUST_CHECK enum err resident_place(uint32_t *base, struct fail *f)
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

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value);
    put16(to + 2, value >> 16);
}

/* The fixed disk parameter table that INT 41h points at. */
static void fdpt_fill(uint8_t *t, const struct geometry *g)
{
    memset(t, 0, 16);
    put16(t, g->cylinders);
    t[2] = g->heads;
    put16(t + 5, 0xffff);             /* no write precompensation */
    t[8] = g->heads > 8 ? 0x08 : 0;   /* control byte: more than 8 heads */
    put16(t + 12, g->cylinders - 1u); /* landing zone */
    t[14] = g->sectors;
}

/* The whole answer to AH=48h. */
static void edd_fill(uint8_t *e, const struct geometry *g, uint64_t sectors)
{
    uint32_t cylinder = (uint32_t)g->heads * g->sectors;
    uint32_t low = sectors > UINT32_MAX ? UINT32_MAX : (uint32_t)sectors;
    uint32_t cylinders = low / cylinder;

    memset(e, 0, RESIDENT_EDD_SIZE);
    put16(e, RESIDENT_EDD_SIZE);
    /* Bit 0: DMA borders are no concern of the caller's. Bit 1: the geometry reaches every sector.
     */
    put16(e + 2, cylinders <= 1024 && sectors <= UINT32_MAX ? 3 : 1);
    put32(e + 4, cylinders);
    put32(e + 8, g->heads);
    put32(e + 12, g->sectors);
    put32(e + 16, (uint32_t)sectors);
    put32(e + 20, (uint32_t)(sectors >> 32));
    put16(e + 24, SECTOR_SIZE);
    put32(e + 26, UINT32_MAX); /* no device parameter table extension */
}

static uint32_t vector_get(uint8_t number)
{
    return *(volatile uint32_t *)bios_data(number * 4u);
}

static void vector_set(uint8_t number, uint32_t target)
{
    *(volatile uint32_t *)bios_data(number * 4u) = target;
}

static void header_fill(struct resident_header *h, const struct boot_disk *disk,
                        struct drive *const *drive, unsigned drive_count, const struct geometry *g)
{
    const struct map *map = &disk->map;

    h->old_int13 = le32_make(vector_get(0x13));
    h->old_int15 = vector_get(0x15);
    h->old_int18 = vector_get(0x18);
    h->old_int19 = vector_get(0x19);
    h->old_int41 = vector_get(0x41);
    h->old_int46 = vector_get(0x46);
    h->old_low_kib = *(volatile uint16_t *)bios_data(BDA_LOW_KIB);
    h->bios_hd_count = *(volatile uint8_t *)bios_data(BDA_HD_COUNT);
    h->page_count = map->page_count;
    h->cell_count = map->cell_count;
    h->file_page = map->file_page;
    h->growth = (uint8_t)map->growth;
    h->record_cells = (uint16_t)map->record_cells;
    h->record_next = map->record_first;
    h->record_end = map->record_end;
    h->record_clean = map->record_clean;
    h->bat_sector = map->bat_sector;
    h->bitmap_sectors = (uint8_t)map->bitmap_sectors;
    h->page_shift = (uint8_t)map->page_shift;
    h->sectors = map->sectors;
    h->write_protected = disk->write_protected || !map->writable;
    h->drive_shift = 1;
    h->hidden_drives = disk->hide_drives;
    h->cylinders = g->cylinders;
    h->heads = g->heads;
    h->sectors_per_track = g->sectors;
    fdpt_fill(h->fdpt, g);
    edd_fill(h->edd, g, map->sectors);
    h->drive_count = (uint8_t)drive_count;
    h->bios_sectors_max = 127;
    for (unsigned i = 0; i < drive_count; i++) {
        h->drive[i] = drive[i]->number;
        h->drive_edd[i] = drive[i]->edd;
        h->drive_heads[i] = drive[i]->heads;
        h->drive_spt[i] = drive[i]->sectors_per_track;
        if (drive[i]->sectors_max < h->bios_sectors_max)
            h->bios_sectors_max = drive[i]->sectors_max;
    }
}

/* The first drive slot, for drivers that look for a disk in GRUB4DOS's way. They read and write one
 * run of a drive and know nothing else, so only a disk that is just that has one. */
static void slot_fill(uint8_t *slot, const struct boot_disk *disk, struct drive *const *drives,
                      const struct geometry *g)
{
    const struct image *image = &disk->chain.link[0]->image;
    const struct map_run run = map_find(&disk->map, 0);

    if (disk->chain.count != 1 || image->format != IMAGE_VHD || image->kind != IMAGE_FIXED ||
        !disk->map.contiguous || !run.writable || disk->write_protected)
        return;
    const struct drive *drive = drives[run.drive];
    uint64_t start = run.drive_lba;
    slot[0] = 0x80;
    slot[1] = drive->number;
    slot[2] = g->heads - 1;
    slot[3] = g->sectors;
    put16(slot + 4, (drive->edd ? 0x8000 : 0) | 1023); /* bit 15: LBA; highest cylinder */
    slot[6] = drive->heads ? drive->heads - 1 : 254;
    slot[7] = drive->sectors_per_track ? drive->sectors_per_track : 63;
    put32(slot + 8, (uint32_t)start);
    put32(slot + 12, (uint32_t)(start >> 32));
    put32(slot + 16, (uint32_t)disk->map.sectors);
    put32(slot + 20, (uint32_t)(disk->map.sectors >> 32));
}

static void text_mode(void)
{
    struct bios_regs r = {.eax = 0x0f00}; /* INT 10h AH=0Fh: AL = mode */

    bios_call(0x10, &r);
    if ((r.eax & 0x7f) == TEXT_MODE)
        return;
    r = (struct bios_regs){.eax = TEXT_MODE};
    bios_call(0x10, &r);
}

/* Address of the Plug and Play BIOS's installation check, or 0. */
static uint32_t pnp_find(void)
{
    for (uint32_t at = PNP_START; at < PNP_END; at += PNP_STEP) {
        const volatile uint8_t *p = bios_data(at);
        if (p[0] != '$' || p[1] != 'P' || p[2] != 'n' || p[3] != 'P' || p[5] < PNP_LENGTH_LEAST ||
            p[5] > PNP_END - at)
            continue;
        uint8_t sum = 0;
        for (unsigned i = 0; i < p[5]; i++)
            sum += p[i];
        if (!sum)
            return at;
    }
    return 0;
}

/* Every vector and BDA byte that the guest sees changed; INT 19h of the resident undoes them. */
static void hook(const struct resident_header *h, uint32_t base)
{
    uint32_t segment = base >> 4 << 16;

    *(volatile uint16_t *)bios_data(BDA_LOW_KIB) = (uint16_t)(base >> 10);
    *(volatile uint8_t *)bios_data(BDA_HD_COUNT) = h->hidden_drives ? 1 : h->bios_hd_count + 1;
    vector_set(0x13, segment | RESIDENT_HEADER);
    vector_set(0x15, segment | h->int15_entry);
    vector_set(0x18, segment | h->int18_entry);
    vector_set(0x19, segment | h->int19_entry);
    vector_set(0x46, h->hidden_drives ? 0 : h->old_int41); /* 0: there is no second drive */
    vector_set(0x41,
               segment | (RESIDENT_HEADER + (uint32_t)offsetof(struct resident_header, fdpt)));
}

static void start_guest(void)
{
    uint32_t pnp = pnp_find();
    struct bios_regs r = {.edx = 0x80};

    if (pnp) {
        r.es = (uint16_t)(PNP_START >> 4);
        r.edi = pnp - PNP_START;
    }
    text_mode();
    memcpy((void *)bios_data(BOOT_ADDRESS), boot_record, SECTOR_SIZE);
    bios_call_far((uint32_t)(uintptr_t)handoff_jump | (uint32_t)STAGE2_SEGMENT << 16, &r);
}

/* Where in high memory everything goes, from the bottom up: the disk's contents where they are to
 * be in memory, room for changes, the map. */
struct high_memory {
    uint64_t contents, changes, map, end;
};

static MUST_CHECK enum err high_memory_place(struct high_memory *high, const struct boot_disk *disk,
                                             const struct arena *arena, struct fail *f)
{
    uint64_t contents = disk->in_memory ? map_ram_bytes(&disk->map) : 0;
    uint64_t changes = map_memory_bytes(&disk->map);
    enum err err = memory_map_place(contents + changes + map_bytes(&disk->map) + MAP_SEAL_BYTES,
                                    &high->contents, &high->end, f);
    if (err)
        return err;
    high->changes = high->contents + contents;
    high->map = high->changes + changes;
    uint64_t arena_start = (uint64_t)(uintptr_t)arena->base;
    uint64_t arena_end = arena_start + arena->used; /* the map is still there */
    if (contents && high->contents < arena_end && high->changes > arena_start)
        return fail(f, ERR_MEMORY, "this machine has too little memory for the disk's %u bytes",
                    contents);
    return ERR_OK;
}

/* A line every two seconds, and one at the end. */
static void print_progress(struct map_ram_progress *progress, uint64_t done, uint64_t total)
{
    static uint32_t shown;
    char line[64];
    struct text t;

    (void)progress;
    if (done < total && console_ticks() - shown < 2 * TICKS_PER_SECOND)
        return;
    shown = console_ticks();
    text_init(&t, line, sizeof line);
    text_str(&t, "reading the disk into memory: ");
    text_u64(&t, done >> 11);
    text_str(&t, " of ");
    text_u64(&t, total >> 11);
    text_str(&t, " MiB");
    console_line(line, "");
}

static MUST_CHECK enum err contents_load(struct boot_disk *disk, uint64_t address, struct fail *f)
{
    struct map_ram_progress progress = {print_progress};
    if (!disk->in_memory)
        return ERR_OK;
    return map_ram_load(&disk->map, mapped.drive, address, (void *)(uintptr_t)address, &progress,
                        f);
}

enum err handoff_start(struct boot_disk *disk, struct drive *const *drive, unsigned drive_count,
                       const struct arena *arena, struct fail *f)
{
    uint32_t base;
    struct high_memory high;
    struct geometry geometry;

    enum err err = drives_check(drive, drive_count, f);
    if (err)
        return err;
    mapped.map = &disk->map;
    mapped.blk = (struct blk){.read = mapped_read, .ctx = &mapped, .sectors = disk->map.sectors};
    for (unsigned i = 0; i < drive_count; i++)
        mapped.drive[i] = &drive[i]->blk;
    err = blk_read(&mapped.blk, 0, 1, boot_record, f);
    if (err)
        return err;
    const char *fault = boot_record_fault(boot_record);
    if (fault)
        return fail(f, ERR_NO_SYSTEM, fault, 0);
    geometry_find(&geometry, &mapped.blk);
    err = resident_place(&base, f);
    if (!err)
        err = high_memory_place(&high, disk, arena, f);
    if (!err)
        err = contents_load(disk, high.contents, f);
    const struct chain_link *leaf = disk->chain.link[0];
    if (!err && disk->map.writable && disk->map.growth != MAP_GROWS_IN_MEMORY)
        err = mark_changed(leaf, drive[leaf->drive_index], f);
    if (err)
        return err;

    /* From here on nothing fails, and the chain, which lies in the arena, is gone after the map has
     * moved. */
    uint8_t *resident = (uint8_t *)bios_data(base);
    struct resident_header *h = (struct resident_header *)(resident + RESIDENT_HEADER);
    size_t image_size = (size_t)(resident_image_end - resident_image);
    memset(resident, 0, handoff_resident_bytes());
    memcpy(h, resident_image, image_size);
    map_memory_place(&disk->map, high.changes);
    header_fill(h, disk, drive, drive_count, &geometry);
    slot_fill(resident + RESIDENT_SLOTS, disk, drive, &geometry);
    h->map_address = (uint32_t)high.map;
    h->hidden[0] = base;
    h->hidden[1] = LOW_HIDDEN_END;
    h->hidden[2] = (uint32_t)high.contents;
    h->hidden[3] = (uint32_t)high.end;
    map_join(&disk->map);
    memmove((void *)(uintptr_t)high.map, disk->map.cell, (size_t)map_bytes(&disk->map));
    *(volatile uint64_t *)(uintptr_t)(high.map + map_bytes(&disk->map)) = MAP_SEAL;
    hook(h, base);
    start_guest();
    return fail(f, ERR_BIOS, "the guest came back", 0);
}
