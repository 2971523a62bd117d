/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core reads the hive; what is damaged in it is not there. */
#include "windows/registry.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/base/text.h"
#include "core/ntfs/ntfs.h"
#include "windows/disk.h"
#include "windows/hivelog.h"

#define PATHS        8
#define DEPTH_MAX    512u /* Windows' keys lie no deeper */
#define DAMAGE_STEPS ((uint32_t)1 << 24)

static enum status read_log(struct target *t, const char *name, const char *suffix,
                            struct view *log)
{
    char path[128];
    struct file file;
    struct fail f;
    snprintf(path, sizeof path, "%s%s", name, suffix);
    *log = (struct view){0};
    if (ntfs_open(&t->volume, path, &file, &f))
        return STATUS_OK;
    uint8_t *data;
    size_t size;
    enum status status = disk_read(t, path, HIVELOG_HIVE_MAX, &data, &size);
    if (!status)
        *log = (struct view){data, size};
    return status;
}

static struct hivelog_result replay(struct target *t, const char *name, uint8_t **bytes,
                                    size_t *size)
{
    struct view log[HIVELOG_LOGS];
    bool read = true;
    for (unsigned i = 0; i < HIVELOG_LOGS; i++)
        read &= !read_log(t, name, hivelog_suffix[i], &log[i]);
    struct hivelog_result result = {.why = "a log beside it cannot be read"};
    if (read)
        result = hivelog_replay(bytes, size, log);
    for (unsigned i = 0; i < HIVELOG_LOGS; i++)
        free((void *)(uintptr_t)log[i].data);
    return result;
}

enum status registry_read(struct registry_file *r, struct target *t, const char *name,
                          uint64_t limit)
{
    *r = (struct registry_file){0};
    enum status status = disk_read(t, name, limit, &r->bytes, &r->size);
    if (status)
        return status;
    r->was_dirty = hivelog_needed((struct view){r->bytes, r->size});
    if (r->was_dirty) {
        struct hivelog_result result = replay(t, name, &r->bytes, &r->size);
        r->entries = result.entries;
        r->stale = result.why;
    }
    return STATUS_OK;
}

enum status registry_open(struct registry *r, struct target *t, const char *name)
{
    *r = (struct registry){0};
    enum status status = registry_read(&r->file, t, name, HIVELOG_HIVE_MAX);
    if (status)
        return status;
    struct fail f;
    enum err err = hive_open(&r->hive, (struct view){r->file.bytes, r->file.size}, &f);
    if (!err)
        return STATUS_OK;
    registry_close(r);
    (void)fail_subject(&f, name);
    return say_fail_advice(&f, "Start that Windows once and shut it down, or restore the hive.");
}

void registry_close(struct registry *r)
{
    free(r->file.bytes);
    r->file.bytes = NULL;
}

enum status registry_find_set(struct registry *r, const char *name)
{
    uint32_t current;
    struct hive_key key;
    if (!registry_number(r, "Select", "Current", &current) || current > 999)
        return say_error("Choose an image with an installed Windows.",
                         "%s: does not say which control set is in use", name);
    snprintf(r->set, sizeof r->set, "ControlSet%03u", current);
    return registry_key(r, r->set, &key) ? STATUS_OK
                                         : say_error("Choose an image with an installed Windows.",
                                                     "%s: has no %s", name, r->set);
}

/* Ends: no deeper than DEPTH_MAX, and the hive's steps run out. */
static unsigned damage_below(struct hive *h, const struct hive_key *key, unsigned depth)
{
    unsigned bad = 0;
    struct fail f;
    for (uint32_t i = 0; i < key->values && h->steps_left; i++)
        bad += hive_value(h, key, i, &(struct hive_value){0}, &f) != ERR_OK;
    for (uint32_t i = 0; i < key->subkeys && h->steps_left; i++) {
        struct hive_key below;
        if (depth == DEPTH_MAX || hive_subkey(h, key, i, &below, &f))
            bad++;
        else
            bad += damage_below(h, &below, depth + 1);
    }
    return bad;
}

unsigned registry_damage(struct registry *r)
{
    struct hive_key root;
    struct fail f;
    uint32_t steps = r->hive.steps_left;
    r->hive.steps_left = DAMAGE_STEPS;
    unsigned bad = hive_root(&r->hive, &root, &f) ? 1 : damage_below(&r->hive, &root, 0);
    r->hive.steps_left = steps;
    return bad;
}

bool registry_key(struct registry *r, const char *path, struct hive_key *key)
{
    struct hive_key root;
    struct fail f;
    return !hive_root(&r->hive, &root, &f) && !hive_find(&r->hive, &root, path, key, &f);
}

static bool value_find(struct registry *r, const char *path, const char *name,
                       struct hive_value *value)
{
    struct hive_key key;
    struct fail f;
    return registry_key(r, path, &key) && !hive_value_find(&r->hive, &key, name, value, &f);
}

bool registry_number(struct registry *r, const char *path, const char *name, uint32_t *number)
{
    struct hive_value value;
    uint64_t wide;
    if (!value_find(r, path, name, &value) || !hive_number(&value, &wide))
        return false;
    *number = (uint32_t)wide;
    return true;
}

bool registry_text(struct registry *r, const char *path, const char *name, char *text, size_t size)
{
    struct hive_value value;
    struct hive_string string;
    if (!value_find(r, path, name, &value) || !hive_string(&value, &string))
        return false;
    struct text t;
    text_init(&t, text, size);
    text_utf16le(&t, string.units, string.count);
    return true;
}

const char *registry_path(const struct registry *r, const char *format, ...)
{
    static char paths[PATHS][256];
    static unsigned next;
    char *path = paths[next++ % PATHS];
    int n = snprintf(path, sizeof paths[0], "%s\\", r->set);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + n, sizeof paths[0] - (size_t)n, format, arguments);
    va_end(arguments);
    return path;
}
