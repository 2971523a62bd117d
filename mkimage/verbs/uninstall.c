/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage uninstall: vhdboot's boot code and its files go; images stay. The BIOS finds what install
 * found there, which it kept in \vhdboot.old, or else code that leads to the next boot device. The
 * boot code goes first, so that at each point it has the files that it needs.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/gap_change.h"
#include "flash/session.h"
#include "flash/sums.h"
#include "flash/sums_format.h"
#include "host/device.h"
#include "verbs/verbs.h"

#define KEPT_MAX (BACKUP_STAGE2_MAX + (1u << 20))

/* What install kept on the volume; *found tells whether it did. */
static enum status read_kept(struct session *s, struct backup *b, bool *found)
{
    struct file file;
    struct fail f;
    enum err err = ntfs_open(&s->target.volume, BACKUP_PATH, &file, &f);
    *found = err != ERR_NOT_FOUND;
    if (!*found)
        return STATUS_OK;
    if (!err && file.size > KEPT_MAX)
        err = fail(&f, ERR_LIMIT, "%u bytes are more than it can have", file.size);
    uint8_t *bytes = err ? NULL : malloc(file.size + 1);
    if (!err && !bytes)
        return say_no_memory();
    if (!err && file.size)
        err = file_read(&file, 0, bytes, (uint32_t)file.size, &f);
    enum status status;
    if (err) {
        (void)fail_subject(&f, BACKUP_PATH);
        status = say_fail_advice(&f, "Remove that file: then nothing is brought back.");
    } else {
        status = backup_parse(b, bytes, (size_t)file.size, BACKUP_PATH);
    }
    free(bytes);
    return status;
}

/* Is there anything of vhdboot's? */
static bool is_installed(struct session *s)
{
    struct boot_record vbr;
    struct file file;
    struct fail f;
    uint64_t start = s->target.part->start_lba << SECTOR_SHIFT;
    return (device_pread(&s->device, &vbr, sizeof vbr, start) && bootcode_vbr_is_vhdboots(&vbr)) ||
           !ntfs_open(&s->target.volume, BOOT_STAGE2_PATH, &file, &f);
}

static enum status build(struct session *s, const struct options *options, const struct backup *old,
                         bool kept)
{
    struct boot_record vbr;
    struct mbr mbr;
    enum status status = session_read_code(s, &mbr, &vbr);
    if (status)
        return status;
    if (!is_installed(s))
        return say_error("There is nothing to take away.", "%s: vhdboot is not installed",
                         s->device.path);
    const struct session_file file[] = {
        {BOOT_STAGE2_PATH, kept ? old->stage2 : NULL, kept ? old->stage2_size : BACKUP_NO_FILE},
        {BOOT_CONFIG_PATH, NULL, BACKUP_NO_FILE},
        {SUMS_PATH, NULL, BACKUP_NO_FILE},
        {BACKUP_PATH, NULL, BACKUP_NO_FILE}};
    status = session_files(s, file, sizeof file / sizeof file[0]);
    if (status)
        return status;
    if (kept)
        bootcode_vbr_from(&vbr, &old->vbr);
    else if (bootcode_vbr_is_vhdboots(&vbr))
        bootcode_vbr_none(&vbr);
    status = session_vbr(s, &vbr);
    bool ours = s->target.table.scheme == PART_MBR && bootcode_mbr_is_vhdboots(&mbr);
    if (kept && old->has_mbr)
        memcpy(mbr.code, old->mbr.code, sizeof mbr.code);
    else
        bootcode_mbr_none(&mbr);
    if (!status && ours && !options->no_mbr && !device_pwrite(&s->device, &mbr, sizeof mbr, 0))
        status = device_write_failed(&s->device);
    session_order(s);
    return status;
}

enum status verb_uninstall(const struct options *options)
{
    const char *path = options->argument[0];
    struct session s;
    struct backup old = {0};
    bool kept = false;
    enum status status = session_confirm(options);
    if (!status)
        status = session_open(&s, path, options->partition);
    if (status)
        return status;
    bool gap = gap_is_installed(&s);
    if (gap)
        status = gap_uninstall(&s);
    else if (!is_installed(&s))
        status = gap_clear(&s, &gap);
    kept = gap;
    if (!status && !gap) {
        status = session_check_boot_file(&s);
        if (!status)
            status = read_kept(&s, &old, &kept);
        if (!status)
            status = build(&s, options, &old, kept);
    }
    size_t count = s.overlay.count;
    if (!status && options->dry_run) {
        say("%s: would write %zu sector%s", path, count, count == 1 ? "" : "s");
        change_list(&s.overlay);
    } else if (!status) {
        status = change_commit(&s.device, &s.overlay, true);
        if (!status)
            say("%s: uninstalled, %zu sector%s written; %s", path, count, count == 1 ? "" : "s",
                kept ? "the BIOS finds the boot code that was there before"
                     : "the BIOS finds code that leads to its next boot device");
    }
    session_close(&s);
    backup_free(&old);
    return status;
}
