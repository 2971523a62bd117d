/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Candidates come from the boot sectors of the partitions (the active one's first: its boot code
 * computes with those numbers) and from the partition table's own CHS addresses; the first that
 * agrees with every CHS address of the table wins.
 */
#include "geometry.h"
#include <stdbool.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/ntfs/format.h"
#include "core/part/format.h"

#define ENTRIES       4
#define CYLINDERS_MAX 1024u

struct chs {
    uint32_t cylinder, head, sector;
};

/* An entry of the partition table, in numbers. */
struct entry {
    uint8_t active, type;
    struct chs start, end;
    uint32_t lba, count;
};

/* A CHS address as the table has it: head, then sector with the cylinder's high bits, then the rest
 * of the cylinder. */
static struct chs chs_get(const uint8_t b[3])
{
    return (struct chs){(uint32_t)(b[1] & 0xc0) << 2 | b[2], b[0], b[1] & 0x3f};
}

static struct entry entry_get(const struct mbr_entry *e)
{
    return (struct entry){
        .active = e->active,
        .type = e->type,
        .start = chs_get(e->chs_first),
        .end = chs_get(e->chs_last),
        .lba = le32_get(e->start_lba),
        .count = le32_get(e->sectors),
    };
}

/* An entry of a disk that has CHS addresses at all. */
static bool entry_used(const struct entry *e)
{
    return e->type && e->type != MBR_TYPE_GPT && !(e->active & ~MBR_ACTIVE) && e->lba && e->count;
}

/* Heads and sectors of a FAT or NTFS boot sector, which have these fields in common; false where
 * there is none, or no sane one. */
static bool bpb_geometry(struct geometry *g, const struct mbr *sector)
{
    const struct ntfs_boot_sector *bpb = (const struct ntfs_boot_sector *)sector;
    unsigned per_track = le16_get(bpb->track_sectors);
    unsigned heads = le16_get(bpb->heads);

    if ((bpb->jump[0] != 0xeb && bpb->jump[0] != 0xe9) ||
        le16_get(sector->signature) != MBR_BOOT_SIGNATURE ||
        le16_get(bpb->sector_size) != SECTOR_SIZE || bpb->media < 0xf0)
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
    static struct mbr mbr, boot;
    static const struct geometry usual[] = {{0, 255, 63}, {0, 16, 63}, {0, 240, 63}, {0, 128, 63},
                                            {0, 64, 63},  {0, 32, 63}, {0, 64, 32}};
    struct entry entry[ENTRIES];
    struct geometry bpb = {0};
    struct fail f;

    if (blk_read(disk, 0, 1, &mbr, &f) || le16_get(mbr.signature) != MBR_BOOT_SIGNATURE)
        return false;
    for (unsigned i = 0; i < ENTRIES; i++)
        entry[i] = entry_get(&mbr.entry[i]);

    /* The active partition's, then the others'. */
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < ENTRIES; i++) {
            if (!entry_used(entry + i) || (entry[i].active == MBR_ACTIVE) != !round ||
                blk_read(disk, entry[i].lba, 1, &boot, &f) || !bpb_geometry(g, &boot))
                continue;
            if (agrees_with_table(g, entry))
                return true;
            if (!bpb.heads)
                bpb = *g;
        }
    if (!entry_used(entry) && bpb_geometry(g, &mbr)) /* a volume without a table */
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
