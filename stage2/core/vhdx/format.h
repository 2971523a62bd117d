/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX as it lies in the file. Little-endian; GUIDs in Microsoft's byte order.
 *
 *        0  "vhdxfile", creator; at 4 Ki vhdboot's own mark
 *    64 Ki  header 1, 128 Ki header 2: of the valid ones the higher sequence number counts; equal
 *           numbers only with equal content
 *   192 Ki  region table 1, 256 Ki region table 2: copies of each other
 *    1 MiB  log, block table (BAT), metadata, blocks: in any order, all on 1 MiB borders
 *
 * The BAT holds an entry for each block; after those of each chunk (2^23 sectors) one for the
 * chunk's sector bitmap. A bitmap is 1 MiB, bit 0 of byte 0 is the chunk's first sector, and counts
 * only for blocks that are partially present.
 *
 * The log is a ring of entries, each one header, its descriptors, and a 4 KiB sector for each data
 * descriptor. While the header's log GUID is not zero, the entries from the tail that the newest
 * one names up to that one are the truth, not what they are to overwrite.
 */
#ifndef CORE_VHDX_FORMAT_H
#define CORE_VHDX_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define VHDX_SIGNATURE      "vhdxfile"
#define VHDX_HEADER_1       0x10000u
#define VHDX_HEADER_2       0x20000u
#define VHDX_HEADER_SIZE    0x1000u
#define VHDX_REGIONS_1      0x30000u
#define VHDX_REGIONS_2      0x40000u
#define VHDX_TABLE_SIZE     0x10000u /* of a region table, and of the metadata table */
#define VHDX_TABLE_MAX      2047u    /* entries of either */
#define VHDX_MIB_SHIFT      20
#define VHDX_PAGE_SHIFT     12 /* the log's unit */
#define VHDX_PAGE_SIZE      0x1000u
#define VHDX_CHUNK_SHIFT    23 /* sectors a chunk */
#define VHDX_BLOCK_SIZE_MIN (1u << 20)
#define VHDX_BLOCK_SIZE_MAX (1u << 28)
#define VHDX_DISK_SIZE_MAX  ((uint64_t)64 << 40)

#define VHDX_GUID(a, b, c, ...)                                                                    \
    {                                                                                              \
        (a) & 0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24, (b)&0xff, (b) >> 8, (c)&0xff,    \
            (c) >> 8, __VA_ARGS__                                                                  \
    }
#define VHDX_GUID_BAT                                                                              \
    VHDX_GUID(0x2DC27766u, 0xF623, 0x4200, 0x9D, 0x64, 0x11, 0x5E, 0x9B, 0xFD, 0x4A, 0x08)
#define VHDX_GUID_METADATA                                                                         \
    VHDX_GUID(0x8B7CA206u, 0x4790, 0x4B9A, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E)
#define VHDX_GUID_FILE_PARAMETERS                                                                  \
    VHDX_GUID(0xCAA16737u, 0xFA36, 0x4D43, 0xB3, 0xB6, 0x33, 0xF0, 0xAA, 0x44, 0xE7, 0x6B)
#define VHDX_GUID_DISK_SIZE                                                                        \
    VHDX_GUID(0x2FA54224u, 0xCD1B, 0x4876, 0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8)
#define VHDX_GUID_PAGE_83                                                                          \
    VHDX_GUID(0xBECA12ABu, 0xB2E6, 0x4523, 0x93, 0xEF, 0xC3, 0x09, 0xE0, 0x00, 0xC7, 0x46)
#define VHDX_GUID_LOGICAL_SECTOR                                                                   \
    VHDX_GUID(0x8141BF1Du, 0xA96F, 0x4709, 0xBA, 0x47, 0xF2, 0x33, 0xA8, 0xFA, 0xAB, 0x5F)
#define VHDX_GUID_PHYSICAL_SECTOR                                                                  \
    VHDX_GUID(0xCDA348C7u, 0x445D, 0x4471, 0x9C, 0xC9, 0xE9, 0x88, 0x52, 0x51, 0xC5, 0x56)
