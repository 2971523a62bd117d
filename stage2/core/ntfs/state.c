/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads what says whether the volume was left in order; nothing of it keeps a volume from opening.
 */
#include "core/ntfs/state.h"
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/errors.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/lookup.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/record.h"

#define HIBERFIL_HEADER 4096 /* a shorter hiberfil.sys is one that was never finished */

/* Opens the unnamed data, or another attribute, of a well-known or looked-up file. */
static enum err open_attr(struct ntfs *vol, uint64_t reference, uint32_t type,
                          struct ntfs_attr *attr, struct fail *f)
{
    struct ntfs_inode inode;
    enum err err = ntfs_inode_open(vol, reference, &inode, f);
    if (!err)
        err = ntfs_attr_open(vol, &inode, type, NULL, 0, attr, f);
    if (!err && !attr->present)
        err = fail(f, ERR_CORRUPT, "an attribute of type %x is missing", type);
    return err;
}

void ntfs_state_version(struct ntfs *vol)
{
    struct fail f;
    struct ntfs_attr attr;
    struct ntfs_volume_information info;
    size_t mark = arena_mark(vol->arena);
    enum err err = open_attr(vol, NTFS_VOLUME, NTFS_ATTR_VOLUME_INFORMATION, &attr, &f);
    if (!err)
        err = ntfs_attr_read(vol, &attr, 0, &info, sizeof info, &f);
    arena_release(vol->arena, mark);
    if (err) {
        notes_add(&vol->notes, "$Volume cannot be read: nobody knows whether the volume is clean",
                  0);
        vol->dirty = true;
        return;
    }
    vol->version_major = info.major;
    vol->version_minor = info.minor;
    if (info.major != 3 || info.minor > 1)
        notes_add(&vol->notes, "the volume's NTFS version is %u, not 3", info.major);
    vol->dirty = le16_get(info.flags) & NTFS_VOLUME_DIRTY;
    if (vol->dirty)
        notes_add(&vol->notes, "the volume is marked dirty: let Windows check it", 0);
}

void ntfs_state_label(struct ntfs *vol)
{
    uint8_t units[2 * 32];
    struct fail f;
    struct ntfs_inode inode;
    struct ntfs_attr attr;
    size_t mark = arena_mark(vol->arena);
    enum err err = ntfs_inode_open(vol, NTFS_VOLUME, &inode, &f);
    if (!err)
        err = ntfs_attr_open(vol, &inode, NTFS_ATTR_VOLUME_NAME, NULL, 0, &attr, &f);
    if (!err && attr.present) {
        uint32_t size = attr.size < sizeof units ? (uint32_t)attr.size : (uint32_t)sizeof units;
        err = ntfs_attr_read(vol, &attr, 0, units, size, &f);
        struct text t;
        text_init(&t, vol->label, sizeof vol->label);
        if (!err)
            text_utf16le(&t, units, size / 2);
    }
    arena_release(vol->arena, mark);
}

/* What one restart page says of the log. */
struct restart {
    bool valid, empty, clean;
    uint64_t lsn;
    uint32_t page_size;
};

/* Reads the restart page at `off` of the log. */
static enum err read_restart(struct ntfs *vol, const struct ntfs_attr *log, uint64_t off,
                             struct restart *r, struct fail *f)
{
    *r = (struct restart){0};
    uint8_t *page = arena_alloc(vol->arena, NTFS_RECORD_MAX);
    if (!page)
        return fail(f, ERR_MEMORY, "no memory for a log page of %u bytes", NTFS_RECORD_MAX);
    enum err err = ntfs_attr_read(vol, log, off, page, NTFS_RECORD_MAX, f);
    if (err)
        return err;

    const struct ntfs_restart_page *head = (const struct ntfs_restart_page *)page;
    uint32_t magic = le32_get(head->block.magic);
    r->empty = bytes_are(page, NTFS_RECORD_MAX, 0xff);
    r->page_size = le32_get(head->system_page_size);
    if (magic != NTFS_MAGIC_RSTR && magic != NTFS_MAGIC_CHKD)
        return ERR_OK;

