/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of an image file in memory, as the serving engine's store: records every change and
 * every sync, and fails where it is told to.
 */
#ifndef TESTS_SERVE_MEMSTORE_H
#define TESTS_SERVE_MEMSTORE_H

#include "serve/store.h"

enum record_kind { RECORD_WRITE, RECORD_RESIZE, RECORD_SYNC };

struct record {
    enum record_kind kind;
    uint64_t offset, length; /* RECORD_RESIZE: length is the file's */
    uint8_t *data;
};

struct memfile {
    uint8_t *data; /* MEMFILE_MAX bytes, zeros behind size */
    uint64_t size;
    struct record *record;
    uint32_t records, capacity;
    uint32_t fail_at; /* the change or sync of this number fails; UINT32_MAX: none */
    int fail_with;    /* errno */
    bool fixed_size;  /* as a file on a volume: never grows, zeros are written */
    uint32_t failed;  /* how many did, */
    uint32_t emptied; /* of them those that only gave space back, or tried to have more */
};

#define MEMFILE_MAX ((uint64_t)1 << 30)

/* False: the file cannot be read. */
bool memfile_load(struct memfile *m, const char *path);

/* Forgets the records. */
void memfile_forget(struct memfile *m);
void memfile_free(struct memfile *m);

/* A store over it; several may follow each other. */
struct store *memfile_store(struct memfile *m);

#endif
