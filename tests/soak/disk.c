/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *   boot look FLASH
 *   boot start FLASH PARTITION ENTRY MEMORY_MIB LOOK_AHEAD V86 CUT < requests
 *
 * What the machine would find on a flash, and what a guest would do to it: see look.c and
 * session.c.
 */
#include "soak/disk.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#undef MAP_FILE /* mman.h's */
#include "core/base/bounds.h"

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "boot: %s\n", what);
    exit(2);
}

static enum err read_flash(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    const struct soak *s = b->ctx;
    if (!range_ok(lba, count, s->sectors))
        return fail(f, ERR_READ, "sector beyond the flash", lba);
    memcpy(buf, s->bytes + lba * SECTOR_SIZE, (size_t)count * SECTOR_SIZE);
    return ERR_OK;
}

void soak_open(struct soak *s, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || st.st_size < SECTOR_SIZE)
        die("the flash cannot be opened");
    s->bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    void *memory = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->bytes == MAP_FAILED || memory == MAP_FAILED)
        die("out of memory");
    s->sectors = (uint64_t)st.st_size / SECTOR_SIZE;
    s->blk = (struct blk){.read = read_flash, .ctx = s, .sectors = s->sectors};
    arena_init(&s->arena, memory, ARENA_BYTES);
    struct fail f;
    if (part_read(&s->table, &s->blk, &f))
        die("the flash has no partition table");
}

static enum err find_volumes(struct volumes *v, struct fail *f)
{
    struct soak *s = v->ctx;
    return volumes_add_drive(v, &s->blk, 0, &s->arena, f);
}

enum err soak_mount(struct soak *s, unsigned partition, struct fail *f)
{
    const struct part *part;
    arena_release(&s->arena, 0);
    enum err err = part_pick(&s->table, &s->blk, partition, &part, f);
    if (!err)
        err = ntfs_mount(&s->volume, &s->blk, part->start_lba, part->sectors, &s->arena, f);
    s->volumes = (struct volumes){.count = 1, .find = find_volumes, .ctx = s};
    s->volumes.volume[0].ntfs = &s->volume;
    return err;
}

void soak_content(uint8_t *sector, uint64_t lba, uint32_t tag)
{
    uint32_t words[2] = {tag, (uint32_t)lba};
    memset(sector, 0, SECTOR_SIZE);
    for (unsigned i = 0; tag && i < SECTOR_SIZE; i += sizeof words)
        memcpy(sector + i, words, sizeof words);
    if (tag && !lba) { /* what a BIOS starts */
        sector[510] = 0x55;
        sector[511] = 0xaa;
    }
}

void soak_tell_end(struct soak_runs *r)
{
    if (r->count && r->broken)
        printf("x*%" PRIu64 ",", r->count);
    else if (r->count)
        printf("%" PRIu32 "*%" PRIu64 ",", r->tag, r->count);
    r->count = 0;
}

void soak_tell(struct soak_runs *r, uint64_t lba, const uint8_t *sector)
{
    uint8_t right[SECTOR_SIZE];
    uint32_t tag;
    memcpy(&tag, sector, sizeof tag);
    soak_content(right, lba, tag);
    bool broken = memcmp(sector, right, sizeof right) != 0;
    if (r->count && (broken != r->broken || (!broken && tag != r->tag)))
        soak_tell_end(r);
    r->count++;
    r->tag = tag;
    r->broken = broken;
}

int main(int argc, char **argv)
{
    static struct soak s;
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (argc == 3 && !strcmp(argv[1], "look")) {
        soak_open(&s, argv[2]);
        return soak_look(&s);
    }
    if (argc == 9 && !strcmp(argv[1], "start")) {
        soak_open(&s, argv[2]);
        return soak_session(&s, argv[2], argv + 3);
    }
    die("look FLASH, or start FLASH PARTITION ENTRY MEMORY_MIB LOOK_AHEAD V86 CUT");
}