    /* The restart area comes right behind the update sequence; only the page's first 4 KiB, which
     * hold it, are looked at, so the words are restored there by hand. */
    struct fail torn;
    uint32_t size = r->page_size;
    if (!is_power_of_two(size) || size < NTFS_STRIDE || size > NTFS_INDEX_MAX)
        return ERR_OK;
    uint32_t area_offset = le16_get(head->area_offset);
    if (size <= NTFS_RECORD_MAX && ntfs_fixup(page, size, sizeof *head, 0, &torn))
        return ERR_OK;
    const struct ntfs_restart_area *area =
        view_at((struct view){page, NTFS_STRIDE - 2}, area_offset, sizeof *area);
    if (!area || area_offset < sizeof *head)
        return ERR_OK;
    r->valid = true;
    r->lsn = le64_get(area->current_lsn);
    r->clean = le16_get(area->in_use_list) == 0xffff || le16_get(area->flags) & 2;
    return ERR_OK;
}

/* The log is clean where it was emptied, or where the newer of its two restart pages says that
 * nobody uses it. */
static enum err read_log(struct ntfs *vol, bool *clean, struct fail *f)
{
    struct ntfs_attr log;
    struct restart first, second;
    enum err err = open_attr(vol, NTFS_LOGFILE, NTFS_ATTR_DATA, &log, f);
    if (!err)
        err = read_restart(vol, &log, 0, &first, f);
    if (err)
        return err;
    *clean = first.empty;
    if (first.empty)
        return ERR_OK;

    uint32_t size = first.valid ? first.page_size : NTFS_RECORD_MAX;
    err = read_restart(vol, &log, size, &second, f);
    if (err)
        return err;
    if (!first.valid && !second.valid)
        return fail(f, ERR_CORRUPT, "$LogFile has no restart page", 0);
    bool newer_second = second.valid && (!first.valid || second.lsn > first.lsn);
    *clean = newer_second ? second.clean : first.clean;
    return ERR_OK;
}

static void log_state(struct ntfs *vol)
{
    struct fail f;
    size_t mark = arena_mark(vol->arena);
    bool clean = false;
    enum err err = read_log(vol, &clean, &f);
    arena_release(vol->arena, mark);
    vol->log_unclean = err || !clean;
    if (err)
        notes_add(&vol->notes, "$LogFile cannot be read: its work counts as not done", 0);
    else if (!clean)
        notes_add(&vol->notes,
                  "the volume was not unmounted cleanly: what its log holds is not on disk yet", 0);
}

/* Does hiberfil.sys, if there is one, hold a sleeping Windows? */
static enum err read_hiberfil(struct ntfs *vol, bool *asleep, struct fail *f)
{
    static const char name[] = "hiberfil.sys";
    uint8_t units[2 * NTFS_NAME_MAX] = {0};
    uint8_t length = sizeof name - 1;
    for (unsigned i = 0; i < length; i++)
        units[2 * i] = (uint8_t)name[i];

    uint64_t reference;
    *asleep = false;
    enum err err = ntfs_lookup(vol, NTFS_ROOT, units, length, &reference, units, &length, f);
    if (err)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    struct ntfs_inode inode;
    struct ntfs_attr data;
    err = ntfs_inode_open(vol, reference, &inode, f);
    if (err || inode.directory) /* a folder of that name keeps Windows from hibernating */
        return err;
    err = ntfs_attr_open(vol, &inode, NTFS_ATTR_DATA, NULL, 0, &data, f);
    if (!err && !data.present)
        err = fail(f, ERR_CORRUPT, "hiberfil.sys has no data attribute", 0);
    if (err)
        return err;
    *asleep = data.size < HIBERFIL_HEADER;
    if (*asleep)
        return ERR_OK;
    char magic[4];
    err = ntfs_attr_read(vol, &data, 0, magic, sizeof magic, f);
    *asleep = !err && (!memcmp(magic, "hibr", 4) || !memcmp(magic, "HIBR", 4));
    return err;
}

static void hibernation_state(struct ntfs *vol)
{
    struct fail f;
    size_t mark = arena_mark(vol->arena);
    bool asleep = false;
    enum err err = read_hiberfil(vol, &asleep, &f);
    arena_release(vol->arena, mark);
    vol->hibernated = err || asleep;
    if (err)
        notes_add(&vol->notes, "hiberfil.sys cannot be read: Windows counts as hibernated", 0);
    else if (asleep)
        notes_add(&vol->notes, "Windows is hibernated on this volume", 0);
}

void ntfs_state_read(struct ntfs *vol)
{
    log_state(vol);
    hibernation_state(vol);
}

enum err ntfs_writable(const struct ntfs *vol, struct fail *f)
{
    if (vol->hibernated)
        return fail(f, ERR_HIBERNATED, "Windows is hibernated on this volume", 0);
    if (vol->log_unclean)
        return fail(f, ERR_CORRUPT,
                    "the volume was not unmounted cleanly: its log holds work that was not done",
                    0);
    return ERR_OK;
}
