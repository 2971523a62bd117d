/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NTFS as it lies on disk. Little-endian throughout.
 *
 *   boot sector ─ $MFT's LCN ─► MFT record 0 ($MFT) ─ its $DATA ─► all other records
 *
 *   MFT record:  header | update sequence array | attribute | attribute | … | FFFFFFFFh
 *   index block: header | update sequence array | node header | entry | entry | … | last entry
 *
 * LCN = cluster of the volume, VCN = cluster of an attribute. Records and index blocks are
 * protected against torn writes: the last word of every 512 bytes holds the update sequence number,
 * the words that belong there lie in the array. The stride is 512 whatever the sector size is.
 */
#ifndef CORE_NTFS_FORMAT_H
#define CORE_NTFS_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define NTFS_OEM             "NTFS    "
#define NTFS_STRIDE          512u
#define NTFS_CLUSTER_MAX     (2u << 20)
#define NTFS_RECORD_MAX      4096u
#define NTFS_INDEX_MAX       65536u
#define NTFS_NAME_MAX        255u
#define NTFS_LIST_MAX        (256u << 10)
#define NTFS_UPCASE_SIZE     131072u
#define NTFS_COMPRESSED_UNIT 4 /* log2 of clusters a compression unit; no other value is in use */

/* Well-known MFT records. */
enum {
    NTFS_MFT = 0,
    NTFS_MFT_MIRROR = 1,
    NTFS_LOGFILE = 2,
    NTFS_VOLUME = 3,
    NTFS_ROOT = 5,
    NTFS_BITMAP = 6,
    NTFS_UPCASE = 10,
    NTFS_MIRRORED = 4,   /* records 0..3 have a copy in $MFTMirr */
    NTFS_FIRST_USER = 24 /* below: the file system's own */
};

struct ntfs_boot_sector {
    uint8_t jump[3];
    char oem[8];             /* 0x03: "NTFS    " */
    le16 sector_size;        /* 0x0b */
    uint8_t cluster_sectors; /* 0x0d: 1..128, or 0xf0..0xfd for 2^(256 - n) */
    le16 reserved;           /* 0x0e: zero, as all fields of FAT */
    uint8_t fats;            /* 0x10 */
    le16 root_entries;       /* 0x11 */
    le16 total16;            /* 0x13 */
    uint8_t media;           /* 0x15 */
    le16 fat_size;           /* 0x16 */
    le16 track_sectors;      /* 0x18 */
    le16 heads;              /* 0x1a */
    le32 hidden;             /* 0x1c: advisory; the partition table knows better */
    le32 total32;            /* 0x20: zero */
    le32 drive;              /* 0x24 */
    le64 total_sectors;      /* 0x28: one less than the partition has */
    le64 mft_lcn;            /* 0x30 */
    le64 mirror_lcn;         /* 0x38 */
    uint8_t record_clusters; /* 0x40: signed; > 0 clusters, < 0 2^-n bytes */
    uint8_t reserved41[3];
    uint8_t index_clusters; /* 0x44: likewise */
    uint8_t reserved45[3];
    le64 serial;   /* 0x48 */
    le32 checksum; /* 0x50 */
};
static_assert(sizeof(struct ntfs_boot_sector) == 0x54);
static_assert(offsetof(struct ntfs_boot_sector, oem) == 0x03);
static_assert(offsetof(struct ntfs_boot_sector, hidden) == 0x1c);
static_assert(offsetof(struct ntfs_boot_sector, total_sectors) == 0x28);
static_assert(offsetof(struct ntfs_boot_sector, serial) == 0x48);

/* The volume's first sector. What is neither jump nor code nor signature is the volume's own. */
struct ntfs_boot_record {
    struct ntfs_boot_sector bpb;
    uint8_t code[426]; /* 0x054 */
    le16 signature;    /* 0x1fe: AA55h */
};
static_assert(sizeof(struct ntfs_boot_record) == 512);
static_assert(offsetof(struct ntfs_boot_record, signature) == 0x1fe);

#define NTFS_MAGIC_FILE 0x454c4946u
#define NTFS_MAGIC_INDX 0x58444e49u
#define NTFS_MAGIC_BAAD 0x44414142u
#define NTFS_MAGIC_RSTR 0x52545352u
#define NTFS_MAGIC_CHKD 0x444b4843u

/* What MFT records, index blocks and the log's restart pages start with. */
struct ntfs_block_header {
    le32 magic;      /* 0x00 */
    le16 usa_offset; /* 0x04 */
    le16 usa_count;  /* 0x06: words, the sequence number included */
};
static_assert(sizeof(struct ntfs_block_header) == 8);

/* What they consist of: the array's first word stands at each one's end, the others in the array.
 */
