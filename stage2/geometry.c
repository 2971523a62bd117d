/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Candidates come from the boot sectors of the partitions (the active one's first: its boot code
 * computes with those numbers) and from the partition table's own CHS addresses; the first that
 * agrees with every CHS address of the table wins.
 */
#include "geometry.h"
#include <stdbool.h>
#include "core/base/endian.h"
#include "core/base/mem.h"

#define ENTRIES       4
#define ENTRY_OFFSET  0x1be
#define ENTRY_SIZE    16
#define TYPE_GPT      0xee
#define ACTIVE        0x80
#define CYLINDERS_MAX 1024u

struct chs {
    uint32_t cylinder, head, sector;
};

struct entry {
    uint8_t active, type;
    struct chs start, end;
    uint32_t lba, count;
};

static struct chs chs_get(const uint8_t *b)
{
    return (struct chs){(uint32_t)(b[1] & 0xc0) << 2 | b[2], b[0], b[1] & 0x3f};
}

static void entry_get(struct entry *e, const uint8_t *mbr, unsigned i)
{
    const uint8_t *b = mbr + ENTRY_OFFSET + i * ENTRY_SIZE;
    le32 lba, count;

    memcpy(&lba, b + 8, sizeof(lba));
    memcpy(&count, b + 12, sizeof(count));
    *e = (struct entry){b[0], b[4], chs_get(b + 1), chs_get(b + 5), le32_get(lba), le32_get(count)};
}

/* An entry of a disk that has CHS addresses at all. */
static bool entry_used(const struct entry *e)
{
    return e->type && e->type != TYPE_GPT && !(e->active & 0x7f) && e->lba && e->count;
}

/* Heads and sectors of a FAT or NTFS boot sector; false where there is none, or no sane one. */
static bool bpb_geometry(struct geometry *g, const uint8_t *sector)
{
    unsigned bytes = sector[0x0b] | sector[0x0c] << 8;
    unsigned per_track = sector[0x18] | sector[0x19] << 8;
    unsigned heads = sector[0x1a] | sector[0x1b] << 8;

    if ((sector[0] != 0xeb && sector[0] != 0xe9) || sector[510] != 0x55 || sector[511] != 0xaa ||
        bytes != 512 || sector[0x15] < 0xf0)
        return false;
    if (!per_track || per_track > 63 || !heads || heads > 255)
        return false;
    g->heads = (uint8_t)heads;
    g->sectors = (uint8_t)per_track;
    return true;
}

/* Does the geometry put `lba` where the table says? What CHS cannot say (1023/254/63 and the like)
 * agrees with everything. */
static bool agrees(const struct geometry *g, const struct chs *chs, uint64_t lba)
{
    if (chs->cylinder >= CYLINDERS_MAX - 1 || !chs->sector)
        return true;
    if (chs->head >= g->heads || chs->sector > g->sectors)
        return false;
    return ((uint64_t)chs->cylinder * g->heads + chs->head) * g->sectors + chs->sector - 1 == lba;
}

static bool agrees_with_table(const struct geometry *g, const struct entry *entry)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        const struct entry *e = entry + i;
        if (entry_used(e) &&
            (!agrees(g, &e->start, e->lba) || !agrees(g, &e->end, (uint64_t)e->lba + e->count - 1)))
            return false;
    }
    return true;
}

/* What partitions end with is the last head and sector of a cylinder, as a rule; and a start on a
 * later head of cylinder 0 tells the sectors. */
static bool table_geometry(struct geometry *g, const struct entry *entry, bool by_start)
{
    struct geometry best = {0};

    for (unsigned i = 0; i < ENTRIES; i++) {
        const struct entry *e = entry + i;
        if (!entry_used(e))
            continue;
        if (e->end.head < 255 && e->end.head + 1 > best.heads)
            best.heads = (uint8_t)(e->end.head + 1);
        if (!by_start && e->end.sector > best.sectors)
            best.sectors = (uint8_t)e->end.sector;
        if (by_start && !e->start.cylinder && e->start.head && e->lba + 1 > e->start.sector) {
            uint32_t sectors = (e->lba + 1 - e->start.sector) / e->start.head;
            if (sectors && sectors <= 63)
                best.sectors = (uint8_t)sectors;
        }
    }
    *g = best;
    return best.heads && best.sectors;
}

static bool choose(struct geometry *g, struct blk *disk)
{
    static uint8_t mbr[512], boot[512];
    static const struct geometry usual[] = {{0, 255, 63}, {0, 16, 63}, {0, 240, 63}, {0, 128, 63},
                                            {0, 64, 63},  {0, 32, 63}, {0, 64, 32}};
    struct entry entry[ENTRIES];
    struct geometry bpb = {0};
    struct fail f;

    if (blk_read(disk, 0, 1, mbr, &f) || mbr[510] != 0x55 || mbr[511] != 0xaa)
        return false;
    for (unsigned i = 0; i < ENTRIES; i++)
        entry_get(entry + i, mbr, i);

    /* The active partition's, then the others'. */
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < ENTRIES; i++) {
            if (!entry_used(entry + i) || (entry[i].active == ACTIVE) != !round ||
                blk_read(disk, entry[i].lba, 1, boot, &f) || !bpb_geometry(g, boot))
                continue;
            if (agrees_with_table(g, entry))
                return true;
            if (!bpb.heads)
                bpb = *g;
        }
    if (!entry_used(entry) && bpb_geometry(g, mbr)) /* a volume without a table */
        return true;
    for (unsigned by_start = 0; by_start < 2; by_start++)
        if (table_geometry(g, entry, by_start) && agrees_with_table(g, entry))
            return true;
    for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        *g = usual[i];
        if (agrees_with_table(g, entry))
            return true;
    }
    *g = bpb;
    return bpb.heads != 0;
}

void geometry_find(struct geometry *g, struct blk *disk)
{
    *g = (struct geometry){0};
    if (!choose(g, disk))
        *g = (struct geometry){0, 255, 63};

    while (g->heads > 1 && (uint64_t)g->heads * g->sectors > disk->sectors)
        g->heads /= 2;
    if (g->sectors > disk->sectors)
        g->sectors = 1;
    uint32_t cylinder = (uint32_t)g->heads * g->sectors;
    g->cylinders = (uint16_t)CYLINDERS_MAX;
    if (disk->sectors < (uint64_t)CYLINDERS_MAX * cylinder)
        g->cylinders = (uint16_t)((uint32_t)disk->sectors / cylinder);
}
