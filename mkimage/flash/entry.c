/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core's own functions in the order in which the machine calls them. Only reads. */
#include "flash/entry.h"
#include <string.h>
#include <strings.h>
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/base/file.h"

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
    (void)fail(f, ERR_NOT_FOUND, say_no_entry, 0);
    return fail_subject(f, name);
}

enum status entry_open(struct entry *e, struct target *t, const struct options *options)
{
    *e = (struct entry){0};
    enum status status = target_open(t, options->argument[0], options->partition);
    if (status)
        return status;
    struct fail f;
    status = target_further(t, options->drive, options->drives);
    if (status) {
        target_close(t);
        return status;
    }
    if (entry_choose(e, t, options->entry, &f) ||
        boot_open(&e->disk, e->chosen, &t->volumes, 0, &t->arena, &f)) {
        (void)fail_subject(&f, t->device.path);
        status = say_fail(&f);
        target_close(t);
    }
    return status;
}

static const char *const write_names[] = {
    [WRITE_PERSISTENT] = "persistent", [WRITE_DISCARD] = "discard", [WRITE_NONE] = "none"};

const char *entry_write_name(const struct config_entry *entry)
{
    return write_names[entry->write];
}

bool entry_write_mode(const char *name, enum write_mode *mode)
{
    for (unsigned i = 0; i < sizeof write_names / sizeof write_names[0]; i++) {
        *mode = (enum write_mode)i;
        if (!strcmp(name, write_names[i]))
            return true;
    }
    return false;
}

bool entry_keeps_writes(const struct config_entry *entry)
{
    return entry->write == WRITE_PERSISTENT && !entry->ram;
}

enum err entry_complaints(struct target *t, config_tell *tell, void *ctx, struct fail *f)
{
    struct file file;
    struct config *again = arena_alloc(&t->arena, sizeof *again);
    uint8_t *text = NULL;
    enum err err = again ? ntfs_open(&t->volume, BOOT_CONFIG_PATH, &file, f)
                         : fail(f, ERR_MEMORY, "no memory for the config", 0);
    if (!err && file.size > CONFIG_SIZE_MAX)
        err = fail(f, ERR_CONFIG, "the file has %u bytes: more than a config may have", file.size);
    if (!err && !(text = arena_alloc(&t->arena, file.size + 1)))
        err = fail(f, ERR_MEMORY, "no memory for the config", 0);
    if (!err && file.size)
        err = file_read(&file, 0, text, (uint32_t)file.size, f);
    return err ? err
               : config_parse_telling(again, text, (uint32_t)file.size, &t->arena, tell, ctx, f);
}

void entry_warn_of_no_system(const struct config_entry *entry, const struct boot_disk *disk,
                             struct target *t)
{
    uint8_t sector[SECTOR_SIZE];
    struct fail f;
    if (boot_record_read(&disk->map, t->drive, sector, &f) == ERR_NO_SYSTEM)
        entry_warn_no_system(entry->vhd, f.sentence);
}

void entry_warn_no_system(const char *vhd, const char *sentence)
{
    say_warning("%s: %s; install a system for BIOS into it first", vhd, sentence);
}
