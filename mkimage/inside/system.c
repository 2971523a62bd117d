/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A first look mounts without replaying a journal; only the root that was chosen is mounted for
 * writing. */
#include "inside/system.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "inside/within.h"

#define FSTAB_MAX ((size_t)64 << 10)
#define GUARDED   (MS_NODEV | MS_NOSUID)

static const char *const own_places[] = {"/usr", "/boot", "/var"};
static char folder_path[64];

/* --- A first look */

/* File systems that a root may be on, and how to mount one so that nothing is replayed. */
static const struct kind {
    const char *type, *untouched;
    const char *subvolume[3]; /* where installers put the root */
} kinds[] = {{"ext4", "noload", {""}},
             {"ext3", "noload", {""}},
             {"ext2", "", {""}},
             {"xfs", "norecovery", {""}},
             {"btrfs", "rescue=nologreplay", {"", "subvol=@rootfs", "subvol=@"}}};

static const struct kind *kind_of(const struct partition *part)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!strcmp(part->type, kinds[i].type))
            return &kinds[i];
    }
    return NULL;
}

static int mount_part(const struct partition *part, const char *at, const char *subvolume,
                      bool read_only)
{
    char options[128];
    const char *untouched = read_only ? kind_of(part)->untouched : "";
    snprintf(options, sizeof options, "%s%s%s", untouched, *untouched && *subvolume ? "," : "",
             subvolume);
    return mount(part->device, at, part->type, GUARDED | (read_only ? MS_RDONLY : 0), options)
               ? errno
               : 0;
}

/* "Debian GNU/Linux 12 (bookworm)" */
static void read_name(int root, char *name, size_t size)
{
    static char text[4096];
    snprintf(name, size, "Linux");
    if (!within_read(root, "etc/os-release", text, sizeof text) &&
        !within_read(root, "usr/lib/os-release", text, sizeof text))
        return;
    char *line = strncmp(text, "PRETTY_NAME=", 12) ? strstr(text, "\nPRETTY_NAME=") : text - 1;
    if (!line)
        return;
    line += 13 + (line[13] == '"');
    line[strcspn(line, "\"\n")] = '\0';
    snprintf(name, size, "%s", line);
}

static bool is_root(int root)
{
    int release = within_open(root, "etc/os-release", O_PATH | O_NOFOLLOW);
    if (release >= 0)
        close(release);
    bool system = release >= 0 || within_has(root, "etc/debian_version") ||
                  within_has(root, "usr/lib/os-release");
    return system && within_has(root, "usr") && within_has(root, "etc/passwd");
}

