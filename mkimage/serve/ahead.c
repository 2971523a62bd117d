/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of pieces between two threads. What the host's page cache does not hold of a VHDX yet is
 * read past it: it would be copied once more, and push out what others need. Only reads.
 */
#include "serve/ahead.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/chain/chain.h"
#include "host/fd.h"
#include "host/files.h"
#include "serve/direct.h"
#include "serve/unused.h"

#define PIECE_SECTORS  8192u
#define PIECE_BYTES    ((size_t)PIECE_SECTORS * SECTOR_SIZE)
#define PIECES         4u
#define DIRECT_SECTORS 512u /* smaller ones are quicker through the cache, which reads on */
#define PAGE           ((size_t)4096)
#define HUGE_PAGE      ((size_t)2 << 20) /* in one piece for the drive, too: fewer requests */

const char ahead_said[] = "could not be read";

struct ahead {
    struct chain_link *link;
    struct unused *unused;
    uint64_t lba, sectors;
    int fd; /* past the cache; -1: none */
    struct direct *direct;

    uint8_t *memory; /* PIECES of PIECE_BYTES */
    struct ahead_piece piece[PIECES];
    unsigned made, given, done; /* pieces: read, handed out, used up */
    bool stop;                  /* the caller wants no more */
    bool ended;                 /* nothing comes after what is made */
    enum err err;               /* why */
    struct fail fail;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
};

/* Does the page cache hold most of this? */
static bool cached(int fd, uint64_t off, size_t len)
{
    uint8_t held[PIECE_BYTES / PAGE + 1];
    size_t in = (size_t)(off & (PAGE - 1)), pages = (in + len + PAGE - 1) / PAGE, count = 0;
    void *base = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, (off_t)(off - in));
    if (base == MAP_FAILED)
        return true;
    bool known = !mincore(base, pages * PAGE, held);
    munmap(base, pages * PAGE);
    for (size_t i = 0; known && i < pages; i++)
        count += held[i] & 1;
    return !known || count > pages / 2;
}

static enum err data_read(struct ahead *a, struct ahead_piece *p, uint64_t file_sector,
                          struct fail *f)
{
    struct file *file = &a->link->file;
    size_t bytes = (size_t)p->count << SECTOR_SHIFT;
    uint64_t off = file_sector << SECTOR_SHIFT;
    if (a->direct && p->count >= DIRECT_SECTORS && range_ok(off, bytes, file->size) &&
        !cached(a->fd, off, bytes) && !direct_read(a->direct, p->data, bytes, off))
        return ERR_OK;
    return file_read(file, off, p->data, (uint32_t)bytes, f);
}

/* How far the host's file has a hole from here on, which holds zeros and need not be read. What
 * lies behind the end of one that became shorter is none: reading it fails. */
static uint64_t hole_sectors(const struct ahead *a, uint64_t file_sector)
{
    const struct file *file = &a->link->file;
    const struct hostfile *host = file->ctx;
    uint64_t off = file_sector << SECTOR_SHIFT, data, end;
    struct stat st;
    fd_next_data(host->fd, off, file->size, &data, &end);
    bool whole = data > off && !fstat(host->fd, &st) && (uint64_t)st.st_size >= file->size;
    return whole ? (data - off) >> SECTOR_SHIFT : 0;
}

/* Data go by pieces, unless one would be a hole all through: those go as far as they are one. */
static void data_judge(const struct ahead *a, struct image_run *run)
{
    uint64_t piece = PIECE_SECTORS - a->lba % PIECE_SECTORS;
    uint64_t hole = hole_sectors(a, run->file_sector);
    if (piece > run->count)
        piece = run->count;
    if (hole < piece) {
        run->count = piece;
        return;
    }
    run->state = IMAGE_ZERO;
    if (run->count > hole)
        run->count = hole;
}

/* Finds what lies at `lba`, and reads it. */
static enum err piece_make(struct ahead *a, struct ahead_piece *p, struct fail *f)
{
    struct image *image = &a->link->image;
    struct image_run run;
    enum err err = image->run(image, a->lba, &run, f);
    if (err)
        return err;
    if (run.count > a->sectors - a->lba)
        run.count = a->sectors - a->lba;
    bool free = false;
    if (a->unused && run.state != IMAGE_ABSENT && unused_look(a->unused, a->lba, &run.count, &free))
        return fail(f, ERR_READ, ahead_said, 0);
    if (free)
        run.state = IMAGE_ABSENT;
    if (run.state == IMAGE_DATA)
        data_judge(a, &run);
    p->lba = a->lba;
    p->count = run.count;
    p->state = run.state;
    return run.state == IMAGE_DATA ? data_read(a, p, run.file_sector, f) : ERR_OK;
}

static void *ahead_run(void *ctx)
{
    struct ahead *a = ctx;
    pthread_mutex_lock(&a->lock);
    while (!a->err && !a->stop && a->lba < a->sectors) { /* ends: a piece has at least one sector */
        if (a->made - a->done == PIECES) {
            pthread_cond_wait(&a->changed, &a->lock);
            continue;
        }
        struct ahead_piece *p = &a->piece[a->made % PIECES];
        pthread_mutex_unlock(&a->lock);
        enum err err = piece_make(a, p, &a->fail);
        pthread_mutex_lock(&a->lock);
        a->err = err;
        a->lba += p->count;
        a->made += !err;
        pthread_cond_signal(&a->changed);
    }
    a->ended = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static void direct_start(struct ahead *a)
{
    const struct hostfile *host = a->link->file.ctx;
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", host->fd);
    a->fd = open(name, O_RDONLY | O_CLOEXEC);
    a->direct = a->fd < 0 ? NULL : direct_open(a->fd);
}

static void ahead_free(struct ahead *a)
{
    direct_close(a->direct);
    if (a->fd >= 0)
        close(a->fd);
    free(a->memory);
    free(a);
}

struct ahead *ahead_open(struct chain_link *link, uint64_t sectors, struct unused *unused)
{
    struct ahead *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct ahead){.link = link, .unused = unused, .sectors = sectors, .fd = -1};
    direct_start(a);
    a->memory = aligned_alloc(HUGE_PAGE, PIECES * PIECE_BYTES);
    if (a->memory) /* a refusal costs nothing but time */
        (void)madvise(a->memory, PIECES * PIECE_BYTES, MADV_HUGEPAGE);
    for (unsigned i = 0; a->memory && i < PIECES; i++)
        a->piece[i].data = a->memory + i * PIECE_BYTES;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (a->memory && !pthread_create(&a->thread, NULL, ahead_run, a))
        return a;
    ahead_free(a);
    return NULL;
}

enum err ahead_next(struct ahead *a, struct ahead_piece **piece, struct fail *f)
{
    pthread_mutex_lock(&a->lock);
    a->done = a->given;
    pthread_cond_signal(&a->changed);
    while (a->made == a->given && !a->ended) /* ends: the other thread goes on, or ends */
        pthread_cond_wait(&a->changed, &a->lock);
    bool there = a->made != a->given;
    *piece = there ? &a->piece[a->given++ % PIECES] : NULL;
    enum err err = there ? ERR_OK : a->err;
    if (err)
        *f = a->fail;
    pthread_mutex_unlock(&a->lock);
    return err;
}

void ahead_close(struct ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
    ahead_free(a);
}
