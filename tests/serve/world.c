/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens chains out of memory by core, as the host tool does out of files. */
#include "serve/world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/path.h"
#include "core/base/text.h"
#include "core/vhdx/layout.h"
#include "serve/vhdx_log.h"

#define ARENA_SIZE (64u << 20)

void world_load(struct world *w, char **paths, unsigned count)
{
    *w = (struct world){.files = count};
    for (unsigned i = 0; i < count; i++) {
        w->name[i] = path_last_part(paths[i]);
        if (i >= WORLD_FILES || !memfile_load(&w->file[i], paths[i])) {
            fprintf(stderr, "%s: cannot be loaded\n", paths[i]);
            exit(2);
        }
    }
    arena_init(&w->arena, malloc(ARENA_SIZE), ARENA_SIZE);
}

static enum err mem_file_read(struct file *file, uint64_t off, void *buf, uint32_t len,
                              struct fail *f)
{
    const struct memfile *m = file->ctx;
    (void)f;
    memcpy(buf, m->data + off, len);
    return ERR_OK;
}

static enum err mem_file_extents(struct file *file, struct extent_list *list, struct arena *a,
                                 struct fail *f)
{
    (void)file, (void)a, (void)f;
    *list = (struct extent_list){0};
    return ERR_OK;
}

static enum err mem_open(struct chain_files *files, const char *path, struct file *file,
                         uint8_t *drive_index, struct fail *f)
{
    struct world *w = files->ctx;
    *drive_index = 0;
    for (unsigned i = 0; i < w->files; i++) {
        if (strcmp(w->name[i], path_last_part(path)))
            continue;
        *file = (struct file){.size = w->file[i].size,
                              .initialized = w->file[i].size,
                              .ctx = &w->file[i],
                              .read = mem_file_read,
                              .extents = mem_file_extents};
        struct text t;
        text_init(&t, file->path, sizeof file->path);
        text_str(&t, w->name[i]);
        return ERR_OK;
    }
    (void)fail(f, ERR_NOT_FOUND, "no such file", 0);
    return fail_subject(f, path);
}

enum err world_open(struct world *w, struct fail *f)
{
    struct chain_files files = {.open = mem_open, .ctx = w};
    arena_release(&w->arena, 0);
    return chain_open(&w->chain, &files, w->name[0], &w->arena, f);
}

enum err world_read(struct world *w, uint8_t *disk, struct fail *f)
{
    uint64_t sectors = w->chain.link[0]->image.sectors;
    for (uint64_t lba = 0; lba < sectors;) {
        uint64_t count = sectors - lba;
        memset(disk + (lba << SECTOR_SHIFT), 0, SECTOR_SIZE);
        struct image_run run = {0};
        unsigned i = 0;
        for (; i < w->chain.count; i++) {
            struct image *image = &w->chain.link[i]->image;
            if (lba >= image->sectors)
                break;
            enum err err = image->run(image, lba, &run, f);
            if (err)
                return err;
            if (run.count < count)
                count = run.count;
            if (run.state != IMAGE_ABSENT)
                break;
        }
        uint8_t *to = disk + (lba << SECTOR_SHIFT);
        if (run.state == IMAGE_DATA && i < w->chain.count) {
            const struct memfile *m = w->chain.link[i]->image.file->ctx;
            memcpy(to, m->data + (run.file_sector << SECTOR_SHIFT), count << SECTOR_SHIFT);
        } else {
            memset(to, 0, count << SECTOR_SHIFT);
        }
        lba += count;
    }
    return ERR_OK;
}

static enum err replay(struct world *w, struct fail *f)
{
    struct image *leaf = &w->chain.link[0]->image;
    struct vhdx_layout at = {0};
    if (leaf->format == IMAGE_VHDX)
        vhdx_layout(leaf, &at);
    if (!at.log_in_use)
        return ERR_OK;
    struct store *store = memfile_store(&w->file[0]);
    int error = vhdx_log_replay(leaf, store, f);
    store_close(store);
    return error ? ERR_WRITE : world_open(w, f);
}

bool world_serve(struct world *w, struct fail *f)
{
    if (world_open(w, f) || replay(w, f))
        return false;
    struct image *leaf = &w->chain.link[0]->image;
    if (leaf->read_only || (leaf->check && leaf->check(leaf, &w->arena, f)))
        return fail(f, ERR_IMAGE, "the image is read-only", 0), false;
    struct store *store[CHAIN_MAX];
    for (unsigned i = 0; i < w->chain.count; i++)
        store[i] = memfile_store(w->chain.link[i]->image.file->ctx);
    w->serve = serve_start(&w->chain, store, WRITE_PERSISTENT, f);
    return w->serve;
}

int world_end(struct world *w, struct fail *f)
{
    int error = serve_close(w->serve, f);
    w->serve = NULL;
    return error;
}