struct ntfs_stride {
    uint8_t content[510];
    le16 last; /* 0x1fe */
};
static_assert(sizeof(struct ntfs_stride) == NTFS_STRIDE);
static_assert(offsetof(struct ntfs_stride, last) == 0x1fe);

#define NTFS_RECORD_IN_USE    1u
#define NTFS_RECORD_DIRECTORY 2u

struct ntfs_record_header {
    struct ntfs_block_header block;
    le64 lsn;               /* 0x08 */
    le16 sequence;          /* 0x10 */
    le16 links;             /* 0x12 */
    le16 attributes_offset; /* 0x14 */
    le16 flags;             /* 0x16 */
    le32 used;              /* 0x18: bytes */
    le32 allocated;         /* 0x1c */
    le64 base;              /* 0x20: reference; zero in a base record */
    le16 next_instance;     /* 0x28 */
    le16 reserved;          /* 0x2a: NTFS 3.0 and older end here, their array follows */
    le32 number;            /* 0x2c: NTFS 3.1 */
};
static_assert(sizeof(struct ntfs_record_header) == 0x30);
static_assert(offsetof(struct ntfs_record_header, flags) == 0x16);
static_assert(offsetof(struct ntfs_record_header, base) == 0x20);

/* File reference: record number in 48 bits, sequence number above; sequence 0 = any. */
#define NTFS_REF_NUMBER(ref)   ((ref)&0xffffffffffffu)
#define NTFS_REF_SEQUENCE(ref) ((uint16_t)((ref) >> 48))

enum {
    NTFS_ATTR_STANDARD_INFORMATION = 0x10,
    NTFS_ATTR_LIST = 0x20,
    NTFS_ATTR_VOLUME_NAME = 0x60,
    NTFS_ATTR_VOLUME_INFORMATION = 0x70,
    NTFS_ATTR_DATA = 0x80,
    NTFS_ATTR_INDEX_ROOT = 0x90,
    NTFS_ATTR_INDEX_ALLOCATION = 0xa0,
    NTFS_ATTR_BITMAP = 0xb0,
    NTFS_ATTR_REPARSE_POINT = 0xc0,
};
/* $STANDARD_INFORMATION, whose later fields nobody here needs. Times count 100 ns from 1601 on,
 * UTC. */
struct ntfs_standard_information {
    le64 created; /* 0x00 */
    le64 written; /* 0x08: the data */
};
static_assert(sizeof(struct ntfs_standard_information) == 16);

#define NTFS_ATTR_END              0xffffffffu

#define NTFS_FLAG_COMPRESSION_MASK 0x00ffu
#define NTFS_FLAG_COMPRESSED       0x0001u
#define NTFS_FLAG_ENCRYPTED        0x4000u
#define NTFS_FLAG_SPARSE           0x8000u

/* The common head; resident and non-resident parts follow. */
struct ntfs_attr_header {
    le32 type;           /* 0x00 */
    le32 length;         /* 0x04: bytes, a multiple of 8 */
    uint8_t nonresident; /* 0x08 */
    uint8_t name_length; /* 0x09: units */
    le16 name_offset;    /* 0x0a */
    le16 flags;          /* 0x0c */
    le16 instance;       /* 0x0e */
};
static_assert(sizeof(struct ntfs_attr_header) == 0x10);

struct ntfs_attr_resident {
    struct ntfs_attr_header head;
    le32 value_length; /* 0x10 */
    le16 value_offset; /* 0x14 */
    le16 indexed;      /* 0x16 */
};
static_assert(sizeof(struct ntfs_attr_resident) == 0x18);

struct ntfs_attr_nonresident {
    struct ntfs_attr_header head;
    le64 lowest_vcn;          /* 0x10 */
    le64 highest_vcn;         /* 0x18: -1 when empty */
    le16 pairs_offset;        /* 0x20 */
    uint8_t compression_unit; /* 0x22: log2 of clusters */
    uint8_t reserved[5];
    le64 allocated;   /* 0x28: this and the next two only in the first piece */
    le64 size;        /* 0x30 */
    le64 initialized; /* 0x38 */
};                    /* 0x40: bytes really allocated, if compressed or sparse */
static_assert(sizeof(struct ntfs_attr_nonresident) == 0x40);
static_assert(offsetof(struct ntfs_attr_nonresident, size) == 0x30);
#define NTFS_NONRESIDENT_PACKED 0x48u /* header size when compressed or sparse */

/* One attribute, or one piece of it, in an attribute list. */
struct ntfs_list_entry {
    le32 type;           /* 0x00 */
    le16 length;         /* 0x04 */
    uint8_t name_length; /* 0x06 */
    uint8_t name_offset; /* 0x07 */
    le64 lowest_vcn;     /* 0x08 */
    le64 reference;      /* 0x10 */
    le16 instance;       /* 0x18 */
};                       /* 0x1a: name */
static_assert(sizeof(struct ntfs_list_entry) == 0x1a);

