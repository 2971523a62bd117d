/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flash that is to be changed, opened twice: core reads it as it is; what libntfs-3g and the boot
 * code write goes into an overlay. Promises: the device is only read, until somebody writes the
 * overlay to it (change.h).
 */
#ifndef MKIMAGE_FLASH_SESSION_H
#define MKIMAGE_FLASH_SESSION_H

#include <stdint.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/part/format.h"
#include "flash/bootcode.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/overlay.h"
#include "ntfs/place.h"
#include "ntfs/volume.h"

struct session {
    struct target target;
    struct device device; /* writes to it end in the overlay */
    struct overlay overlay;
    uint64_t copy_lba; /* where the boot record's copy lies, or 0 */
    struct volume_zone *zones;
    unsigned zone_count;
};

/* Refuses a block device that --yes is not said for; a dry run needs none. */
enum status session_confirm(const struct options *options);

/* Opens the target with all checks that forbid writing: busy, dirty, hibernated, BitLocker. */
enum status session_open(struct session *s, const char *path, unsigned partition);

/* The same on a disk that is open already, unless `disk` is NULL: a virtual one. */
enum status session_open_disk(struct session *s, const char *path, const struct device *disk,
                              unsigned partition);
void session_close(struct session *s);

/* Puts an overlay under the open device: what was written there from now on is forgotten again. */
void session_overlay(struct session *s);

/* Opens the volume for libntfs-3g, after mending what a cut may have left of the MFT's mirror. */
enum status session_volume(struct session *s, struct volume *v);

/* Notes in which order sectors are to be written: `p` are new clusters, which come first. */
enum status session_note_zones(struct session *s, struct volume *v, const struct placement *p);

/* The overlay is complete: no sector that changes nothing, each with its turn to be written. */
void session_order(struct session *s);

/* Reads sector 0 and the boot record as they are now. */
enum status session_read_code(struct session *s, struct mbr *mbr, struct boot_record *vbr);

/* Does the boot record have its 16 sectors at the start of the volume? */
enum status session_check_boot_file(struct session *s);

/* Files of the volume with new content, or, with BACKUP_NO_FILE for its size, none; into the
 * overlay. */
struct session_file {
    const char *path;
    const void *data;
    uint64_t size;
};
#define SESSION_FILES_MAX 4u /* at once */
enum status session_files(struct session *s, const struct session_file *file, unsigned count);

/* \vhdboot.bin with this content, or, with BACKUP_NO_FILE for its size, none; into the overlay. */
enum status session_stage2(struct session *s, const void *data, uint64_t size);

/* The boot record and its copy, into the overlay. */
enum status session_vbr(struct session *s, const struct boot_record *vbr);

#endif
