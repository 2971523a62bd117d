/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout: headers and region tables in the first MiB, the log, the metadata, the BAT, blocks. A
 * fixed disk's blocks are all there, as holes of the host's file. Sectors of 512 bytes on a medium
 * of 4096, as Hyper-V makes them and a BIOS needs them.
 */
#include "image/newvhdx.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "host/fd.h"
#include "core/base/bounds.h"
#include "core/base/crc32c.h"
#include "core/base/endian.h"
#include "core/vhdx/entry.h"
#include "core/vhdx/format.h"
#include "host/device.h"
#include "image/newvhd.h"
#include "image/way.h"

#define MIB          ((uint64_t)1 << VHDX_MIB_SHIFT)
#define LOG_AT       MIB
#define METADATA_AT  (2 * MIB)
#define BAT_AT       (3 * MIB)
#define ITEMS_AT     VHDX_TABLE_SIZE
#define LOCATOR_ROOM 8192u

struct writer {
    int fd;
    const char *name;
    enum status status; /* of the first failure */
};

static void put(struct writer *w, const void *data, size_t size, uint64_t at)
{
    if (!w->status && !fd_pwrite(w->fd, data, size, at))
        w->status = say_error("Check the free space there.", "%s: writing failed: %s", w->name,
                              strerror(errno));
}

static void id_make(struct writer *w, uint8_t id[16])
{
    if (getrandom(id, 16, 0) != 16 && !w->status)
        w->status = say_error("Try again.", "no random numbers: %s", strerror(errno));
    id[7] = (id[7] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
}

/* Two headers, the second one's number higher. */
static void headers_put(struct writer *w)
{
    struct vhdx_header header = {.signature = {'h', 'e', 'a', 'd'},
                                 .version = {{1, 0}},
                                 .log_length = le32_make((uint32_t)MIB),
                                 .log_offset = le64_make(LOG_AT)};
    uint8_t page[VHDX_HEADER_SIZE];
    id_make(w, header.file_write_id);
    id_make(w, header.data_write_id);
    for (unsigned i = 0; i < 2; i++) {
        header.sequence = le64_make(i + 1);
        vhdx_header_page(&header, page);
        put(w, page, sizeof page, i ? VHDX_HEADER_2 : VHDX_HEADER_1);
    }
}

static void regions_put(struct writer *w, uint64_t bat_length)
{
    static uint8_t table[VHDX_TABLE_SIZE];
    memset(table, 0, sizeof table);
    struct vhdx_region_table *head = (struct vhdx_region_table *)table;
    struct vhdx_region *region = (struct vhdx_region *)(head + 1);
    memcpy(head->signature, "regi", 4);
    head->count = le32_make(2);
    region[0] = (struct vhdx_region){.id = VHDX_GUID_BAT,
                                     .offset = le64_make(BAT_AT),
                                     .length = le32_make((uint32_t)bat_length),
                                     .flags = le32_make(VHDX_REGION_REQUIRED)};
    region[1] = (struct vhdx_region){.id = VHDX_GUID_METADATA,
                                     .offset = le64_make(METADATA_AT),
                                     .length = le32_make((uint32_t)MIB),
                                     .flags = le32_make(VHDX_REGION_REQUIRED)};
    head->crc = le32_make(crc32c(0, table, sizeof table));
    put(w, table, sizeof table, VHDX_REGIONS_1);
    put(w, table, sizeof table, VHDX_REGIONS_2);
}

/* A key or value of the locator as UTF-16LE; ASCII only. */
static uint32_t ascii_units(uint8_t *to, const char *text)
{
    uint32_t size = 0;
    for (; *text; text++) {
        to[size++] = (uint8_t)*text;
        to[size++] = 0;
    }
    return size;
}

/* The id as Windows writes it: {2DC27766-F623-4200-9D64-115E9BFD4A08}. */
static void id_text(const uint8_t id[16], char text[40])
{
    snprintf(text, 40, "{%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X}",
             id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6], id[8], id[9], id[10], id[11],
             id[12], id[13], id[14], id[15]);
}

