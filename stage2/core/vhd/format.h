/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHD as it lies in a file. All integers are big-endian.
 *
 *   fixed         disk contents, footer
 *   others        copy of the footer, dynamic header, BAT, blocks …, footer
 *
 * The footer at the end of the file is the one that counts; the copy at the start helps where the
 * end is damaged, and only for dynamic and differencing disks: in a fixed one the guest's own data
 * stands there. Early Virtual PC wrote 511 bytes of footer; the missing last byte is zero.
 * A checksum is the complement of the sum of the structure's bytes, its own field taken as zero.
 */
#ifndef CORE_VHD_FORMAT_H
#define CORE_VHD_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define VHD_FOOTER_SIZE       512u
#define VHD_SHORT_FOOTER_SIZE 511u
#define VHD_VERSION_MAJOR     1
#define VHD_FOOTER_COOKIE     "conectix"
#define VHD_HEADER_COOKIE     "cxsparse"
#define VHD_EPOCH             946684800 /* 2000-01-01, from which its times count, in Unix time */

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

/*
 * vhdboot's own, in the part of the footer that is reserved: a merge of a child into this image
 * that has begun. It is written to the footer at the end first, then to its copy, and taken away in
 * the same order, each time behind a flush. So where the two name the same child, the state that is
 * further counts, and where they name two, the end's; footers that differ in nothing else are
 * alike.
 */
#define VHD_MERGE_COOKIE "vhdmerge"

struct vhd_merge {
    uint8_t cookie[8];   /* 0x00: "vhdmerge"; zeros where there is no mark */
    be32 state;          /* 0x08: enum image_merge */
    uint8_t child[16];   /* 0x0c: the child's unique id */
    uint8_t reserved[4]; /* 0x1c */
};
static_assert(sizeof(struct vhd_merge) == 32, "VHD merge mark");

struct vhd_footer {
    uint8_t cookie[8];       /* 0x00: "conectix" */
    be32 features;           /* 0x08 */
    be32 version;            /* 0x0c: 00010000h */
    be64 header_offset;      /* 0x10: of the dynamic header; all ones in a fixed disk */
    be32 timestamp;          /* 0x18: seconds since 2000-01-01 UTC */
    uint8_t creator[4];      /* 0x1c */
    be32 creator_version;    /* 0x20 */
    uint8_t creator_host[4]; /* 0x24 */
    be64 original_size;      /* 0x28: bytes */
    be64 current_size;       /* 0x30: bytes; the size of the disk, whatever the geometry says */
    be16 cylinders;          /* 0x38 */
    uint8_t heads;           /* 0x3a */
    uint8_t track_sectors;   /* 0x3b */
    be32 type;               /* 0x3c: enum vhd_type */
    be32 checksum;           /* 0x40 */
    uint8_t id[16];          /* 0x44 */
    uint8_t saved_state;     /* 0x54: a suspended virtual machine goes on with this disk */
    uint8_t reserved[171];   /* 0x55: zeros; XenServer keeps a flag in the first byte */
    struct vhd_merge merge;  /* 0x100 */
    uint8_t rest[224];       /* 0x120: zeros */
};
static_assert(sizeof(struct vhd_footer) == VHD_FOOTER_SIZE, "VHD footer");
static_assert(offsetof(struct vhd_footer, saved_state) == 0x54, "VHD saved state");
static_assert(offsetof(struct vhd_footer, merge) == 0x100, "VHD merge mark");

/* Follows the copy of the footer, or lies where the footer says. */
struct vhd_header {
    uint8_t cookie[8];        /* 0x000: "cxsparse" */
    be64 next_offset;         /* 0x008: unused */
    be64 bat_offset;          /* 0x010 */
    be32 version;             /* 0x018: 00010000h */
    be32 bat_entries;         /* 0x01c */
    be32 block_size;          /* 0x020: bytes of data a block */
    be32 checksum;            /* 0x024 */
    uint8_t parent_id[16];    /* 0x028 */
    be32 parent_time;         /* 0x038 */
    be32 reserved;            /* 0x03c */
    uint8_t parent_name[512]; /* 0x040: UTF-16BE, padded with zeros */
    struct vhd_locator {
        uint8_t code[4];       /* 0x00: "W2ru", "W2ku", "MacX", "Wi2r", "Wi2k"; zero where unused */
        be32 data_space;       /* 0x04: sectors, or bytes: writers differ, so it is not used */
        be32 data_length;      /* 0x08: bytes */
        be32 reserved;         /* 0x0c */
        be64 data_offset;      /* 0x10 */
    } locator[8];              /* 0x240 */
    uint8_t reserved_end[256]; /* 0x300 */
};
static_assert(sizeof(struct vhd_header) == 1024, "VHD dynamic header");
static_assert(offsetof(struct vhd_header, locator) == 0x240, "VHD parent locators");
static_assert(sizeof(struct vhd_locator) == 24, "VHD parent locator");

/*
 * Behind the BAT, XenServer ("tap" in the footer's creator) keeps a map of the blocks that are
 * full. Nothing here reads it, but it is no free space.
 */
#define VHD_BATMAP_COOKIE "tdbatmap"

struct vhd_batmap {
    uint8_t cookie[8]; /* 0x00: "tdbatmap" */
    be64 offset;       /* 0x08: of the map */
    be32 sectors;      /* 0x10: its size */
    be32 version;      /* 0x14 */
    be32 checksum;     /* 0x18 */
    uint8_t rest[484]; /* 0x1c */
};
static_assert(sizeof(struct vhd_batmap) == SECTOR_SIZE, "VHD batmap header");

/*
 * The BAT holds a big-endian 32-bit number a block: the sector of the file where the block starts.
 * A block is its bitmap, a bit a sector, most significant bit first, padded to a sector, then the
 * data. Differencing: a bit of 1 says that the sector is here, 0 that it is the parent's. Dynamic:
 * the bits are not read, as most writers set them all and a 0 stands over zeros at the most.
 */
#define VHD_BAT_ABSENT     0xffffffffu
#define VHD_BLOCK_SIZE_MIN SECTOR_SIZE

#endif
