/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkntfs formats a sparse file in memory, as it knows no partition offset. It puts the MFT's mirror
 * and the log in the middle of the volume, and other metadata at one eighth: no file larger than
 * half of the volume could then be in one piece. So the volume is not copied as it is: each
 * metadata file goes right behind the MFT (with room for that to grow), its run, the mirror's place
 * in the boot sector and $Bitmap follow. Windows puts them near the start, too.
 */
#include "ntfs/format.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "host/fd.h"

#define RECORD_MAX    65536u
#define MFT_ROOM      ((uint64_t)1 << 20)
#define RECORD_BITMAP 6
#define ATTR_END      0xffffffffu
#define ATTR_DATA     0x80u

/* What is used of an NTFS boot sector. */
struct ntfs_bpb {
    uint8_t jump_oem[11];
    le16 sector_size;            /* 0x0b */
    uint8_t sectors_per_cluster; /* 0x0d */
    uint8_t other[26];
    le64 sectors;       /* 0x28 */
    le64 mft_lcn;       /* 0x30 */
    le64 mirror_lcn;    /* 0x38 */
    int8_t record_size; /* 0x40 */
};
static_assert(offsetof(struct ntfs_bpb, sectors) == 0x28, "NTFS boot sector");
static_assert(offsetof(struct ntfs_bpb, record_size) == 0x40, "NTFS boot sector");

struct pack {
    int fd; /* what mkntfs made */
    struct device *device;
    uint64_t start; /* of the volume on the device */
    uint64_t cluster_size, clusters;
    uint64_t mft_lcn, fixed_end; /* clusters below fixed_end stay where they are */
    uint64_t next;               /* where the next attribute goes */
    uint64_t mirror_lcn, mirror_clusters;
    uint64_t bitmap_lcn, bitmap_size;
    uint32_t record_size;
    uint8_t *bitmap; /* of the packed volume */
    uint8_t *mft;
    uint64_t mft_bytes;
};

uint64_t format_overhead(uint64_t size)
{
    /* $LogFile is 64 MiB at the most and 1/200 of a small volume; $Bitmap a bit a cluster. */
    uint64_t log = size / 100 < (uint64_t)66 << 20 ? size / 100 : (uint64_t)66 << 20;
    return ((uint64_t)4 << 20) + log + size / FORMAT_CLUSTER / 8;
}

static le16 word_at(const uint8_t *p)
{
    return (le16){{p[0], p[1]}};
}

static le32 long_at(const uint8_t *p)
{
    return (le32){{p[0], p[1], p[2], p[3]}};
}

static void put64(uint8_t *p, uint64_t value)
{
    le64 v = le64_make(value);
    memcpy(p, v.b, sizeof v.b);
}

/* Puts the last words of a record's 512-byte strides back (`protect` false), or hides them behind
 * the update sequence number again. False where it is no valid record. */
static bool fixup(uint8_t *record, uint32_t size, bool protect)
{
    uint32_t off = le16_get(word_at(record + 4)), count = le16_get(word_at(record + 6));
    if (memcmp(record, "FILE", 4) || count != size / SECTOR_SIZE + 1 || off + 2 * count > 510)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        uint8_t *last = record + i * SECTOR_SIZE - 2, *saved = record + off + 2 * i;
        if (protect) {
            memcpy(saved, last, 2);
            memcpy(last, record + off, 2);
        } else if (memcmp(last, record + off, 2)) {
            return false;
        } else {
            memcpy(last, saved, 2);
        }
    }
    return true;
}

/* The one run of a fresh volume's attribute; false for a hole or more than one. */
static bool single_run(const uint8_t *pairs, const uint8_t *end, uint64_t *lcn, uint64_t *count)
{
    unsigned n = pairs[0] & 15, m = pairs[0] >> 4;
    if (!n || n > 8 || !m || m > 8 || pairs + 1 + n + m >= end || pairs[1 + n + m])
        return false;
    *count = *lcn = 0;
    for (unsigned i = 0; i < n; i++)
        *count |= (uint64_t)pairs[1 + i] << 8 * i;
    for (unsigned i = 0; i < m; i++)
        *lcn |= (uint64_t)pairs[1 + n + i] << 8 * i;
    return true;
}

/* The new place is never further than the old one, so its bytes suffice. */
static void set_run(uint8_t *pairs, uint64_t lcn)
{
    unsigned n = pairs[0] & 15, m = pairs[0] >> 4;
    for (unsigned i = 0; i < m; i++)
        pairs[1 + n + i] = i < 8 ? (uint8_t)(lcn >> 8 * i) : 0;
}