/* The parent's data-write id and the way to it. Returns the item's size; 0: the way is too long. */
static uint32_t locator_make(uint8_t *item, const struct newdisk *d)
{
    size_t way_size;
    uint8_t *way = way_to_parent(d->path, d->parent_path, &way_size);
    uint32_t room = LOCATOR_ROOM - 512;
    if (!way || way_size > room) {
        free(way);
        return 0;
    }
    struct vhdx_locator *head = (struct vhdx_locator *)item;
    struct vhdx_locator_entry *entry = (struct vhdx_locator_entry *)(head + 1);
    static const uint8_t type[16] = VHDX_GUID_LOCATOR_TYPE;
    static const char *const keys[2] = {"parent_linkage", "relative_path"};
    uint32_t at = sizeof *head + 2 * sizeof *entry;
    char linkage[40];
    id_text(d->parent->id, linkage);
    memset(item, 0, LOCATOR_ROOM);
    memcpy(head->type, type, sizeof type);
    head->count = (le16){{2, 0}};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t key = ascii_units(item + at, keys[i]);
        uint32_t value = i ? (uint32_t)way_size : ascii_units(item + at + key, linkage);
        if (i)
            memcpy(item + at + key, way, way_size);
        entry[i] =
            (struct vhdx_locator_entry){.key_offset = le32_make(at),
                                        .value_offset = le32_make(at + key),
                                        .key_length = {{(uint8_t)key, (uint8_t)(key >> 8)}},
                                        .value_length = {{(uint8_t)value, (uint8_t)(value >> 8)}}};
        at += key + value;
    }
    free(way);
    return at;
}

static void metadata_put(struct writer *w, const struct newdisk *d)
{
    static uint8_t region[ITEMS_AT + 256 + LOCATOR_ROOM];
    static const uint8_t ids[6][16] = {VHDX_GUID_FILE_PARAMETERS, VHDX_GUID_DISK_SIZE,
                                       VHDX_GUID_PAGE_83,         VHDX_GUID_LOGICAL_SECTOR,
                                       VHDX_GUID_PHYSICAL_SECTOR, VHDX_GUID_PARENT_LOCATOR};
    bool child = d->kind == IMAGE_DIFFERENCING;
    memset(region, 0, sizeof region);
    struct vhdx_metadata_table *table = (struct vhdx_metadata_table *)region;
    struct vhdx_metadata_item *item = (struct vhdx_metadata_item *)(table + 1);
    uint32_t length[6] = {8, 8, 16, 4, 4, child ? locator_make(region + ITEMS_AT + 160, d) : 0};
    if (child && !length[5] && !w->status)
        w->status =
            say_error("Rename it.", "%s: its name cannot be written into a child", d->parent_path);
    memcpy(table->signature, "metadata", sizeof table->signature);
    table->count = (le16){{child ? 6 : 5, 0}};
    for (unsigned i = 0; i < (child ? 6u : 5u); i++) {
        item[i] = (struct vhdx_metadata_item){
            .offset = le32_make(ITEMS_AT + 32 * i),
            .length = le32_make(length[i]),
            .flags = le32_make(VHDX_METADATA_REQUIRED | (i && i < 5 ? 2 : 0))};
        memcpy(item[i].id, ids[i], sizeof item[i].id);
    }
    uint32_t flags = child ? VHDX_HAS_PARENT : d->kind == IMAGE_FIXED ? VHDX_LEAVE_ALLOCATED : 0;
    struct vhdx_file_parameters parameters = {le32_make(d->block_size), le32_make(flags)};
    le64 size = le64_make(d->size);
    le32 sectors[2] = {le32_make(512), le32_make(4096)};
    memcpy(region + ITEMS_AT, &parameters, sizeof parameters);
    memcpy(region + ITEMS_AT + 32, &size, sizeof size);
    id_make(w, region + ITEMS_AT + 64);
    memcpy(region + ITEMS_AT + 96, &sectors[0], 4);
    memcpy(region + ITEMS_AT + 128, &sectors[1], 4);
    put(w, region, sizeof region, METADATA_AT);
}

