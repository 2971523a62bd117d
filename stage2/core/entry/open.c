/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the menu shows, and what becomes of the entry that was chosen. */
#include "core/entry/open.h"
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/chain/path.h"
#include "core/entry/password.h"
#include "core/entry/windows.h"
#include "core/entry/writes.h"
#include "core/map/format.h"
#include "core/map/room.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"

/* A config file's text, read whole. */
static enum err config_read(struct config *config, struct file *file, struct arena *a,
                            struct fail *f)
{
    if (file->size > CONFIG_SIZE_MAX) {
        (void)fail(f, ERR_CONFIG, "the file has %u bytes: more than a config may have", file->size);
        return fail_subject(f, file->path);
    }
    uint32_t size = (uint32_t)file->size;
    uint8_t *text = arena_alloc(a, size);
    if (!text) {
        (void)fail(f, ERR_MEMORY, "no memory for the config's %u bytes", size);
        return fail_subject(f, file->path);
    }
    enum err err = size ? file_read(file, 0, text, size, f) : ERR_OK;
    if (!err)
        err = config_parse(config, text, size, a, f);
    return err ? fail_subject(f, file->path) : ERR_OK;
}

/* Names go into memory set aside before the walk: the walk gives back all that is taken from its
 * volume's arena meanwhile. */
struct boot_listing {
    struct config *config;
    enum write_mode write;
    const struct password *password;
    char *names;
    size_t used;
    unsigned left_out;
};

#define BOOT_NAME_SIZE (sizeof((struct ntfs_dirent *)NULL)->name + 1) /* and a backslash */

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    size_t n = text_length(suffix);
    return length > n && text_same_caseless(name + length - n, n, suffix);
}

/* An entry for a file of the root directory that is named like an image. */
static bool boot_list_file(void *ctx, const struct ntfs_dirent *file)
{
    struct boot_listing *listing = ctx;
    struct config *config = listing->config;
    size_t length = text_length(file->name);
    if (file->directory ||
        (!ends_with(file->name, length, ".vhd") && !ends_with(file->name, length, ".vhdx")))
        return true;
    if (config->count == CONFIG_ENTRIES_MAX) {
        listing->left_out++;
        return true;
    }

    char *path = listing->names + listing->used; /* zeroed: the NUL is there */
    path[0] = '\\';
    memcpy(path + 1, file->name, length);
    listing->used += length + 2;
    config->entry[config->count++] = (struct config_entry){.name = path + 1,
                                                           .title = path + 1,
                                                           .vhd = path,
                                                           .write = listing->write,
                                                           .password = listing->password};
    return true;
}

static enum err boot_list(struct config *config, struct ntfs *vol, struct arena *a, struct fail *f)
{
    /* What a config says that is not understood may have been that nothing is to be written. */
    bool careful = config->complaint_count;
    struct boot_listing listing = {.config = config,
                                   .write = careful ? WRITE_NONE : WRITE_PERSISTENT};
    /* Nor does a config whose sections are lost open what one of them may have locked. */
    static const struct password closed;
    if (config->secret)
        listing.password = config->password ? config->password : &closed;
    listing.names = arena_array(a, CONFIG_ENTRIES_MAX, BOOT_NAME_SIZE);
    if (!listing.names)
        return fail(f, ERR_MEMORY, "no memory for the list of images", 0);
    enum err err = ntfs_list(vol, "\\", boot_list_file, &listing, f);
    if (err)
        return err;
    if (listing.left_out)
        notes_add(&vol->notes, "%u more images in the root directory are not in the menu",
                  listing.left_out);
    if (careful)
        notes_add(&vol->notes,
                  "no section of " BOOT_CONFIG_PATH " is understood: nothing will be written", 0);
    return ERR_OK;
}

static enum err boot_nothing(bool from_file, struct fail *f)
{
    if (from_file) {
        (void)fail(f, ERR_NOT_FOUND, "the config names no image, and the root directory holds none",
                   0);
        return fail_subject(f, BOOT_CONFIG_PATH);
    }
    return fail(f, ERR_NOT_FOUND,
                "neither " BOOT_CONFIG_PATH " nor a *.vhd or *.vhdx is in the root directory", 0);
}

/* The config's entries, or, where there is none or it names no image, those of what stands in the
 * root directory; perhaps none at all. */
static enum err boot_list_own(struct config *config, bool *from_file, struct ntfs *vol,
                              struct arena *a, struct fail *f)
{
    *config = (struct config){.timeout_seconds = CONFIG_TIMEOUT_UNSET};
    struct file file;
    enum err err = ntfs_open(vol, BOOT_CONFIG_PATH, &file, f);
    *from_file = !err;
    if (!err)
        err = config_read(config, &file, a, f);
    if (err && err != ERR_NOT_FOUND)
        return err;
    return config->count ? ERR_OK : boot_list(config, vol, a, f);
}

enum err boot_own_entries(struct config *config, bool *from_file, struct ntfs *vol, struct arena *a,
                          struct fail *f)
{
    enum err err = boot_list_own(config, from_file, vol, a, f);
    return err || config->count ? err : boot_nothing(*from_file, f);
}

enum err boot_entries(struct config *config, bool *from_file, struct ntfs *vol, struct arena *a,
                      struct fail *f)
{
    enum err err = boot_list_own(config, from_file, vol, a, f);
    if (err)
        return err;
    windows_list(config, vol, a);
    return config->count ? ERR_OK : boot_nothing(*from_file, f);
}

static bool boot_names_volume(const struct config_entry *entry)
{
    bool names = chain_path_volume(entry->vhd) != 0;
    for (unsigned i = 0; i < entry->parent_count; i++)
        names |= chain_path_volume(entry->parent[i]) != 0;
    return names;
}

