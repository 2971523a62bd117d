/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks at /sys/block for what there is, and reads sector 0 and the volume's first one of each. */
#include "guest/stick.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/endian.h"
#include "core/base/text.h"
#include "core/ntfs/boot.h"
#include "core/part/format.h"
#include "core/part/part.h"
#include "host/fd.h"

/* Made of other devices, or of memory: no BIOS starts from these. */
static const char *const no_drives[] = {"loop", "ram", "zram", "dm-", "md", "fd", "sr"};

static bool is_drive(const char *name)
{
    if (*name == '.')
        return false;
    for (unsigned i = 0; i < sizeof no_drives / sizeof no_drives[0]; i++) {
        if (!strncmp(name, no_drives[i], strlen(no_drives[i])))
            return false;
    }
    return true;
}

static bool volume_at(int fd, uint64_t start_lba, uint64_t serial)
{
    uint8_t sector[SECTOR_SIZE];
    struct ntfs_boot boot;
    struct fail ignored;
    return fd_pread(fd, sector, sizeof sector, start_lba << SECTOR_SHIFT) &&
           !ntfs_boot_decode(sector, &boot, &ignored) && boot.serial == serial;
}

/* The volume by its serial number alone, wherever it starts. */
static bool volume_anywhere(struct stick *s, uint64_t serial)
{
    static struct part_table table;
    struct fail ignored;
    if (part_read(&table, &s->blk, &ignored))
        return false;
    for (unsigned i = 0; i < table.count; i++) {
        s->start_lba = table.part[i].start_lba;
        if (volume_at(s->device.fd, s->start_lba, serial))
            return true;
    }
    return false;
}

static bool is_wanted(struct stick *s, const struct boottable_volume *volume)
{
    struct mbr mbr;
    bool placed = volume->start_lba || volume->bios_drive; /* else only the serial is known */
    if (!placed)
        return volume_anywhere(s, volume->serial);
    s->start_lba = volume->start_lba;
    if (volume->mbr_signature && (!fd_pread(s->device.fd, &mbr, sizeof mbr, 0) ||
                                  le32_get(mbr.disk_signature) != volume->mbr_signature))
        return false;
    return volume_at(s->device.fd, s->start_lba, volume->serial);
}

static bool stick_open(struct stick *s, const char *path)
{
    struct stat st;
    *s = (struct stick){.device.fd = open(path, O_RDONLY | O_CLOEXEC), .writer = -1};
    snprintf(s->path, sizeof s->path, "%s", path);
    off_t end =
        s->device.fd < 0 || fstat(s->device.fd, &st) ? -1 : lseek(s->device.fd, 0, SEEK_END);
    if (end <= 0) {
        stick_close(s);
        return false;
    }
    s->device.path = s->path;
    s->device.is_block = S_ISBLK(st.st_mode);
    s->device.size = (uint64_t)end >> SECTOR_SHIFT << SECTOR_SHIFT;
    s->device.sector_size = SECTOR_SIZE;
    device_blk(&s->blk, &s->device);
    return true;
}

void stick_close(struct stick *s)
{
    device_close(&s->device);
    if (s->writer >= 0)
        close(s->writer);
    s->writer = -1;
}

/* A number in a file of /sys. */
static bool number(const char *folder, const char *name, const char *file, uint64_t *value)
{
    char path[PATH_MAX], line[32];
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    FILE *in = fopen(path, "re");
    bool ok = in && fgets(line, sizeof line, in);
    if (in)
        fclose(in);
    *value = ok ? strtoull(line, NULL, 10) : 0;
    return ok;
}

/* The name of the partition that starts there. */
static void partition_find(struct stick *s)
{
    char folder[PATH_MAX];
    const char *drive = strrchr(s->path, '/') + 1;
    snprintf(s->partition, sizeof s->partition, "%s", s->start_lba ? "" : drive);
    snprintf(folder, sizeof folder, "/sys/block/%s", drive);
    DIR *dir = s->start_lba ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        uint64_t start, part;
        if (!strncmp(e->d_name, drive, strlen(drive)) &&
            number(folder, e->d_name, "partition", &part) &&
            number(folder, e->d_name, "start", &start) && start == s->start_lba)
            snprintf(s->partition, sizeof s->partition, "%.60s", e->d_name);
    }
    if (dir)
        closedir(dir);
}

/* Says which two there are. */
static enum err two_found(const struct stick *a, const struct stick *b, struct fail *f)
{
    char both[2 * STICK_NAME_MAX + 8];
    snprintf(both, sizeof both, "%s and %s", a->path, b->path);
    (void)fail(f, ERR_UNSUPPORTED,
               "both hold the volume that was started from: pull one of them out", 0);
    return fail_subject(f, both);
}

static enum err consider(struct stick *s, const char *path, const struct boottable_volume *volume,
                         bool *have, struct fail *f)
{
    struct stick other;
    if (!stick_open(&other, path))
        return ERR_OK;
    if (!is_wanted(&other, volume)) {
        stick_close(&other);
        return ERR_OK;
    }
    if (*have) {
        enum err err = two_found(s, &other, f);
        stick_close(&other);
        return err;
    }
    *have = true;
    *s = other;
    s->device.path = s->path;
    device_blk(&s->blk, &s->device);
    return ERR_OK;
}

enum err stick_find(struct stick *s, const struct boottable_volume *volume, const char *only,
                    struct fail *f)
{
    bool have = false;
    enum err err = ERR_OK;
    DIR *dir = only ? NULL : opendir("/sys/block");
    *s = (struct stick){.device.fd = -1, .writer = -1};
    if (only)
        err = consider(s, only, volume, &have, f);
    for (struct dirent *e; !err && dir && (e = readdir(dir));) {
        char path[STICK_NAME_MAX];
        uint64_t size;
        if (!is_drive(e->d_name) || !number("/sys/block", e->d_name, "size", &size) || !size ||
            snprintf(path, sizeof path, "/dev/%s", e->d_name) >= (int)sizeof path)
            continue;
        for (char *c = path + 5; *c; c++) /* cciss!c0d0 */
            *c = *c == '!' ? '/' : *c;
        err = consider(s, path, volume, &have, f);
    }
    if (dir)
        closedir(dir);
    if (!err && !have)
        err = fail(f, ERR_NOT_FOUND, "no drive holds the volume that was started from", 0);
    if (err) {
        stick_close(s);
        return err;
    }
    if (s->device.is_block)
        partition_find(s);
    s->writer = open(s->path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (s->writer < 0 && errno == EINVAL)
        s->writer = open(s->path, O_RDWR | O_CLOEXEC);
    return ERR_OK;
}
