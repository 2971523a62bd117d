/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structures to bytes and back. The writer's strings may be of any length: where they are too long
 * for a table there is none, and the disk starts all the same. */
#include "core/entry/boottable.h"
#include "core/base/blk.h"
#include "core/base/crc32.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/chain/path.h"
#include "core/entry/format.h"
#include "core/entry/open.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"

/* --- What is to be said */

static struct boottable_volume describe_volume(const struct ntfs *vol, uint8_t index,
                                               const uint8_t *bios_drive)
{
    struct mbr mbr;
    struct fail ignored;
    struct boottable_volume v = {.serial = vol->serial,
                                 .start_lba = vol->start_lba,
                                 .bios_drive = bios_drive[index],
                                 .map_drive = index};
    /* Sector 0 of a bare volume is the volume's own. */
    if (vol->start_lba && !blk_read(vol->drive, 0, 1, &mbr, &ignored))
        v.mbr_signature = le32_get(mbr.disk_signature);
    return v;
}

static void describe_map(struct boottable_map *to, const struct map *map)
{
    *to = (struct boottable_map){
        .cell_count = map->cell_count,
        .page_count = map->page_count,
        .file_page = map->file_page,
        .record_first = map->record_first,
        .record_end = map->record_end,
        .record_cells = map->record_cells,
        .growth = map->growth,
        .page_shift = (uint8_t)map->page_shift,
    };
}

void boottable_describe(struct boottable *t, const struct boot_disk *disk,
                        const struct config_entry *entry, const struct ntfs *own,
                        const uint8_t *bios_drive)
{
    *t = (struct boottable){
        .write = entry->write,
        .force = entry->force,
        .hide = entry->hide,
        .ram = entry->ram,
        .write_protected = boot_write_protected(disk),
        .entry = entry->name,
        .disk_sectors = disk->map.sectors,
        .discard_max = entry->discard_max,
        .volume = describe_volume(own, 0, bios_drive),
        .file_count = disk->chain.count,
    };
    describe_map(&t->map, &disk->map);
    for (unsigned i = 0; i < t->file_count; i++) {
        const struct chain_link *link = disk->chain.link[i];
        const struct chain_link *child = i ? disk->chain.link[i - 1] : NULL;
        t->file[i] = (struct boottable_file){
            .volume = describe_volume(ntfs_volume_of(&link->file), link->drive_index, bios_drive),
            .path = link->path + chain_path_volume(link->path),
            .named = !child || child->parent_used >= child->image.parent_count,
        };
    }
}

/* --- To bytes */

uint32_t boottable_bytes(const struct boottable *t)
{
    uint64_t bytes = sizeof(struct boottable_head) + text_length(t->entry) + 1;
    for (unsigned i = 0; i < t->file_count; i++)
        bytes += sizeof(struct boottable_file_entry) + text_length(t->file[i].path) + 1;
    return bytes <= BOOTTABLE_BYTES_MAX ? (uint32_t)bytes : 0;
}

static struct boottable_volume_entry volume_make(const struct boottable_volume *v)
{
    return (struct boottable_volume_entry){
        .serial = le64_make(v->serial),
        .start_lba = le64_make(v->start_lba),
        .mbr_signature = le32_make(v->mbr_signature),
        .bios_drive = v->bios_drive,
        .map_drive = v->map_drive,
    };
}

static struct boottable_map_entry map_make(const struct boottable_map *m)
{
    return (struct boottable_map_entry){
        .cells = le64_make(m->cells),
        .cell_count = le32_make(m->cell_count),
        .page_count = le32_make(m->page_count),
        .file_page = le32_make(m->file_page),
        .record_first = le32_make(m->record_first),
        .record_end = le32_make(m->record_end),
        .record_cells = le32_make(m->record_cells),
        .record_next = le64_make(m->record_next),
        .growth = (uint8_t)m->growth,
        .page_shift = m->page_shift,
        .contents = le64_make(m->contents),
        .contents_bytes = le64_make(m->contents_bytes),
        .changes = le64_make(m->changes),
        .changes_bytes = le64_make(m->changes_bytes),
    };
}

/* Adds a string at *at; returns its offset. */
static le32 string_put(uint8_t *to, uint32_t *at, const char *string)
{
    uint32_t start = *at;
    size_t size = text_length(string) + 1;
    memcpy(to + start, string, size);
    *at = start + (uint32_t)size;
    return le32_make(start);
}

static uint32_t sum_of(const void *bytes, uint32_t size)
{
    static const uint8_t none[4];
    const uint8_t *b = bytes;
    const uint32_t at = offsetof(struct boottable_head, sum);
    uint32_t sum = crc32_ieee(crc32_ieee(0, b, at), none, sizeof none);
    return crc32_ieee(sum, b + at + sizeof none, size - at - sizeof none);
}

void boottable_write(const struct boottable *t, uint8_t *to)
{
    const uint32_t files = sizeof(struct boottable_head);
    uint32_t at = files + t->file_count * (uint32_t)sizeof(struct boottable_file_entry);
    struct boottable_head head = {
        .revision = le16_make(BOOTTABLE_REVISION),
        .head_bytes = le16_make(sizeof head),
        .bytes = le32_make(boottable_bytes(t)),
        .flags = le32_make((t->force ? BOOTTABLE_FORCE : 0) | (t->hide ? BOOTTABLE_HIDE : 0) |
                           (t->ram ? BOOTTABLE_RAM : 0) |
                           (t->write_protected ? BOOTTABLE_WRITE_PROTECTED : 0)),
        .write = (uint8_t)t->write,
        .file_count = le16_make((uint16_t)t->file_count),
        .file_bytes = le16_make(sizeof(struct boottable_file_entry)),
        .files = le32_make(files),
        .disk_sectors = le64_make(t->disk_sectors),
        .discard_max = le64_make(t->discard_max),
        .volume = volume_make(&t->volume),
        .map = map_make(&t->map),
    };
    memcpy(head.magic, BOOTTABLE_MAGIC, sizeof head.magic);
    head.entry = string_put(to, &at, t->entry);
    for (unsigned i = 0; i < t->file_count; i++) {
        struct boottable_file_entry file = {
            .volume = volume_make(&t->file[i].volume),
            .path = string_put(to, &at, t->file[i].path),
            .flags = t->file[i].named ? BOOTTABLE_NAMED : 0,
        };
        memcpy(to + files + i * sizeof file, &file, sizeof file);
    }
    memcpy(to, &head, sizeof head);
    head.sum = le32_make(sum_of(to, at));
    memcpy(to, &head, sizeof head);
}