/* chain_files over the machine's volumes. */
struct boot_files {
    struct volumes *volumes;
    unsigned leaf_volume;
    bool leaf_opened;
};

static enum err boot_open_file(struct chain_files *files, const char *path, struct file *file,
                               uint8_t *drive_index, struct fail *f)
{
    struct boot_files *on = files->ctx;
    unsigned volume;
    enum err err = volumes_open(on->volumes, path, file, &volume, f);
    if (err)
        return err;
    *drive_index = on->volumes->volume[volume].drive_index;
    if (!on->leaf_opened)
        on->leaf_volume = volume;
    on->leaf_opened = true;
    return ERR_OK;
}

/* Says where the machine has less memory for changes than they were to have. */
static void note_room(struct boot_disk *disk, const struct map_writes *writes)
{
    const struct map *map = &disk->map;
    if (map->growth == MAP_GROWS_IN_MEMORY && map_records(map) < map_room_wanted(map, writes))
        notes_add(&disk->notes, "this machine's memory has room for %u MiB of changes only",
                  map_memory_bytes(map) >> 20);
}

/* The entry's image and its parents; `vol` is the one that the image lies on. */
static enum err boot_chain(struct chain *chain, const struct ntfs **vol,
                           const struct config_entry *entry, struct volumes *volumes,
                           struct notes *notes, struct arena *a, struct fail *f)
{
    struct volumes seen;
    chain->count = 0;
    if (entry->start.kind != START_IMAGE) {
        (void)fail(f, ERR_CONFIG, "this entry starts no image, but what boot = says", 0);
        return fail_subject(f, entry->name);
    }
    enum err err = boot_names_volume(entry) ? volumes_find(volumes, f) : ERR_OK;
    unsigned first = 0;
    if (!err && entry->where)
        err = windows_volume(volumes, entry, &first, notes, f);
    if (err)
        return err;
    if (first) { /* paths without a volume's name are of the first one */
        seen = *volumes;
        seen.volume[0] = volumes->volume[first];
        seen.volume[first] = volumes->volume[0];
        volumes = &seen;
    }
    struct boot_files on = {.volumes = volumes};
    struct chain_files files = {.open = boot_open_file,
                                .ctx = &on,
                                .parent = entry->parent,
                                .parent_count = entry->parent_count};
    err = chain_open(chain, &files, entry->vhd, a, f);
    *vol = volumes->volume[on.leaf_volume].ntfs;
    return err;
}

enum err boot_open_chain(struct chain *chain, const struct config_entry *entry,
                         struct volumes *volumes, struct arena *a, struct fail *f)
{
    const struct ntfs *vol;
    struct notes ignored = {0};
    return boot_chain(chain, &vol, entry, volumes, &ignored, a, f);
}

/* All but the map. */
static enum err boot_prepare(struct boot_disk *disk, const struct config_entry *entry,
                             struct volumes *volumes, uint64_t memory_bytes,
                             struct map_writes *writes, struct arena *a, struct fail *f)
{
    *disk = (struct boot_disk){.hide_drives = entry->hide, .in_memory = entry->ram};
    const struct ntfs *vol;
    enum err err = boot_chain(&disk->chain, &vol, entry, volumes, &disk->notes, a, f);
    if (err)
        return err;

    const struct chain *chain = &disk->chain;
    notes_add_all(&disk->notes, &vol->notes, NULL);
    for (unsigned i = 0; i < chain->count; i++)
        notes_add_all(&disk->notes, &chain->link[i]->image.notes,
                      chain->count > 1 ? chain->link[i]->path : NULL);
    return writes_choose(writes, entry, &disk->chain, vol, memory_bytes, &disk->notes, f);
}

enum err boot_look(struct boot_disk *disk, const struct config_entry *entry,
                   struct volumes *volumes, struct arena *a, struct fail *f)
{
    struct map_writes writes;
    enum err err = boot_prepare(disk, entry, volumes, a->size, &writes, a, f);
    if (!err)
        disk->write_protected = !writes.in_place && writes.growth == MAP_GROWS_NOT;
    return err;
}

enum err boot_open(struct boot_disk *disk, const struct config_entry *entry,
                   struct volumes *volumes, uint64_t memory_bytes, struct arena *a, struct fail *f)
{
    struct map_writes writes;
    enum err err = boot_prepare(disk, entry, volumes, memory_bytes, &writes, a, f);
    if (!err)
        err = map_build(&disk->map, &disk->chain, &writes, a, f);
    if (err)
        return err;
    note_room(disk, &writes);
    disk->write_protected = !writes.in_place && writes.growth == MAP_GROWS_NOT;
    return ERR_OK;
}

bool boot_write_protected(const struct boot_disk *disk)
{
    return disk->write_protected || !disk->map.writable;
}

const char *boot_record_fault(const uint8_t *sector)
{
    const struct mbr *mbr = (const struct mbr *)sector;
    if (le16_get(mbr->signature) != MBR_BOOT_SIGNATURE)
        return "the disk has no boot record: its sector 0 lacks 55AAh";
    if (bytes_are(mbr->code, sizeof mbr->code, 0))
        return "the disk has no boot code for a BIOS (made for UEFI?)";
    return NULL;
}

enum err boot_record_read(const struct map *map, struct blk *const *drive, uint8_t *sector,
                          struct fail *f)
{
    enum err err = map_read(map, drive, 0, 1, sector, f);
    if (err)
        return err;
    const char *fault = boot_record_fault(sector);
    return fault ? fail(f, ERR_NO_SYSTEM, fault, 0) : ERR_OK;
}
