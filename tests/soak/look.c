/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is on a flash, by the loader's reader, line by line, fields between tabs:
 *
 *   volume  PARTITION LABEL
 *   file    PARTITION PATH SIZE HASH
 *   entry   PARTITION NAME IMAGE WRITE STARTS PROTECTED SENTENCE RUNS
 *   image   PARTITION PATH CHAIN SENTENCE RUNS
 *
 * An entry starts, or the sentence says why not; an image is any file that is a VHD or a
 * VHDX, opened with its parents as if it were one. RUNS are what the disk holds (disk.h). Each disk
 * that can be opened is read by a second reader too, which goes by every bitmap.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/chain/path.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "powercut/second.h"
#include "powercut/second_vhdx.h"
#include "soak/disk.h"

#define FILES_MAX    256u
#define PATH_SIZE    512u
#define PIECE        256u
#define HASH_PIECE   (1u << 16)
#define MEMORY_BYTES ((uint64_t)64 << 20)

struct listing {
    struct soak *soak;
    unsigned partition;
    char folder[PATH_SIZE];
    char path[FILES_MAX][PATH_SIZE];
    bool is_folder[FILES_MAX];
    unsigned count;
};

static bool add_name(void *ctx, const struct ntfs_dirent *entry)
{
    struct listing *l = ctx;
    if (l->count == FILES_MAX)
        return false;
    snprintf(l->path[l->count], PATH_SIZE, "%.200s\\%.200s", l->folder, entry->name);
    l->is_folder[l->count++] = entry->directory;
    return true;
}

/* Of a file's pieces, one after the other; most of what is large is zeros. */
static uint64_t hash(uint64_t sum, const uint8_t *data, uint32_t size)
{
    static const uint8_t zeros[HASH_PIECE];
    if (size == HASH_PIECE && !memcmp(data, zeros, HASH_PIECE))
        return (sum + 1) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    for (uint32_t i = size & ~7u; i < size; i++)
        sum = (sum ^ data[i]) * 0x100000001b3u;
    return sum;
}

static void look_at_file(struct listing *l, const char *path, bool *is_image)
{
    static uint8_t data[HASH_PIECE];
    struct file file;
    struct fail f;
    char line[512];
    size_t mark = arena_mark(&l->soak->arena);
    uint64_t sum = 1;
    enum err err = ntfs_open(&l->soak->volume, path, &file, &f);
    for (uint64_t off = 0; !err && off < file.size;) { /* ends: off grows */
        uint64_t left = file.size - off;
        uint32_t n = left < sizeof data ? (uint32_t)left : (uint32_t)sizeof data;
        err = file_read(&file, off, data, n, &f);
        sum = hash(sum, data, n);
        off += n;
    }
    *is_image = false;
    if (!err)
        err = vhd_probe(&file, is_image, &f);
    if (!err && !*is_image)
        err = vhdx_probe(&file, is_image, &f);
    if (err) {
        errors_format(&f, line, sizeof line);
        printf("unread\t%u\t%s\t%s\n", l->partition, path, line);
    } else {
        printf("file\t%u\t%s\t%" PRIu64 "\t%016" PRIx64 "\n", l->partition, path, file.size, sum);
    }
    arena_release(&l->soak->arena, mark);
}

/* Who judges what the loader reads: the second reader of the chain's format, or nobody. */
struct judge {
    enum { NOBODY, OF_VHDS, OF_VHDXS } who;
    struct second vhd;
    struct second_vhdx vhdx;
};

