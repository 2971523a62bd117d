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
#include "serve/mounted.h"
#include "serve/newimage.h"
#include "serve/relatives.h"
#include "serve/serve.h"
#include "serve/content.h"
#include "verbs/verbs.h"

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
    enum status status = newimage_choose(&d, options, file);
    if (!status && options->parent) {
        status = arena_open(&arena);
        if (!status)
            status = newimage_parent(&d, options->parent, file, &host, &arena, &chain);
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
    enum status status = newimage_choose(&d, options, file);
    if (!status)
        status = content_open(&source, options->argument[0], options->partition);
    if (status)
        return status;
    d.size = source.size;
    struct fresh fresh = {0};
    status = newdisk_allowed(&d);
    if (!status && options->yes)
        status = relatives_refuse_file(file, "Choose another name, or convert or merge that one "
                                             "first: it needs what the file holds now.");
    if (!status && options->yes && d.kind != IMAGE_FIXED)
        status = mounted_warn_of_slack(file);
    if (!status)
        status = fresh_open(&fresh, file, options->yes);
    if (!status)
        status = newdisk_write(&d, fresh.fd, file);
    struct fail f;
    struct serve *to = NULL;
    struct serve_options to_options = {
        .file = fresh.path, .write = WRITE_PERSISTENT, .hasten = true};
    if (!status && !(to = serve_open(&to_options, &f)))
        status = serve_say(&f);
    if (!status)
        status = content_copy(&source, to, file, "converting");
    if (to && serve_close(to, &f) && !status) {
        (void)fail_subject(&f, file);
        status = serve_say(&f);
    }
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
