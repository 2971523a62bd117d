/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every volume's config is read as if the machine had been started from it. */
#include "flash/menus.h"
#include <inttypes.h>
#include <stdio.h>
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "flash/entry.h"

static bool visit_menu(struct target *t, const struct config *config, struct volumes *volumes,
                       const char *where, menus_visit *visit, void *ctx)
{
    bool more = true;
    for (unsigned i = 0; more && i < config->count; i++) {
        struct menus_entry e = {&config->entry[i], volumes, where};
        size_t mark = arena_mark(&t->arena);
        more = visit(ctx, &e);
        arena_release(&t->arena, mark);
    }
    return more;
}

/* The menu of volume `index`, which is not TARGET's. */
static bool visit_other(struct target *t, unsigned index, menus_visit *visit, void *ctx)
{
    static struct config config;
    struct volumes seen = t->volumes;
    seen.volume[0] = t->volumes.volume[index];
    seen.volume[index] = t->volumes.volume[0];
    struct ntfs *volume = seen.volume[0].ntfs;
    char where[sizeof volume->label + 16];
    if (*volume->label)
        snprintf(where, sizeof where, " of volume %s", volume->label);
    else
        snprintf(where, sizeof where, " of volume %016" PRIX64, volume->serial);

    struct fail f;
    bool from_file, more = true;
    size_t mark = arena_mark(&t->arena);
    enum err err = boot_own_entries(&config, &from_file, volume, &t->arena, &f);
    if (!err && from_file)
        more = visit_menu(t, &config, &seen, where, visit, ctx);
    else if (err && err != ERR_NOT_FOUND)
        say_warning("the config%s cannot be read, so what it leads to is not known", where);
    arena_release(&t->arena, mark);
    return more;
}

enum status menus_each(struct target *t, const struct config *own, menus_visit *visit, void *ctx)
{
    struct fail f;
    if (volumes_find(&t->volumes, &f))
        return say_fail(&f);
    bool more = visit_menu(t, own, &t->volumes, "", visit, ctx);
    for (unsigned i = 1; more && i < t->volumes.count; i++)
        more = visit_other(t, i, visit, ctx);
    return STATUS_OK;
}

struct starter {
    const struct ntfs_identity *file;
    bool writing, no_memory;
    char **who;
};

static bool is_starter(void *ctx, const struct menus_entry *e)
{
    struct starter *s = ctx;
    struct file file;
    struct fail f;
    unsigned volume;
    if ((s->writing && !entry_keeps_writes(e->entry)) ||
        volumes_open(e->volumes, e->entry->vhd, &file, &volume, &f))
        return true;
    struct ntfs_identity own = ntfs_identify(&file);
    if (!ntfs_same_file(&own, s->file))
        return true;
    s->no_memory = asprintf(s->who, "%s%s", e->entry->name, e->where) < 0;
    return false;
}

enum status menus_starter(struct target *t, const struct ntfs_identity *file, bool writing,
                          char **who)
{
    static const struct config none;
    struct starter s = {.file = file, .writing = writing, .who = who};
    *who = NULL;
    enum status status = menus_each(t, &none, is_starter, &s);
    return s.no_memory ? say_no_memory() : status;
}
