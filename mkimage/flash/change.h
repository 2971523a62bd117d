/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change of a device that boots or shall boot, made in memory first and then written in an order
 * that a cut of the power survives: at each point the old boot code or the new one is whole, and
 * the volume has at worst clusters that are marked as used and belong to nobody. A new name in a
 * folder takes more than one sector, as with every driver of NTFS: there the drive must not fail
 * inside one write.
 */
#ifndef MKIMAGE_FLASH_CHANGE_H
#define MKIMAGE_FLASH_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/overlay.h"
#include "ntfs/volume.h"

/* In the order of writing; the numbers stand in backups. */
enum change_step {
    CHANGE_DATA,   /* clusters that nothing refers to yet */
    CHANGE_BITMAP, /* first with old and new bits together, at the end of the volume's part as is */
    CHANGE_EXTENSION, /* records that go on where a file's own one is full; other metadata */
    CHANGE_RECORD,    /* the rest of the MFT, records of folders that stay excepted */
    CHANGE_INDEX_NEW, /* blocks of a folder's index that were none before */
    CHANGE_FOLDER,    /* folders */
    CHANGE_LEAF,      /* blocks of a folder's index that lead to no others: a block that is split
                       * keeps its names until the new one is linked */
    CHANGE_FREED,     /* records like CHANGE_EXTENSION that nothing refers to any more */
    CHANGE_VBR_REST,  /* sectors 1..15 of the boot record */
    CHANGE_VBR,       /* its sector 0 decides */
    CHANGE_VBR_COPY,
    CHANGE_MBR,
    CHANGE_MIRRORED, /* with the records, before others: the first of the MFT and their copies */
    CHANGE_GAP,      /* vhdboot outside of the volumes, which an MBR refers to that comes last */
    CHANGE_GAP_MARK, /* its first two sectors, by which the others are known: they come before those
                      * and go after them */
    CHANGE_GONE,     /* of a change that is taken back: what nothing refers to any more */
    CHANGE_STEPS
};

/* Does the volume allow it: not dirty, not hibernated, no unclean log? `t` is open. */
enum status change_allowed(const struct target *t);

/* Where the boot record's copy lies, or 0 where the partition has no place for one. */
uint64_t change_copy_lba(const struct target *t);

/* How many of the drive's sectors it takes there: one of the volume's, if the partition has it. */
unsigned change_copy_sectors(const struct target *t, uint64_t copy_lba);

/*
 * A record that changes in one sector only gets its old update sequence number back, so that this
 * one sector is all that is written: it decides. Where more changes, the new number stays, and with
 * it the mark that tells a torn record.
 */
void change_keep_numbers(struct overlay *o, uint32_t record_size, uint32_t index_size);

/* Assigns each sector its step: by the first zone that holds it, else by what is in it. */
void change_sort(struct overlay *o, const struct target *t, uint64_t copy_lba,
                 const struct volume_zone *zones, unsigned zone_count);

/* The same where the change is the MBR and vhdboot outside of the volumes, and nothing else;
 * sectors that change nothing are dropped. */
void change_sort_gap(struct overlay *o);

/* What somebody is told who interrupts the program now: how far it has come with `path`. The first
 * does nothing where something was changed before. */
enum change_state { CHANGE_NONE_YET, CHANGE_UNDER_WAY, CHANGE_DONE };
void change_state(const char *path, enum change_state state);

/* Writes what the overlay holds; `backwards` for a change that is taken back: then what refers to
 * things goes before the things. */
enum status change_commit(struct device *device, const struct overlay *o, bool backwards);

/* A line a kind of sector that would be written. */
void change_list(const struct overlay *o);

#endif
