/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot code is judged by comparing bytes, all else by core's own code. Only reads. */
#include "verbs/check_boot.h"
#include <inttypes.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/boot_path.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/part.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/gap.h"
#include "layout.h"
#include "stage2_format.h"

/* An MBR that says where vhdboot lies outside of the volumes. */
static void check_gap_code(struct steps *s, const struct target *t, const struct mbr *mbr,
                           const struct gap *gap)
{
    uint64_t last = gap->file_lba + gap->file_sectors - 1;
    if (!bootcode_gap_is_ours(mbr))
        steps_failed(s, "mbr", "Run mkimage install --place gap.",
                     "boot code is damaged, or of another version");
    else if (t->part && t->part->start_lba != gap->volume_lba)
        steps_failed(s, "mbr", "Run mkimage install --place gap.",
                     "boot code starts from a volume at sector %" PRIu64 ", not from partition %u",
                     gap->volume_lba, t->part->number);
    else
        steps_passed(s, "mbr", "boot code is there, for vhdboot in sectors %" PRIu64 " to %" PRIu64,
                     gap->file_lba, last);
}

void check_boot_mbr(struct steps *s, struct target *t)
{
    struct mbr mbr;
    struct fail f;
    const struct part_table *table = &t->table;
    const char *install = "Run mkimage install.";
    const char *activate = "Make the NTFS partition the only active one (sfdisk --activate).";
    if (blk_read(&t->cache.blk, 0, 1, &mbr, &f)) {
        steps_failed_as(s, "mbr", &f);
        return;
    }
    if (table->scheme == PART_NONE) {
        steps_passed(s, "mbr", "no partition table: the volume starts at sector 0");
        return;
    }
    struct gap gap;
    if (gap_read(&mbr, &gap)) {
        check_gap_code(s, t, &mbr, &gap);
        return;
    }
    if (table->scheme == PART_GPT) {
        steps_failed(s, "mbr", "Run mkimage install --place gap, or use an MBR disk.",
                     "a GPT disk: its MBR starts no partition");
        return;
    }
    unsigned active = 0, number = 0; /* of the primary ones: the MBR looks at no others */
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].active && table->part[i].number <= PART_PRIMARIES) {
            active++;
            number = table->part[i].number;
        }
    }
    unsigned likeness = bootcode_mbr_likeness(&mbr);
    static const uint8_t no_code[16];
    if (!memcmp(mbr.code, no_code, sizeof no_code))
        steps_failed(s, "mbr", install, "no boot code in sector 0");
    else if (t->part && t->part->number > PART_PRIMARIES)
        steps_failed(s, "mbr", "Use a primary partition, and make it the only active one.",
                     "partition %u is a logical one, which no MBR starts", t->part->number);
    else if (active != 1)
        steps_failed(s, "mbr", activate,
                     active ? "%u partitions are active" : "no partition is active", active);
    else if (t->part && number != t->part->number)
        steps_failed(s, "mbr", activate, "partition %u is active, not partition %u", number,
                     t->part->number);
    else if (bootcode_mbr_is_ours(&mbr))
        steps_passed(s, "mbr", "boot code is there, partition %u is active", number);
    else if (likeness > 50)
        steps_failed(s, "mbr", install, "boot code is damaged, or of another version");
    else
        steps_passed(s, "mbr", "boot code of another program, which has to start partition %u",
                     number);
}

/* Where the volume's copy of its boot record is said to be: a sector of the volume. */
static bool backup_in_step(struct target *t, const struct boot_record *vbr)
{
    uint64_t sectors = le64_get(vbr->first.bpb.total_sectors);
    uint64_t scale = t->volume.sector_size / SECTOR_SIZE;
    struct boot_record copy;
    struct fail f;
    if (sectors > t->part->sectors / scale)
        return false;
    uint64_t lba = t->part->start_lba + sectors * scale;
    unsigned count = change_copy_sectors(t, lba);
    return !blk_read(&t->blk, lba, count, &copy, &f) &&
           !memcmp(&copy, vbr, (size_t)count << SECTOR_SHIFT);
}

void check_boot_vbr(struct steps *s, struct target *t, bool mounted)
{
    struct boot_record vbr;
    struct fail f;
    const struct part *part = t->part;
    if (blk_read(&t->blk, part->start_lba, VBR_SIZE / SECTOR_SIZE, &vbr, &f)) {
        steps_failed_as(s, "vbr", &f);
        return;
    }
    uint32_t hidden = le32_get(vbr.first.bpb.hidden);
    if (!bootcode_vbr_is_ours(&vbr))
        steps_failed(s, "vbr", "Run mkimage install.",
                     "the boot record at sector %" PRIu64
                     " is not vhdboot's, or of another version",
                     part->start_lba);
    else if (hidden != (uint32_t)part->start_lba)
        steps_passed(s, "vbr", "boot record is there; it says that the volume starts at sector %u",
                     hidden);
    else if (mounted && !backup_in_step(t, &vbr))
        steps_passed(s, "vbr", "boot record is there; its copy at the volume's end differs");
    else
        steps_passed(s, "vbr", "boot record is there");
}

