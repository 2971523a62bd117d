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
#include "core/base/bounds.h"
#include "layout.h"

/* The first byte after the MBR's code, after it the disk signature and the partition table. */
#define MBR_SIGNATURE 440
#define MBR_TABLE     446

/* Bytes [3, 84) of the boot record are the volume's own: OEM name and BPB. */
#define BPB_START     3
#define BPB_END       84

extern const uint8_t blob_stage2[], blob_stage2_end[];

static inline size_t stage2_size(void)
{
    return (size_t)(blob_stage2_end - blob_stage2);
}

/* False where mkimage was built without boot code: then it can read, but not install. */
bool bootcode_complete(void);

/* Lays our code over an MBR; bytes 440..511 stay. */
void bootcode_mbr(uint8_t mbr[SECTOR_SIZE]);

/* Lays our code over the 16 sectors of $Boot; the BPB stays. */
void bootcode_vbr(uint8_t vbr[VBR_SIZE]);

/* Is it ours, byte for byte (but for what belongs to the disk)? */
bool bootcode_mbr_is_ours(const uint8_t mbr[SECTOR_SIZE]);
bool bootcode_vbr_is_ours(const uint8_t vbr[VBR_SIZE]);

/* How many of 100 bytes of our MBR's code are the same: tells a damaged one from another program's.
 */
unsigned bootcode_mbr_likeness(const uint8_t mbr[SECTOR_SIZE]);

#endif
