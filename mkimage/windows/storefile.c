/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store is a small hive: all of it is read. */
#include "windows/storefile.h"
#include <stdlib.h>
#include "core/entry/windows.h"
#include "windows/bootstore.h"

enum status storefile_open(struct storefile *s, struct target *t, struct arena *arena)
{
    struct fail f;
    *s = (struct storefile){0};
    enum status status = registry_read(&s->file, t, WINDOWS_STORE_PATH, STOREFILE_LIMIT);
    if (status)
        return status;
    enum err err = hive_open(&s->hive, (struct view){s->file.bytes, s->file.size}, &f);
    if (!err)
        err = tree_load(&s->tree, &s->hive, arena, &f);
    if (!err) {
        status = bootstore_check(&s->tree, WINDOWS_STORE_PATH);
    } else {
        (void)fail_subject(&f, WINDOWS_STORE_PATH);
        status = say_fail_advice(&f, "Rename the file; a new one is made then.");
    }
    if (status)
        storefile_close(s);
    return status;
}

void storefile_close(struct storefile *s)
{
    free(s->file.bytes);
    s->file.bytes = NULL;
}
