/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On a volume all of its images are asked; on the host those beside it. Only reads. */
#include "windows/alone.h"
#include "core/ntfs/ntfs.h"
#include "flash/dependents.h"
#include "flash/source.h"
#include "serve/relatives.h"

static enum status on_volume(struct source *s, const char *name)
{
    struct dependents all;
    const struct chain_link *leaf = s->chain.link[0];
    struct ntfs_identity own = ntfs_identify(&leaf->file);
    enum status status = dependents_list(&all, &s->target);
    if (status)
        return status;
    const struct dependent *child = dependents_of(&all, &leaf->image, &own, NULL);
    if (child)
        status = say_error("Merge or remove that one first, or change it instead.",
                           "%s: is the parent of %s, which would be damaged", name, child->path);
    dependents_free(&all);
    return status;
}

enum status alone_check(const struct disk *disk, unsigned partition)
{
    struct source s;
    if (!disk->serve)
        return STATUS_OK;
    enum status status =
        source_open(&s, disk->path, &(struct source_disks){.partition = partition});
    if (status)
        return status;
    status = s.on_volume ? on_volume(&s, disk->name)
                         : relatives_refuse(s.path, &s.chain.link[0]->image, NULL, NULL,
                                            "Merge or remove that one first, or change it instead.",
                                            &s.arena);
    source_close(&s);
    return status;
}
