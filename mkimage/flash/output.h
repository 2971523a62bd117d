/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a flash goes that is made anew: a file or a block device. Promises: a file of that name
 * stays as it was until the new one is complete; a block device is opened only after every check.
 */
#ifndef MKIMAGE_FLASH_OUTPUT_H
#define MKIMAGE_FLASH_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "cli/options.h"
#include "cli/say.h"
#include "flash/plan.h"
#include "host/device.h"

struct output {
    const char *path;
    bool is_block, existing;
    struct stat old;  /* of what is there */
    char *real;       /* a file's absolute name */
    char *unfinished; /* its name until it is complete */
    struct device device;
};

/* May it be written at all, with these images? Refuses what is in use, what holds one of them, and
 * what is there already without --yes. */
enum status output_check(struct output *o, const struct flash_plan *plan,
                         const struct options *options);

/* Opens o->device: the block device, or a new file of `size` bytes beside the old one. */
enum status output_open(struct output *o, uint64_t size);

/* By which name it can be opened now. */
const char *output_name(const struct output *o);

/* The new file is complete, and takes the old one's place and rights. */
enum status output_finish(struct output *o);

/* Takes a file away that was not finished. */
void output_close(struct output *o);

#endif
