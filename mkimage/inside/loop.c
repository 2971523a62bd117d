/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another program may take the device that was found free: then the next one is tried. */
#include "inside/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TRIES 64u

int loop_open(int file, bool read_only, int *fd)
{
    struct loop_config config = {.fd = (uint32_t)file,
                                 .block_size = 512,
                                 .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN |
                                                  (read_only ? LO_FLAGS_READ_ONLY : 0u)};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number = -1, error = errno;
    for (unsigned i = 0; control >= 0 && i < TRIES; i++) {
        char path[32];
        number = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(path, sizeof path, "/dev/loop%d", number);
        *fd = number < 0 ? -1 : open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (*fd < 0 || !ioctl(*fd, LOOP_CONFIGURE, &config)) {
            error = errno;
            break;
        }
        error = errno;
        close(*fd);
        *fd = -1;
        if (error != EBUSY)
            break;
    }
    if (control < 0)
        *fd = -1;
    else
        close(control);
    errno = error;
    return *fd < 0 ? -1 : number;
}
