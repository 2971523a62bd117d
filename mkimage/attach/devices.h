/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which block devices are ours, and of what, as the kernel shows it in sysfs: it keeps what each
 * was made of, so there is no list that could be wrong. Writes nothing.
 */
#ifndef MKIMAGE_ATTACH_DEVICES_H
#define MKIMAGE_ATTACH_DEVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the kernel keeps for a device (attach_options.backend): how the disk is written, the entry
 * or "", and the file or TARGET, one behind the other. */
#define DEVICES_TEXT_MAX       1024

#define DEVICES_PARTITIONS_MAX 255

struct devices_one {
    int index;
    pid_t server;
    bool served;                                /* it is still there */
    uint64_t size;                              /* bytes */
    unsigned partition[DEVICES_PARTITIONS_MAX]; /* the numbers that the kernel gave them, growing */
    unsigned partitions;
    char backend[DEVICES_TEXT_MAX];
    const char *write, *entry, *image; /* of `backend` */
};

/* Puts the three together; what does not fit is cut at the image's front. */
void devices_backend(char text[DEVICES_TEXT_MAX], const char *write, const char *entry,
                     const char *image);

/* Reads what /dev/nbd`index` is. False where there is none, or it is not ours. */
bool devices_read(struct devices_one *one, int index);

/* Calls `tell` for each of ours, in the order of their numbers. */
void devices_list(void (*tell)(void *ctx, const struct devices_one *one), void *ctx);

/* "/dev/nbd0", "nbd0" to 0; -1: no such name. */
int devices_index(const char *name);

/* Lets the kernel look for partitions on /dev/nbd`index`, which it otherwise does when somebody
 * opens it, unless it has found some. False with errno set. */
bool devices_scan(int index);

#endif
