/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disktime DEVICE FIRST_MIB MIB read|write BYTES next|random DEPTH SECONDS
 *
 * So many requests of so many bytes at a time, past the page cache, in a part of a block device,
 * for so long. Prints how many were done a second. A static program, for a small Linux.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define MIB       ((uint64_t)1 << 20)

static int fd;
static bool writes, at_random;
static size_t bytes;
static uint64_t first, places;
static double end;
static atomic_ullong done, turn;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t place(uint64_t *seed)
{
    if (!at_random)
        return atomic_fetch_add(&turn, 1) % places;
    *seed ^= *seed << 13; /* xorshift */
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % places;
}

static void *worker(void *ctx)
{
    uint64_t seed = 88172645463325252u + (uintptr_t)ctx * 7919;
    void *buffer;
    if (posix_memalign(&buffer, 4096, bytes))
        exit(1);
    memset(buffer, 0x5a, bytes);
    while (now() < end) { /* ends: with its time */
        off_t at = (off_t)(first + place(&seed) * bytes);
        ssize_t n = writes ? pwrite(fd, buffer, bytes, at) : pread(fd, buffer, bytes, at);
        if (n != (ssize_t)bytes) {
            perror("disktime");
            exit(1);
        }
        atomic_fetch_add(&done, 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[DEPTH_MAX];
    if (argc != 9)
        return 2;
    writes = !strcmp(argv[4], "write");
    at_random = !strcmp(argv[6], "random");
    first = strtoull(argv[2], NULL, 10) * MIB;
    bytes = strtoul(argv[5], NULL, 10);
    places = strtoull(argv[3], NULL, 10) * MIB / bytes;
    uintptr_t depth = strtoul(argv[7], NULL, 10);
    fd = open(argv[1], (writes ? O_RDWR : O_RDONLY) | O_DIRECT);
    if (fd < 0 || !places || !depth || depth > DEPTH_MAX) {
        perror(argv[1]);
        return 1;
    }
    double start = now();
    end = start + strtod(argv[8], NULL);
    for (uintptr_t i = 0; i < depth; i++) {
        if (pthread_create(&thread[i], NULL, worker, (void *)i))
            return 1;
    }
    for (uintptr_t i = 0; i < depth; i++)
        pthread_join(thread[i], NULL);
    if (writes && fsync(fd))
        return 1;
    printf("%.1f\n", (double)done / (now() - start));
    return 0;
}