#define VHDX_GUID_PARENT_LOCATOR                                                                   \
    VHDX_GUID(0xA8D35F2Du, 0xB30B, 0x454D, 0xAB, 0xF7, 0xD3, 0xD8, 0x48, 0x34, 0xAB, 0x0C)
#define VHDX_GUID_LOCATOR_TYPE                                                                     \
    VHDX_GUID(0xB04AEFB7u, 0xD19E, 0x4A81, 0xB7, 0x89, 0x25, 0xB8, 0xE9, 0x44, 0x59, 0x13)

/* The CRC is over all 4096 bytes, itself taken as zero. */
struct vhdx_header {
    char signature[4];         /* 0x00: "head" */
    le32 crc;                  /* 0x04 */
    le64 sequence;             /* 0x08 */
    uint8_t file_write_id[16]; /* 0x10 */
    uint8_t data_write_id[16]; /* 0x20: what a child knows its parent by */
    uint8_t log_id[16];        /* 0x30: zero: the log is done with */
    le16 log_version;          /* 0x40: 0 */
    le16 version;              /* 0x42: 1 */
    le32 log_length;           /* 0x44 */
    le64 log_offset;           /* 0x48 */
};
static_assert(sizeof(struct vhdx_header) == 0x50, "VHDX header");
static_assert(offsetof(struct vhdx_header, log_offset) == 0x48, "VHDX header");

/*
 * vhdboot's own, in the 64 KiB of the file's identifier: others read the first bytes there, and
 * write none once the file is made. One sector, so that it changes at once. It says of a parent
 * that the merge of a child into it has begun, and of a child by which id the parent's mark names
 * it: its data-write id will not do, as that changes with each session that writes to it.
 */
#define VHDX_MARK        0x1000u
#define VHDX_MARK_COOKIE "vhdmerge"

struct vhdx_mark {
    uint8_t cookie[8];     /* 0x00: "vhdmerge"; the sector is zeros where there is no mark */
    le32 sum;              /* 0x08: CRC-32C of the sector, this field taken as zero */
    le32 state;            /* 0x0c: enum image_merge, of a child into this image */
    uint8_t child[16];     /* 0x10: that child's own id */
    uint8_t own[16];       /* 0x20: this image's, as a child; zeros: it has none yet */
    uint8_t reserved[464]; /* 0x30: zeros */
};
static_assert(sizeof(struct vhdx_mark) == SECTOR_SIZE, "VHDX mark");
static_assert(offsetof(struct vhdx_mark, own) == 0x20, "VHDX mark");

/* The CRC is over all 64 KiB, itself taken as zero. */
struct vhdx_region_table {
    char signature[4]; /* 0x00: "regi" */
    le32 crc;          /* 0x04 */
    le32 count;        /* 0x08: entries that follow */
    le32 reserved;     /* 0x0c */
};
static_assert(sizeof(struct vhdx_region_table) == 16, "VHDX region table");

struct vhdx_region {
    uint8_t id[16]; /* 0x00 */
    le64 offset;    /* 0x10: in the file */
    le32 length;    /* 0x18 */
    le32 flags;     /* 0x1c: bit 0: who does not know it must not open the file */
};
#define VHDX_REGION_REQUIRED 1u
static_assert(sizeof(struct vhdx_region) == 32, "VHDX region entry");

struct vhdx_metadata_table {
    char signature[8]; /* 0x00: "metadata" */
    le16 reserved;     /* 0x08 */
    le16 count;        /* 0x0a: entries that follow */
    le32 reserved2[5]; /* 0x0c */
};
static_assert(sizeof(struct vhdx_metadata_table) == 32, "VHDX metadata table");

struct vhdx_metadata_item {
    uint8_t id[16]; /* 0x00 */
    le32 offset;    /* 0x10: from the start of the metadata region, behind the table */
    le32 length;    /* 0x14 */
    le32 flags;     /* 0x18: bit 0 user's, bit 1 of the disk, bit 2 required as with regions */
    le32 reserved;  /* 0x1c */
};
#define VHDX_METADATA_USER     1u
#define VHDX_METADATA_REQUIRED 4u
static_assert(sizeof(struct vhdx_metadata_item) == 32, "VHDX metadata entry");

