/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that works inside the image: with mounts, processes and network of its own, so that
 * whatever ends it, nothing of it stays mounted or running.
 */
#ifndef MKIMAGE_INSIDE_JOB_H
#define MKIMAGE_INSIDE_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "cli/say.h"

struct job {
    const char *image; /* for messages */
    unsigned root;     /* number of the root's partition; 0: the only one */
    bool dry_run;
    uint64_t room; /* bytes of new data that the image takes; UINT64_MAX: all that the disk needs */
    int package;   /* vhdboot-guest, open; -1: the program that is in here */
    pid_t pid;
    int channel; /* to it goes the device's name, and back a byte when it has that open */
};

/* Starts the process, before this one has threads. It waits for the device. */
enum status job_start(struct job *j);

/* Gives it the device ("nbd0"); returns when it has that open, or has ended. */
void job_begin(struct job *j, const char *device);

/* Waits for its end, at once where it got no device. Returns how it ended; it has said so. */
enum status job_end(struct job *j);

#endif
