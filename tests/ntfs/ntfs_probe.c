/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens an NTFS volume in an image file through core, for tests: what core sees, as text.
 *
 *   ntfs_probe IMAGE[@LBA] info|ls PATH|extents PATH|cat PATH|stat PATH
 *
 * extents: `FILE_SECTOR LBA|- COUNT` a line; stat: sizes and whether the file may be written in
 * place. The last line on standard error counts the reads. Exit status 1: refused, with core's
 * sentence and the advice on standard error.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/ntfs/ntfs.h"

static int image;

static enum err image_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    (void)b;
    size_t bytes = (size_t)count << SECTOR_SHIFT;
    ssize_t got = pread(image, buf, bytes, (off_t)(lba << SECTOR_SHIFT));
    return got == (ssize_t)bytes ? ERR_OK : fail(f, ERR_READ, "cannot read sector %u", lba);
}

static int refused(const struct fail *f)
{
    char line[512];
    errors_format(f, line, sizeof line);
    fprintf(stderr, "error %d: %s\n%s\n", f->err, line, errors_advice(f->err));
    return 1;
}

static void print_notes(const struct ntfs *vol)
{
    for (unsigned i = 0; i < vol->notes.count; i++) {
        char line[512];
        notes_format(&vol->notes, i, line, sizeof line);
        fprintf(stderr, "note: %s\n", line);
    }
}

static bool print_entry(void *ctx, const struct ntfs_dirent *e)
{
    (void)ctx;
    printf("%c %" PRIu64 " %" PRIu64 " %s\n", e->directory ? 'd' : '-', e->record, e->size,
           e->name);
    return true;
}

static int cat(struct file *file, struct fail *f)
{
    static uint8_t buf[1 << 20];
    for (uint64_t off = 0; off < file->size;) {
        uint64_t left = file->size - off;
        uint32_t n = left < sizeof buf ? (uint32_t)left : sizeof buf;
        if (file_read(file, off, buf, n, f))
            return refused(f);
        fwrite(buf, 1, n, stdout);
        off += n;
    }
    return 0;
}

static int extents(struct file *file, struct arena *a, bool print, struct fail *f)
{
    struct extent_list list;
    if (file_extents(file, &list, a, f))
        return refused(f);
    for (uint32_t i = 0; i < list.count && print; i++) {
        const struct extent *e = &list.extent[i];
        if (e->drive_lba == EXTENT_HOLE)
            printf("%" PRIu64 " - %" PRIu64 "\n", e->file_sector, e->count);
        else
            printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", e->file_sector, e->drive_lba, e->count);
    }
    if (print)
        return 0;
    printf("path %s\nsize %" PRIu64 "\ninitialized %" PRIu64 "\nfragments %u\n", file->path,
           file->size, file->initialized, extent_fragments(&list));
    return file_writable_in_place(file, &list, f) ? refused(f) : 0;
}

static int info(const struct ntfs *vol)
{
    struct fail f;
    printf("start %" PRIu64 "\nsector %u\ncluster %u\nclusters %" PRIu64 "\nrecord %u\nindex %u\n"
           "version %u.%u\ndirty %d\nlog_unclean %d\nhibernated %d\n",
           vol->start_lba, vol->sector_size, SECTOR_SIZE << vol->cluster_shift, vol->clusters,
           vol->record_size, vol->index_size, vol->version_major, vol->version_minor, vol->dirty,
           vol->log_unclean, vol->hibernated);
    return ntfs_writable(vol, &f) ? refused(&f) : 0;
}

static int run(struct ntfs *vol, struct arena *a, const char *verb, const char *path)
{
    struct fail f;
    struct file file;
    if (!strcmp(verb, "info"))
        return info(vol);
    if (!strcmp(verb, "ls"))
        return ntfs_list(vol, path, print_entry, NULL, &f) ? refused(&f) : 0;
    if (ntfs_open(vol, path, &file, &f))
        return refused(&f);
    if (!strcmp(verb, "cat"))
        return cat(&file, &f);
    return extents(&file, a, !strcmp(verb, "extents"), &f);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    char *at = strchr(argv[1], '@');
    uint64_t start = at ? strtoull(at + 1, NULL, 0) : 0;
    if (at)
        *at = '\0';
    image = open(argv[1], O_RDONLY);
    off_t size = image < 0 ? -1 : lseek(image, 0, SEEK_END);
    if (size < 0) {
        perror(argv[1]);
        return 2;
    }

    const char *megabytes = getenv("PROBE_MEMORY");
    size_t bytes = (megabytes ? strtoul(megabytes, NULL, 0) : 64) << 20;
    struct arena a;
    void *memory = malloc(bytes);
    arena_init(&a, memory, memory ? bytes : 0);
    struct blk drive = {.read = image_read, .sectors = (uint64_t)size >> SECTOR_SHIFT};
    struct ntfs vol;
    struct fail f;
    int status;
    if (ntfs_mount(&vol, &drive, start, UINT64_MAX, &a, &f)) {
        status = refused(&f);
    } else {
        status = run(&vol, &a, argv[2], argc > 3 ? argv[3] : "\\");
        print_notes(&vol);
    }
    fprintf(stderr, "reads %" PRIu64 " sectors %" PRIu64 " memory %zu\n", drive.reads,
            drive.sectors_read, a.peak);
    free(memory);
    return status;
}
