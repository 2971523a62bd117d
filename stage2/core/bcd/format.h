/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot store (\Boot\BCD) holds. It is a registry hive:
 *
 *   Objects\{guid}\Description          value Type: what the object is
 *   Objects\{guid}\Elements\XXXXXXXX    value Element: a setting, by its eight hexadecimal digits
 *
 * A device element names where something lies, in bytes, little-endian: 16 bytes that name an
 * options object, then one device. A device may hold another one, on which it lies:
 *
 *   locate        the device is searched for; its parent says where, none: everywhere
 *   partition     MBR: disk signature and byte offset; GPT: two GUIDs. Inside a VHD: a file follows
 *   block device  a disk; a RAM disk; a file; a virtual disk: what it lies on follows
 *   file          the parent device, on which it lies, and a path behind that
 */
#ifndef CORE_BCD_FORMAT_H
#define CORE_BCD_FORMAT_H

#include <stddef.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

/* The boot manager's object, whose elements are the menu's settings. */
#define BCD_MANAGER        "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"

#define BCD_TYPE_LOADER    0x10200003u /* starts a Windows */

#define BCD_DEVICE         "11000001"
#define BCD_TITLE          "12000004"
#define BCD_OS_DEVICE      "21000001"
#define BCD_ORDER          "24000001"
#define BCD_DEFAULT        "23000003"
#define BCD_TIMEOUT        "25000004"
#define BCD_SEQUENCE       "24000002" /* starts these once, whatever the default is */
#define BCD_RESUME         "23000006" /* a hibernated system's */
#define BCD_RESUME_ATTEMPT "26000005" /* which is to go on */

#define BCD_OPTIONS_SIZE   16u /* in front of the device */

/* Kinds of device. */
#define BCD_KIND_BLOCK     0u
#define BCD_KIND_BOOT      5u
#define BCD_KIND_PARTITION 6u
#define BCD_KIND_LOCATE    8u

/* Kinds of block device. */
#define BCD_BLOCK_DISK     0u
#define BCD_BLOCK_RAM      3u
#define BCD_BLOCK_FILE     5u
#define BCD_BLOCK_VIRTUAL  6u

/* Styles of partition table. */
#define BCD_STYLE_GPT      0u
#define BCD_STYLE_MBR      1u

#define BCD_LOCATE_BY_PATH 1u

struct bcd_device_header {
    le32 kind;  /* 0x00 */
    le32 flags; /* 0x04 */
    le32 size;  /* 0x08: from `kind` to the device's end */
    le32 zero;  /* 0x0c */
};
static_assert(sizeof(struct bcd_device_header) == 16);

/* Which disk. */
struct bcd_identity {
    le32 kind;      /* 0x00: of block device */
    le32 style;     /* 0x04 */
    uint8_t id[16]; /* 0x08: GPT: the disk's GUID; MBR: its signature, then zeros */
};
static_assert(sizeof(struct bcd_identity) == 24);

struct bcd_partition {
    uint8_t place[16];        /* 0x00: GPT: the partition's GUID; MBR: its offset in bytes, le64 */
    struct bcd_identity disk; /* 0x10; BCD_BLOCK_VIRTUAL: a block device that is a file follows */
};
static_assert(sizeof(struct bcd_partition) == 40);

struct bcd_locate {
    le32 how;     /* 0x00: 0: by the element, 1: by the path */
    le32 element; /* 0x04 */
    le32 parent;  /* 0x08: offset of a device from this one's header on; 0: none */
    /* 0x0c: the path, UTF-16 with NUL */
};
static_assert(sizeof(struct bcd_locate) == 12);

/* In a RAM disk, between kind and file. */
struct bcd_ram {
    le64 base;   /* 0x00 */
    le64 size;   /* 0x08 */
    le32 offset; /* 0x10: of the image; old tools leave rubbish there */
};
static_assert(sizeof(struct bcd_ram) == 20);

struct bcd_file {
    le32 version; /* 0x00: 1 */
    le32 length;  /* 0x04: from `version` to the end */
    le32 kind;    /* 0x08: 5: a path */
    /* 0x0c: the parent device, then the path, UTF-16 with NUL */
};
static_assert(sizeof(struct bcd_file) == 12);

#endif
