/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an argument leads to: a file of the host, or one of TARGET's volume. Only reads. */
#include "flash/source.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool source_split(const char *argument, char **target, const char **path)
{
    const char *first = NULL;
    for (const char *colon = argument; (colon = strchr(colon, ':')); colon++) {
        if (colon == argument || (colon[1] != '/' && colon[1] != '\\' && colon[1]))
            continue;
        if (!first)
            first = colon;
        *target = strndup(argument, (size_t)(colon - argument));
        *path = colon[1] ? colon + 1 : "/";
        if (*target && !access(*target, F_OK))
            return true;
        free(*target);
    }
    if (!first)
        return false;
    *target = strndup(argument, (size_t)(first - argument));
    *path = first[1] ? first + 1 : "/";
    return *target;
}

bool source_on_target(const char *argument, char **target, const char **path)
{
    return access(argument, F_OK) && source_split(argument, target, path);
}

void source_close(struct source *s)
{
    if (s->on_volume)
        target_close(&s->target);
    else
        hostfiles_close(&s->host);
    arena_close(&s->arena);
    free(s->target_name);
    free(s->path);
}

/* Finds where FILE is and gets ready to open files there. */
static enum status find(struct source *s, unsigned partition)
{
    const char *path;
    enum status status = arena_open(&s->arena);
    if (status)
        return status;
    if (source_on_target(s->name, &s->target_name, &path)) {
        status = target_open(&s->target, s->target_name, partition);
        if (status)
            return status;
        s->on_volume = true;
        s->volume_files = target_files(&s->target);
        s->path = strdup(path);
    } else {
        status = device_check_name(s->name);
        if (status)
            return status;
        s->path = realpath(s->name, NULL);
        if (!s->path)
            s->path = strdup(s->name); /* opening it says what is wrong */
    }
    return s->path ? STATUS_OK : say_no_memory();
}

enum status source_open(struct source *s, const char *argument, unsigned partition)
{
    *s = (struct source){.name = argument};
    hostfiles_init(&s->host);
    enum status status = find(s, partition);
    struct fail f;
    struct chain_files *files = s->on_volume ? &s->volume_files : &s->host.files;
    if (!status && chain_open(&s->chain, files, s->path, &s->arena, &f))
        status = say_fail_advice(&f, f.err == ERR_NOT_FOUND ? "Check the name." : NULL);
    if (status)
        source_close(s);
    return status;
}

const char *source_link_name(const struct source *s, unsigned index)
{
    const struct file *file = &s->chain.link[index]->file;
    return s->on_volume ? file->path : ((const struct hostfile *)file->ctx)->path;
}

struct blk *source_drive(struct source *s)
{
    return s->on_volume ? &s->target.blk : &s->host.blk;
}
