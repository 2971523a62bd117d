/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of pieces, with one who puts and one who takes: so never both wait, and one condition is
 * enough for the two. */
#include "host/summing.h"
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PIECES 4u

struct piece {
    uint64_t size;
    bool zeros; /* not the data */
    uint8_t data[SUMMING_PIECE];
};

struct summing {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned put, taken; /* how many pieces; their difference counts */
    bool end;
    struct sha256 sum; /* the thread's, while it runs */
    struct piece piece[PIECES];
};

static void *summing_run(void *ctx)
{
    struct summing *s = ctx;
    pthread_mutex_lock(&s->lock);
    for (;;) { /* ends: summing_end() says so */
        while (s->put == s->taken && !s->end)
            pthread_cond_wait(&s->moved, &s->lock);
        if (s->put == s->taken)
            break;
        const struct piece *piece = &s->piece[s->taken % PIECES];
        pthread_mutex_unlock(&s->lock);
        if (piece->zeros)
            sha256_add_zeros(&s->sum, piece->size);
        else
            sha256_add(&s->sum, piece->data, piece->size);
        pthread_mutex_lock(&s->lock);
        s->taken++;
        pthread_cond_signal(&s->moved);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals are for the thread that knows what they would leave behind. */
static int start_thread(struct summing *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&s->thread, NULL, summing_run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

enum status summing_start(struct summing **s)
{
    *s = calloc(1, sizeof **s);
    if (!*s)
        return say_no_memory();
    pthread_mutex_init(&(*s)->lock, NULL);
    pthread_cond_init(&(*s)->moved, NULL);
    sha256_start(&(*s)->sum);
    int error = start_thread(*s);
    if (!error)
        return STATUS_OK;
    free(*s);
    *s = NULL;
    return say_error("Raise the limit of processes, or say --no-sums.",
                     "no thread for the sums can be started: %s", strerror(error));
}

/* The piece that is put next, once the thread is through with what it held. */
static struct piece *next_piece(struct summing *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->put - s->taken == PIECES)
        pthread_cond_wait(&s->moved, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return &s->piece[s->put % PIECES];
}

static void put(struct summing *s, struct piece *piece, uint64_t size, bool zeros)
{
    pthread_mutex_lock(&s->lock);
    piece->size = size;
    piece->zeros = zeros;
    s->put++;
    pthread_cond_signal(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

void *summing_buffer(struct summing *s)
{
    return next_piece(s)->data;
}

void summing_add(struct summing *s, size_t size)
{
    put(s, &s->piece[s->put % PIECES], size, false);
}

void summing_zeros(struct summing *s, uint64_t size)
{
    put(s, next_piece(s), size, true);
}

void summing_end(struct summing *s, uint8_t digest[SHA256_SIZE])
{
    pthread_mutex_lock(&s->lock);
    s->end = true;
    pthread_cond_signal(&s->moved);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    sha256_end(&s->sum, digest);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
