/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the store says of disks and partitions is compared with the machine's: an MBR's signature
 * and the partition's place, a GPT's GUIDs. */
#include "core/entry/windows.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/path.h"
#include "core/base/text.h"
#include "core/bcd/store.h"
#include "core/entry/native.h"
#include "core/entry/password.h"
#include "core/entry/volumes.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/table.h"

#define FAULT_SIZE 256

/* The string as UTF-8 without control characters; NULL: no memory. */
static char *utf8_of(struct hive_string string, struct arena *a)
{
    struct text t;
    size_t size = 3 * (size_t)string.count + 1;
    char *text = arena_alloc(a, size);
    if (!text)
        return NULL;
    text_init(&t, text, size);
    text_utf16le(&t, string.units, string.count);
    for (char *c = text; *c; c++) {
        if ((uint8_t)*c < ' ' || *c == 0x7f)
            *c = ' ';
    }
    return text;
}

static void *copy_of(const void *data, size_t size, struct arena *a)
{
    void *copy = arena_alloc(a, size);
    return copy ? memcpy(copy, data, size) : NULL;
}

bool windows_entry(struct config_entry *to, const struct bcd_entry *from, struct arena *a)
{
    char *path = utf8_of(from->image->path, a);
    if (!path || !path_is_separator(*path))
        return false;
    *to = (struct config_entry){.name = copy_of(from->id, sizeof from->id, a),
                                .vhd = path,
                                .title = path_last_part(path),
                                .where = copy_of(from->image + 1, sizeof from->image[1], a)};
    if (from->title.count)
        to->title = utf8_of(from->title, a);
    return to->name && to->title && to->where;
}

/* A config whose sections are lost opens nothing that one of them may have locked. */
static const struct password *password_for(const struct config *config)
{
    static const struct password closed;
    bool lost = config->secret && config->complaint_count && !config->sections;
    return !lost ? NULL : config->password ? config->password : &closed;
}

void windows_list(struct config *config, struct ntfs *vol, struct arena *a)
{
    struct bcd *store = arena_alloc(a, sizeof *store);
    struct bcd_entry *entry = arena_alloc(a, sizeof *entry);
    struct file *file = arena_alloc(a, sizeof *file);
    struct fail f;
    char standard[BCD_ID_SIZE];
    uint32_t at = 0;
    unsigned own = config->count;
    if (config->no_windows || !store || !entry || !file)
        return;
    enum err err = ntfs_open(vol, WINDOWS_STORE_PATH, file, &f);
    if (err == ERR_NOT_FOUND)
        return;
    if (!err)
        err = bcd_load(store, file, a, &f);
    if (err) {
        char *sentence = arena_alloc(a, FAULT_SIZE);
        if (sentence)
            errors_format(&f, sentence, FAULT_SIZE);
        config->windows_fault = sentence;
        return;
    }
    bool has_default = bcd_default(store, standard);
    bool native = !ntfs_open(vol, NATIVE_LOADER_PATH, file, &f);
    while (config->count < CONFIG_ENTRIES_MAX && bcd_next(store, &at, entry)) {
        struct config_entry *to = &config->entry[config->count];
        if (!windows_entry(to, entry, a)) {
            *to = (struct config_entry){0};
            continue;
        }
        to->native = native;
        to->password = password_for(config);
        to->write = config->complaint_count && !config->sections ? WRITE_NONE : WRITE_PERSISTENT;
        if (has_default && !config->sections && !config->default_given &&
            !text_compare(standard, to->name))
            config->default_entry = config->count;
        config->count++;
    }
    uint32_t seconds;
    if (config->count > own && config->timeout_seconds == CONFIG_TIMEOUT_UNSET &&
        bcd_timeout(store, &seconds))
        config->timeout_seconds = seconds;
}

