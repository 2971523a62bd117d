/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options into a struct newdisk. Makes nothing. */
#include "serve/newimage.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/vhdx/layout.h"
#include "host/lock.h"

enum status newimage_choose(struct newdisk *d, const struct options *options, const char *name)
{
    const char *dot = strrchr(name, '.');
    d->format = dot && !strcasecmp(dot, ".vhdx") ? IMAGE_VHDX : IMAGE_VHD;
    d->kind = IMAGE_DYNAMIC;
    if (options->format && strcmp(options->format, "vhd") && strcmp(options->format, "vhdx"))
        return say_usage("--format %s: neither vhd nor vhdx", options->format);
    if (options->format)
        d->format = strcmp(options->format, "vhd") ? IMAGE_VHDX : IMAGE_VHD;
    if (options->kind && strcmp(options->kind, "fixed") && strcmp(options->kind, "dynamic"))
        return say_usage("--kind %s: neither fixed nor dynamic", options->kind);
    if (options->kind && !strcmp(options->kind, "fixed"))
        d->kind = IMAGE_FIXED;
    d->block_size = (uint32_t)options->block_size;
    if (options->block_size > UINT32_MAX)
        return say_usage("--block-size: 256M at the most");
    return STATUS_OK;
}

/* Until this program ends nobody may write to what its child will count on. */
static enum status parent_hold(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return STATUS_OK; /* opening it says why */
    enum status status = lock_hold(fd, path, LOCK_READER);
    close(fd);
    return status;
}

enum status newimage_parent(struct newdisk *d, const char *name, const char *file,
                            struct hostfiles *host, struct arena *arena, struct chain *chain)
{
    struct fail f;
    hostfiles_init(host);
    char *path = realpath(name, NULL);
    if (!path)
        return say_error("Check the name.", "%s: %s", name, strerror(errno));
    enum status status = parent_hold(path);
    if (status)
        return status;
    if (chain_open(chain, &host->files, path, arena, &f))
        return say_fail(&f);
    d->parent = &chain->link[0]->image;
    struct vhdx_layout at = {0};
    if (d->parent->format == IMAGE_VHDX)
        vhdx_layout(d->parent, &at);
    if (at.sectors_4k)
        return say_error("Make the child with another program.",
                         "%s: has sectors of 4096 bytes, and a child made here would have 512",
                         name);
    d->parent_path = path;
    d->format = d->parent->format;
    d->kind = IMAGE_DIFFERENCING;
    if (d->size && d->size != d->parent->sectors << SECTOR_SHIFT)
        return say_error("Leave --size out.", "%s: a child has the size of its parent", file);
    d->size = d->parent->sectors << SECTOR_SHIFT;
    /* The child's own folder, whole, for the way from there. */
    char *folder = strdup(file);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder] = '\0';
    char *whole = realpath(slash ? folder : ".", NULL);
    char *child = NULL;
    const char *last = strrchr(file, '/');
    if (!whole || asprintf(&child, "%s/%s", whole, last ? last + 1 : file) < 0)
        return say_error("Check the folder.", "%s: %s", file, strerror(errno));
    free(folder);
    free(whole);
    d->path = child;
    return STATUS_OK;
}
