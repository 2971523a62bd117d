/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition tables on a drive that the fuzzer makes up: a u16 with its size in sectors, one byte of
 * flags, then a u16 sector number and 512 bytes for each sector that is not zero. Flag 1: leave
 * checksums of a GPT as they are; else they are made right first.
 */
#include <stdlib.h>
#include <string.h>
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/crc32.h"
#include "core/part/part.h"
#include "core/part/format.h"

#define HEAD        3
#define ENTRY       (2 + SECTOR_SIZE)
#define SECTORS_MAX 2048u

static uint8_t disk[SECTORS_MAX][SECTOR_SIZE];

static enum err read_disk(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    (void)f;
    if (!range_ok(lba, count, b->sectors))
        abort();
    memcpy(buf, disk[lba], (size_t)count << SECTOR_SHIFT);
    return ERR_OK;
}

static void seal(uint64_t lba, uint64_t sectors)
{
    struct gpt_header h;
    if (lba >= sectors)
        return;
    memcpy(&h, disk[lba], sizeof h);
    uint64_t entries = le64_get(h.entries_lba);
    uint64_t bytes = (uint64_t)le32_get(h.entry_count) * le32_get(h.entry_size);
    uint32_t size = le32_get(h.header_size);
    if (memcmp(h.signature, "EFI PART", 8) || size > sizeof h || entries >= sectors ||
        bytes > (sectors - entries) << SECTOR_SHIFT)
        return;
    h.entries_crc = le32_make(crc32_ieee(0, disk[entries], (size_t)bytes));
    h.header_crc = le32_make(0);
    h.header_crc = le32_make(crc32_ieee(0, &h, size));
    memcpy(disk[lba], &h, sizeof h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    uint64_t sectors = (data[0] | (unsigned)data[1] << 8) % (SECTORS_MAX + 1);
    static uint16_t used[128]; /* clearing the whole drive would take most of the time */
    static unsigned used_count;
    for (unsigned i = 0; i < used_count; i++)
        memset(disk[used[i]], 0, SECTOR_SIZE);
    used_count = 0;
    for (size_t at = HEAD; at + 2 < size && used_count < 128; at += ENTRY) {
        unsigned lba = (data[at] | (unsigned)data[at + 1] << 8) % SECTORS_MAX;
        size_t n = size - at - 2 < SECTOR_SIZE ? size - at - 2 : SECTOR_SIZE;
        memcpy(disk[lba], data + at + 2, n);
        used[used_count++] = (uint16_t)lba;
    }
    if (!(data[2] & 1)) {
        seal(1, sectors);
        seal(sectors - 1, sectors);
    }

    struct blk blk = {.read = read_disk, .sectors = sectors};
    static struct part_table table;
    struct fail f = {0};
    if (part_read(&table, &blk, &f)) {
        if (!f.sentence || !f.err)
            abort();
        return 0;
    }
    if (table.count > PART_MAX || blk.reads > 9000)
        abort();
    for (unsigned i = 0; i < table.count; i++) {
        const struct part *p = &table.part[i];
        if (!p->sectors || !range_ok(p->start_lba, p->sectors, sectors) ||
            !part_at(&table, p->start_lba))
            abort();
    }
    const struct part *part;
    if (!part_pick(&table, &blk, data[2] >> 1, &part, &f) &&
        (part < table.part || part >= table.part + table.count))
        abort();
    return 0;
}
