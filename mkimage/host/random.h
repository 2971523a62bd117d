/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that nobody else has, for ids and signatures. */
#ifndef MKIMAGE_HOST_RANDOM_H
#define MKIMAGE_HOST_RANDOM_H

#include <stddef.h>
#include "cli/say.h"

/* Fills at most 256 bytes. */
enum status random_fill(void *buf, size_t size);

#endif
