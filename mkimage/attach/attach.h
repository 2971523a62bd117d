/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual disk as a block device of this kernel: /dev/nbdN, served by the calling process.
 *
 *     struct serve *disk = serve_open(...);       or serve_start()
 *     daemon_settle();                            (daemon.h) where a file system will stand on it
 *     attach_start(&a, disk, &options, &f);       it is there now, and can be mounted
 *     attach_wait(&a, &f);                        until somebody detaches it; closes the disk
 *
 * What needs no more than this links with the objects of $(ATTACH_OBJ) alone, statically too.
 */
#ifndef MKIMAGE_ATTACH_ATTACH_H
#define MKIMAGE_ATTACH_ATTACH_H

#include <stdbool.h>
#include "attach/server.h"
#include "core/base/errors.h"

struct serve;

/* What the kernel and a server talk by: as many as requests may go at once. */
struct attach_sockets {
    int ours[SERVER_LINES_MAX], kernels[SERVER_LINES_MAX];
    unsigned count;
    int rest; /* server.rest */
};

struct attach_options {
    int index;             /* of /dev/nbdN; -1: any free one */
    unsigned dead_seconds; /* how long requests wait for the next one when this process dies */
    const char *backend;   /* what the kernel shows as the device's backend; outlives the device */
    bool again;            /* for the device `index`, whose server died; `backend` is the same */
    bool goes_on;          /* where the server before it rests: the kernel has the sockets */
    const struct attach_sockets *sockets; /* NULL: its own */
};

struct attach {
    struct serve *disk;
    struct server server;
    int index;
    char name[16]; /* "nbd0" */
};

/* As many as there are processors, 1 to 4. 0 or an errno with the sentence in `f`. */
int attach_sockets_open(struct attach_sockets *p, struct fail *f);

/* The kernel's ends, of which it has its own hold; and all of them. */
void attach_sockets_handed(struct attach_sockets *p);
void attach_sockets_close(struct attach_sockets *p);

/*
 * Makes the device, whose disk is flushed every few seconds then, or takes over one whose server
 * died: 0, or an errno with the sentence in `f`; the disk stays the caller's then. ENOENT: this
 * kernel has no NBD, EPERM: only root may, EBUSY: that device is in use. `a` stays where it is
 * until attach_wait().
 *
 * Taking over is sound only where the process that died owed nothing: all that it had answered was
 * flushed. The kernel sends again what was not answered. With `sockets` a process that keeps them
 * open can have the next server go on where this one rests: nothing is sent again then.
 */
int attach_start(struct attach *a, struct serve *disk, const struct attach_options *options,
                 struct fail *f);

/* Until the device is taken away; then flushes and closes the disk. 0 or an errno: what was not
 * flushed may be lost. */
int attach_wait(struct attach *a, struct fail *f);

#endif
