/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers, region table, metadata, BAT and bitmaps by their bytes, as MS-VHDX counts them. */
#include "soak/second_vhdx.h"
#include <string.h>

#define SECTOR 512u
#define KIB    1024u
#define MIB    (1024u * KIB)

enum state { ABSENT, UNDEFINED, ZERO, UNMAPPED, FULL = 6, PARTIAL };

static const uint8_t zeros[SECTOR];
static const uint8_t bat_id[16] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                   0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
static const uint8_t metadata_id[16] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                        0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t parameters_id[16] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                          0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t size_id[16] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                    0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at + 4) << 32 | get32(at);
}

/* The sector of the flash that holds a byte of the file. */
static const uint8_t *sector_at(const struct second_vhdx *s, const struct second_vhdx_layer *layer,
                                uint64_t offset)
{
    uint64_t sector = offset / SECTOR;
    for (uint32_t i = 0; i < layer->extents->count && offset < layer->file_size; i++) {
        const struct extent *e = &layer->extents->extent[i];
        if (sector - e->file_sector < e->count)
            return e->drive_lba == EXTENT_HOLE
                       ? zeros
                       : s->flash + (e->drive_lba + sector - e->file_sector) * SECTOR;
    }
    return NULL;
}

static bool load(const struct second_vhdx *s, const struct second_vhdx_layer *layer,
                 uint64_t offset, uint8_t *data, uint32_t size)
{
    for (uint32_t done = 0; done < size; done += SECTOR) {
        const uint8_t *sector = sector_at(s, layer, offset + done);
        if (!sector)
            return false;
        memcpy(data + done, sector, SECTOR);
    }
    return true;
}

/* Is the CRC-32C in bytes 4 to 7 right, with these counted as zeros? */
static bool sum_is_right(const uint8_t *data, uint32_t size)
{
    static uint32_t table[256];
    for (uint32_t n = 0; n < 256 && !table[255]; n++) {
        uint32_t value = n;
        for (unsigned bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0);
        table[n] = value;
    }
    uint32_t sum = 0xffffffffu;
    for (uint32_t i = 0; i < size; i++)
        sum = sum >> 8 ^ table[(sum ^ (i - 4 < 4 ? 0 : data[i])) & 255];
    return (sum ^ 0xffffffffu) == get32(data + 4);
}

/* The newest of the two headers that are good. */
static const char *open_header(struct second_vhdx *s, struct second_vhdx_layer *layer)
{
    uint8_t page[4 * KIB];
    uint64_t newest = 0;
    bool found = false, log = false;
    for (unsigned n = 1; n <= 2; n++) {
        if (!load(s, layer, (uint64_t)n * 64 * KIB, page, sizeof page) ||
            memcmp(page, "head", 4) != 0 || !sum_is_right(page, sizeof page) ||
            (found && get64(page + 8) <= newest))
            continue;
        found = true;
        newest = get64(page + 8);
        memcpy(layer->id, page + 32, 16);
        log = memcmp(page + 48, zeros, 16) != 0;
    }
    s->has_log |= log;
    return found ? NULL : "no header is good";
}

static const char *open_metadata(const struct second_vhdx *s, struct second_vhdx_layer *layer,
                                 uint64_t metadata)
{
    static uint8_t table[64 * KIB];
    if (!load(s, layer, metadata, table, sizeof table) || memcmp(table, "metadata", 8) != 0)
        return "the metadata are damaged";
    for (unsigned n = 0; n < 2047 && n < table[10] + 256u * table[11]; n++) {
        const uint8_t *item = table + 32 * (n + 1);
        uint64_t at = metadata + get32(item + 16);
        const uint8_t *sector = sector_at(s, layer, at);
        const uint8_t *data = sector ? sector + at % SECTOR : NULL;
        if (!memcmp(item, parameters_id, 16) && data) {
            layer->block_sectors = get32(data) / SECTOR;
            layer->has_parent = get32(data + 4) & 2;
        } else if (!memcmp(item, size_id, 16) && data) {
            layer->disk_sectors = get64(data) / SECTOR;
        }
    }
    return layer->block_sectors && layer->disk_sectors ? NULL : "the metadata lack something";
}

static const char *open_layer(struct second_vhdx *s, struct second_vhdx_layer *layer)
{
    static uint8_t table[64 * KIB];
    uint64_t metadata = 0;
    layer->bat = 0;
    const uint8_t *first = sector_at(s, layer, 0);
    if (!first || memcmp(first, "vhdxfile", 8) != 0)
        return "it does not start as a VHDX";
    const char *why = open_header(s, layer);
    if (why)
        return why;
    if (!load(s, layer, 192 * KIB, table, sizeof table) || memcmp(table, "regi", 4) != 0 ||
        !sum_is_right(table, sizeof table))
        return "the region table is damaged";
    for (uint32_t n = 0; n < get32(table + 8) && n < 2047; n++) {
        const uint8_t *entry = table + 16 + 32 * (size_t)n;
        if (!memcmp(entry, bat_id, 16))
            layer->bat = get64(entry + 16);
        else if (!memcmp(entry, metadata_id, 16))
            metadata = get64(entry + 16);
    }
    if (!layer->bat || !metadata)
        return "a region is missing";
    why = open_metadata(s, layer, metadata);
    layer->ratio = why ? 0 : (1u << 23) / layer->block_sectors;
    return why;
}

const char *second_vhdx_open(struct second_vhdx *s)
{
    s->has_log = false;
    for (unsigned i = 0; i < s->count; i++) {
        const char *why = open_layer(s, &s->layer[i]);
        if (why)
            return why;
    }
    return NULL;
}

/* Its state in *state; where what it names starts, UINT64_MAX where that cannot be. */
static uint64_t bat_entry(const struct second_vhdx *s, const struct second_vhdx_layer *layer,
                          uint64_t index, unsigned *state)
{
    uint64_t at = layer->bat + index * 8;
    const uint8_t *sector = sector_at(s, layer, at);
    if (!sector)
        return UINT64_MAX;
    uint64_t entry = get64(sector + at % SECTOR);
    *state = entry & 7;
    uint64_t offset = entry >> 20 << 20;
    return offset < MIB && (*state == FULL || *state == PARTIAL) ? UINT64_MAX : offset;
}

const uint8_t *second_vhdx_sector(const struct second_vhdx *s, uint64_t lba)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct second_vhdx_layer *layer = &s->layer[i];
        if (lba >= layer->disk_sectors)
            return zeros;
        uint64_t block = lba / layer->block_sectors, chunk = block / layer->ratio;
        unsigned state = ABSENT, bits_state = ABSENT;
        uint64_t data = bat_entry(s, layer, block + chunk, &state);
        if (data == UINT64_MAX)
            return NULL;
        if (state == UNDEFINED || state == ZERO || state == UNMAPPED)
            return zeros;
        if (state == PARTIAL) {
            uint64_t index = (chunk + 1) * layer->ratio + chunk, bit = lba % (1u << 23);
            uint64_t bits = bat_entry(s, layer, index, &bits_state);
            const uint8_t *sector = sector_at(s, layer, bits + bit / 8);
            if (bits == UINT64_MAX || bits_state != FULL || !sector || !layer->has_parent)
                return NULL;
            if (!(sector[bit / 8 % SECTOR] & 1u << bit % 8))
                continue;
        } else if (state != FULL) {
            if (layer->has_parent)
                continue;
            return zeros;
        }
        return sector_at(s, layer, data + lba % layer->block_sectors * SECTOR);
    }
    return zeros;
}