/* The partition of a GPT that starts where the volume does. */
static bool place_by_gpt(const struct ntfs *vol, struct bcd_level *place)
{
    union {
        struct gpt_header header;
        struct gpt_entry entry[SECTOR_SIZE / sizeof(struct gpt_entry)];
    } sector;
    struct fail ignored;
    if (blk_read(vol->drive, 1, 1, &sector, &ignored) ||
        memcmp(sector.header.signature, "EFI PART", 8))
        return false;
    memcpy(place->disk_id, sector.header.disk_id, sizeof place->disk_id);
    uint64_t lba = le64_get(sector.header.entries_lba);
    uint32_t entries = le32_get(sector.header.entry_count);
    uint32_t step = le32_get(sector.header.entry_size);
    if (step < sizeof sector.entry[0] || !is_power_of_two(step) || step > SECTOR_SIZE * 8)
        return false;
    for (uint32_t i = 0; i < entries && i < PART_MAX; i++) {
        uint32_t off = i * step;
        const struct gpt_entry *e =
            &sector.entry[off % SECTOR_SIZE / (uint32_t)sizeof sector.entry[0]];
        if (blk_read(vol->drive, lba + off / SECTOR_SIZE, 1, &sector, &ignored))
            return false;
        if (le64_get(e->first_lba) == vol->start_lba) {
            memcpy(place->partition_id, e->id, sizeof place->partition_id);
            return true;
        }
    }
    return false;
}

void windows_place(const struct ntfs *vol, struct bcd_level *place)
{
    struct mbr mbr;
    struct fail ignored;
    *place = (struct bcd_level){.kind = BCD_PARTITION, .offset = vol->start_lba << SECTOR_SHIFT};
    place->mbr = !blk_read(vol->drive, 0, 1, &mbr, &ignored);
    if (place->mbr)
        place->signature = le32_get(mbr.disk_signature);
    place->gpt = place_by_gpt(vol, place);
}

bool windows_is_partition(const struct ntfs *vol, const struct bcd_level *where)
{
    struct bcd_level place;
    if (where->kind != BCD_PARTITION || where->is_virtual)
        return false;
    windows_place(vol, &place);
    bool mbr = where->mbr && place.mbr && where->signature == place.signature;
    bool gpt = where->gpt && place.gpt &&
               !memcmp(where->disk_id, place.disk_id, sizeof place.disk_id) &&
               !memcmp(where->partition_id, place.partition_id, sizeof place.partition_id);
    return (mbr && where->offset == place.offset) || gpt;
}

static bool is_meant(const struct volumes *v, unsigned volume, const struct config_entry *entry)
{
    return entry->where->kind == BCD_BOOT
               ? volume == 0
               : windows_is_partition(v->volume[volume].ntfs, entry->where);
}

static bool has_file(const struct volumes *v, unsigned volume, const struct config_entry *entry)
{
    struct ntfs *vol = v->volume[volume].ntfs;
    struct file file;
    struct fail ignored;
    return !ntfs_open(vol, entry->vhd, &file, &ignored);
}

/* The first volume from `from` on that `fits`, or v->count. */
static unsigned
volume_that(const struct volumes *v, unsigned from, const struct config_entry *entry,
            bool (*fits)(const struct volumes *, unsigned, const struct config_entry *))
{
    while (from < v->count && !fits(v, from, entry))
        from++;
    return from;
}

enum err windows_volume(struct volumes *v, const struct config_entry *entry, unsigned *volume,
                        struct notes *notes, struct fail *f)
{
    bool searched = entry->where->kind == BCD_LOCATE;
    *volume = 0;
    if (searched ? has_file(v, 0, entry) : is_meant(v, 0, entry))
        return ERR_OK;
    enum err err = volumes_find(v, f);
    if (err)
        return err;
    *volume = volume_that(v, 1, entry, searched ? has_file : is_meant);
    if (*volume == v->count && !searched) {
        *volume = volume_that(v, 0, entry, has_file);
        if (*volume < v->count)
            notes_add(notes,
                      "the disk that " WINDOWS_STORE_PATH " names for it is not there: the image "
                      "was looked for on all volumes",
                      0);
    }
    if (*volume < v->count)
        return ERR_OK;
    (void)fail(f, ERR_NOT_FOUND,
               searched ? "no volume has this file, which " WINDOWS_STORE_PATH " starts"
                        : "the disk that " WINDOWS_STORE_PATH " names for it is not there, and no "
                          "volume has this file",
               0);
    return fail_subject(f, entry->vhd);
}