static void mark(struct pack *p, uint64_t lcn, uint64_t count)
{
    for (; count; lcn++, count--)
        p->bitmap[lcn / 8] |= (uint8_t)(1u << lcn % 8);
}

/* The clusters that stay are used or free as mkntfs's own $Bitmap at `lcn` says. */
static bool keep_fixed_bits(struct pack *p, uint64_t lcn)
{
    for (uint64_t bit = 0; bit < p->fixed_end; bit++) {
        uint8_t byte;
        if (!fd_pread(p->fd, &byte, 1, lcn * p->cluster_size + bit / 8))
            return false;
        if (byte >> bit % 8 & 1)
            mark(p, bit, 1);
    }
    return true;
}

static bool copy_clusters(struct pack *p, uint64_t from, uint64_t to, uint64_t count)
{
    static uint8_t buffer[1 << 20];
    uint64_t source = from * p->cluster_size, target = to * p->cluster_size;
    uint64_t left = count * p->cluster_size;
    while (left) {
        size_t n = left < sizeof buffer ? (size_t)left : sizeof buffer;
        if (!fd_pread(p->fd, buffer, n, source) ||
            !device_pwrite(p->device, buffer, n, p->start + target))
            return false;
        source += n;
        target += n;
        left -= n;
    }
    return true;
}

/* Moves what one non-resident attribute of record `number` holds. */
static bool pack_attribute(struct pack *p, uint64_t number, uint8_t *attr, uint32_t length)
{
    uint32_t pairs_off = le16_get(word_at(attr + 0x20));
    uint64_t lcn, count;
    if (pairs_off + 2 > length || !single_run(attr + pairs_off, attr + length, &lcn, &count) ||
        lcn < p->fixed_end)
        return true;
    if (!range_ok(lcn, count, p->clusters) || !range_ok(p->next, count, p->clusters) ||
        p->next > lcn)
        return false;

    uint64_t to = p->next;
    p->next += count;
    set_run(attr + pairs_off, to);
    mark(p, to, count);
    if (le32_get(long_at(attr)) == ATTR_DATA && !attr[9]) {
        if (number == 1) {
            p->mirror_lcn = to;
            p->mirror_clusters = count;
        } else if (number == RECORD_BITMAP) {
            p->bitmap_lcn = to;
            if (!keep_fixed_bits(p, lcn))
                return false;
        }
    }
    return copy_clusters(p, lcn, to, count);
}

static bool pack_record(struct pack *p, uint64_t number)
{
    uint8_t *record = p->mft + number * p->record_size;
    if (memcmp(record, "FILE", 4) || !(record[0x16] & 1))
        return true;
    if (!fixup(record, p->record_size, false))
        return false;
    uint32_t off = le16_get(word_at(record + 0x14));
    while (off + 8 <= p->record_size && le32_get(long_at(record + off)) != ATTR_END) {
        uint32_t length = le32_get(long_at(record + off + 4));
        if (length < 24 || length > p->record_size - off)
            return false;
        if (record[off + 8] && length >= 64 && !pack_attribute(p, number, record + off, length))
            return false;
        off += length; /* ends: length is at least 24 */
    }
    return fixup(record, p->record_size, true);
}

static bool read_layout(struct pack *p, uint8_t *boot)
{
    if (!fd_pread(p->fd, boot, SECTOR_SIZE, 0))
        return false;
    const struct ntfs_bpb *bpb = (const struct ntfs_bpb *)boot;
    p->cluster_size = (uint64_t)le16_get(bpb->sector_size) * bpb->sectors_per_cluster;
    p->record_size = bpb->record_size < 0 ? 1u << -bpb->record_size
                                          : (uint32_t)(bpb->record_size * p->cluster_size);
    if (!p->cluster_size || p->record_size < 1024 || p->record_size > RECORD_MAX)
        return false;
    p->clusters = le64_get(bpb->sectors) * le16_get(bpb->sector_size) / p->cluster_size;
    p->mft_lcn = le64_get(bpb->mft_lcn);
    p->mirror_lcn = le64_get(bpb->mirror_lcn);

    uint8_t record[RECORD_MAX];
    if (!range_ok(p->mft_lcn, 1, p->clusters) ||
        !fd_pread(p->fd, record, p->record_size, p->mft_lcn * p->cluster_size) ||
        !fixup(record, p->record_size, false))
        return false;
    uint32_t off = le16_get(word_at(record + 0x14));
    for (; off + 64 <= p->record_size; off += le32_get(long_at(record + off + 4))) {
        uint32_t type = le32_get(long_at(record + off)),
                 length = le32_get(long_at(record + off + 4));
        if (type == ATTR_END || length < 24 || length > p->record_size - off)
            return false;
        uint64_t lcn, count;
        if (type != ATTR_DATA)
            continue;
        const uint8_t *pairs = record + off + le16_get(word_at(record + off + 0x20));
        if (pairs >= record + off + length ||
            !single_run(pairs, record + off + length, &lcn, &count) || lcn != p->mft_lcn)
            return false;
        p->mft_bytes = count * p->cluster_size;
        p->fixed_end = lcn + count;
        return p->mft_bytes < (uint64_t)1 << 24 && p->fixed_end < p->clusters;
    }
    return false;
}

