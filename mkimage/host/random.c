/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own; 256 bytes of them come whole or not at all. */
#include "host/random.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum status random_fill(void *buf, size_t size)
{
    if (getrandom(buf, size, 0) == (ssize_t)size)
        return STATUS_OK;
    return say_error("Try again.", "no random numbers: %s", strerror(errno));
}
