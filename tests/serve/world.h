/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A chain of images in memory: opened by core, read through it, or served for writing. */
#ifndef TESTS_SERVE_WORLD_H
#define TESTS_SERVE_WORLD_H

#include "core/base/arena.h"
#include "core/chain/chain.h"
#include "serve/memstore.h"
#include "serve/serve.h"

#define WORLD_FILES 8

struct world {
    struct memfile file[WORLD_FILES]; /* the leaf first */
    const char *name[WORLD_FILES];    /* without folders: so they are found as parents */
    unsigned files;
    struct chain chain;
    struct arena arena;
    struct serve *serve;
};

/* Loads the files. Ends the program where that fails. */
void world_load(struct world *w, char **paths, unsigned count);

/* Opens the chain as it is now. */
enum err world_open(struct world *w, struct fail *f);

/* Reads all of the disk as core sees it, after world_open(); `disk` has room for it. */
enum err world_read(struct world *w, uint8_t *disk, struct fail *f);

/* The engine for writing; a log is replayed first. */
bool world_serve(struct world *w, struct fail *f);
int world_end(struct world *w, struct fail *f);

#endif