/* The boot record knows less than core: is the way to `path` one that it can go? */
static bool boot_record_finds(struct steps *s, struct target *t, const char *path)
{
    struct ntfs_boot_path way;
    struct fail f;
    if (ntfs_boot_path_measure(&t->volume, path + 1, &way, &f)) {
        steps_failed_as(s, "stage2", &f);
        return false;
    }
    const struct {
        const char *what;
        uint32_t runs;
    } pieces[] = {{"$MFT", way.mft_runs},
                  {"the root directory's index", way.root_runs},
                  {"it", way.file_runs}};
    const char *copy = "Copy the volume's files to a new one.";
    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (pieces[i].runs > VBR_RUNS_MAX) {
            steps_failed(s, "stage2", copy,
                         "%s: %s has %u fragments, more than the %u that the boot record knows",
                         path, pieces[i].what, pieces[i].runs, VBR_RUNS_MAX);
            return false;
        }
    if (way.list_bytes > VBR_LIST_MAX)
        steps_failed(s, "stage2", copy,
                     "%s: an attribute list on the way to it has %u bytes, more than the %u that "
                     "the boot record knows",
                     path, way.list_bytes, VBR_LIST_MAX);
    else if (!way.in_order)
        steps_failed(s, "stage2", "Run chkdsk on the volume.",
                     "%s: the root directory's names are out of order, and the boot record "
                     "does not find it",
                     path);
    return way.list_bytes <= VBR_LIST_MAX && way.in_order;
}

/* Do the bytes say that they are vhdboot, and add up? */
static bool is_stage2(const uint8_t *data, uint64_t size)
{
    const struct stage2_header *header = (const struct stage2_header *)data;
    uint32_t sum = 0;
    for (uint64_t i = 0; i < size; i += 4)
        sum += le32_get(*(const le32 *)(data + i));
    return le32_get(header->magic) == STAGE2_MAGIC && le32_get(header->size) == size && !sum;
}

void check_boot_gap_file(struct steps *s, struct target *t, const struct gap *gap)
{
    static uint8_t data[GAP_FILE_MAX], ours[GAP_FILE_MAX];
    struct fail f;
    uint64_t last = gap->file_lba + gap->file_sectors - 1;
    if (blk_read(&t->blk, gap->file_lba, gap->file_sectors, data, &f)) {
        steps_failed_as(s, "stage2", &f);
        return;
    }
    const uint8_t *stage2 = data + SECTOR_SIZE;
    uint64_t size = le32_get(((const struct stage2_header *)stage2)->size);
    bool fits = size % 4 == 0 && size >= sizeof(struct stage2_header) &&
                size + 2 * SECTOR_SIZE <= (uint64_t)gap->file_sectors * SECTOR_SIZE;
    bool loader = le32_get(*(const le32 *)(stage2 - sizeof(le32))) == STAGE2_MAGIC;
    bool same = gap->file_sectors == bootcode_gap_file(ours) &&
                !memcmp(data, ours, (size_t)(gap->file_sectors - 1) * SECTOR_SIZE);
    if (!fits || !loader || !is_stage2(stage2, size))
        steps_failed(s, "stage2", "Run mkimage install --place gap.",
                     "sectors %" PRIu64 " to %" PRIu64 " are damaged, or are not vhdboot",
                     gap->file_lba, last);
    else
        steps_passed(s, "stage2", "sectors %" PRIu64 " to %" PRIu64 ": %" PRIu64 " bytes%s",
                     gap->file_lba, last, size, same ? "" : ", of another version");
}

void check_boot_stage2(struct steps *s, struct target *t)
{
    static uint8_t data[STAGE2_FILE_MAX];
    struct file file;
    struct extent_list extents;
    struct fail f;
    const char *install = "Run mkimage install.";
    struct arena *arena = &t->arena;
    if (ntfs_open(&t->volume, BOOT_STAGE2_PATH, &file, &f) ||
        file_extents(&file, &extents, arena, &f)) {
        (void)fail_subject(&f, BOOT_STAGE2_PATH);
        char sentence[512];
        errors_format(&f, sentence, sizeof sentence);
        steps_failed(s, "stage2", f.err == ERR_NOT_FOUND ? install : errors_advice(f.err), "%s",
                     sentence);
        return;
    }
    if (file.size > STAGE2_FILE_MAX || file.size < sizeof(struct stage2_header) || file.size % 4) {
        steps_failed(s, "stage2", install, "%s: %" PRIu64 " bytes cannot be vhdboot", file.path,
                     file.size);
        return;
    }
    if (file_read(&file, 0, data, (uint32_t)file.size, &f)) {
        steps_failed_as(s, "stage2", &f);
        return;
    }
    if (!boot_record_finds(s, t, file.path))
        return;
    if (!is_stage2(data, file.size))
        steps_failed(s, "stage2", install, "%s: is damaged, or is not vhdboot", file.path);
    else if (file.size != stage2_size() || memcmp(data, blob_stage2, stage2_size()))
        steps_passed(s, "stage2", "%s: %" PRIu64 " bytes, of another version", file.path,
                     file.size);
    else
        steps_passed(s, "stage2", "%s: %" PRIu64 " bytes, %u fragment%s", file.path, file.size,
                     extent_fragments(&extents), extent_fragments(&extents) == 1 ? "" : "s");
}
