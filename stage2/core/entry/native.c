/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store is read as a file, its values are found in it, and their bytes by the file's extents on
 * the drive. No sum of a hive covers its values: they can be exchanged one for one. */
#include "core/entry/native.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/bcd/format.h"
#include "core/chain/chain.h"
#include "core/entry/open.h"
#include "core/entry/windows.h"
#include "core/ntfs/ntfs.h"

/* What native_choose works with, in the arena. */
struct choosing {
    struct native *native;
    const struct config_entry *entry;
    struct volumes *volumes;
    struct bcd store;
    struct file file; /* the store's */
    struct extent_list extents;
    struct chain chain;
    struct bcd_entry found;
    struct file other;
};

static enum err refuse(struct fail *f, const char *sentence)
{
    (void)fail(f, ERR_STORE, sentence, 0);
    return fail_subject(f, WINDOWS_STORE_PATH);
}

/* Is the image one that Windows can start from, on volumes that are awake? */
static enum err image_check(struct choosing *c, struct arena *a, struct fail *f)
{
    const struct config_entry *entry = c->entry;
    if (entry->write == WRITE_DISCARD || entry->ram) {
        (void)fail(f, ERR_CONFIG,
                   "Windows drives the image itself: changes are kept, or write = none keeps "
                   "its boot manager from writing",
                   0);
        return fail_subject(f, entry->vhd);
    }
    enum err err = boot_open_chain(&c->chain, entry, c->volumes, a, f);
    if (err)
        return err;
    const struct chain_link *leaf = c->chain.link[0];
    if (leaf->image.format == IMAGE_RAW) {
        (void)fail(f, ERR_UNSUPPORTED, "a raw disk: Windows starts from a VHD or VHDX only", 0);
        return fail_subject(f, leaf->path);
    }
    bool asleep = c->volumes->volume[0].ntfs->hibernated || ntfs_volume_of(&leaf->file)->hibernated;
    if (asleep && !entry->force) {
        (void)fail(f, ERR_HIBERNATED, "Windows is hibernated on the volume", 0);
        return fail_subject(f, leaf->path);
    }
    return ERR_OK;
}

static enum err store_open(struct choosing *c, struct arena *a, struct fail *f)
{
    enum err err = ntfs_open(c->volumes->volume[0].ntfs, WINDOWS_STORE_PATH, &c->file, f);
    if (err == ERR_NOT_FOUND)
        return refuse(f, "Windows' boot store is not there");
    if (!err)
        err = bcd_load(&c->store, &c->file, a, f);
    if (err)
        return err;
    if (c->store.hive.dirty)
        return refuse(f, "its sequence numbers differ: a change of it was cut off, or waits in its "
                         "log");
    if (c->store.hive.refused)
        return refuse(f, c->store.hive.refused);
    err = file_extents(&c->file, &c->extents, a, f);
    if (err == ERR_RESIDENT)
        return refuse(f, "it lies inside its MFT record, where nothing can be laid over it");
    if (err == ERR_COMPRESSED || err == ERR_SPARSE)
        return refuse(f, "it is compressed: clear that attribute (compact /u)");
    return err;
}

/* Does this entry of the store mean the image, by what the boot manager can find itself? */
static bool means_image(struct choosing *c, const struct ntfs_identity *image, struct arena *a)
{
    struct config_entry probe = {0};
    struct notes notes = {0};
    struct fail ignored;
    unsigned volume;
    if (!windows_entry(&probe, &c->found, a) ||
        windows_volume(c->volumes, &probe, &volume, &notes, &ignored) || notes.count ||
        ntfs_open(c->volumes->volume[volume].ntfs, probe.vhd, &c->other, &ignored))
        return false;
    struct ntfs_identity other = ntfs_identify(&c->other);
    return ntfs_same_file(&other, image);
}

static enum err entry_find_for(struct choosing *c, struct arena *a, struct fail *f)
{
    struct ntfs_identity image = ntfs_identify(&c->chain.link[0]->file);
    uint32_t at = 0;
    while (bcd_next(&c->store, &at, &c->found)) { /* ends: `at` grows */
        size_t mark = arena_mark(a);
        bool found = c->volumes->found; /* volumes that are mounted meanwhile stay */
        bool mine = !c->entry->where || !text_compare(c->entry->name, c->found.id);
        bool same = mine && means_image(c, &image, a);
        if (c->volumes->found == found)
            arena_release(a, mark);
        if (!same)
            continue;
        memcpy(c->native->id, c->found.id, sizeof c->found.id);
        return ERR_OK;
    }
    return refuse(f, c->entry->where ? "the disk that it names for this entry is not there"
                                     : "it has no entry for the image: run mkimage windows boot");
}

