/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image files in the host's folders, as core's chain opens them. To the block map they look like
 * one drive on which the files lie one behind the other, so that any number of parents fits.
 */
#ifndef MKIMAGE_HOST_FILES_H
#define MKIMAGE_HOST_FILES_H

#include <stdint.h>
#include "core/base/blk.h"
#include "core/chain/chain.h"

struct hostfile {
    int fd;
    char *path;                   /* whole: struct file cuts it */
    uint64_t size, base, sectors; /* base: first sector on the drive they make together */
};

/* A child may name other files before its parent: those were opened too. */
#define HOSTFILES_MAX (4 * CHAIN_MAX)

struct hostfiles {
    struct chain_files files; /* for chain_open */
    struct blk blk;           /* drive 0 of the chain's map */
    struct hostfile file[HOSTFILES_MAX];
    unsigned count;
};

void hostfiles_init(struct hostfiles *h);
void hostfiles_close(struct hostfiles *h);

#endif