static void judge_prepare(struct judge *j, const struct soak *s, const struct chain *chain)
{
    j->who = NOBODY;
    j->vhd = (struct second){.flash = s->bytes, .count = chain->count};
    j->vhdx = (struct second_vhdx){.flash = s->bytes, .count = chain->count};
    if (chain->count > SECOND_LAYERS_MAX || chain->count > SECOND_VHDX_LAYERS_MAX)
        return;
    for (unsigned i = 0; i < chain->count; i++) {
        const struct chain_link *link = chain->link[i];
        if (link->image.format == IMAGE_RAW)
            return;
        j->vhd.layer[i] = (struct second_layer){.extents = &link->extents,
                                                .file_sectors = link->file.size / SECTOR_SIZE};
        j->vhdx.layer[i] =
            (struct second_vhdx_layer){.extents = &link->extents, .file_size = link->file.size};
    }
    j->who = chain->link[0]->image.format == IMAGE_VHD ? OF_VHDS : OF_VHDXS;
}

/* A footer without what says that a merge has begun, and without the sum of it all. */
static void unmark(uint8_t footer[SECTOR_SIZE])
{
    memset(footer + 0x40, 0, 4);
    memset(footer + 0x100, 0, 32);
}

/* Is there an image whose two footers differ in that alone? A cut between the two writes leaves
 * one, and both footers are good. */
static bool between_footers(const struct chain *chain)
{
    uint8_t first[SECTOR_SIZE], last[SECTOR_SIZE];
    struct fail f;
    for (unsigned i = 0; i < chain->count; i++) {
        struct file *file = &chain->link[i]->file;
        if (chain->link[i]->image.kind != IMAGE_FIXED &&
            !file_read(file, 0, first, SECTOR_SIZE, &f) &&
            !file_read(file, file->size - SECTOR_SIZE, last, SECTOR_SIZE, &f) &&
            memcmp(first, last, SECTOR_SIZE)) {
            unmark(first);
            unmark(last);
            return !memcmp(first, last, SECTOR_SIZE);
        }
    }
    return false;
}

/* NULL, or what a second reader has against it. Where it would take nothing of it, nobody judges.
 */
static const char *judge_open(struct judge *j, const struct chain *chain)
{
    const char *why = NULL;
    if (j->who == OF_VHDXS)
        why = second_vhdx_open(&j->vhdx);
    else if (j->who == OF_VHDS)
        why = second_open(&j->vhd);
    if ((why && between_footers(chain)) || (j->who == OF_VHDXS && j->vhdx.has_log)) {
        j->who = NOBODY;
        why = NULL;
    }
    return why;
}

static const uint8_t *judge_sector(const struct judge *j, uint64_t lba, const uint8_t *mine)
{
    if (j->who == NOBODY)
        return mine;
    return j->who == OF_VHDS ? second_sector(&j->vhd, lba) : second_vhdx_sector(&j->vhdx, lba);
}

/* All sectors of the disk, or what is wrong with them. */
static void tell_disk(struct soak *s, const struct boot_disk *disk)
{
    static uint8_t data[PIECE * SECTOR_SIZE];
    static struct judge judge;
    struct soak_runs runs = {0};
    struct blk *drive[MAP_DRIVES_MAX] = {&s->blk};
    struct fail f;
    judge_prepare(&judge, s, &disk->chain);
    const char *why = judge_open(&judge, &disk->chain);
    if (why) {
        printf("?the second reader: %s", why);
        return;
    }
    for (uint64_t lba = 0; lba < disk->map.sectors;) { /* ends: lba grows */
        uint64_t left = disk->map.sectors - lba;
        uint32_t n = left < PIECE ? (uint32_t)left : PIECE;
        if (map_read(&disk->map, drive, lba, n, data, &f)) {
            printf("?%s", f.sentence);
            return;
        }
        for (uint32_t i = 0; i < n; i++, lba++) {
            const uint8_t *mine = data + (size_t)i * SECTOR_SIZE;
            const uint8_t *other = judge_sector(&judge, lba, mine);
            if (!other || memcmp(mine, other, SECTOR_SIZE))
                memset(data + (size_t)i * SECTOR_SIZE, 0xff, SECTOR_SIZE); /* no tag's content */
            soak_tell(&runs, lba, mine);
        }
    }
    soak_tell_end(&runs);
}

