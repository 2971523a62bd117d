/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large pieces of memory that the engine maps and gives back for each disk are kept for the next
 * one, and ASan holds back less of what was freed. Kept are arenas, which clear what they hand out,
 * and buffers that are filled before they are read: never what has to be zeros (serve/table.c).
 */
#include "fuzz/quick.h"
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

#define KEPT_MAX   8u
#define ARENA_SIZE ((size_t)16 << 20)

static struct kept {
    void *base; /* NULL: unused */
    size_t size;
    bool placed; /* at an address that was asked for */
    bool used;
} kept[KEPT_MAX];

struct quick quick;

const char *__asan_default_options(void);
void *__real_mmap64(void *place, size_t size, int protection, int flags, int fd, off_t off);
void *__wrap_mmap64(void *place, size_t size, int protection, int flags, int fd, off_t off);
int __real_munmap(void *base, size_t size);
int __wrap_munmap(void *base, size_t size);
ssize_t __real_pwrite64(int fd, const void *buf, size_t size, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t size, off_t off);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:allocator_release_to_os_interval_ms=-1";
}

void *__wrap_mmap64(void *place, size_t size, int protection, int flags, int fd, off_t off)
{
    bool arena = place && size == ARENA_SIZE;
    bool keep = flags & MAP_ANONYMOUS && (arena || flags & MAP_POPULATE);
    for (unsigned i = 0; keep && i < KEPT_MAX; i++) {
        struct kept *k = &kept[i];
        if (k->used || k->size != size || k->placed != arena || (arena && k->base != place))
            continue;
        k->used = true;
        return k->base;
    }
    void *base = __real_mmap64(place, size, protection, flags, fd, off);
    for (unsigned i = 0; keep && base != MAP_FAILED && i < KEPT_MAX; i++) {
        if (kept[i].base)
            continue;
        kept[i] = (struct kept){base, size, arena, true};
        break;
    }
    return base;
}

/* An arena that grew is given back with all that follows its first piece. */
int __wrap_munmap(void *base, size_t size)
{
    for (unsigned i = 0; i < KEPT_MAX; i++) {
        struct kept *k = &kept[i];
        if (k->base != base || !k->used || size < k->size)
            continue;
        k->used = false;
        return size > k->size ? __real_munmap((char *)base + k->size, size - k->size) : 0;
    }
    return __real_munmap(base, size);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t size, off_t off)
{
    if (quick.writes == QUICK_WRITES)
        quick.more = true;
    else
        quick.write[quick.writes++] = (struct quick_write){(uint64_t)off, size};
    return __real_pwrite64(fd, buf, size, off);
}