/* --- From bytes */

enum err boottable_probe(struct view bytes, uint32_t *size, struct fail *f)
{
    const struct boottable_head *head = view_at(bytes, 0, sizeof *head);
    if (!head || memcmp(head->magic, BOOTTABLE_MAGIC, sizeof head->magic))
        return fail(f, ERR_NOT_FOUND, "there is no boot table", 0);
    *size = le32_get(head->bytes);
    if (le16_get(head->revision) != BOOTTABLE_REVISION)
        return fail(f, ERR_UNSUPPORTED, "the boot table has revision %u, which is not known here",
                    le16_get(head->revision));
    if (*size < sizeof *head || *size > BOOTTABLE_BYTES_MAX)
        return fail(f, ERR_CORRUPT, "the boot table says that it has %u bytes", *size);
    return ERR_OK;
}

static struct boottable_volume volume_get(const struct boottable_volume_entry *v)
{
    return (struct boottable_volume){
        .serial = le64_get(v->serial),
        .start_lba = le64_get(v->start_lba),
        .mbr_signature = le32_get(v->mbr_signature),
        .bios_drive = v->bios_drive,
        .map_drive = v->map_drive & MAP_DRIVE_MASK,
    };
}

static struct boottable_map map_get(const struct boottable_map_entry *m)
{
    return (struct boottable_map){
        .cells = le64_get(m->cells),
        .cell_count = le32_get(m->cell_count),
        .page_count = le32_get(m->page_count),
        .file_page = le32_get(m->file_page),
        .record_first = le32_get(m->record_first),
        .record_end = le32_get(m->record_end),
        .record_cells = le32_get(m->record_cells),
        .record_next = le64_get(m->record_next),
        .growth = (enum map_growth)m->growth,
        .page_shift = m->page_shift,
        .contents = le64_get(m->contents),
        .contents_bytes = le64_get(m->contents_bytes),
        .changes = le64_get(m->changes),
        .changes_bytes = le64_get(m->changes_bytes),
    };
}

/* A string that ends inside the table and says something; NULL otherwise. */
static const char *string_get(struct view bytes, le32 offset)
{
    uint32_t start = le32_get(offset);
    const char *string = view_at(bytes, start, 1);
    for (size_t i = start; string && i < bytes.size; i++) {
        if (!bytes.data[i])
            return *string ? string : NULL;
    }
    return NULL;
}

static enum err files_get(struct boottable *t, struct view bytes, const struct boottable_head *head,
                          struct fail *f)
{
    uint32_t size = le16_get(head->file_bytes);
    t->file_count = le16_get(head->file_count);
    if (!t->file_count || t->file_count > CHAIN_MAX || size < sizeof(struct boottable_file_entry))
        return fail(f, ERR_CORRUPT, "the boot table's list of files cannot be right", 0);
    for (unsigned i = 0; i < t->file_count; i++) {
        const struct boottable_file_entry *file =
            view_at(bytes, (uint64_t)le32_get(head->files) + (uint64_t)i * size, sizeof *file);
        const char *path = file ? string_get(bytes, file->path) : NULL;
        if (!path)
            return fail(f, ERR_CORRUPT, "file %u of the boot table has no path", i);
        t->file[i] = (struct boottable_file){
            .volume = volume_get(&file->volume),
            .path = path,
            .named = file->flags & BOOTTABLE_NAMED,
        };
    }
    return ERR_OK;
}

enum err boottable_parse(struct boottable *t, struct view bytes, struct fail *f)
{
    uint32_t size;
    enum err err = boottable_probe(bytes, &size, f);
    if (err)
        return err;
    const struct boottable_head *head = view_at(bytes, 0, size);
    if (!head)
        return fail(f, ERR_CORRUPT, "the boot table is cut off: it has %u bytes", size);
    if (le16_get(head->head_bytes) < sizeof *head || sum_of(head, size) != le32_get(head->sum))
        return fail(f, ERR_CORRUPT, "the boot table's sum is wrong", 0);
    bytes.size = size;
    uint32_t flags = le32_get(head->flags);
    *t = (struct boottable){
        .write = (enum write_mode)head->write,
        .force = flags & BOOTTABLE_FORCE,
        .hide = flags & BOOTTABLE_HIDE,
        .ram = flags & BOOTTABLE_RAM,
        .write_protected = flags & BOOTTABLE_WRITE_PROTECTED,
        .entry = string_get(bytes, head->entry),
        .disk_sectors = le64_get(head->disk_sectors),
        .discard_max = le64_get(head->discard_max),
        .volume = volume_get(&head->volume),
        .map = map_get(&head->map),
    };
    if (!t->entry || head->write > WRITE_NONE || !t->disk_sectors ||
        head->map.growth > MAP_GROWS_IN_MEMORY || head->map.page_shift > MAP_PAGE_SHIFT_MAX)
        return fail(f, ERR_CORRUPT, "the boot table's values cannot be right", 0);
    return files_get(t, bytes, head, f);
}