/* All blocks of a fixed disk, one behind the other from `at` on. */
static void bat_fixed_put(struct writer *w, const struct newdisk *d, uint64_t at, uint32_t blocks)
{
    le64 piece[512];
    uint32_t ratio = (uint32_t)(((uint64_t)SECTOR_SIZE << VHDX_CHUNK_SHIFT) / d->block_size);
    uint32_t entries = blocks + (blocks - 1) / ratio;
    uint32_t block = 0;
    for (uint32_t i = 0; i < entries; i++) {
        bool bitmap = i % (ratio + 1) == ratio;
        uint64_t offset = at + (uint64_t)block * d->block_size;
        piece[i % 512] = le64_make(bitmap ? 0 : offset | VHDX_FULLY_PRESENT);
        block += !bitmap;
        if (i % 512 == 511 || i + 1 == entries)
            put(w, piece, (i % 512 + 1) * sizeof piece[0],
                BAT_AT + (uint64_t)(i / 512) * sizeof piece);
    }
}

enum status newvhdx_write(const struct newdisk *d, int fd, const char *name)
{
    struct writer w = {.fd = fd, .name = name};
    uint64_t blocks = (d->size + d->block_size - 1) / d->block_size;
    uint64_t ratio = ((uint64_t)SECTOR_SIZE << VHDX_CHUNK_SHIFT) / d->block_size;
    uint64_t chunks = (blocks + ratio - 1) / ratio;
    uint64_t entries = d->kind == IMAGE_DIFFERENCING ? chunks * (ratio + 1) : blocks + chunks - 1;
    uint64_t bat_length = round_up_shift(entries * sizeof(le64), VHDX_MIB_SHIFT);
    uint64_t end = BAT_AT + bat_length;
    uint8_t creator[520] = VHDX_SIGNATURE;
    for (unsigned i = 0; "vhdboot"[i]; i++)
        creator[8 + 2 * i] = (uint8_t) "vhdboot"[i];
    put(&w, creator, sizeof creator, 0);
    headers_put(&w);
    regions_put(&w, bat_length);
    metadata_put(&w, d);
    if (d->kind == IMAGE_FIXED) {
        bat_fixed_put(&w, d, end, (uint32_t)blocks);
        end += blocks * d->block_size;
    }
    if (!w.status && ftruncate(fd, (off_t)end))
        w.status = say_error("Check the free space there.", "%s: writing failed: %s", name,
                             strerror(errno));
    return w.status;
}

enum status newvhdx_chunks(struct newvhd *n, const struct newdisk *d)
{
    uint32_t blocks = (uint32_t)((d->size + d->block_size - 1) / d->block_size);
    uint32_t ratio = (uint32_t)(((uint64_t)SECTOR_SIZE << VHDX_CHUNK_SHIFT) / d->block_size);
    uint32_t chunks = (blocks + ratio - 1) / ratio;
    uint64_t end = n->front_size + chunks * MIB;
    const struct vhdx_header *header = (const struct vhdx_header *)(n->front + VHDX_HEADER_2);
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        le64 entry = le64_make((n->front_size + chunk * MIB) | VHDX_FULLY_PRESENT);
        uint64_t index = (uint64_t)(chunk + 1) * ratio + chunk;
        memcpy(n->front + BAT_AT + index * sizeof entry, &entry, sizeof entry);
    }
    uint32_t sectors = d->block_size / SECTOR_SIZE;
    n->slack = (struct slack){.now = {.block_sectors = sectors,
                                      .stride = sectors,
                                      .chunks = chunks,
                                      .bitmaps = chunks,
                                      .bat_sector = BAT_AT / SECTOR_SIZE,
                                      .end = end,
                                      .limit = end},
                              .format = IMAGE_VHDX,
                              .absent = blocks,
                              .zero_from = end,
                              .file_size = end};
    memcpy(n->slack.id, header->file_write_id, sizeof n->slack.id);
    return STATUS_OK;
}
