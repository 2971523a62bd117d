/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's NBD client, told by generic netlink what to connect to: unlike by its ioctl, no
 * thread has to wait inside the kernel, so stopping the process does not end the device. Functions
 * return 0 or an errno: EPERM without the right (root), EBUSY for a device that is in use.
 */
#ifndef MKIMAGE_ATTACH_NETLINK_H
#define MKIMAGE_ATTACH_NETLINK_H

#include <stdint.h>

struct netlink {
    int fd;
    uint16_t family; /* the number that "nbd" has since this start of the kernel */
    uint32_t sequence;
};

struct netlink_device {
    int index;     /* of /dev/nbdN, -1 any free one */
    const int *fd; /* the client's ends of sockets, which the kernel then holds */
    unsigned fds;
    uint64_t size, flags;  /* bytes; enum wire_can */
    uint32_t sector_size;  /* the block device's, 512 at least */
    uint32_t dead_seconds; /* how long requests wait for new sockets when all are dead */
    const char *backend;   /* a name for the other side, which netlink_again must give too */
};

/* ENOENT: this kernel has no NBD, or its module is not loaded. */
int netlink_open(struct netlink *n);
void netlink_close(struct netlink *n);

/* Makes a device; *index is its number. Its server must answer before this returns. */
int netlink_connect(struct netlink *n, const struct netlink_device *device, int *index);

/* New sockets for a device whose old ones are dead; index, fd, fds and backend count. */
int netlink_again(struct netlink *n, const struct netlink_device *device);

/* Ends it, whoever uses it: all sockets get the client's last word. */
int netlink_disconnect(struct netlink *n, int index);

#endif
