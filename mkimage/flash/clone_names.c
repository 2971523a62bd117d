/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config's paths lose the volume's name, so that one text fits every clone. In the boot store a
 * partition becomes another of the same length; no sum of a hive covers its values.
 */
#include "flash/clone_names.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/text.h"
#include "core/bcd/format.h"
#include "core/bcd/store.h"
#include "core/entry/windows.h"
#include "core/hive/hive.h"
#include "core/ntfs/ntfs.h"
#include "flash/config_text.h"
#include "ntfs/volume.h"

struct master {
    char serial[17];
    const char *label;
    bool label_goes;
};

static bool is_master(void *ctx, const char *name, size_t length)
{
    const struct master *m = ctx;
    return text_same_caseless(name, length, m->serial) ||
           (m->label_goes && text_same_caseless(name, length, m->label));
}

enum status clone_names_config(struct flash_plan *plan, struct origin *origin,
                               struct config *config)
{
    struct target *t = &origin->target;
    struct config_text text;
    struct master m = {.label = t->volume.label};
    unsigned changed = 0;
    snprintf(m.serial, sizeof m.serial, "%016" PRIX64, t->volume.serial);
    m.label_goes = *m.label && !text_same_caseless(m.label, strlen(m.label), plan->label);
    enum status status = config_text_open_empty(&text, &t->volume, &t->arena);
    if (!status)
        status = config_text_leave_volume(&text, is_master, &m, &changed, &t->arena);
    if (!status) {
        *config = text.config;
        plan->config = text.text;
        plan->config_size = text.size;
        text.text = NULL;
        if (changed)
            say("\\vhdboot.cfg: %u path%s of the master's volume %s by its name no more: each "
                "clone "
                "starts its own images",
                changed, changed == 1 ? "" : "s", changed == 1 ? "goes" : "go");
    }
    config_text_close(&text);
    return status;
}

/* Is it the partition that the level says, by the bytes? */
static bool is_level(const struct bcd_partition *p, const struct bcd_level *level)
{
    if (le32_get(p->disk.kind) != BCD_BLOCK_DISK)
        return false;
    if (level->mbr)
        return le32_get(p->disk.style) == BCD_STYLE_MBR &&
               le32_get(*(const le32 *)p->disk.id) == level->signature &&
               le64_get(*(const le64 *)p->place) == level->offset;
    return le32_get(p->disk.style) == BCD_STYLE_GPT &&
           !memcmp(p->disk.id, level->disk_id, sizeof level->disk_id) &&
           !memcmp(p->place, level->partition_id, sizeof level->partition_id);
}

/* Notes where in the store the element names the volume. */
static enum status note_element(struct flash_plan *plan, const struct ntfs *volume,
                                const struct hive *hive, const struct hive_value *value)
{
    struct bcd_device device;
    struct fail f;
    if (bcd_device_decode(&device, value->data, &f))
        return STATUS_OK; /* nobody reads it */
    const struct bcd_level *own = NULL;
    for (unsigned i = 0; i < device.count && !own; i++)
        own = windows_is_partition(volume, &device.level[i]) ? &device.level[i] : NULL;
    for (size_t at = 0; own && at + sizeof(struct bcd_partition) <= value->data.size; at++) {
        if (!is_level((const struct bcd_partition *)(value->data.data + at), own))
            continue;
        uint32_t *more = realloc(plan->store_at, (plan->store_places + 1) * sizeof *more);
        if (!more)
            return say_no_memory();
        plan->store_at = more;
        more[plan->store_places++] = hive_data_offset(hive, value) + (uint32_t)at;
    }
    return STATUS_OK;
}

/* All device elements of an object: their eight digits have a 1 as the second. */
static enum status note_object(struct flash_plan *plan, const struct ntfs *volume, struct hive *h,
                               const struct hive_key *object)
{
    struct hive_key elements, element;
    struct hive_value value;
    struct fail f;
    enum status status = STATUS_OK;
    if (hive_find(h, object, "Elements", &elements, &f))
        return STATUS_OK;
    for (uint32_t i = 0; !status && i < elements.subkeys; i++) {
        if (hive_subkey(h, &elements, i, &element, &f) || element.name.count != 8 ||
            element.name.data[element.name.narrow ? 1 : 2] != '1' ||
            hive_value_find(h, &element, "Element", &value, &f))
            continue;
        status = note_element(plan, volume, h, &value);
    }
    return status;
}

/* The file's bytes into memory: they are the image's content from now on. */
static enum status keep_bytes(struct flash_plan *plan, struct flash_image *image)
{
    struct fail f;
    plan->store = malloc(image->size + 1);
    if (!plan->store)
        return say_no_memory();
    if (image->size && file_read(&image->file, 0, plan->store, (uint32_t)image->size, &f)) {
        (void)fail_subject(&f, image->path);
        return say_fail(&f);
    }
    image->bytes = plan->store;
    return STATUS_OK;
}

enum status clone_names_store(struct flash_plan *plan, struct origin *origin)
{
    struct flash_image *image = NULL;
    struct target *t = &origin->target;
    struct hive_key object;
    struct bcd store;
    struct fail f;
    for (unsigned i = 0; i < plan->count && !image; i++)
        image = volume_same_path(plan->image[i].path, WINDOWS_STORE_PATH) ? &plan->image[i] : NULL;
    if (!image || bcd_load(&store, &image->file, &t->arena, &f))
        return STATUS_OK; /* nor does the loader read it */
    enum status status = STATUS_OK;
    for (uint32_t i = 0; !status && i < store.objects.subkeys; i++) {
        if (!hive_subkey(&store.hive, &store.objects, i, &object, &f))
            status = note_object(plan, &t->volume, &store.hive, &object);
    }
    if (status || !plan->store_places)
        return status;
    if (store.hive.dirty)
        say_warning("%s: a change of it waits in its log, which names the master's disk",
                    image->path);
    say("%s: %u place%s that name the master's disk name the clone's in each clone", image->path,
        plan->store_places, plan->store_places == 1 ? "" : "s");
    return keep_bytes(plan, image);
}

void clone_names_set(struct flash_plan *plan, uint32_t disk_signature, uint64_t start)
{
    for (unsigned i = 0; i < plan->store_places; i++) {
        struct bcd_partition *p = (struct bcd_partition *)(plan->store + plan->store_at[i]);
        *p = (struct bcd_partition){
            .disk = {.kind = le32_make(BCD_BLOCK_DISK), .style = le32_make(BCD_STYLE_MBR)}};
        *(le64 *)p->place = le64_make(start);
        *(le32 *)p->disk.id = le32_make(disk_signature);
    }
}
