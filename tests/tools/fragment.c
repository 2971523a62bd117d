/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fragment IMAGE HOSTFILE /path N [--partition N] [--scatter] [--at LBA]
 *
 * Puts HOSTFILE on IMAGE's NTFS volume in exactly N pieces with a cluster between them; with
 * --scatter they lie out of order. A file of that name is replaced. With HOSTFILE `-` the file that
 * is on the volume already is torn into pieces. With --at it lies in one piece around that sector
 * of the drive (which has to be free: nobody looks).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/ntfs/ntfs.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/fd.h"
#include "ntfs/place.h"
#include "ntfs/volume.h"

/* One piece whose middle is the sector `at` of the volume. */
static enum status place_around(struct volume *v, uint64_t size, uint64_t at, struct placement *p)
{
    uint64_t count = (size + v->cluster_size - 1) / v->cluster_size;
    uint64_t middle = (at << SECTOR_SHIFT) / v->cluster_size;
    *p = (struct placement){calloc(1, sizeof p->piece[0]), 1};
    if (!p->piece)
        return say_no_memory();
    p->piece[0] = (struct piece){middle - count / 2, count};
    return STATUS_OK;
}

static void host_extent(void *ctx, uint64_t off, uint64_t *data, uint64_t *end)
{
    const struct place_content *content = ctx;
    fd_next_data(content->fd, off, content->size, data, end);
}

static enum status host_read(void *ctx, uint64_t off, void *buf, uint32_t size)
{
    const struct place_content *content = ctx;
    if (fd_pread(content->fd, buf, size, off))
        return STATUS_OK;
    return say_error("Look after it.", "the file of the host cannot be read");
}

static enum status fill(struct volume *v, const char *host, const char *path, uint32_t pieces,
                        bool scatter, uint64_t at)
{
    int fd = open(host, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return say_error("Check the name.", "%s: cannot be opened", host);
    struct placement p = {0};
    enum status status = volume_make_folders(v, path);
    if (!status && at)
        status = place_around(v, (uint64_t)st.st_size, at, &p);
    else if (!status)
        status = place_find_pieces(v, (uint64_t)st.st_size, pieces, scatter, &p);
    if (!status)
        status = place_claim(v, &p);
    struct place_content content = {.size = (uint64_t)st.st_size,
                                    .extent = host_extent,
                                    .read = host_read,
                                    .ctx = &content,
                                    .fd = fd,
                                    .same = (uint64_t)st.st_size};
    if (!status)
        status = place_fill(v, &p, &content, NULL);
    if (!status)
        status = place_file(v, path, (uint64_t)st.st_size, &p);
    placement_free(&p);
    close(fd);
    return status;
}

/* The volume's place on the disk, by the loader's own partition code. */
static enum status find(const char *image, unsigned partition, uint64_t *start, uint64_t *size)
{
    struct target t;
    enum status status = target_open(&t, image, partition);
    if (status)
        return status;
    *start = t.part->start_lba << SECTOR_SHIFT;
    *size = t.part->sectors << SECTOR_SHIFT;
    target_close(&t);
    return STATUS_OK;
}

/* Copies a file of the volume to a new one of the host, whose name gets its last letters here. */
static enum status fetch(const char *image, unsigned partition, const char *path, char *host)
{
    struct target t;
    struct file file;
    struct fail f;
    enum status status = target_open(&t, image, partition);
    if (status)
        return status;
    int fd = mkstemp(host);
    if (fd < 0)
        status = say_error("Check the folder.", "%s: cannot be made", host);
    else if (ntfs_open(&t.volume, path, &file, &f))
        status = say_fail(&f);
    static uint8_t buffer[1 << 20];
    for (uint64_t off = 0; !status && off < file.size;) {
        uint64_t left = file.size - off;
        uint32_t n = left < sizeof buffer ? (uint32_t)left : (uint32_t)sizeof buffer;
        if (file_read(&file, off, buffer, n, &f))
            status = say_fail(&f);
        else if (!fd_pwrite(fd, buffer, n, off))
            status = say_error("Make room.", "%s: cannot be written", host);
        off += n;
    }
    if (fd >= 0)
        close(fd);
    target_close(&t);
    return status;
}

int main(int argc, char **argv)
{
    const char *argument[4];
    unsigned count = 0, partition = 0;
    uint64_t at = 0;
    bool scatter = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--scatter"))
            scatter = true;
        else if (!strcmp(argv[i], "--partition") && i + 1 < argc)
            partition = (unsigned)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--at") && i + 1 < argc)
            at = strtoull(argv[++i], NULL, 10);
        else if (count < 4)
            argument[count++] = argv[i];
    }
    if (count != 4)
        return say_usage("fragment IMAGE HOSTFILE /path N [--partition N] [--scatter] [--at LBA]");

    char *temporary = NULL;
    const char *host = argument[1];
    enum status status = STATUS_OK;
    if (!strcmp(host, "-")) {
        if (asprintf(&temporary, "%s.XXXXXX", argument[0]) < 0)
            return say_no_memory();
        status = fetch(argument[0], partition, argument[2], temporary);
        host = temporary;
    }
    uint64_t start, size;
    struct device device;
    struct volume v;
    if (!status)
        status = find(argument[0], partition, &start, &size);
    if (!status)
        status = device_open(&device, argument[0], DEVICE_WRITE);
    if (!status)
        status = volume_open(&v, &device, start, size);
    if (!status) {
        if (at)
            at -= start >> SECTOR_SHIFT;
        status = fill(&v, host, argument[2], (uint32_t)strtoul(argument[3], NULL, 10), scatter, at);
        enum status closed = volume_close(&v);
        device_close(&device);
        status = status ? status : closed;
    }
    if (temporary)
        unlink(temporary);
    free(temporary);
    return (int)status;
}
