/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel says which partitions there are, libblkid what is on them. */
#include "inside/parts.h"
#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "core/base/endian.h"
#include "host/fd.h"

#define EXT_AT       1024u
#define EXT_STATE    0x3au
#define EXT_INCOMPAT 0x60u
#define EXT_ERRORS   2u
#define EXT_RECOVER  4u

/* --- /dev */

static const struct {
    const char *path;
    unsigned minor;
} memory_nodes[] = {
    {"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/full", 7}, {"/dev/random", 8}, {"/dev/urandom", 9}};

static bool dev_make(void)
{
    if (mount("none", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k"))
        return false;
    bool ok = true;
    for (unsigned i = 0; i < sizeof memory_nodes / sizeof memory_nodes[0]; i++)
        ok &= !mknod(memory_nodes[i].path, S_IFCHR | 0666, makedev(1, memory_nodes[i].minor)) &&
              !chmod(memory_nodes[i].path, 0666);
    return ok && !symlink("/proc/self/fd", "/dev/fd") && !symlink("fd/0", "/dev/stdin") &&
           !symlink("fd/1", "/dev/stdout") && !symlink("fd/2", "/dev/stderr");
}

/* The node of a device that /sys knows. */
static bool node_make(const char *name, char *path, size_t size)
{
    char from[300];
    unsigned high, low;
    snprintf(from, sizeof from, "/sys/class/block/%s/dev", name);
    FILE *in = fopen(from, "re");
    bool ok = in && fscanf(in, "%u:%u", &high, &low) == 2;
    if (in)
        fclose(in);
    return ok && snprintf(path, size, "/dev/%s", name) < (int)size &&
           !mknod(path, S_IFBLK | 0600, makedev(high, low));
}

/* --- What is on them */

static void keep(blkid_probe probe, const char *name, char *to, size_t size)
{
    const char *value;
    if (!blkid_probe_lookup_value(probe, name, &value, NULL))
        snprintf(to, size, "%s", value);
}

static void look_at_ext(struct partition *part, int fd)
{
    uint8_t super[128];
    le16 state;
    le32 incompat;
    if (strncmp(part->type, "ext", 3) || !fd_pread(fd, super, sizeof super, EXT_AT))
        return;
    memcpy(&state, super + EXT_STATE, sizeof state);
    memcpy(&incompat, super + EXT_INCOMPAT, sizeof incompat);
    part->has_errors = le16_get(state) & EXT_ERRORS;
    part->was_in_use = le32_get(incompat) & EXT_RECOVER;
}

static void look(struct partition *part)
{
    int fd = open(part->device, O_RDONLY | O_CLOEXEC);
    blkid_probe probe = fd < 0 ? NULL : blkid_new_probe();
    if (probe && !blkid_probe_set_device(probe, fd, 0, 0) &&
        !blkid_probe_enable_superblocks(probe, 1) &&
        !blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE |
                                                      BLKID_SUBLKS_UUID) &&
        !blkid_probe_enable_partitions(probe, 1) &&
        !blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS) &&
        !blkid_do_safeprobe(probe)) {
        keep(probe, "TYPE", part->type, sizeof part->type);
        keep(probe, "LABEL", part->label, sizeof part->label);
        keep(probe, "UUID", part->uuid, sizeof part->uuid);
        keep(probe, "PART_ENTRY_UUID", part->partuuid, sizeof part->partuuid);
        look_at_ext(part, fd);
    }
    if (probe)
        blkid_free_probe(probe);
    if (fd >= 0)
        close(fd);
}

static int by_number(const void *a, const void *b)
{
    return (int)((const struct partition *)a)->number - (int)((const struct partition *)b)->number;
}

static void find_all(struct parts *p, const char *device)
{
    char path[64];
    size_t length = strlen(device);
    snprintf(path, sizeof path, "/sys/block/%s", device);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct partition *part = &p->part[p->count];
        if (strncmp(e->d_name, device, length) || e->d_name[length] != 'p' || p->count == PARTS_MAX)
            continue;
        *part = (struct partition){.number = (unsigned)strtoul(e->d_name + length + 1, NULL, 10)};
        if (node_make(e->d_name, part->device, sizeof part->device))
            p->count++;
    }
    if (dir)
        closedir(dir);
    qsort(p->part, p->count, sizeof p->part[0], by_number);
}

enum status parts_find(struct parts *p, const char *device)
{
    struct partition whole = {0};
    *p = (struct parts){0};
    if (!dev_make() || !node_make(device, whole.device, sizeof whole.device))
        return say_error("Run this as root, not in a container that may not mount.",
                         "no folder for devices can be made: %s", strerror(errno));
    find_all(p, device);
    if (!p->count)
        p->part[p->count++] = whole;
    for (unsigned i = 0; i < p->count; i++)
        look(&p->part[i]);
    return STATUS_OK;
}

/* --- Which one is meant */

/* The partition's number at the end of /dev/sda1, /dev/vda1, /dev/nvme0n1p1; 0: it is none. */
static unsigned number_of(const char *word)
{
    static const char *const drives[] = {"/dev/sd", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/nvme"};
    for (unsigned i = 0; i < sizeof drives / sizeof drives[0]; i++) {
        if (strncmp(word, drives[i], strlen(drives[i])))
            continue;
        const char *digits = word + strlen(word);
        while (digits > word && digits[-1] >= '0' && digits[-1] <= '9')
            digits--;
        return (unsigned)strtoul(digits, NULL, 10);
    }
    return 0;
}

const struct partition *parts_named(const struct parts *p, const char *word)
{
    static const struct {
        const char *start;
        size_t field;
    } names[] = {{"UUID=", offsetof(struct partition, uuid)},
                 {"/dev/disk/by-uuid/", offsetof(struct partition, uuid)},
                 {"LABEL=", offsetof(struct partition, label)},
                 {"/dev/disk/by-label/", offsetof(struct partition, label)},
                 {"PARTUUID=", offsetof(struct partition, partuuid)},
                 {"/dev/disk/by-partuuid/", offsetof(struct partition, partuuid)}};
    unsigned number = number_of(word);
    for (unsigned i = 0; i < p->count; i++) {
        const struct partition *part = &p->part[i];
        if (number && part->number == number)
            return part;
        for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
            size_t length = strlen(names[k].start);
            const char *own = (const char *)part + names[k].field;
            char value[64];
            if (strncmp(word, names[k].start, length))
                continue;
            snprintf(value, sizeof value, "%s", word + length + (word[length] == '"'));
            value[strcspn(value, "\"")] = '\0';
            if (*own && !strcasecmp(own, value))
                return part;
        }
    }
    return NULL;
}
