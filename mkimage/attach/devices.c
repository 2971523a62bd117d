/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend's text is "vhdboot", how it is written, the entry, the image, with tabs between. */
#include "attach/devices.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OURS      "vhdboot"
#define INDEX_MAX 1048575 /* of minor numbers */

void devices_backend(char text[DEVICES_TEXT_MAX], const char *write, const char *entry,
                     const char *image)
{
    size_t head = (size_t)snprintf(text, DEVICES_TEXT_MAX, OURS "\t%s\t%.200s\t", write, entry);
    size_t room = DEVICES_TEXT_MAX - head - 1, size = strlen(image);
    snprintf(text + head, room + 1, "%s%s", size > room ? "..." : "",
             size > room ? image + (size - room + 3) : image);
}

/* A line of /sys/block/nbdN/NAME. */
static bool attribute(int index, const char *name, char *line, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/sys/block/nbd%d/%s", index, name);
    FILE *file = fopen(path, "re");
    bool got = file && fgets(line, (int)size, file);
    if (file)
        fclose(file);
    if (got)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void find_partitions(struct devices_one *one)
{
    char path[64], name[32];
    size_t length = (size_t)snprintf(name, sizeof name, "nbd%dp", one->index);
    snprintf(path, sizeof path, "/sys/block/nbd%d", one->index);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!strncmp(e->d_name, name, length) && one->partitions < DEVICES_PARTITIONS_MAX)
            one->partition[one->partitions++] = (unsigned)atoi(e->d_name + length);
    }
    if (dir)
        closedir(dir);
    qsort(one->partition, one->partitions, sizeof one->partition[0], by_number);
}

/* Its name begins as daemon_settle() made it: another process may have got the number since. */
static bool is_served(pid_t server)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)server);
    FILE *file = fopen(path, "re");
    bool is = file && getc(file) == '@';
    if (file)
        fclose(file);
    return is;
}

bool devices_read(struct devices_one *one, int index)
{
    char line[32];
    *one = (struct devices_one){.index = index};
    if (!attribute(index, "backend", one->backend, sizeof one->backend))
        return false;
    char *rest = one->backend;
    const char *ours = strsep(&rest, "\t");
    one->write = strsep(&rest, "\t");
    one->entry = strsep(&rest, "\t");
    one->image = rest;
    if (strcmp(ours, OURS) || !one->image || !attribute(index, "pid", line, sizeof line))
        return false;
    one->server = (pid_t)strtol(line, NULL, 10);
    one->served = is_served(one->server);
    if (attribute(index, "size", line, sizeof line))
        one->size = strtoull(line, NULL, 10) << 9; /* of 512 bytes, whatever its sectors are */
    find_partitions(one);
    return true;
}

int devices_index(const char *name)
{
    char *end;
    if (!strncmp(name, "/dev/", 5))
        name += 5;
    if (strncmp(name, "nbd", 3) || name[3] < '0' || name[3] > '9')
        return -1;
    unsigned long n = strtoul(name + 3, &end, 10);
    return *end || n > INDEX_MAX ? -1 : (int)n;
}

void devices_list(void (*tell)(void *ctx, const struct devices_one *one), void *ctx)
{
    DIR *dir = opendir("/sys/block");
    int *index = NULL, n;
    size_t count = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        int *more =
            (n = devices_index(e->d_name)) < 0 ? NULL : realloc(index, (count + 1) * sizeof *index);
        if (more) {
            index = more;
            index[count++] = n;
        }
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(index, count, sizeof *index, by_number);
    for (size_t i = 0; i < count; i++) {
        struct devices_one one;
        if (devices_read(&one, index[i]))
            tell(ctx, &one);
    }
    free(index);
}

/* Partitions that are found once more go away in between: whoever has just begun to use one, such
 * as LVM by udev, loses it for good. */
bool devices_scan(int index)
{
    char path[32];
    struct devices_one one = {.index = index};
    snprintf(path, sizeof path, "/dev/nbd%d", index);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    find_partitions(&one);
    bool ok = one.partitions || !ioctl(fd, BLKRRPART) || errno == EINVAL; /* this NBD has none */
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}