/* The sector `lba`, from the drive where it is not among ours yet; they stay sorted. */
static enum err sector_of(struct native *native, struct blk *drive, uint64_t lba, uint8_t **sector,
                          struct fail *f)
{
    unsigned i = 0;
    while (i < native->count && native->lba[i] < lba)
        i++;
    if (i < native->count && native->lba[i] == lba) {
        *sector = native->sector[i];
        return ERR_OK;
    }
    if (native->count == NATIVE_SECTORS_MAX)
        return refuse(f, "its values lie in too many sectors");
    memmove(&native->lba[i + 1], &native->lba[i], (native->count - i) * sizeof native->lba[0]);
    memmove(native->sector[i + 1], native->sector[i],
            (native->count - i) * sizeof native->sector[0]);
    native->count++;
    native->lba[i] = lba;
    *sector = native->sector[i];
    return blk_read(drive, lba, 1, *sector, f);
}

/* Exchanges the value's bytes for `with`, as many as the value has. */
static enum err exchange(struct choosing *c, const struct hive_value *value, const uint8_t *with,
                         struct fail *f)
{
    struct blk *drive = c->volumes->volume[0].ntfs->drive;
    const uint8_t *now = value->data.data;
    uint32_t offset = hive_data_offset(&c->store.hive, value);
    size_t size = value->data.size;
    for (size_t i = 0; i < size; i++, offset++) {
        if (now[i] == with[i])
            continue;
        const struct extent *e = extent_find(&c->extents, offset >> SECTOR_SHIFT);
        uint8_t *sector = NULL;
        if (!e || e->drive_lba == EXTENT_HOLE || offset >= c->file.initialized)
            return refuse(f, "it has a hole where its values should lie");
        enum err err =
            sector_of(c->native, drive, e->drive_lba + ((offset >> SECTOR_SHIFT) - e->file_sector),
                      &sector, f);
        if (err)
            return err;
        if (sector[offset % SECTOR_SIZE] != now[i])
            return refuse(f, "it does not lie on the drive as it is read");
        sector[offset % SECTOR_SIZE] = with[i];
    }
    return ERR_OK;
}

/* Without a default the boot manager takes the first of its order. */
static enum err default_missing(struct choosing *c, struct fail *f)
{
    char first[BCD_ID_SIZE];
    uint32_t at = 0;
    if (bcd_next_id(&c->store, &at, first) && !memcmp(first, c->native->id, sizeof first))
        return ERR_OK;
    return refuse(f, "it has no default that could be another: run mkimage windows boot");
}

static enum err default_set(struct choosing *c, struct fail *f)
{
    uint8_t with[2 * BCD_ID_SIZE + 64] = {0};
    struct hive_value value;
    enum err err = bcd_manager_element(&c->store, BCD_DEFAULT, &value, f);
    if (err == ERR_NOT_FOUND)
        return default_missing(c, f);
    if (err)
        return err;
    if (value.type != HIVE_SZ || value.data.size < 2 * (size_t)BCD_ID_LENGTH ||
        value.data.size > sizeof with)
        return refuse(f, "its default makes no sense: run mkimage windows boot");
    for (unsigned i = 0; i < BCD_ID_LENGTH; i++)
        with[2 * i] = (uint8_t)c->native->id[i];
    return exchange(c, &value, with, f);
}

/* No menu: who chose here need not choose again. Without a timeout in the store it comes. */
static enum err timeout_set(struct choosing *c, struct fail *f)
{
    static const uint8_t zeros[8];
    struct hive_value value;
    enum err err = bcd_manager_element(&c->store, BCD_TIMEOUT, &value, f);
    if (err || !value.data.size || value.data.size > sizeof zeros)
        return ERR_OK;
    return exchange(c, &value, zeros, f);
}

/* What would start before any default: a hibernated system, or what was set for one time. */
static enum err nothing_first(struct choosing *c, struct fail *f)
{
    struct hive_value value;
    struct fail ignored;
    uint64_t attempt;
    if (!bcd_manager_element(&c->store, BCD_RESUME_ATTEMPT, &value, &ignored) &&
        hive_number(&value, &attempt) && attempt && !c->entry->force) {
        (void)fail(f, ERR_HIBERNATED, "it is to wake a hibernated Windows", 0);
        return fail_subject(f, WINDOWS_STORE_PATH);
    }
    if (!bcd_manager_element(&c->store, BCD_SEQUENCE, &value, &ignored) && value.data.size > 2)
        return refuse(f, "a start for one time is set in it, which comes first: let it happen by "
                         "an entry with boot = \\bootmgr");
    return ERR_OK;
}

enum err native_choose(struct native *native, const struct config_entry *entry,
                       struct volumes *volumes, struct arena *a, struct fail *f)
{
    *native = (struct native){0};
    struct choosing *c = arena_alloc(a, sizeof *c);
    if (!c)
        return fail(f, ERR_MEMORY, "no memory for Windows' boot store", 0);
    c->native = native;
    c->entry = entry;
    c->volumes = volumes;
    enum err err = image_check(c, a, f);
    if (!err)
        err = store_open(c, a, f);
    if (!err)
        err = entry_find_for(c, a, f);
    if (!err)
        err = nothing_first(c, f);
    if (!err)
        err = default_set(c, f);
    return err ? err : timeout_set(c, f);
}
