/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core's own functions in the order in which the machine calls them. Only reads. */
#include "flash/entry.h"
#include <strings.h>

bool entry_find(const struct config *config, const char *name, unsigned *index)
{
    *index = config->default_entry;
    if (!name)
        return true;
    for (*index = 0; *index < config->count; ++*index) {
        if (!strcasecmp(config->entry[*index].name, name))
            return true;
    }
    return false;
}

enum err entry_choose(struct entry *e, struct target *t, const char *name, struct fail *f)
{
    enum err err = boot_entries(&e->config, &e->from_file, &t->volume, &t->arena, f);
    if (err)
        return err;
    unsigned index;
    if (entry_find(&e->config, name, &index)) {
        e->chosen = &e->config.entry[index];
        return ERR_OK;
    }
    (void)fail(f, ERR_NOT_FOUND, "there is no such entry", 0);
    return fail_subject(f, name);
}

enum status entry_open(struct entry *e, struct target *t, const struct options *options)
{
    *e = (struct entry){0};
    enum status status = target_open(t, options->argument[0], options->partition);
    if (status)
        return status;
    struct fail f;
    target_further(t, options->drive, options->drives);
    if (entry_choose(e, t, options->entry, &f) ||
        boot_open(&e->disk, e->chosen, &t->volumes, 0, &t->arena, &f)) {
        (void)fail_subject(&f, t->device.path);
        status = say_fail(&f);
        target_close(t);
    }
    return status;
}
