/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual disk as a block device of this kernel for as long as this process has something to do
 * in it: by NBD where the kernel has that, else by a loop device over a file of FUSE's.
 */
#ifndef MKIMAGE_INSIDE_SERVED_H
#define MKIMAGE_INSIDE_SERVED_H

#include <stdbool.h>
#include "attach/attach.h"
#include "cli/say.h"
#include "inside/fuse.h"

struct served {
    struct serve *disk; /* until served_end() */
    const char *name;   /* the image's, for messages */
    bool by_nbd;
    struct attach nbd;
    struct fuse_file file;
    int fd;          /* holds the device until somebody else does */
    char device[16]; /* "nbd0", "loop3" */
};

/* Makes the device, with its partitions. Says what is wrong; the disk stays the caller's then.
 * After the last fork: the disk is served by threads of this process, which must not look at what
 * lies on the device. */
enum status served_start(struct served *s, struct serve *disk, const char *name);

/*
 * Another process has the device open now. This one may not have it: were it killed, the kernel
 * would write to the device what it still holds, and wait for an answer of this very process.
 */
void served_leave(struct served *s);

/* All that was written is in the image, which is closed, and the device is gone; nobody may have it
 * open. Returns `status`, or what failed. */
enum status served_end(struct served *s, enum status status);

#endif
