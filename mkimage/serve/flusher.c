/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time between two beats counts from the end of the first one. */
#include "serve/flusher.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define STACK ((size_t)256 << 10)

struct flusher {
    void (*beat)(void *ctx);
    void *ctx;
    unsigned seconds;
    bool end;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
};

static void *flusher_run(void *ctx)
{
    struct flusher *k = ctx;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&k->lock);
    while (!k->end) { /* ends: flusher_end() says so */
        next.tv_sec += k->seconds;
        while (!k->end && !pthread_cond_timedwait(&k->wake, &k->lock, &next))
            ;
        if (k->end)
            break;
        pthread_mutex_unlock(&k->lock);
        k->beat(k->ctx);
        clock_gettime(CLOCK_MONOTONIC, &next);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

struct flusher *flusher_start(unsigned seconds, void (*beat)(void *ctx), void *ctx)
{
    struct flusher *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    *k = (struct flusher){.beat = beat, .ctx = ctx, .seconds = seconds};
    pthread_condattr_t clock;
    pthread_attr_t small;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &clock);
    pthread_mutex_init(&k->lock, NULL);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    bool started = !pthread_create(&k->thread, &small, flusher_run, k);
    pthread_attr_destroy(&small);
    pthread_condattr_destroy(&clock);
    if (started)
        return k;
    free(k);
    return NULL;
}

void flusher_end(struct flusher *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->end = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}
