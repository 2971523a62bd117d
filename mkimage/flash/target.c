/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Core on a device of the host, with the loader's own cache, so that the counts of reads are the
 * machine's. Never writes: a device is opened for reading, whatever comes later.
 */
#include "flash/target.h"
#include <sys/mman.h>

/* Address space, not memory: pages come when core uses them. */
#define ARENA_SIZE ((size_t)(sizeof(size_t) > 4 ? (uint64_t)16 << 30 : (uint64_t)1 << 30))

enum status arena_open(struct arena *arena)
{
    void *base = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return say_error("Free some memory, or raise the limit (ulimit -v).", "out of memory");
    arena_init(arena, base, ARENA_SIZE);
    return STATUS_OK;
}

void arena_close(struct arena *arena)
{
    if (arena->base)
        munmap(arena->base, ARENA_SIZE);
    arena->base = NULL;
}

enum status target_open_device(struct target *t, const char *path)
{
    *t = (struct target){.device.fd = -1};
    for (unsigned i = 0; i < TARGET_FURTHER_MAX; i++)
        t->further[i].fd = -1;
    enum status status = device_open(&t->device, path, DEVICE_READ);
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

void target_further(struct target *t, const char *const *path, unsigned count)
{
    t->further_path = path;
    t->further_paths = count;
}

static enum err find_volumes(struct volumes *v, struct fail *f)
{
    struct target *t = v->ctx;
    enum err err = volumes_add_drive(v, &t->cache.blk, 0, &t->arena, f);
    for (unsigned i = 0; !err && i < t->further_paths; i++) {
        if (device_open(&t->further[i], t->further_path[i], DEVICE_READ)) {
            (void)fail(f, ERR_READ, "cannot be opened", 0);
            return fail_subject(f, t->further_path[i]);
        }
        device_blk(&t->further_blk[i], &t->further[i]);
        t->drive[i + 1] = &t->further_blk[i];
        err = volumes_add_drive(v, t->drive[i + 1], (uint8_t)(i + 1), &t->arena, f);
    }
    return err;
}

enum err target_mount(struct target *t, unsigned partition, struct fail *f)
{
    /* The same cache as the loader's, so that the count of sectors is the machine's. */
    enum err err = blk_cache_init(&t->cache, &t->blk, 3, 16, &t->arena, f);
    if (!err)
        err = part_read(&t->table, &t->cache.blk, f);
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
    enum status status = target_open_device(t, path);
    if (status)
        return status;
    struct fail f;
    if (target_mount(t, partition, &f)) {
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
