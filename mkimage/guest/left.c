/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files; one that cannot be written is done without. */
#include "guest/left.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "attach/devices.h"
#include "core/ntfs/ntfs.h"

#define FOLDER  "/run/vhdboot"
#define DEVICE  FOLDER "/device"
#define WAITING FOLDER "/waiting"
#define CONTROL FOLDER "/control" /* of the keeper */
#define RULES   "/run/udev/rules.d/61-vhdboot.rules"
/* Not /run/systemd/system: where that folder is, systemd counts as running, and LVM's rules ask it
 * to set up the root's volume group, in an initramfs without it too. */
#define UNITS   "/run/systemd/system.control"

static const char *const folders[] = {FOLDER, "/run/udev", "/run/udev/rules.d", "/run/systemd",
                                      UNITS};
static const char *const forbidden[] = {"hibernate.target", "hybrid-sleep.target",
                                        "suspend-then-hibernate.target"};

static void folders_make(void)
{
    for (unsigned i = 0; i < sizeof folders / sizeof folders[0]; i++)
        (void)mkdir(folders[i], 0755);
}

static bool file_put(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, bytes, size) == (ssize_t)size;
    if (fd >= 0)
        close(fd);
    return ok;
}

static void rules_put(const struct disk *d, int index)
{
    FILE *out = fopen(RULES, "we");
    if (!out)
        return;
    fprintf(out,
            "SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"disk\", KERNEL==\"nbd%d\", "
            "SYMLINK+=\"disk/by-id/vhdboot\"\n"
            "SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"partition\", KERNEL==\"nbd%dp*\", "
            "SYMLINK+=\"disk/by-id/vhdboot-part%%n\"\n",
            index, index);
    for (unsigned i = 0; i < d->sticks; i++)
        fprintf(out,
                "SUBSYSTEM==\"block\", ENV{ID_FS_UUID}==\"%016" PRIX64
                "\", ENV{UDISKS_IGNORE}=\"1\"\n",
                d->volumes.volume[i].ntfs->serial);
    fclose(out);
}

/* Lets udev look at a device again. */
static void look_again(const char *name)
{
    char path[2 * STICK_NAME_MAX];
    snprintf(path, sizeof path, "/sys/class/block/%s/uevent", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "change", 6);
    close(fd);
}

/* The rules that name the device and its partitions have come after these. */
static void look_at_device_again(int index)
{
    static struct devices_one one;
    char name[32];
    snprintf(name, sizeof name, "nbd%d", index);
    look_again(name);
    if (!devices_read(&one, index))
        return;
    for (unsigned i = 0; i < one.partitions; i++) {
        snprintf(name, sizeof name, "nbd%dp%u", index, one.partition[i]);
        look_again(name);
    }
}

void left_put(const struct disk *d, const struct found *found, int index)
{
    char name[16];
    folders_make();
    int length = snprintf(name, sizeof name, "nbd%d\n", index);
    if (found->size)
        (void)file_put(FOUND_LEFT, found->bytes, found->size);
    rules_put(d, index);
    (void)file_put(DEVICE, name, (size_t)length);
    (void)unlink(WAITING);
    for (unsigned i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, UNITS "/%s", forbidden[i]);
        (void)!symlink("/dev/null", path);
    }
    for (unsigned i = 0; i < d->sticks; i++)
        look_again(d->stick[i].partition);
    look_at_device_again(index);
}

void left_remove(void)
{
    for (unsigned i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, UNITS "/%s", forbidden[i]);
        (void)unlink(path);
    }
    (void)unlink(RULES);
    (void)unlink(DEVICE);
    (void)unlink(FOUND_LEFT);
    (void)unlink(WAITING);
    (void)unlink(CONTROL);
    (void)rmdir(FOLDER);
}

int left_index(void)
{
    FILE *in = fopen(DEVICE, "re");
    int index;
    bool ok = in && fscanf(in, "nbd%d", &index) == 1;
    if (in)
        fclose(in);
    return ok ? index : -1;
}

bool left_first_wait(void)
{
    folders_make();
    int fd = open(WAITING, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}
