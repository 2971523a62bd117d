/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that core does with an NTFS volume, on a volume that the fuzzer makes up: mount, list,
 * open by path, extents, reads. The input is not a whole image but its sectors that are not zero,
 * each as a 32-bit little-endian LBA and 512 bytes (tests/fuzz/seeds_ntfs makes such files), so
 * that inputs stay small and every byte of them matters.
 */
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/ntfs/ntfs.h"

#define ENTRY   (4 + SECTOR_SIZE)
#define ENTRIES 512
#define NAMES   6
#define MEMORY  (6u << 20)
#define SLOTS   1024 /* of the hash table; a power of two */

struct input {
    const uint8_t *data;
    uint16_t slot[SLOTS]; /* entry number plus 1 */
};

static uint32_t entry_lba(const struct input *in, unsigned entry)
{
    uint32_t lba;
    memcpy(&lba, in->data + (size_t)entry * ENTRY, sizeof lba);
    return lba;
}

/* The slot where `lba` is, or where it would go. */
static unsigned find_slot(const struct input *in, uint32_t lba)
{
    unsigned i = (lba ^ lba >> 10) & (SLOTS - 1);
    while (in->slot[i] && entry_lba(in, in->slot[i] - 1u) != lba)
        i = (i + 1) & (SLOTS - 1);
    return i;
}

static enum err read_input(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    const struct input *in = b->ctx;
    (void)f;
    memset(buf, 0, (size_t)count << SECTOR_SHIFT);
    for (uint32_t i = 0; i < count; i++) {
        unsigned slot = find_slot(in, (uint32_t)(lba + i));
        if (in->slot[slot] && lba + i <= UINT32_MAX)
            memcpy((uint8_t *)buf + ((size_t)i << SECTOR_SHIFT),
                   in->data + (size_t)(in->slot[slot] - 1) * ENTRY + 4, SECTOR_SIZE);
    }
    return ERR_OK;
}

struct names {
    unsigned count;
    char path[NAMES][1 + sizeof((struct ntfs_dirent *)0)->name];
};

static bool take_name(void *ctx, const struct ntfs_dirent *entry)
{
    struct names *names = ctx;
    char *path = names->path[names->count++];
    path[0] = '\\';
    strcpy(path + 1, entry->name);
    return names->count < NAMES;
}

/* What must hold of any list of extents. */
static void check_extents(const struct ntfs *vol, const struct file *file,
                          const struct extent_list *list)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct extent *e = &list->extent[i];
        if (e->file_sector != at || !e->count)
            abort();
        at += e->count;
        if (e->drive_lba != EXTENT_HOLE &&
            !range_ok(e->drive_lba - vol->start_lba, e->count, vol->clusters << vol->cluster_shift))
            abort();
    }
    if (at != (file->size + SECTOR_SIZE - 1) >> SECTOR_SHIFT)
        abort();
}

static void use_file(struct ntfs *vol, struct arena *a, const char *path)
{
    static uint8_t buf[8192];
    struct fail f;
    struct file file;
    size_t mark = arena_mark(a);
    if (ntfs_open(vol, path, &file, &f)) {
        if (arena_mark(a) != mark || !f.sentence || f.err == ERR_OK)
            abort();
        return;
    }
    if (file.initialized > file.size)
        abort();
    struct extent_list list;
    if (!file_extents(&file, &list, a, &f))
        check_extents(vol, &file, &list);
    uint32_t n = file.size < sizeof buf ? (uint32_t)file.size : sizeof buf;
    (void)!file_read(&file, 0, buf, n, &f);
    (void)!file_read(&file, file.size - n, buf, n, &f);
    (void)!file_read(&file, file.size / 2, buf, n / 2, &f);
    arena_release(a, mark);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[MEMORY];
    static const char *const paths[] = {"\\a\\b\\c.vhd",      "/frag.vhd", "/comp/c.txt",
                                        "\\small.txt:stream", "\\$MFT",    "/\xc3\xa4.txt"};
    static struct input in;
    memset(&in, 0, sizeof in);
    in.data = data;
    unsigned entries = size / ENTRY < ENTRIES ? (unsigned)(size / ENTRY) : ENTRIES;
    for (unsigned i = 0; i < entries; i++)
        in.slot[find_slot(&in, entry_lba(&in, i))] = (uint16_t)(i + 1);

    struct arena a;
    arena_init(&a, memory, sizeof memory);
    struct blk drive = {.read = read_input, .ctx = &in, .sectors = UINT64_MAX};
    struct ntfs vol;
    struct fail f;
    if (ntfs_mount(&vol, &drive, 0, UINT64_MAX, &a, &f))
        return 0;
    (void)!ntfs_writable(&vol, &f);

    struct names names = {0};
    (void)!ntfs_list(&vol, "\\", take_name, &names, &f);
    for (unsigned i = 0; i < names.count; i++)
        use_file(&vol, &a, names.path[i]);
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++)
        use_file(&vol, &a, paths[i]);
    return 0;
}
