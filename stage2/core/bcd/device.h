/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device elements of a boot store, taken apart: a device, what it lies on, what that lies on. No
 * size in it is believed before it was seen to stay inside what holds it.
 */
#ifndef CORE_BCD_DEVICE_H
#define CORE_BCD_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/hive/hive.h"

#define BCD_LEVELS_MAX 8

enum bcd_kind {
    BCD_UNKNOWN,   /* of a kind that nobody met */
    BCD_BOOT,      /* the volume that the boot manager came from */
    BCD_PARTITION, /* of a disk; `virtual`: of the virtual disk in the file below */
    BCD_DISK,      /* a whole disk, floppy or CD */
    BCD_LOCATE,    /* wherever the path or the element's path is found */
    BCD_RAM_DISK,  /* a disk in memory, out of the file below */
    BCD_FILE,      /* lies on what is below */
    BCD_VIRTUAL,   /* a virtual disk, in the file below */
};

struct bcd_level {
    enum bcd_kind kind;
    bool gpt, mbr;            /* PARTITION, DISK: how disk and partition are told */
    bool is_virtual;          /* PARTITION: inside a virtual disk */
    uint32_t signature;       /* MBR: the disk's */
    uint64_t offset;          /* MBR: the partition's, bytes */
    uint8_t disk_id[16];      /* GPT */
    uint8_t partition_id[16]; /* GPT */
    uint32_t element;         /* LOCATE: by the path in this element; 0: by `path` */
    struct hive_string path;  /* FILE, LOCATE; count 0: none */
};

struct bcd_device {
    bool has_options; /* an options object is named: a RAM disk's, as a rule */
    unsigned count;
    struct bcd_level level[BCD_LEVELS_MAX]; /* each lies on, or in, the next one */
};

/* Takes the element's bytes apart; strings stay inside them. ERR_HIVE where they contradict
 * themselves. */
MUST_CHECK enum err bcd_device_decode(struct bcd_device *device, struct view element,
                                      struct fail *f);

/* Is this a virtual disk in a file, or a partition in one? Gives the level of the file; what it
 * lies on is the next one. NULL where it is something else, a RAM disk out of such a file too. */
const struct bcd_level *bcd_device_image(const struct bcd_device *device);

#endif
