/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One struct a TARGET, however it is spelled: each is opened once. Only reads, and refuses what
 * somebody else writes to. */
#include "flash/origin.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "host/lock.h"

enum status origin_open(struct origin **list, const char *target, struct origin **origin)
{
    char *real = realpath(target, NULL);
    if (!real)
        return say_error("Check the name.", "%s: cannot be opened: %s", target, strerror(errno));
    for (*origin = *list; *origin; *origin = (*origin)->next) {
        if (!strcmp((*origin)->real, real)) {
            free(real);
            return STATUS_OK;
        }
    }
    struct origin *o = calloc(1, sizeof *o);
    enum status status = o ? target_open(&o->target, target, 0) : say_no_memory();
    if (!status) {
        status = lock_hold(o->target.device.fd, target, LOCK_READER);
        if (status)
            target_close(&o->target);
    }
    if (status) {
        free(real);
        free(o);
        return status;
    }
    o->real = real;
    o->files = target_files(&o->target);
    o->next = *list;
    *list = *origin = o;
    return STATUS_OK;
}

void origin_close_all(struct origin **list)
{
    while (*list) {
        struct origin *o = *list;
        *list = o->next;
        lock_release(o->target.device.fd);
        target_close(&o->target);
        free(o->real);
        free(o);
    }
}
