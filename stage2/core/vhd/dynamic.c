/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens dynamic and differencing VHDs, and tells where their sectors are. */
#include "core/vhd/dynamic.h"
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/vhd/bat.h"
#include "core/vhd/footer.h"
#include "core/vhd/format.h"
#include "core/vhd/overlap.h"
#include "core/vhd/slack.h"
#include "core/vhd/parent.h"

#define BAT_PIECE_ENTRIES (127u * SECTOR_SIZE / sizeof(be32)) /* what a BIOS reads in one call */

/* Tables up to this size are checked as a whole when the disk is opened. */
#define CHECK_BLOCKS_MAX  (1u << 22)

/* Absent blocks from `block` on, as far as the piece of the BAT at hand tells. */
static uint32_t absent_blocks(const struct vhd_disk *disk, uint32_t block)
{
    static const be32 absent = {{0xff, 0xff, 0xff, 0xff}};
    uint32_t i = block - disk->bat_first;
    uint32_t count = 0;
    while (i + count < disk->bat_count && !memcmp(&disk->bat[i + count], &absent, sizeof absent))
        count++;
    return count;
}

static enum err vhd_dynamic_run(struct image *image, uint64_t lba, struct image_run *run,
                                struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    uint32_t block = (uint32_t)(lba >> disk->block_shift);
    uint32_t in = (uint32_t)lba & ((1u << disk->block_shift) - 1);
    uint32_t entry;
    enum err err = vhd_bat_get(image, block, &entry, f);
    if (err)
        return err;

    if (entry == VHD_BAT_ABSENT) {
        uint64_t count = ((uint64_t)absent_blocks(disk, block) << disk->block_shift) - in;
        uint64_t left = image->sectors - lba;
        *run = (struct image_run){.state = IMAGE_ABSENT, .count = count < left ? count : left};
        return ERR_OK;
    }
    uint32_t end = vhd_block_sectors(image, block);
    *run = (struct image_run){.state = IMAGE_DATA,
                              .count = end - in,
                              .file_sector = (uint64_t)entry + disk->bitmap_sectors + in};
    if (image->kind != IMAGE_DIFFERENCING)
        return ERR_OK;

    err = vhd_bitmap_load(image, block, entry, f);
    if (err)
        return err;
    run->count = bits_alike(disk->bitmap, in, end, BITS_MSB_FIRST);
    run->in_place = bit_get(disk->bitmap, in, BITS_MSB_FIRST);
    if (!run->in_place) {
        run->state = IMAGE_ABSENT;
        run->file_sector = 0;
    }
    return ERR_OK;
}

/* The end of the header, of the BAT with all its spare entries, and of the locators' data. */
static uint64_t structures_end(const struct vhd_disk *disk, const struct vhd_header *header)
{
    uint64_t bat_size = (uint64_t)be32_get(header->bat_entries) << 2;
    uint64_t end = disk->header_offset + sizeof *header;
    if (disk->bat_offset + bat_size > end)
        end = disk->bat_offset + bat_size;
    for (unsigned i = 0; i < 8; i++) {
        const struct vhd_locator *l = &header->locator[i];
        uint64_t offset = be64_get(l->data_offset);
        if (!be32_get(l->data_length) || !range_ok(offset, be32_get(l->data_length), disk->limit))
            continue;
        if (offset + be32_get(l->data_length) > end)
            end = offset + be32_get(l->data_length);
    }
    return round_up_shift(end, SECTOR_SHIFT);
}

/* The end of XenServer's map behind the BAT, or 0 where there is none. */
static enum err batmap_end(const struct image *image, const struct vhd_disk *disk,
                           const struct vhd_header *header, uint64_t *end, struct fail *f)
{
    struct vhd_batmap map;
    uint64_t at = round_up_shift(disk->bat_offset + ((uint64_t)be32_get(header->bat_entries) << 2),
                                 SECTOR_SHIFT);
    *end = 0;
    if (memcmp(image->creator, "tap", 3) || !range_ok(at, sizeof map, disk->limit))
        return ERR_OK;
    enum err err = file_read(image->file, at, &map, sizeof map, f);
    if (err || memcmp(map.cookie, VHD_BATMAP_COOKIE, sizeof map.cookie))
        return err;
    uint64_t offset = be64_get(map.offset);
    uint64_t size = (uint64_t)be32_get(map.sectors) << SECTOR_SHIFT;
    *end = at + sizeof map;
    if (range_ok(offset, size, disk->limit) && offset + size > *end)
        *end = offset + size;
    return ERR_OK;
}

