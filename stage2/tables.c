/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The formats are described in pc/int13_format.h and resident/resident_abi.h; here is what stands
 * in them. */
#include "tables.h"
#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/image.h"
#include "core/map/map.h"
#include "pc/int13_format.h"

#define FIRST_HARD_DISK  0x80
#define BIOS_SECTORS_MAX 127
#define CYLINDERS_MAX    1024u

static struct fdpt fdpt_make(const struct geometry *g)
{
    return (struct fdpt){
        .cylinders = le16_make(g->cylinders),
        .heads = g->heads,
        .precompensation = le16_make(FDPT_NO_PRECOMPENSATION),
        .control = g->heads > 8 ? FDPT_OVER_8_HEADS : 0,
        .landing_zone = le16_make((uint16_t)(g->cylinders - 1)),
        .sectors_per_track = g->sectors,
    };
}

/* The geometry is valid where it reaches every sector. */
static struct edd_parameters edd_make(const struct geometry *g, uint64_t sectors)
{
    uint32_t low = sectors > UINT32_MAX ? UINT32_MAX : (uint32_t)sectors;
    uint32_t cylinders = low / ((uint32_t)g->heads * g->sectors);
    bool valid = cylinders <= CYLINDERS_MAX && sectors <= UINT32_MAX;

    return (struct edd_parameters){
        .size = le16_make(sizeof(struct edd_parameters)),
        .flags = le16_make(EDD_DMA_BORDERS_HANDLED | (valid ? EDD_GEOMETRY_VALID : 0)),
        .cylinders = le32_make(cylinders),
        .heads = le32_make(g->heads),
        .sectors_per_track = le32_make(g->sectors),
        .sectors = le64_make(sectors),
        .sector_size = le16_make(SECTOR_SIZE),
        .extension = le32_make(EDD_NO_EXTENSION),
    };
}

/* Of a record's bits, or of a sector of them where they are more. */
static uint8_t bits_dwords(const struct map *map)
{
    uint32_t cells = map->record_cells ? map->record_cells - MAP_RECORD_BITMAP : 0;
    return (uint8_t)(cells < SECTOR_SIZE / 8 ? cells * 2 : SECTOR_SIZE / 4);
}

static void header_map(struct resident_header *h, const struct map *map)
{
    h->page_count = map->page_count;
    h->cell_count = map->cell_count;
    h->file_page = map->file_page;
    h->growth = (uint8_t)map->growth;
    h->record_cells = (uint16_t)map->record_cells;
    h->bits_dwords = bits_dwords(map);
    if (map->vhdx && h->bits_dwords < SECTOR_SIZE / 4)
        h->bits_shared = h->bits_dwords * 32u;
    h->record_next = map->record_first;
    h->record_end = map->record_end;
    h->bat_sector = map->bat_sector;
    h->bitmap_sectors = (uint8_t)map->bitmap_sectors;
    h->bitmap_cell = map->bitmap_cell;
    h->page_shift = (uint8_t)map->page_shift;
    h->page_last = (1u << map->page_shift) - 1;
    h->sectors = map->sectors;
}

static void header_drives(struct resident_header *h, struct drive *const *drive, unsigned count)
{
    h->drive_count = (uint8_t)count;
    h->bios_sectors_max = BIOS_SECTORS_MAX;
    h->bounce_sectors = RESIDENT_BOUNCE;
    for (unsigned i = 0; i < count; i++) {
        h->drive[i] = drive[i]->number;
        h->drive_edd[i] = drive[i]->edd;
        h->drive_heads[i] = drive[i]->heads;
        h->drive_spt[i] = drive[i]->sectors_per_track;
        if (drive[i]->sectors_max < h->bios_sectors_max)
            h->bios_sectors_max = drive[i]->sectors_max;
    }
}

void tables_header(struct resident_header *h, const struct boot_disk *disk,
                   struct drive *const *drive, unsigned drive_count,
                   const struct geometry *geometry, uint32_t look_bytes)
{
    uint32_t bounce = RESIDENT_BOUNCE + (look_bytes >> SECTOR_SHIFT);

    header_map(h, &disk->map);
    header_drives(h, drive, drive_count);
    h->bounce_sectors = bounce < h->bios_sectors_max ? (uint8_t)bounce : h->bios_sectors_max;
    h->write_protected = boot_write_protected(disk);
    h->drive_shift = 1;
    h->hidden_drives = disk->hide_drives;
    h->cylinders = geometry->cylinders;
    h->heads = geometry->heads;
    h->sectors_per_track = geometry->sectors;
    h->fdpt = fdpt_make(geometry);
    h->edd = edd_make(geometry, disk->map.sectors);
}

void tables_overlay(struct resident_header *h, const struct map *map, struct drive *drive)
{
    header_map(h, map);
    header_drives(h, &drive, 1);
    h->overlaid = drive->number;
    h->cylinders = CYLINDERS_MAX;
    h->heads = drive->heads;
    h->sectors_per_track = drive->sectors_per_track;
}

void tables_run(struct resident_run *to, const struct map *map)
{
    struct map_run run;

    if (!map_one_run(map, &run))
        return;
    *to = (struct resident_run){
        .lba = run.drive_lba,
        .left = run.count > UINT32_MAX ? UINT32_MAX : (uint32_t)run.count,
        .cell = (uint32_t)map_cell(MAP_DIRECT, run.drive, 0, 0) | (run.writable ? MAP_WRITABLE : 0),
        .write = RUN_BOTH,
    };
}

/* Drivers that look for a disk in GRUB4DOS's way read and write one run of a drive and know nothing
 * else, so only a disk that is just that has a slot. What the map says counts, not how it was made:
 * a disk that was read into memory was one run before. */
static bool is_plain(const struct boot_disk *disk, struct map_run *run)
{
    const struct image *image = &disk->chain.link[0]->image;

    return disk->chain.count == 1 && image->format != IMAGE_VHDX && image->kind == IMAGE_FIXED &&
           map_one_run(&disk->map, run) && run->writable && !disk->write_protected;
}

void tables_slot(struct drive_slot *slot, const struct boot_disk *disk, struct drive *const *drives,
                 const struct geometry *geometry)
{
    struct map_run run;

    if (!is_plain(disk, &run))
        return;
    const struct drive *drive = drives[run.drive];
    *slot = (struct drive_slot){
        .from_drive = FIRST_HARD_DISK,
        .to_drive = drive->number,
        .from_head_last = geometry->heads - 1,
        .from_sectors = geometry->sectors,
        .to_cylinders = le16_make((drive->edd ? SLOT_LBA : 0) | (uint16_t)(CYLINDERS_MAX - 1)),
        .to_head_last = drive->heads ? drive->heads - 1 : 254,
        .to_sectors = drive->sectors_per_track ? drive->sectors_per_track : 63,
        .start = le64_make(run.drive_lba),
        .count = le64_make(disk->map.sectors),
    };
}
