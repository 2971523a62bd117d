/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an argument leads to: a file of the host, or one of TARGET's volume. Only reads. */
#include "flash/source.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/entry/open.h"

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
static enum status find(struct source *s, const struct source_disks *disks)
{
    const char *path;
    enum status status = arena_open(&s->arena);
    if (status)
        return status;
    if (source_on_target(s->name, &s->target_name, &path)) {
        status = target_open(&s->target, s->target_name, disks->partition);
        if (status)
            return status;
        s->on_volume = true;
        s->path = strdup(path);
        status = target_further(&s->target, disks->drive, disks->drives);
    } else if (disks->drives) {
        return say_usage("--drive goes with TARGET:/path: %s is a file of the host", s->name);
    } else {
        status = device_check_name(s->name);
        if (status)
            return status;
        s->path = realpath(s->name, NULL);
        if (!s->path)
            s->path = strdup(s->name); /* opening it says what is wrong */
    }
    return s->path ? status : say_no_memory();
}

/* Do both names lead to one file? */
static bool same_file(struct target *t, const char *one, const char *other)
{
    struct file file[2];
    unsigned volume;
    struct fail f;
    if (volumes_open(&t->volumes, one, &file[0], &volume, &f) ||
        volumes_open(&t->volumes, other, &file[1], &volume, &f))
        return false;
    struct ntfs_identity a = ntfs_identify(&file[0]), b = ntfs_identify(&file[1]);
    return ntfs_same_file(&a, &b);
}

/* Parents lie where the image itself leads to, or where an entry that starts it says. A menu that
 * cannot be read says nothing. */
static enum err open_on_volume(struct source *s, struct fail *f)
{
    struct config_entry entry = {.vhd = s->path};
    struct config *menu = arena_alloc(&s->arena, sizeof *menu);
    bool from_file;
    if (!menu)
        return fail(f, ERR_MEMORY, "no memory for the menu", 0);
    bool read = !boot_own_entries(menu, &from_file, &s->target.volume, &s->arena, f);
    for (unsigned i = 0; read && !entry.parent_count && i < menu->count; i++) {
        const struct config_entry *e = &menu->entry[i];
        if (!e->parent_count || !same_file(&s->target, e->vhd, s->path))
            continue;
        memcpy(entry.parent, e->parent, sizeof entry.parent);
        entry.parent_count = e->parent_count;
    }
    return boot_open_chain(&s->chain, &entry, &s->target.volumes, &s->arena, f);
}

enum status source_open(struct source *s, const char *argument, const struct source_disks *disks)
{
    *s = (struct source){.name = argument};
    hostfiles_init(&s->host);
    enum status status = find(s, disks);
    struct fail f;
    if (!status && (s->on_volume ? open_on_volume(s, &f)
                                 : chain_open(&s->chain, &s->host.files, s->path, &s->arena, &f)))
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

void source_drives(struct source *s, struct blk *drive[MAP_DRIVES_MAX])
{
    memset(drive, 0, MAP_DRIVES_MAX * sizeof *drive);
    if (s->on_volume)
        memcpy(drive, s->target.drive, sizeof s->target.drive);
    else
        drive[0] = &s->host.blk;
}
