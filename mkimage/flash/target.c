/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Core on a device of the host, with the loader's own cache, so that the counts of reads are the
 * machine's. Never writes: a device is opened for reading, whatever comes later.
 */
#include "flash/target.h"
#include <sys/mman.h>
#include "core/base/blk.h"
#include "core/part/format.h"
#include "core/part/table.h"
#include "flash/gap.h"

/* An arena is this large at the most, and is taken from the host in such pieces. Address space
 * counts as well, where it is limited (ulimit -v) or memory must not be overcommitted. */
#define ARENA_MAX   ((size_t)1 << 30)
#define ARENA_PIECE ((size_t)16 << 20)

/* Where there is address space that nothing else is put into, so that an arena can get longer. */
#define ARENA_FIRST ((uint64_t)1 << 45)
#define ARENA_STEP  ((uint64_t)4 << 30)
#define ARENA_TRIES 64u

static void *map_at(void *place, size_t size)
{
    void *base = mmap(
        place, size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (place ? MAP_FIXED_NOREPLACE : 0), -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (place && base != place) { /* a kernel that does not know NOREPLACE */
        munmap(base, size);
        return NULL;
    }
    return base;
}

static int grow(struct arena *arena, size_t wanted)
{
    size_t more = (wanted - arena->ready + ARENA_PIECE - 1) / ARENA_PIECE * ARENA_PIECE;
    if (more > ARENA_MAX - arena->ready)
        more = ARENA_MAX - arena->ready;
    if (!map_at(arena->base + arena->ready, more))
        return 0;
    arena->ready += more;
    return 1;
}

enum status arena_open(struct arena *arena)
{
    void *base = NULL;
    for (uint64_t i = 0; sizeof base > 4 && !base && i < ARENA_TRIES; i++)
        base = map_at((void *)(uintptr_t)(ARENA_FIRST + i * ARENA_STEP), ARENA_PIECE);
    if (base) {
        arena_init(arena, base, ARENA_MAX);
        arena->ready = ARENA_PIECE;
        arena->grow = grow;
        return STATUS_OK;
    }
    size_t size = ARENA_MAX / 4; /* a processor with less address space: all of it at once */
    base = map_at(NULL, size);
    if (!base)
        return say_error("Free some memory, or raise the limit (ulimit -v).", "out of memory");
    arena_init(arena, base, size);
    arena->ready = size;
    return STATUS_OK;
}

void arena_close(struct arena *arena)
{
    if (arena->base)
        munmap(arena->base, arena->ready);
    arena->base = NULL;
}

enum status target_open_device_disk(struct target *t, const char *path, const struct device *disk)
{
    *t = (struct target){.device.fd = -1};
    for (unsigned i = 0; i < TARGET_FURTHER_MAX; i++)
        t->further[i].fd = -1;
    enum status status = STATUS_OK;
    if (disk)
        t->device = *disk;
    else
        status = device_open(&t->device, path, DEVICE_READ);
    if (!status)
        status = arena_open(&t->arena);
    if (status) {
        target_close(t);
        return status;
    }
    device_blk(&t->blk, &t->device);
    t->drive[0] = &t->blk;
    return STATUS_OK;
}

enum status target_open_device(struct target *t, const char *path)
{
    return target_open_device_disk(t, path, NULL);
}

enum status target_further(struct target *t, const char *const *path, unsigned count)
{
    t->further_path = path;
    t->further_paths = count;
    for (unsigned i = 0; i < count; i++) {
        enum status status = device_open(&t->further[i], path[i], DEVICE_READ);
        if (status)
            return status;
        device_blk(&t->further_blk[i], &t->further[i]);
        t->drive[i + 1] = &t->further_blk[i];
    }
    return STATUS_OK;
}

static enum err find_volumes(struct volumes *v, struct fail *f)
{
    struct target *t = v->ctx;
    enum err err = volumes_add_drive(v, &t->cache.blk, 0, &t->arena, f);
    for (unsigned i = 0; !err && i < t->further_paths; i++)
        err = volumes_add_drive(v, t->drive[i + 1], (uint8_t)(i + 1), &t->arena, f);
    return err;
}

/* The partition that the machine starts from where vhdboot lies outside of them; else 0. */
static enum err number_of_gap(struct target *t, unsigned *number, struct fail *f)
{
    struct mbr mbr;
    struct gap gap;
    enum err err = blk_read(&t->cache.blk, 0, 1, &mbr, f);
    if (err || t->table.scheme == PART_NONE || !gap_read(&mbr, &gap))
        return err;
    const struct part *part = part_at(&t->table, gap.volume_lba);
    *number = part ? part->number : 0;
    return ERR_OK;
}

enum err target_mount(struct target *t, unsigned partition, struct fail *f)
{
    /* The same cache as the loader's, so that the count of sectors is the machine's. */
    enum err err = blk_cache_init(&t->cache, &t->blk, 3, 16, &t->arena, f);
    if (!err)
        err = part_read(&t->table, &t->cache.blk, f);
    if (!err && !partition)
        err = number_of_gap(t, &partition, f);
    if (!err)
        err = part_pick(&t->table, &t->cache.blk, partition, &t->part, f);
    if (!err)
        err = ntfs_mount(&t->volume, &t->cache.blk, t->part->start_lba, t->part->sectors, &t->arena,
                         f);
    if (err)
        return fail_subject(f, t->device.path);
    t->volumes = (struct volumes){.count = 1, .find = find_volumes, .ctx = t};
    t->volumes.volume[0].ntfs = &t->volume;
    return ERR_OK;
}

enum status target_open(struct target *t, const char *path, unsigned partition)
{
    return target_open_disk(t, path, NULL, partition);
}

enum status target_open_disk(struct target *t, const char *path, const struct device *disk,
                             unsigned partition)
{
    enum status status = target_open_device_disk(t, path, disk);
    if (status)
        return status;
    struct fail f;
    if (target_mount(t, partition, &f)) {
        status = f.err == ERR_PARTITION && !disk ? device_check_sectors(path) : STATUS_OK;
        if (!status)
            status = say_fail(&f);
        target_close(t);
    }
    return status;
}

static enum err open_file(struct chain_files *files, const char *path, struct file *file,
                          uint8_t *drive_index, struct fail *f)
{
    *drive_index = 0;
    return ntfs_open(files->ctx, path, file, f);
}

struct chain_files target_files(struct target *t)
{
    return (struct chain_files){.open = open_file, .ctx = &t->volume};
}

void target_close(struct target *t)
{
    device_close(&t->device);
    for (unsigned i = 0; i < TARGET_FURTHER_MAX; i++)
        device_close(&t->further[i]);
    arena_close(&t->arena);
}
