/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads only. */
#include "ntfs/folder.h"
#include <errno.h>
#include <stdlib.h>
#include "ntfs/index.h"
#include "ntfs/libntfs.h"

bool folder_watch(struct volume *v, ntfs_inode *folder)
{
    if (!v->device->overlay)
        return true;
    if (!v->folders)
        v->folders = calloc(1, sizeof *v->folders);
    for (struct folder *f = v->folders ? v->folders->first : NULL; f; f = f->next) {
        if (f->number == folder->mft_no)
            return true;
    }
    struct folder *f = v->folders ? calloc(1, sizeof *f) : NULL;
    if (!f)
        return false;
    *f = (struct folder){.number = folder->mft_no, .next = v->folders->first};
    v->folders->first = f;
    if (!index_read(folder, &f->before))
        return false;
    f->disordered = !index_in_order(v->ntfs, &f->before);
    return true;
}

const struct placement *folders_fresh(const struct volume *v)
{
    static const struct placement none;
    return v->folders ? &v->folders->fresh : &none;
}

void folders_forget(struct volume *v)
{
    struct folder *next = v->folders ? v->folders->first : NULL;
    for (struct folder *f = next; f; f = next) {
        next = f->next;
        index_free(&f->before);
        free(f);
    }
    if (v->folders)
        free(v->folders->fresh.piece);
    free(v->folders);
    v->folders = NULL;
}