static void look_at_entry(struct listing *l, const struct config_entry *entry)
{
    static const char *const modes[] = {"persistent", "discard", "none"};
    struct soak *s = l->soak;
    static struct boot_disk disk;
    uint8_t sector[SECTOR_SIZE];
    struct blk *drive[MAP_DRIVES_MAX] = {&s->blk};
    struct fail f;
    char line[512] = "";
    size_t mark = arena_mark(&s->arena);
    unsigned volumes = s->volumes.count;
    enum err err = boot_open(&disk, entry, &s->volumes, MEMORY_BYTES, &s->arena, &f);
    bool opened = !err;
    if (!err)
        err = map_read(&disk.map, drive, 0, 1, sector, &f);
    if (!err && boot_record_fault(sector))
        err = fail(&f, ERR_NO_SYSTEM, boot_record_fault(sector), 0);
    if (err)
        errors_format(&f, line, sizeof line);
    bool protected = opened && (disk.write_protected || !disk.map.writable); /* as handoff.c */
    printf("entry\t%u\t%s\t%s\t%s%s\t%d\t%d\t%s\t", l->partition, entry->name, entry->vhd,
           modes[entry->write], entry->ram ? "+ram" : "", !err, protected, line);
    if (opened)
        tell_disk(s, &disk);
    printf("\n");
    if (s->volumes.count == volumes) /* else they were found now, and stay */
        arena_release(&s->arena, mark);
}

static void look_at_image(struct listing *l, const char *path)
{
    struct soak *s = l->soak;
    static struct boot_disk disk;
    struct config_entry entry = {.name = "", .title = "", .vhd = path, .write = WRITE_NONE};
    struct fail f;
    char line[512] = "";
    size_t mark = arena_mark(&s->arena);
    enum err err = boot_open(&disk, &entry, &s->volumes, 0, &s->arena, &f);
    if (err)
        errors_format(&f, line, sizeof line);
    printf("image\t%u\t%s\t", l->partition, path);
    for (unsigned i = 0; !err && i < disk.chain.count; i++)
        printf("%s%s", i ? "|" : "", disk.chain.link[i]->file.path);
    printf("\t%s\t", line);
    if (!err)
        tell_disk(s, &disk);
    printf("\n");
    arena_release(&s->arena, mark);
}

static void look_at_volume(struct listing *l)
{
    static struct config config;
    struct soak *s = l->soak;
    struct fail f;
    bool from_file, is_image;
    char line[512];
    l->count = 0;
    l->folder[0] = '\0';
    if (ntfs_list(&s->volume, "\\", add_name, l, &f))
        printf("unread\t%u\t\\\t%s\n", l->partition, f.sentence);
    for (unsigned i = 0; i < l->count; i++) { /* folders add to the list; its size bounds it */
        if (l->is_folder[i]) {
            snprintf(l->folder, sizeof l->folder, "%s", l->path[i]);
            if (ntfs_list(&s->volume, l->folder, add_name, l, &f))
                printf("unread\t%u\t%s\t%s\n", l->partition, l->folder, f.sentence);
            continue;
        }
        look_at_file(l, l->path[i], &is_image);
        if (is_image)
            look_at_image(l, l->path[i]);
    }
    enum err err = boot_entries(&config, &from_file, &s->volume, &s->arena, &f);
    if (err) {
        errors_format(&f, line, sizeof line);
        printf("menu\t%u\t%s\n", l->partition, line);
    }
    for (unsigned i = 0; !err && i < config.count; i++)
        look_at_entry(l, &config.entry[i]);
}

int soak_look(struct soak *s)
{
    static struct listing l;
    struct fail f;
    char line[512];
    for (unsigned i = 0; i < s->table.count; i++) {
        l.soak = s;
        l.partition = s->table.part[i].number;
        if (soak_mount(s, l.partition, &f)) {
            errors_format(&f, line, sizeof line);
            printf("unmounted\t%u\t%s\n", l.partition, line);
            continue;
        }
        printf("volume\t%u\t%s\n", l.partition, s->volume.label);
        look_at_volume(&l);
    }
    return 0;
}
