/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three pieces of boot code, and how they are joined to what a disk has already: the partition
 * table stays, the volume's BPB stays.
 */
#ifndef MKIMAGE_FLASH_BOOTCODE_H
#define MKIMAGE_FLASH_BOOTCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/ntfs/format.h"
#include "core/part/format.h"
#include "flash/gap.h"
#include "layout.h"

/* The 16 sectors of $Boot, as the loader's boot record fills them. */
struct boot_record {
    struct ntfs_boot_record first;
    uint8_t rest[VBR_SIZE - sizeof(struct ntfs_boot_record)]; /* 0x200: code */
};
static_assert(sizeof(struct boot_record) == VBR_SIZE, "boot record");
static_assert(sizeof(((struct mbr *)0)->code) == MBR_CODE_MAX, "MBR");

extern const uint8_t blob_stage2[], blob_stage2_end[];

static inline size_t stage2_size(void)
{
    return (size_t)(blob_stage2_end - blob_stage2);
}

/* Refuses where mkimage was built without boot code: then it can read, but not install. */
enum status bootcode_check(void);

/* Lays our code over an MBR; disk signature and partition table stay. */
void bootcode_mbr(struct mbr *mbr);

/* Lays our code, or another record's, over a boot record; the BPB stays. */
void bootcode_vbr(struct boot_record *vbr);
void bootcode_vbr_from(struct boot_record *vbr, const struct boot_record *code);

/* Is it ours, byte for byte (but for what belongs to the disk)? */
bool bootcode_mbr_is_ours(const struct mbr *mbr);
bool bootcode_vbr_is_ours(const struct boot_record *vbr);

/* What lies outside of the volumes (gap.h): a sector that loads vhdboot.bin, then vhdboot.bin
 * itself, and a sector of zeros for the MBR that was there; in so many sectors. */
#define GAP_FILE_MAX ((size_t)GAP_PLACE * SECTOR_SIZE)
uint32_t bootcode_gap_file(uint8_t data[GAP_FILE_MAX]);

/* The code of the MBR that loads it. */
void bootcode_gap(struct mbr *mbr, const struct gap *gap);
bool bootcode_gap_is_ours(const struct mbr *mbr);

/* Is it vhdboot's, of whatever version? */
bool bootcode_mbr_is_vhdboots(const struct mbr *mbr);
bool bootcode_vbr_is_vhdboots(const struct boot_record *vbr);

/* Code that leads to the BIOS's next device (INT 18h), where there was none before. */
void bootcode_mbr_none(struct mbr *mbr);
void bootcode_vbr_none(struct boot_record *vbr);

/* How many of 100 bytes of our MBR's code are the same: tells a damaged one from another program's.
 */
unsigned bootcode_mbr_likeness(const struct mbr *mbr);

#endif
