/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Footer, dynamic header, BAT and bitmaps by their bytes, as the specification counts them. */
#include "powercut/second.h"
#include <string.h>

#define SECTOR 512
#define ABSENT 0xFFFFFFFFu

static const uint8_t zeros[SECTOR];

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at) << 32 | get32(at + 4);
}

uint64_t second_drive_lba(const struct second_layer *layer, uint64_t file_sector)
{
    for (uint32_t i = 0; i < layer->extents->count; i++) {
        const struct extent *e = &layer->extents->extent[i];
        if (file_sector - e->file_sector < e->count)
            return e->drive_lba == EXTENT_HOLE ? UINT64_MAX
                                               : e->drive_lba + file_sector - e->file_sector;
    }
    return UINT64_MAX;
}

static const uint8_t *file_sector(const struct second *s, const struct second_layer *layer,
                                  uint64_t number)
{
    uint64_t lba = second_drive_lba(layer, number);
    return lba == UINT64_MAX ? NULL : s->flash + lba * SECTOR;
}

static bool sum_is_right(const uint8_t *bytes, unsigned size, unsigned at)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < size; i++)
        sum += i - at < 4 ? 0 : bytes[i];
    return ~sum == get32(bytes + at);
}

static uint64_t block_at(const struct second *s, const struct second_layer *layer, uint64_t index);

static void reach(struct second_layer *layer, uint64_t end)
{
    if (layer->end < end)
        layer->end = end;
}

/* Where what is in use ends: header, BAT, locators, blocks. */
static void find_end(const struct second *s, struct second_layer *layer, const uint8_t *header)
{
    layer->end = layer->blocks = 0;
    reach(layer, get64(s->flash + second_drive_lba(layer, 0) * SECTOR + 16) / SECTOR + 2);
    reach(layer, layer->bat_sector + (layer->bat_entries + 127) / 128);
    for (const uint8_t *locator = header + 576; locator < header + 768; locator += 24)
        if (get32(locator))
            reach(layer, (get64(locator + 16) + get32(locator + 8) + SECTOR - 1) / SECTOR);
    for (uint64_t i = 0; i < layer->bat_entries; i++) {
        uint64_t at = block_at(s, layer, i);
        if (!at || at == UINT64_MAX)
            continue;
        layer->blocks++;
        reach(layer, at + layer->bitmap_sectors + layer->block_sectors);
    }
}

static const char *open_dynamic(const struct second *s, struct second_layer *layer,
                                const uint8_t *footer)
{
    const uint8_t *copy = file_sector(s, layer, 0);
    uint64_t at = get64(footer + 16) / SECTOR;
    const uint8_t *first = file_sector(s, layer, at), *then = file_sector(s, layer, at + 1);
    if (!copy || memcmp(copy, footer, SECTOR))
        return "the footer's copy is not the footer";
    if (!first || !then)
        return "the header lies outside the file";
    uint8_t header[2 * SECTOR];
    memcpy(header, first, SECTOR);
    memcpy(header + SECTOR, then, SECTOR);
    if (memcmp(header, "cxsparse", 8) || !sum_is_right(header, sizeof header, 36))
        return "the header is damaged";
    layer->bat_sector = get64(header + 16) / SECTOR;
    layer->bat_entries = get32(header + 28);
    layer->block_sectors = get32(header + 32) / SECTOR;
    layer->bitmap_sectors = (layer->block_sectors / 8 + SECTOR - 1) / SECTOR;
    find_end(s, layer, header);
    return NULL;
}

const char *second_open(struct second *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct second_layer *layer = &s->layer[i];
        const uint8_t *footer = file_sector(s, layer, layer->file_sectors - 1);
        if (!footer || memcmp(footer, "conectix", 8) || !sum_is_right(footer, SECTOR, 64))
            return "the footer is damaged";
        layer->kind = get32(footer + 60);
        layer->disk_sectors = get64(footer + 48) / SECTOR;
        const char *why = layer->kind == 2 ? NULL : open_dynamic(s, layer, footer);
        if (why)
            return why;
    }
    return NULL;
}

/* Where block `index` starts in the file; 0 where it is absent, UINT64_MAX where it cannot be. */
static uint64_t block_at(const struct second *s, const struct second_layer *layer, uint64_t index)
{
    const uint8_t *bat = file_sector(s, layer, layer->bat_sector + index / (SECTOR / 4));
    if (index >= layer->bat_entries || !bat)
        return UINT64_MAX;
    uint32_t at = get32(bat + index % (SECTOR / 4) * 4);
    if (at == ABSENT)
        return 0;
    bool inside = (uint64_t)at + layer->bitmap_sectors + layer->block_sectors < layer->file_sectors;
    return inside && at > layer->bat_sector ? at : UINT64_MAX;
}

const uint8_t *second_sector(const struct second *s, uint64_t lba)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct second_layer *layer = &s->layer[i];
        if (lba >= layer->disk_sectors)
            return zeros;
        if (layer->kind == 2)
            return file_sector(s, layer, lba);
        uint64_t at = block_at(s, layer, lba / layer->block_sectors);
        if (at == UINT64_MAX)
            return NULL;
        if (!at)
            continue;
        uint64_t in = lba % layer->block_sectors;
        const uint8_t *bits = file_sector(s, layer, at + in / 8 / SECTOR);
        if (bits && bits[in / 8 % SECTOR] & 0x80 >> in % 8)
            return file_sector(s, layer, at + layer->bitmap_sectors + in);
        if (layer->kind == 3)
            return zeros;
    }
    return zeros;
}

enum second_use second_use(const struct second *s, uint64_t number)
{
    const struct second_layer *leaf = &s->layer[0];
    if (leaf->kind == 2)
        return number + 1 < leaf->file_sectors ? USE_DATA : USE_FIXED_PART;
    if (number - leaf->bat_sector < (leaf->bat_entries + 127) / 128)
        return USE_BAT;
    uint32_t size = leaf->bitmap_sectors + leaf->block_sectors;
    for (uint64_t i = 0; i < leaf->bat_entries; i++) {
        uint64_t at = block_at(s, leaf, i);
        if (at && number - at < size)
            return number - at < leaf->bitmap_sectors ? USE_BITMAP : USE_DATA;
    }
    return number >= leaf->end && number + 1 < leaf->file_sectors ? USE_SLACK : USE_FIXED_PART;
}
