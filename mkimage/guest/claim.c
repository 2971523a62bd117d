/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device mapper's own ioctls: its library would be larger than all the rest. */
#include "guest/claim.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "host/device.h"

#define CONTROL "/dev/mapper/control"
#define NAME    "vhdboot-volume" /* of the first one; the next ones have a number behind it */

struct request {
    struct dm_ioctl head;
    struct dm_target_spec target;
    char parameters[128];
};
_Static_assert(sizeof(struct request) ==
                   sizeof(struct dm_ioctl) + sizeof(struct dm_target_spec) + 128,
               "no padding");

static void name_of(unsigned i, char *name, size_t size)
{
    snprintf(name, size, i ? NAME "-%u" : NAME, i + 1);
}

static int ask(int control, unsigned long command, unsigned i, struct request *r, uint32_t flags)
{
    r->head.version[0] = DM_VERSION_MAJOR;
    r->head.data_size = sizeof *r;
    r->head.data_start = sizeof r->head;
    r->head.flags = flags;
    name_of(i, r->head.name, sizeof r->head.name);
    return ioctl(control, command, r) ? errno : 0;
}

static int remove_one(int control, unsigned i)
{
    struct request r = {0};
    return ask(control, DM_DEV_REMOVE, i, &r, 0);
}

static int claim_one(int control, unsigned i, const struct stick *s)
{
    char device[STICK_NAME_MAX + 8];
    snprintf(device, sizeof device, "/dev/%s", s->partition);
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (fd >= 0)
        close(fd);
    if (end <= 0)
        return ENODEV;
    struct request create = {0};
    snprintf(create.head.uuid, sizeof create.head.uuid, "VHDBOOT-%u", i + 1);
    int error = ask(control, DM_DEV_CREATE, i, &create, DM_READONLY_FLAG);
    if (error)
        return error;
    struct request load = {.head.target_count = 1,
                           .target = {.length = (uint64_t)end >> SECTOR_SHIFT,
                                      .next = sizeof load - sizeof load.head,
                                      .target_type = "linear"}};
    snprintf(load.parameters, sizeof load.parameters, "%s 0", device);
    error = ask(control, DM_TABLE_LOAD, i, &load, DM_READONLY_FLAG);
    struct request resume = {0};
    if (!error)
        error = ask(control, DM_DEV_SUSPEND, i, &resume, 0); /* without its flag: resumes */
    if (error)
        (void)remove_one(control, i);
    return error;
}

int claim_volumes(const struct disk *d)
{
    int control = open(CONTROL, O_RDWR | O_CLOEXEC), first = 0;
    if (control < 0)
        return errno;
    for (unsigned i = 0; i < d->sticks; i++) {
        int error = d->stick[i].device.is_block ? claim_one(control, i, &d->stick[i]) : 0;
        first = first ? first : error;
    }
    close(control);
    return first;
}

void claim_release(void)
{
    int control = open(CONTROL, O_RDWR | O_CLOEXEC);
    if (control < 0)
        return;
    for (unsigned i = 0; i < MAP_DRIVES_MAX && !remove_one(control, i); i++)
        ;
    close(control);
}