/* The bits past the volume's end count as used. */
static bool write_bitmap(struct pack *p)
{
    uint64_t bytes = (p->clusters + 63) / 64 * 8;
    for (uint64_t bit = p->clusters; bit < bytes * 8; bit++)
        mark(p, bit, 1);
    return p->bitmap_lcn &&
           device_pwrite(p->device, p->bitmap, bytes, p->start + p->bitmap_lcn * p->cluster_size);
}

static bool pack_volume(struct pack *p, uint64_t size)
{
    uint8_t boot[SECTOR_SIZE];
    if (!read_layout(p, boot))
        return false;
    p->bitmap = calloc(1, (p->clusters + 63) / 64 * 8);
    p->mft = malloc(p->mft_bytes);
    if (!p->bitmap || !p->mft ||
        !fd_pread(p->fd, p->mft, p->mft_bytes, p->mft_lcn * p->cluster_size))
        return false;

    uint64_t room = MFT_ROOM / p->cluster_size;
    p->next = p->fixed_end + (room < p->clusters / 64 ? room : p->clusters / 64);
    bool ok = copy_clusters(p, 0, 0, p->fixed_end);
    for (uint64_t i = 0; ok && i < p->mft_bytes / p->record_size; i++)
        ok = pack_record(p, i);
    if (!ok || !write_bitmap(p) ||
        !device_pwrite(p->device, p->mft, p->mft_bytes, p->start + p->mft_lcn * p->cluster_size))
        return false;

    uint64_t mirror = p->mirror_clusters * p->cluster_size;
    if (!mirror || mirror > p->mft_bytes ||
        !device_pwrite(p->device, p->mft, mirror, p->start + p->mirror_lcn * p->cluster_size))
        return false;
    put64(boot + offsetof(struct ntfs_bpb, mirror_lcn), p->mirror_lcn);
    return device_pwrite(p->device, boot, SECTOR_SIZE, p->start) &&
           device_pwrite(p->device, boot, SECTOR_SIZE, p->start + size - SECTOR_SIZE);
}

/* Runs mkntfs on the open file, with what it has to say going to /dev/null. */
static enum status run_mkntfs(int fd, uint64_t start_lba, const char *label)
{
    char name[64], lba[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    snprintf(lba, sizeof lba, "%llu", (unsigned long long)(start_lba > UINT32_MAX ? 0 : start_lba));
    const char *arguments[] = {"mkntfs", "-F", "-Q", "-q", "-s",  "512", "-c",  "4096", "-p",
                               lba,      "-S", "63", "-H", "255", "-L",  label, name,   NULL};
    pid_t child = fork();
    if (!child) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        fcntl(fd, F_SETFD, 0);
        execvp("mkntfs", (char *const *)(uintptr_t)arguments);
        execv("/usr/sbin/mkntfs", (char *const *)(uintptr_t)arguments);
        execv("/sbin/mkntfs", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return say_error("Try again.", "mkntfs cannot be started: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return say_error("Install the package ntfs-3g.", "mkntfs is not on this host");
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return say_error("Choose a larger --size, or another label.",
                         "mkntfs could not format the volume");
    return STATUS_OK;
}

enum status format_volume(struct device *device, uint64_t start, uint64_t size, const char *label)
{
    int fd = memfd_create("volume", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size)) {
        if (fd >= 0)
            close(fd);
        return say_error("Free some memory.", "no room for the new volume's metadata: %s",
                         strerror(errno));
    }
    enum status status = run_mkntfs(fd, start >> SECTOR_SHIFT, label);
    struct pack p = {.fd = fd, .device = device, .start = start};
    errno = EINVAL;
    if (!status && !pack_volume(&p, size))
        status = device_write_failed(device);
    free(p.bitmap);
    free(p.mft);
    close(fd);
    return status;
}
