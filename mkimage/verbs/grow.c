/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage grow: the partition to the end of a drive that is larger, then the volume to the end of
 * its partition. The partition's entry is one sector, and a volume that is shorter than its
 * partition is as good as before: so each cut leaves the old volume or the new one.
 */
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include "cli/bytes.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/part/format.h"
#include "core/part/table.h"
#include "flash/bootcode.h"
#include "flash/edit.h"
#include "flash/session.h"
#include "verbs/verbs.h"

#define ALIGN_SECTORS 2048u

/* Where the partition may end: at the drive's end, or where an MBR can say no more. */
static uint64_t drive_end(const struct edit *e)
{
    uint64_t end = e->session.device.size >> SECTOR_SHIFT;
    uint64_t start = e->session.target.part->start_lba;
    if (end > UINT32_MAX)
        end = UINT32_MAX;
    if (end - start > UINT32_MAX)
        end = start + UINT32_MAX;
    return end / ALIGN_SECTORS * ALIGN_SECTORS;
}

/* Is nothing else in the way? */
static enum status check_behind(const struct edit *e)
{
    const struct part_table *table = &e->session.target.table;
    const struct part *part = e->session.target.part;
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].start_lba > part->start_lba)
            return say_error("Move or remove that one first (gparted), or grow the last one "
                             "(--partition).",
                             "%s: partition %u lies behind partition %u", e->path,
                             table->part[i].number, part->number);
    }
    return STATUS_OK;
}

/* The entry of the partition in sector 0, longer. */
static enum status grow_partition(struct edit *e, uint64_t end)
{
    struct session *s = &e->session;
    const struct part *part = s->target.part;
    struct boot_record vbr;
    struct mbr mbr;
    enum status status = session_read_code(s, &mbr, &vbr);
    if (status)
        return status;
    struct mbr_entry *entry = &mbr.entry[part->number - 1];
    if (le32_get(entry->start_lba) != part->start_lba)
        return say_error("Use gparted.", "%s: partition %u is not where its table says", e->path,
                         part->number);
    entry->sectors = le32_make((uint32_t)(end - part->start_lba));
    memcpy(entry->chs_last, "\xfe\xff\xff", sizeof entry->chs_last); /* LBA counts */
    status = edit_mbr(e, &mbr);
    return status || e->rehearsal ? status : edit_reopen(e);
}

static enum status grow(struct edit *e, const struct options *options)
{
    const struct target *t = &e->session.target;
    uint64_t old = t->part->sectors, now = old, clusters[2];
    uint64_t end = t->part->start_lba + old, wanted = drive_end(e);
    bool table = t->table.scheme == PART_MBR && t->part->number <= PART_PRIMARIES;
    bool longer = table && wanted > end;
    enum status status = longer ? check_behind(e) : STATUS_OK;
    if (!status && longer) {
        now = wanted - t->part->start_lba;
        if (!options->dry_run)
            status = grow_partition(e, wanted);
    }
    if (status)
        return status;
    if (options->dry_run && longer) {
        say("%s: partition %u would have %s instead of %s, and its volume too", e->path,
            t->part->number, bytes_text(now << SECTOR_SHIFT), bytes_text(old << SECTOR_SHIFT));
        return STATUS_OK;
    }
    edit_rehearse(e);
    status = edit_lengthen(e, clusters);
    edit_end_rehearsal(e);
    bool more = !status && clusters[1] > clusters[0];
    if (!status && !options->dry_run)
        status = edit_reopen(e);
    if (!status && !options->dry_run) /* without more clusters, too: a cut may have left work */
        status = edit_lengthen(e, clusters);
    if (!status && !more)
        say("%s: partition %u and its volume reach as far as they can already", e->path,
            e->session.target.part->number);
    else if (!status && options->dry_run)
        say("%s: the volume would reach to the end of partition %u", e->path,
            e->session.target.part->number);
    else if (!status)
        say("%s: partition %u has %s, and its volume too", e->path, e->session.target.part->number,
            bytes_text(now << SECTOR_SHIFT));
    return status;
}

enum status verb_grow(const struct options *options)
{
    struct edit e;
    enum status status = edit_open(&e, options);
    if (status)
        return status;
    if (e.session.target.table.scheme == PART_GPT)
        say("%s: a GPT disk: the partition itself is made longer by sgdisk -e and parted "
            "(resizepart)",
            e.path);
    status = grow(&e, options);
    if (!status && !options->dry_run && e.session.device.is_block)
        (void)ioctl(e.session.device.fd, BLKRRPART); /* the kernel may show it now, or later */
    edit_close(&e);
    return status;
}
