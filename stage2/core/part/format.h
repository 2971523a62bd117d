/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition tables as they lie on a drive, little-endian, in sectors of 512 bytes.
 *
 *   MBR    sector 0. Four entries; one of an extended type leads to a chain of EBRs, each with one
 *          logical partition (relative to the EBR) and the next EBR (relative to the first one).
 *   GPT    header in sector 1, its array of entries anywhere, a copy of both with the header in the
 *          drive's last sector. Header and array carry a CRC-32 each; the copy counts where the
 *          first is damaged. Sector 0 then holds one MBR entry of type EEh.
 */
#ifndef CORE_PART_FORMAT_H
#define CORE_PART_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define MBR_BOOT_SIGNATURE 0xaa55u
#define MBR_TYPE_NTFS      0x07u
#define MBR_TYPE_GPT       0xeeu
#define MBR_ACTIVE         0x80u

struct mbr_entry {
    uint8_t active;       /* 0x0: 80h or 0 */
    uint8_t chs_first[3]; /* 0x1: head; sector, and in 2 bits the cylinder's top; its low byte */
    uint8_t type;         /* 0x4 */
    uint8_t chs_last[3];  /* 0x5 */
    le32 start_lba;       /* 0x8 */
    le32 sectors;         /* 0xc */
};
static_assert(sizeof(struct mbr_entry) == 16, "MBR entry");

struct mbr {
    uint8_t code[440];         /* 0x000 */
    le32 disk_signature;       /* 0x1b8 */
    uint8_t reserved[2];       /* 0x1bc */
    struct mbr_entry entry[4]; /* 0x1be */
    le16 signature;            /* 0x1fe */
};
static_assert(sizeof(struct mbr) == 512, "MBR");
static_assert(offsetof(struct mbr, disk_signature) == 0x1b8, "MBR disk signature");
static_assert(offsetof(struct mbr, entry) == 0x1be, "MBR entries");
static_assert(offsetof(struct mbr, signature) == 0x1fe, "MBR signature");

/* As much of an NTFS boot record as tells that it is one. */
struct ntfs_boot_mark {
    uint8_t jump[3]; /* 0x00 */
    uint8_t oem[8];  /* 0x03: "NTFS    "; "-FVE-FS-" under BitLocker */
    uint8_t rest[499];
    le16 signature; /* 0x1fe */
};
static_assert(sizeof(struct ntfs_boot_mark) == 512, "boot record");

#define GPT_HEADER_SIZE_MIN 92u

/* The type of a BIOS boot partition: 21686148-6449-6E6F-744E-656564454649. */
#define GPT_TYPE_BIOS_BOOT  "Hah!IdontNeedEFI"

struct gpt_header {
    uint8_t signature[8]; /* 0x00: "EFI PART" */
    le32 revision;        /* 0x08 */
    le32 header_size;     /* 0x0c: bytes under the CRC */
    le32 header_crc;      /* 0x10: taken as 0 */
    le32 reserved;        /* 0x14 */
    le64 my_lba;          /* 0x18 */
    le64 other_lba;       /* 0x20 */
    le64 first_usable;    /* 0x28 */
    le64 last_usable;     /* 0x30 */
    uint8_t disk_id[16];  /* 0x38 */
    le64 entries_lba;     /* 0x48 */
    le32 entry_count;     /* 0x50 */
    le32 entry_size;      /* 0x54: 128 << n */
    le32 entries_crc;     /* 0x58 */
    uint8_t padding[420]; /* 0x5c */
};
static_assert(sizeof(struct gpt_header) == 512, "GPT header");
static_assert(offsetof(struct gpt_header, entries_crc) == 0x58, "GPT entries' CRC");

struct gpt_entry {
    uint8_t type[16]; /* 0x00: all zero where unused */
    uint8_t id[16];   /* 0x10 */
    le64 first_lba;   /* 0x20 */
    le64 last_lba;    /* 0x28: inclusive */
    le64 attributes;  /* 0x30: bit 2 = legacy BIOS bootable */
    uint8_t name[72]; /* 0x38 */
};
static_assert(sizeof(struct gpt_entry) == 128, "GPT entry");

#endif
