/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage vhd create, convert, compare: images made, and their contents. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/bounds.h"
#include "host/files.h"
#include "flash/target.h"
#include "image/newdisk.h"
#include "serve/fresh.h"
#include "serve/serve.h"
#include "serve/content.h"
#include "verbs/verbs.h"

/* What --format, --kind and --block-size say, or the file's name. */
static enum status kind_choose(struct newdisk *d, const struct options *options, const char *name)
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

/* Makes d->parent out of the file, which stays open in `host`. */
static enum status parent_open(struct newdisk *d, const char *name, const char *file,
                               struct hostfiles *host, struct arena *arena, struct chain *chain)
{
    struct fail f;
    hostfiles_init(host);
    char *path = realpath(name, NULL);
    if (!path)
        return say_error("Check the name.", "%s: %s", name, strerror(errno));
    if (chain_open(chain, &host->files, path, arena, &f))
        return say_fail(&f);
    d->parent = &chain->link[0]->image;
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

enum status verb_vhd_create(const struct options *options)
{
    const char *file = options->argument[0];
    static struct hostfiles host;
    static struct chain chain;
    struct arena arena = {0};
    struct newdisk d = {.size = options->size};
    if (!options->parent && !options->size)
        return say_usage("--size is missing");
    if (options->parent && (options->kind || options->format))
        return say_usage("--parent: the parent says format and kind");
    enum status status = kind_choose(&d, options, file);
    if (!status && options->parent) {
        status = arena_open(&arena);
        if (!status)
            status = parent_open(&d, options->parent, file, &host, &arena, &chain);
    }
    if (!status)
        status = newdisk_allowed(&d);
    struct fresh fresh = {0};
    if (!status)
        status = fresh_open(&fresh, file, false);
    if (!status)
        status = newdisk_write(&d, fresh.fd, file);
    status = fresh_end(&fresh, status);
    hostfiles_close(&host);
    arena_close(&arena);
    return status;
}

enum status verb_vhd_convert(const struct options *options)
{
    const char *file = options->argument[1];
    struct content source;
    struct newdisk d = {0};
    enum status status = kind_choose(&d, options, file);
    if (!status)
        status = content_open(&source, options->argument[0], options->partition);
    if (status)
        return status;
    d.size = source.size;
    struct fresh fresh = {0};
    status = newdisk_allowed(&d);
    if (!status)
        status = fresh_open(&fresh, file, options->yes);
    if (!status)
        status = newdisk_write(&d, fresh.fd, file);
    struct fail f;
    struct serve *to = NULL;
    struct serve_options to_options = {.file = fresh.path, .write = WRITE_PERSISTENT};
    if (!status && !(to = serve_open(&to_options, &f)))
        status = say_fail(&f);
    if (!status)
        status = content_copy(&source, to, file, "converting");
    if (to && serve_close(to, &f) && !status)
        status = say_fail(&f);
    content_close(&source);
    return fresh_end(&fresh, status);
}

enum status verb_vhd_compare(const struct options *options)
{
    struct content pair[2];
    enum status status = content_open(&pair[0], options->argument[0], 0);
    if (!status) {
        status = content_open(&pair[1], options->argument[1], 0);
        if (!status)
            status = content_compare(pair);
        if (!status)
            printf("%s and %s hold the same\n", pair[0].name, pair[1].name);
        content_close(&pair[1]);
    }
    content_close(&pair[0]);
    return status;
}
