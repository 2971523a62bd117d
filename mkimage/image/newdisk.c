/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDs here; VHDXs in newvhdx.c. */
#include "image/newdisk.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "host/fd.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/vhd/footer.h"
#include "core/vhd/format.h"
#include "core/vhdx/format.h"
#include "host/device.h"
#include "image/newvhd.h"
#include "image/newvhdx.h"

#define HEADER_AT    512u
#define BAT_AT       4096u
#define VHD_EPOCH    946684800 /* 2000-01-01 in Unix time */
#define VHD_SIZE_MAX ((uint64_t)2040 << 30)
#define CHUNK        65536u

/* The geometry of the format's document where it is that of all sectors, else the largest one: QEMU
 * goes by a smaller one, and would see a shorter disk. */
static void geometry_put(struct vhd_footer *footer, uint64_t sectors)
{
    uint64_t spt = 17, heads, tracks = sectors / spt;
    heads = (tracks + 1023) / 1024 < 4 ? 4 : (tracks + 1023) / 1024;
    if (tracks >= heads * 1024 || heads > 16) {
        spt = 31;
        heads = 16;
        tracks = sectors / spt;
    }
    if (tracks >= heads * 1024) {
        spt = 63;
        heads = 16;
        tracks = sectors / spt;
    }
    uint64_t cylinders = tracks / heads;
    if (cylinders > 65535 || cylinders * heads * spt != sectors) {
        cylinders = 65535;
        heads = 16;
        spt = 255;
    }
    footer->cylinders = (be16){{(uint8_t)(cylinders >> 8), (uint8_t)cylinders}};
    footer->heads = (uint8_t)heads;
    footer->track_sectors = (uint8_t)spt;
}

static enum status footer_make(struct vhd_footer *footer, const struct newdisk *d)
{
    bool fixed = d->kind == IMAGE_FIXED;
    *footer = (struct vhd_footer){
        .cookie = "conectix",
        .features = be32_make(2),
        .version = be32_make(VHD_VERSION_MAJOR << 16),
        .header_offset = be64_make(fixed ? UINT64_MAX : HEADER_AT),
        .timestamp = be32_make((uint32_t)(time(NULL) - VHD_EPOCH)),
        .creator = "vhdb",
        .creator_version = be32_make(1 << 16),
        .creator_host = "Wi2k",
        .original_size = be64_make(d->size),
        .current_size = be64_make(d->size),
        .type = be32_make(fixed ? VHD_FIXED : VHD_DYNAMIC),
    };
    geometry_put(footer, d->size >> SECTOR_SHIFT);
    if (d->id)
        memcpy(footer->id, d->id, sizeof footer->id);
    else if (getrandom(footer->id, sizeof footer->id, 0) != sizeof footer->id)
        return say_error("Try again.", "no random numbers: %s", strerror(errno));
    footer->checksum =
        be32_make(vhd_checksum(footer, sizeof *footer, offsetof(struct vhd_footer, checksum)));
    return STATUS_OK;
}

static enum status put(int fd, const char *name, const void *data, size_t size, uint64_t at)
{
    if (fd_pwrite(fd, data, size, at))
        return STATUS_OK;
    return say_error("Check the free space there.", "%s: writing failed: %s", name,
                     strerror(errno));
}

/* Footer's copy, header, a BAT of nothing, footer. */
static enum status write_dynamic(const struct newdisk *d, const struct vhd_footer *footer, int fd,
                                 const char *name)
{
    uint64_t entries = (d->size + d->block_size - 1) / d->block_size;
    struct vhd_header header = {.cookie = "cxsparse",
                                .next_offset = be64_make(UINT64_MAX),
                                .bat_offset = be64_make(BAT_AT),
                                .version = be32_make(1 << 16),
                                .bat_entries = be32_make((uint32_t)entries),
                                .block_size = be32_make(d->block_size)};
    header.checksum =
        be32_make(vhd_checksum(&header, sizeof header, offsetof(struct vhd_header, checksum)));
    uint64_t end = BAT_AT + round_up_shift(entries * 4, SECTOR_SHIFT);
    static uint8_t absent[CHUNK];
    memset(absent, 0xff, sizeof absent);
    enum status status = put(fd, name, footer, sizeof *footer, 0);
    if (!status)
        status = put(fd, name, &header, sizeof header, HEADER_AT);
    for (uint64_t at = BAT_AT; !status && at < end; at += CHUNK)
        status = put(fd, name, absent, end - at < CHUNK ? (size_t)(end - at) : CHUNK, at);
    return status ? status : put(fd, name, footer, sizeof *footer, end);
}

static enum status write_child(const struct newdisk *d, int fd, const char *name)
{
    struct newvhd n;
    enum status status = newvhd_make(&n, d->parent, d->path, d->parent_path, d->block_size);
    if (!status && d->id) {
        struct vhd_footer footer;
        memcpy(&footer, n.front, sizeof footer);
        memcpy(footer.id, d->id, sizeof footer.id);
        footer.checksum =
            be32_make(vhd_checksum(&footer, sizeof footer, offsetof(struct vhd_footer, checksum)));
        memcpy(n.front, &footer, sizeof footer);
    }
    if (!status)
        status = put(fd, name, n.front, n.front_size, 0);
    if (!status)
        status = put(fd, name, n.front, VHD_FOOTER_SIZE, n.front_size);
    newvhd_free(&n);
    return status;
}

static enum status write_vhd(const struct newdisk *d, int fd, const char *name)
{
    struct vhd_footer footer;
    if (d->kind == IMAGE_DIFFERENCING)
        return write_child(d, fd, name);
    enum status status = footer_make(&footer, d);
    if (status)
        return status;
    return d->kind == IMAGE_FIXED ? put(fd, name, &footer, sizeof footer, d->size)
                                  : write_dynamic(d, &footer, fd, name);
}

enum status newdisk_allowed(const struct newdisk *d)
{
    bool vhd = d->format == IMAGE_VHD;
    uint32_t block = d->block_size;
    if (!d->size || d->size & (SECTOR_SIZE - 1))
        return say_error("Choose a multiple of 512 bytes.", "a disk cannot have %llu bytes",
                         (unsigned long long)d->size);
    if (d->size > (vhd ? VHD_SIZE_MAX : VHDX_DISK_SIZE_MAX))
        return say_error(vhd ? "Make it a VHDX." : "Make it smaller.", "a %s has %s at the most",
                         vhd ? "VHD" : "VHDX", vhd ? "2040 GiB" : "64 TiB");
    if (!block)
        return STATUS_OK;
    uint32_t least = vhd ? 4096 : VHDX_BLOCK_SIZE_MIN;
    if (!is_power_of_two(block) || block < least || block > VHDX_BLOCK_SIZE_MAX)
        return say_error("Choose a power of two.", "blocks can have %s to 256 MiB",
                         bytes_text(least));
    return STATUS_OK;
}

enum status newdisk_write(const struct newdisk *disk, int fd, const char *name)
{
    struct newdisk d = *disk;
    enum status status = newdisk_allowed(&d);
    if (status)
        return status;
    if (!d.block_size)
        d.block_size = d.format == IMAGE_VHD ? NEWVHD_BLOCK_SIZE : NEWVHDX_BLOCK_SIZE;
    return d.format == IMAGE_VHD ? write_vhd(&d, fd, name) : newvhdx_write(&d, fd, name);
}
