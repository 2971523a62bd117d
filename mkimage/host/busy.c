/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By what the kernel shows in /proc and /sys. What cannot be read there counts as not in use:
 * opening the device exclusively is the kernel's own say.
 */
#include "host/busy.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "host/drives.h"

/* The block devices that are the target or lie on it: partitions, and their holders, in turn. */
#define FAMILY_MAX 256
struct family {
    dev_t dev[FAMILY_MAX];
    unsigned count;
};

static bool family_has(const struct family *family, dev_t dev)
{
    for (unsigned i = 0; i < family->count; i++) {
        if (family->dev[i] == dev)
            return true;
    }
    return false;
}

/* Adds every device named in a folder of sysfs whose entries have a file `dev`. */
static void family_add_folder(struct family *family, const char *folder, const char *need)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[PATH_MAX];
        if (e->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s/%s", folder, e->d_name, need) >= (int)sizeof path ||
            access(path, F_OK) ||
            snprintf(path, sizeof path, "%s/%s/dev", folder, e->d_name) >= (int)sizeof path)
            continue;
        FILE *file = fopen(path, "re");
        unsigned a, b;
        if (file && fscanf(file, "%u:%u", &a, &b) == 2 && family->count < FAMILY_MAX &&
            !family_has(family, makedev(a, b)))
            family->dev[family->count++] = makedev(a, b);
        if (file)
            fclose(file);
    }
    closedir(dir);
}

static void family_of(struct family *family, dev_t dev)
{
    family->dev[0] = dev;
    family->count = 1;
    for (unsigned i = 0; i < family->count; i++) { /* ends: a device is added once */
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "/sys/dev/block/%u:%u", major(family->dev[i]),
                 minor(family->dev[i]));
        family_add_folder(family, folder, "partition");
        strcat(folder, "/holders");
        family_add_folder(family, folder, "dev");
    }
}

/* mountinfo writes a space as \040. */
static void unescape(char *s)
{
    char *to = s;
    while (*s) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/* Is what has this name the file, by whatever name, or one of the devices? */
static bool is_it(const struct family *family, const struct stat *file, const char *name)
{
    struct stat st;
    if (name[0] != '/' || stat(name, &st))
        return false;
    return S_ISBLK(st.st_mode) ? family && family_has(family, st.st_rdev)
                               : st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

/* Does a mount use the file or one of the devices? Fills in where. */
static bool mounted(const struct family *family, const struct stat *file, char *where, size_t size)
{
    FILE *list = fopen("/proc/self/mountinfo", "re");
    char line[3 * PATH_MAX];
    bool found = false;
    while (list && !found && fgets(line, sizeof line, list)) {
        unsigned a, b;
        char point[PATH_MAX], source[PATH_MAX];
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %u:%u %*s %4095s", &a, &b, point) != 3 ||
            sscanf(dash, " - %*s %4095s", source) != 1)
            continue;
        unescape(point);
        unescape(source);
        if ((family && family_has(family, makedev(a, b))) || is_it(family, file, source)) {
            snprintf(where, size, "%s", point);
            found = true;
        }
    }
    if (list)
        fclose(list);
    return found;
}

static bool swap(const struct family *family, const struct stat *file)
{
    FILE *list = fopen("/proc/swaps", "re");
    char line[2 * PATH_MAX];
    bool found = false;
    while (list && !found && fgets(line, sizeof line, list)) {
        char source[PATH_MAX];
        if (sscanf(line, "%4095s", source) != 1)
            continue;
        unescape(source);
        found = is_it(family, file, source);
    }
    if (list)
        fclose(list);
    return found;
}

/* A loop device over the file, by whatever name of it, or over one of the devices. The name that
 * sysfs tells is for those who may not ask the loop device. */
static bool looped(const struct family *family, const struct stat *file, const char *real,
                   char *where, size_t size)
{
    DIR *dir = opendir("/sys/block");
    bool found = false;
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        char path[PATH_MAX], backing[PATH_MAX];
        if (strncmp(e->d_name, "loop", 4) ||
            snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", e->d_name) >=
                (int)sizeof path)
            continue;
        FILE *name = fopen(path, "re");
        struct drives_backing behind;
        if (name && drives_loop(e->d_name, &behind)) {
            found = family ? behind.rdev && family_has(family, behind.rdev)
                           : behind.dev == file->st_dev && behind.ino == file->st_ino;
        } else if (name && fgets(backing, sizeof backing, name)) {
            backing[strcspn(backing, "\n")] = '\0';
            found = !strcmp(backing, real);
        }
        snprintf(where, size, "/dev/%.200s", e->d_name);
        if (name)
            fclose(name);
    }
    if (dir)
        closedir(dir);
    return found;
}

bool busy_is_partition(const struct stat *device)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(device->st_rdev),
             minor(device->st_rdev));
    return !access(path, F_OK);
}

enum status busy_check(const char *path)
{
    struct stat st;
    char real[PATH_MAX], where[PATH_MAX] = "";
    if (stat(path, &st) || !realpath(path, real))
        return say_error("Check the name.", "%s: %s", path, strerror(errno));

    struct family family, *devices = NULL;
    if (S_ISBLK(st.st_mode)) {
        family_of(&family, st.st_rdev);
        devices = &family;
        struct stat root;
        if (!stat("/", &root) && family_has(devices, root.st_dev))
            return say_error("Choose another disk, or start the machine from another one.",
                             "%s: holds the running system", path);
    }
    if (mounted(devices, &st, where, sizeof where))
        return say_error("Unmount it first.", "%s: is mounted at %s", path, where);
    if (swap(devices, &st))
        return say_error("Run swapoff on it first.", "%s: is in use as swap space", path);
    if (looped(devices, &st, real, where, sizeof where))
        return say_error("Detach the loop device first (losetup -d).", "%s: is in use by %s", path,
                         where);
    if (devices && devices->count > 1) {
        for (unsigned i = 0; i < devices->count; i++) {
            char folder[PATH_MAX];
            struct family holders = {.count = 0};
            snprintf(folder, sizeof folder, "/sys/dev/block/%u:%u/holders", major(devices->dev[i]),
                     minor(devices->dev[i]));
            family_add_folder(&holders, folder, "dev");
            if (holders.count)
                return say_error("Stop the device mapper, RAID or LVM volume on it first.",
                                 "%s: device %u:%u lies on it", path, major(holders.dev[0]),
                                 minor(holders.dev[0]));
        }
    }
    return STATUS_OK;
}