struct ntfs_volume_information {
    le64 reserved;
    uint8_t major; /* 0x08 */
    uint8_t minor; /* 0x09 */
    le16 flags;    /* 0x0a */
};
static_assert(sizeof(struct ntfs_volume_information) == 0x0c);
#define NTFS_VOLUME_DIRTY         1u

#define NTFS_INDEX_TYPE_NAME      0x30u
#define NTFS_INDEX_COLLATION_NAME 1u

/* Offsets count from this header. */
struct ntfs_node_header {
    le32 entries_offset; /* 0x00 */
    le32 length;         /* 0x04: bytes in use, this header included */
    le32 allocated;      /* 0x08 */
    uint8_t flags;       /* 0x0c */
    uint8_t reserved[3];
};
static_assert(sizeof(struct ntfs_node_header) == 0x10);
#define NTFS_NODE_CHILDREN 1u

struct ntfs_index_root {
    le32 type;              /* 0x00 */
    le32 collation;         /* 0x04 */
    le32 block_size;        /* 0x08 */
    uint8_t block_clusters; /* 0x0c */
    uint8_t reserved[3];
    struct ntfs_node_header node; /* 0x10 */
};
static_assert(sizeof(struct ntfs_index_root) == 0x20);

struct ntfs_index_block {
    struct ntfs_block_header block;
    le64 lsn;                     /* 0x08 */
    le64 vcn;                     /* 0x10: its own */
    struct ntfs_node_header node; /* 0x18 */
};
static_assert(sizeof(struct ntfs_index_block) == 0x28);
static_assert(offsetof(struct ntfs_index_block, node.flags) == 0x24);

#define NTFS_ENTRY_CHILD 1u
#define NTFS_ENTRY_LAST  2u

struct ntfs_index_entry {
    le64 reference;  /* 0x00 */
    le16 length;     /* 0x08 */
    le16 key_length; /* 0x0a */
    le16 flags;      /* 0x0c */
    le16 reserved;   /* 0x0e */
};                   /* 0x10: key; the child's VCN is the entry's last 8 bytes */
static_assert(sizeof(struct ntfs_index_entry) == 0x10);

#define NTFS_NAMESPACE_DOS  2
#define NTFS_FILE_READONLY  0x00000001u
#define NTFS_FILE_HIDDEN    0x00000002u
#define NTFS_FILE_SYSTEM    0x00000004u
#define NTFS_FILE_ARCHIVE   0x00000020u
#define NTFS_FILE_REPARSE   0x00000400u
#define NTFS_FILE_DIRECTORY 0x10000000u

/* The key of a directory's index. */
struct ntfs_file_name {
    le64 parent;         /* 0x00 */
    le64 times[4];       /* 0x08 */
    le64 allocated;      /* 0x28 */
    le64 size;           /* 0x30 */
    le32 attributes;     /* 0x38 */
    le32 reparse_tag;    /* 0x3c */
    uint8_t name_length; /* 0x40: units */
    uint8_t name_space;  /* 0x41 */
};                       /* 0x42: name */
static_assert(sizeof(struct ntfs_file_name) == 0x42);
static_assert(offsetof(struct ntfs_file_name, name_length) == 0x40);

#define NTFS_TAG_MOUNT_POINT 0xa0000003u
#define NTFS_TAG_SYMLINK     0xa000000cu
#define NTFS_TAG_WOF         0x80000017u
#define NTFS_TAG_DEDUP       0x80000013u
#define NTFS_TAG_CLOUD       0x9000001au
#define NTFS_TAG_CLOUD_MASK  0xffff0fffu

/* First page of $LogFile, and its copy one system page later. */
struct ntfs_restart_page {
    struct ntfs_block_header block;
    le64 chkdsk_lsn;       /* 0x08 */
    le32 system_page_size; /* 0x10: of this page */
    le32 log_page_size;    /* 0x14 */
    le16 area_offset;      /* 0x18 */
    le16 minor;            /* 0x1a */
    le16 major;            /* 0x1c */
};
static_assert(sizeof(struct ntfs_restart_page) == 0x1e);

struct ntfs_restart_area {
    le64 current_lsn; /* 0x00 */
    le16 clients;     /* 0x08 */
    le16 free_list;   /* 0x0a */
    le16 in_use_list; /* 0x0c: FFFFh = none */
    le16 flags;       /* 0x0e: 2 = clean */
};
static_assert(sizeof(struct ntfs_restart_area) == 0x10);

#endif
