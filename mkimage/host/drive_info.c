/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysfs by its links: the way from the block device up to the bus says what kind of device it is.
 */
#include "host/drive_info.h"
#include <blkid/blkid.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "cli/say.h"

/* A line of a file of sysfs without the blanks around it; false where there is none. */
static bool read_line(const char *folder, const char *name, char *to, size_t size)
{
    char path[PATH_MAX], line[256];
    *to = '\0';
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "re");
    bool ok = file && fgets(line, sizeof line, file);
    if (file)
        fclose(file);
    if (!ok)
        return false;
    char *start = line + strspn(line, " \t");
    size_t length = strcspn(start, "\n");
    while (length && (start[length - 1] == ' ' || start[length - 1] == '\t'))
        length--;
    snprintf(to, size, "%.*s", (int)length, start);
    return *to;
}

/* The device's folder in sysfs, the whole drive's where it is a partition. */
static bool find_folder(const struct stat *st, char folder[PATH_MAX])
{
    char path[64], text[16];
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(st->st_rdev), minor(st->st_rdev));
    if (!realpath(path, folder))
        return false;
    if (read_line(folder, "partition", text, sizeof text))
        *strrchr(folder, '/') = '\0';
    return true;
}

/* Which bus the way to the device leads over; the last one counts. */
static const char *bus_of(const char *folder)
{
    static const struct {
        const char *part, *name;
    } buses[] = {{"/usb", "USB"}, {"/mmc", "SD or MMC"}, {"/nvme", "NVMe"},   {"/virtio", "virtio"},
                 {"/ata", "ATA"}, {"/loop", "loop"},     {"/nbd", "network"}, {"/host", "SCSI"}};
    for (unsigned i = 0; i < sizeof buses / sizeof buses[0]; i++) {
        if (strstr(folder, buses[i].part))
            return buses[i].name;
    }
    return "";
}

/* USB tells the serial number some folders further up, beside the vendor's. */
static void find_serial(struct drive_info *info, const char *folder)
{
    char up[PATH_MAX], text[16];
    if (read_line(folder, "device/serial", info->serial, sizeof info->serial) ||
        read_line(folder, "serial", info->serial, sizeof info->serial))
        return;
    snprintf(up, sizeof up, "%s", folder);
    for (char *slash; (slash = strrchr(up, '/')) && slash != up;) { /* ends: up gets shorter */
        *slash = '\0';
        if (read_line(up, "idVendor", text, sizeof text)) {
            (void)read_line(up, "serial", info->serial, sizeof info->serial);
            return;
        }
    }
}

static void look_in_sysfs(struct drive_info *info, const char *folder)
{
    char vendor[64], model[64], text[16], device[PATH_MAX];
    bool has_vendor = read_line(folder, "device/vendor", vendor, sizeof vendor);
    if (!read_line(folder, "device/model", model, sizeof model))
        (void)read_line(folder, "device/name", model, sizeof model);
    bool numbers = !strncmp(vendor, "0x", 2); /* PCI's */
    snprintf(info->model, sizeof info->model, "%s%s%s", has_vendor && !numbers ? vendor : "",
             has_vendor && !numbers && *model ? " " : "", model);
    snprintf(info->bus, sizeof info->bus, "%s", bus_of(folder));
    info->is_drive = snprintf(device, sizeof device, "%s/device", folder) < (int)sizeof device &&
                     !access(device, F_OK);
    info->removable = (read_line(folder, "removable", text, sizeof text) && !strcmp(text, "1")) ||
                      !strcmp(info->bus, "USB") || !strcmp(info->bus, "SD or MMC");
    find_serial(info, folder);
}

static void keep(blkid_probe probe, const char *name, char *to, size_t size)
{
    const char *value;
    if (!blkid_probe_lookup_value(probe, name, &value, NULL))
        snprintf(to, size, "%s", value);
}

/* What file system lies there, and how it is called. */
static void look_for_label(struct drive_part *part, int fd, uint64_t start, uint64_t size)
{
    blkid_probe probe = blkid_new_probe();
    part->size = size;
    if (probe && !blkid_probe_set_device(probe, fd, (blkid_loff_t)start, (blkid_loff_t)size) &&
        !blkid_probe_enable_superblocks(probe, 1) &&
        !blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE) &&
        !blkid_do_safeprobe(probe)) {
        keep(probe, "TYPE", part->type, sizeof part->type);
        keep(probe, "LABEL", part->label, sizeof part->label);
    }
    if (probe)
        blkid_free_probe(probe);
}

static void look_for_parts(struct drive_info *info, int fd)
{
    blkid_probe probe = blkid_new_probe();
    blkid_partlist list = NULL;
    if (probe && !blkid_probe_set_device(probe, fd, 0, (blkid_loff_t)info->size) &&
        !blkid_probe_enable_partitions(probe, 1))
        list = blkid_probe_get_partitions(probe);
    int count = list ? blkid_partlist_numof_partitions(list) : 0;
    for (int i = 0; i < count; i++) {
        blkid_partition p = blkid_partlist_get_partition(list, i);
        if (info->part_count++ >= DRIVE_PARTS_MAX)
            continue;
        struct drive_part *part = &info->part[info->part_count - 1];
        part->number = (unsigned)blkid_partition_get_partno(p);
        look_for_label(part, fd, (uint64_t)blkid_partition_get_start(p) * 512,
                       (uint64_t)blkid_partition_get_size(p) * 512);
    }
    if (!count) {
        look_for_label(&info->part[0], fd, 0, info->size);
        info->part_count = *info->part[0].type != '\0';
    }
    if (probe)
        blkid_free_probe(probe);
}

bool drive_info_read(struct drive_info *info, const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    *info = (struct drive_info){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    info->size = end > 0 ? (uint64_t)end : 0;
    if (find_folder(&st, folder))
        look_in_sysfs(info, folder);
    look_for_parts(info, fd);
    close(fd);
    return true;
}

const char *drive_info_found(const struct drive_info *info)
{
    static char text[400];
    size_t used = 0;
    *text = '\0';
    for (unsigned i = 0; i < info->part_count && i < 4; i++) {
        const struct drive_part *part = &info->part[i];
        char number[32] = "all of it";
        if (part->number)
            snprintf(number, sizeof number, "partition %u", part->number);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s is %s%s%s", i ? "; " : "",
                                 number, *part->type ? part->type : "of no known kind",
                                 *part->label ? ", " : "", part->label);
    }
    return text;
}

void drive_info_say(const struct drive_info *info, const char *path)
{
    say("%s: %s%s%s%s%s%s%s", path, *info->model ? info->model : "a block device", ", ",
        bytes_text(info->size), *info->bus ? ", " : "", info->bus,
        *info->serial ? ", serial number " : "", info->serial);
    for (unsigned i = 0; i < info->part_count && i < DRIVE_PARTS_MAX; i++) {
        const struct drive_part *part = &info->part[i];
        char number[32] = "all of it";
        if (part->number)
            snprintf(number, sizeof number, "partition %u", part->number);
        say("  %s: %s, %s%s%s", number, bytes_text(part->size),
            *part->type ? part->type : "nothing that is known", *part->label ? ", " : "",
            part->label);
    }
    if (!info->part_count)
        say("  nothing that is known is on it");
    if (info->part_count > DRIVE_PARTS_MAX)
        say("  and %u more partitions", info->part_count - DRIVE_PARTS_MAX);
}