struct vhdx_file_parameters {
    le32 block_size; /* 0x00: bytes, 1 MiB to 256 MiB, a power of two */
    le32 flags;      /* 0x04 */
};
/* What is called a fixed disk; its blocks go by the BAT all the same. */
#define VHDX_LEAVE_ALLOCATED 1u
#define VHDX_HAS_PARENT      2u
static_assert(sizeof(struct vhdx_file_parameters) == 8, "VHDX file parameters");

struct vhdx_locator {
    uint8_t type[16]; /* 0x00 */
    le16 reserved;    /* 0x10 */
    le16 count;       /* 0x12: entries that follow */
};
static_assert(sizeof(struct vhdx_locator) == 20, "VHDX parent locator");

/* Key and value are UTF-16LE without a NUL; offsets count from the start of the item. */
struct vhdx_locator_entry {
    le32 key_offset;   /* 0x00 */
    le32 value_offset; /* 0x04 */
    le16 key_length;   /* 0x08: bytes */
    le16 value_length; /* 0x0a: bytes */
};
static_assert(sizeof(struct vhdx_locator_entry) == 12, "VHDX parent locator entry");

/* A BAT entry is a le64: state in bits 0..2, offset in the file in bits 20..63. */
enum vhdx_block_state {
    VHDX_NOT_PRESENT = 0, /* the parent's content; zeros where there is no parent */
    VHDX_UNDEFINED = 1,   /* the next three read as zeros, whatever a parent says */
    VHDX_ZERO = 2,
    VHDX_UNMAPPED = 3,
    VHDX_UNMAPPED_DRAFT = 5,    /* the number of "unmapped" in version 0.95 of the format */
    VHDX_FULLY_PRESENT = 6,     /* also of a sector bitmap: it is there */
    VHDX_PARTIALLY_PRESENT = 7, /* the sector bitmap says which sectors are here */
};
#define VHDX_STATE_MASK 7u

/* The CRC is over the whole entry, itself taken as zero. */
struct vhdx_log_header {
    char signature[4];   /* 0x00: "loge" */
    le32 crc;            /* 0x04 */
    le32 length;         /* 0x08: bytes of the entry */
    le32 tail;           /* 0x0c: where in the log the oldest entry lies that is still needed */
    le64 sequence;       /* 0x10: > 0 */
    le32 count;          /* 0x18: descriptors */
    le32 reserved;       /* 0x1c */
    uint8_t log_id[16];  /* 0x20: the header's, else the entry is an old one */
    le64 flushed_offset; /* 0x30: the file was at least so long when this was written */
    le64 last_offset;    /* 0x38: everything in the file ends before this */
};
static_assert(sizeof(struct vhdx_log_header) == 0x40, "VHDX log entry");
static_assert(offsetof(struct vhdx_log_header, last_offset) == 0x38, "VHDX log entry");

/* Follows the log header; 126 fit into the first sector, 128 into each one after it. */
struct vhdx_log_descriptor {
    char signature[4]; /* 0x00: "zero" or "desc" */
    le32 trailing;     /* 0x04: desc: the page's last four bytes */
    le64 leading;      /* 0x08: desc: the page's first eight bytes; zero: length in bytes */
    le64 offset;       /* 0x10: in the file */
    le64 sequence;     /* 0x18: the log header's */
};
static_assert(sizeof(struct vhdx_log_descriptor) == 32, "VHDX log descriptor");

struct vhdx_log_data {
    char signature[4];    /* 0x00: "data" */
    le32 sequence_high;   /* 0x04 */
    uint8_t middle[4084]; /* 0x08: all of the page but what the descriptor holds */
    le32 sequence_low;    /* 0xffc */
};
static_assert(sizeof(struct vhdx_log_data) == 4096, "VHDX log data sector");

#endif