/* Reads and judges the header; what holds good goes into `disk`. */
static enum err vhd_header_read(struct image *image, struct vhd_disk *disk,
                                struct vhd_header *header, struct fail *f)
{
    enum err err = file_read(image->file, disk->header_offset, header, sizeof *header, f);
    if (err)
        return err;
    if (memcmp(header->cookie, "cxsparse", sizeof header->cookie))
        return fail(f, ERR_IMAGE, "no VHD dynamic header at byte %u", disk->header_offset);
    if (!vhd_checksum_ok(header, sizeof *header, offsetof(struct vhd_header, checksum)))
        return fail(f, ERR_IMAGE, "the VHD dynamic header at byte %u has a wrong checksum",
                    disk->header_offset);
    if (be32_get(header->version) >> 16 != VHD_VERSION_MAJOR)
        return fail(f, ERR_UNSUPPORTED, "a VHD dynamic header of version %x",
                    be32_get(header->version));

    uint32_t block_size = be32_get(header->block_size);
    if (!is_power_of_two(block_size) || block_size < VHD_BLOCK_SIZE_MIN)
        return fail(f, ERR_IMAGE, "a VHD with blocks of %u bytes, which is no power of two",
                    block_size);
    disk->block_shift = log2_u32(block_size) - SECTOR_SHIFT;
    disk->bitmap_sectors = ((1u << disk->block_shift) + 8 * SECTOR_SIZE - 1) >> 12;
    image->block_size = block_size;
    image->parent_timestamp = be32_get(header->parent_time);

    uint64_t blocks = ((image->sectors - 1) >> disk->block_shift) + 1;
    if (blocks > be32_get(header->bat_entries))
        return fail(f, ERR_IMAGE, "the VHD's BAT is too short for its disk: %u entries",
                    be32_get(header->bat_entries));
    disk->blocks = (uint32_t)blocks;
    disk->bat_offset = be64_get(header->bat_offset);
    if (!range_ok(disk->bat_offset, blocks << 2, disk->limit))
        return fail(f, ERR_IMAGE, "the VHD's BAT at byte %u reaches beyond the end of the file",
                    disk->bat_offset);
    disk->structures_end = structures_end(disk, header);
    uint64_t map_end;
    err = batmap_end(image, disk, header, &map_end, f);
    if (map_end > disk->structures_end)
        disk->structures_end = map_end;
    return err;
}

enum err vhd_dynamic_open(struct image *image, const struct vhd_footers *footers, struct arena *a,
                          struct fail *f)
{
    struct vhd_disk *disk = arena_alloc(a, sizeof *disk);
    if (!disk)
        return fail(f, ERR_MEMORY, "no memory for an open VHD", 0);
    image->ctx = disk;
    image->kind =
        be32_get(footers->footer.type) == VHD_DIFFERENCING ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC;
    disk->header_offset = be64_get(footers->footer.header_offset);
    disk->limit = footers->copy_used ? image->file->size : footers->end_offset;

    struct vhd_header *header = arena_alloc(a, sizeof *header); /* stage2's stack is small */
    if (!header)
        return fail(f, ERR_MEMORY, "no memory for an open VHD", 0);
    enum err err = vhd_header_read(image, disk, header, f);
    if (err)
        return err;
    disk->bat_room = disk->blocks < BAT_PIECE_ENTRIES ? disk->blocks : BAT_PIECE_ENTRIES;
    disk->bat = arena_array(a, disk->bat_room, sizeof disk->bat[0]);
    disk->bitmap_block = UINT32_MAX;
    if (image->kind == IMAGE_DIFFERENCING)
        disk->bitmap = arena_array(a, disk->bitmap_sectors, SECTOR_SIZE);
    if (!disk->bat || (image->kind == IMAGE_DIFFERENCING && !disk->bitmap))
        return fail(f, ERR_MEMORY, "no memory for the VHD's BAT and bitmap", 0);

    image->run = vhd_dynamic_run;
    image->check = vhd_overlap_check;
    image->slack = vhd_slack_find;
    image->block = vhd_block_get;
    if (image->kind == IMAGE_DIFFERENCING) {
        err = vhd_parent_list(image, header, a, f);
        if (err)
            return err;
    }
    bool small = disk->blocks <= CHECK_BLOCKS_MAX && vhd_overlap_memory(disk) <= arena_left(a) / 2;
    return small ? vhd_overlap_check(image, a, f) : ERR_OK;
}
