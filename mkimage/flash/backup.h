/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What install replaced, in a file of the host: every sector before and after, which brings back
 * every byte as long as nobody has written to the volume since; and, for when somebody has, the old
 * boot code and the old vhdboot.bin by themselves.
 */
#ifndef MKIMAGE_FLASH_BACKUP_H
#define MKIMAGE_FLASH_BACKUP_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/part/format.h"
#include "flash/bootcode.h"
#include "flash/gap.h"
#include "host/overlay.h"

#define BACKUP_NO_FILE    UINT64_MAX
/* On the volume itself: what install found there first. */
#define BACKUP_PATH       "\\vhdboot.old"
#define BACKUP_STAGE2_MAX ((uint64_t)16 << 20) /* of an old vhdboot.bin */

struct backup {
    uint64_t device_size; /* bytes */
    uint64_t start_lba;   /* of the volume */
    uint64_t serial;      /* the volume's */
    uint64_t copy_lba;    /* of the boot record's copy; 0: none */
    bool has_mbr;         /* the MBR was replaced */
    uint64_t stage2_size; /* BACKUP_NO_FILE: there was no vhdboot.bin */
    struct mbr mbr;
    struct boot_record vbr;
    uint8_t *stage2;
    struct overlay_sector *sector;
    uint64_t sectors;
};

/* Writes a new file and waits until it is on the disk; an existing one is not touched. */
enum status backup_save(const struct backup *b, const char *path);

/* Was vhdboot installed outside of the volumes? Then where. */
bool backup_is_of_gap(const struct backup *b, struct gap *gap);

/* The whole file in memory, allocated; NULL where memory is out. */
uint8_t *backup_bytes(const struct backup *b, size_t *size);

/* The same from memory, which is changed by it; `path` is for the message. */
enum status backup_parse(struct backup *b, uint8_t *bytes, size_t size, const char *path);

/* Reads and checks a backup. */
enum status backup_load(struct backup *b, const char *path);
void backup_free(struct backup *b);

#endif