/* Is the root on it? Mounts it, read-only, and takes it down again. */
static bool look_at(struct system *s, const struct partition *part, int *error)
{
    const struct kind *kind = kind_of(part);
    bool found = false;
    for (unsigned i = 0; !found && i < 3 && kind->subvolume[i]; i++) {
        int failed = mount_part(part, folder_path, kind->subvolume[i], true);
        *error = failed ? failed : *error;
        if (failed)
            continue;
        int root = open(folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        found = root >= 0 && is_root(root);
        if (found) {
            s->subvolume = kind->subvolume[i];
            read_name(root, s->name, sizeof s->name);
        }
        if (root >= 0)
            close(root);
        (void)umount2(folder_path, MNT_DETACH);
    }
    return found;
}

/* --- Which partition */

/* What stands in the way of finding a root, where none was found. */
static enum status none_found(const struct system *s, const struct partition *unreadable, int error)
{
    static const struct {
        const char *type, *state, *advice;
    } walls[] = {
        {"crypto_LUKS", "is encrypted (LUKS)",
         "Start the system, and install vhdboot-guest inside it."},
        {"LVM2_member", "belongs to LVM, which is not active",
         "Start the system, and install vhdboot-guest inside it; or: mkimage attach, vgchange -ay, "
         "mount, vhdboot-attach install-hooks."},
        {"linux_raid_member", "belongs to a RAID",
         "Start the system, and install vhdboot-guest inside it."}};
    for (unsigned i = 0; i < s->parts.count; i++) {
        for (unsigned k = 0; k < sizeof walls / sizeof walls[0]; k++) {
            if (!strcmp(s->parts.part[i].type, walls[k].type))
                return say_error(walls[k].advice, "%s: partition %u %s, and no Linux is elsewhere",
                                 s->image, s->parts.part[i].number, walls[k].state);
        }
    }
    if (unreadable)
        return say_error(error == ENODEV ? "Run it on a computer whose kernel can."
                                         : "Repair it first: attach the image, then fsck.",
                         "%s: partition %u (%s) cannot be mounted: %s", s->image,
                         unreadable->number, unreadable->type,
                         error == ENODEV ? "this kernel does not know that file system"
                                         : strerror(error));
    return say_error("Choose the disk that the system starts from.",
                     "%s: no Linux is on it: no partition holds a root file system", s->image);
}

static enum status several_found(const struct system *s, const struct partition *a,
                                 const struct partition *b)
{
    return say_error("Choose one with --root.", "%s: partitions %u and %u both hold a Linux",
                     s->image, a->number, b->number);
}

static enum status find_root(struct system *s, unsigned number)
{
    const struct partition *unreadable = NULL;
    int error = 0;
    for (unsigned i = 0; i < s->parts.count; i++) {
        const struct partition *part = &s->parts.part[i];
        int failed = 0;
        if (!strcmp(part->type, "swsuspend"))
            return say_error("Start it where it was hibernated, and shut it down.",
                             "%s: the system is hibernated", s->image);
        if ((number && part->number != number) || !kind_of(part))
            continue;
        if (!look_at(s, part, &failed)) {
            unreadable = failed ? part : unreadable;
            error = failed ? failed : error;
            continue;
        }
        if (s->part)
            return several_found(s, s->part, part);
        s->part = part;
    }
    if (s->part)
        return STATUS_OK;
    if (number)
        return say_error("mkimage attach shows the partitions.", "%s: no Linux is on partition %u",
                         s->image, number);
    return none_found(s, unreadable, error);
}

/* --- All of its files */

static enum status judge(const struct system *s, const struct partition *part)
{
    if (part->has_errors)
        return say_error("Repair it first: attach the image, then e2fsck -f.",
                         "%s: the file system of partition %u is damaged", s->image, part->number);
    if (part->was_in_use && !s->read_only)
        say_warning("%s: partition %u was not unmounted cleanly: its journal is replayed", s->image,
                    part->number);
    return STATUS_OK;
}

static enum status cannot_mount(const struct system *s, const struct partition *part, int error)
{
    return say_error("Repair it first: attach the image, then fsck.",
                     "%s: partition %u (%s) cannot be mounted: %s", s->image, part->number,
                     part->type, strerror(error));
}

static enum status mount_place(struct system *s, const char *place, const char *word)
{
    const struct partition *part = parts_named(&s->parts, word);
    if (!part)
        return say_error("Start the system, and install vhdboot-guest inside it.",
                         "%s: its %s lies on %s, which is no partition of the disk", s->image,
                         place, word);
    if (!kind_of(part))
        return say_error("Start the system, and install vhdboot-guest inside it.",
                         "%s: its %s lies on partition %u, a file system that is not known here: "
                         "%s",
                         s->image, place, part->number, *part->type ? part->type : "none");
    enum status status = judge(s, part);
    if (status || part == s->part)
        return status;
    int error = within_mount(s->root, place, part->device, part->type,
                             GUARDED | (s->read_only ? MS_RDONLY : 0),
                             s->read_only ? kind_of(part)->untouched : "");
    return error ? cannot_mount(s, part, error) : STATUS_OK;
}

/* A path of fstab, if it is one of those that are needed. */
static const char *place_of(const char *path)
{
    for (unsigned i = 0; i < sizeof own_places / sizeof own_places[0]; i++) {
        if (!strcmp(path, own_places[i]))
            return own_places[i];
    }
    return NULL;
}

static enum status mount_fstab(struct system *s)
{
    char *text = malloc(FSTAB_MAX), *rest = text;
    enum status status = text ? STATUS_OK : say_no_memory();
    if (text && !within_read(s->root, "etc/fstab", text, FSTAB_MAX))
        *text = '\0';
    while (!status && rest) { /* ends: with the text */
        char *line = strsep(&rest, "\n");
        char *word = strtok(line, " \t"), *path = word ? strtok(NULL, " \t") : NULL;
        if (!path || *word == '#')
            continue;
        if (!strncmp(word, "/dev/sd", 7) || !strncmp(word, "/dev/vd", 7) ||
            !strncmp(word, "/dev/hd", 7))
            say_warning("%s: its fstab names %s for %s, which is another disk when it is started "
                        "by vhdboot: write UUID= there",
                        s->image, word, path);
        const char *place = place_of(path);
        if (place)
            status = mount_place(s, place, word);
    }
    free(text);
    return status;
}

enum status system_mount(struct system *s, unsigned number, const char *folder)
{
    s->root = -1;
    s->subvolume = "";
    snprintf(folder_path, sizeof folder_path, "%s", folder);
    enum status status = find_root(s, number);
    if (!status)
        status = judge(s, s->part);
    if (status)
        return status;
    int error = mount_part(s->part, folder, s->subvolume, s->read_only);
    if (error)
        return cannot_mount(s, s->part, error);
    s->root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->root < 0 ? cannot_mount(s, s->part, errno) : mount_fstab(s);
}

/* --- The end */

/* Mounts below the folder, the last one first. */
static int unmount_all(void)
{
    char line[PATH_MAX + 512], last[PATH_MAX];
    size_t length = strlen(folder_path);
    for (;;) { /* ends: each round unmounts one, or fails */
        FILE *in = fopen("/proc/self/mounts", "re");
        *last = '\0';
        while (in && fgets(line, sizeof line, in)) {
            char *path = strchr(line, ' ');
            if (!path || strncmp(++path, folder_path, length) || !strchr(" /", path[length]))
                continue;
            path[strcspn(path, " ")] = '\0';
            snprintf(last, sizeof last, "%s", path);
        }
        if (in)
            fclose(in);
        if (!*last)
            return 0;
        if (umount2(last, UMOUNT_NOFOLLOW))
            return errno;
    }
}

enum status system_unmount(struct system *s, enum status status)
{
    int error = 0;
    if (s->root >= 0) {
        error = !s->read_only && syncfs(s->root) ? errno : 0;
        close(s->root);
        s->root = -1;
    }
    int failed = unmount_all();
    error = error ? error : failed;
    if (error && !status)
        status = say_error("The kernel's log may say more: dmesg.",
                           "%s: what was written to it could not be kept: %s", s->image,
                           strerror(error));
    return status;
}
