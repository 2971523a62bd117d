/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A boot store, or one device of it: whatever the bytes are, the menu ends, and what is handed out
 * lies in them. The last byte says which of the two they are. */
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/bcd/format.h"
#include "core/bcd/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view all;
static unsigned sum;

static void touch(struct hive_string s)
{
    if (s.count && !range_ok((uint64_t)(s.units - all.data), 2 * (uint64_t)s.count, all.size))
        abort();
    for (size_t i = 0; i < 2 * (size_t)s.count; i++)
        sum += s.units[i];
}

static void touch_device(const struct bcd_device *device)
{
    const struct bcd_level *image = bcd_device_image(device);
    if (!device->count || device->count > BCD_LEVELS_MAX)
        abort();
    for (unsigned i = 0; i < device->count; i++)
        touch(device->level[i].path);
    if (image && (image->kind != BCD_FILE || image + 1 >= device->level + device->count))
        abort();
}

static enum err memory_read(struct file *file, uint64_t off, void *buf, uint32_t len,
                            struct fail *f)
{
    const uint8_t *data = file->ctx;
    (void)f;
    memcpy(buf, data + off, len);
    return ERR_OK;
}

static void judge_store(const uint8_t *data, size_t size)
{
    static uint8_t memory[BCD_FILE_MAX + 4096];
    static struct bcd store;
    static struct bcd_entry entry;
    struct file file = {
        .size = size, .initialized = size, .ctx = (void *)data, .read = memory_read};
    struct arena a;
    struct fail f = {0};
    struct hive_value value;
    char id[BCD_ID_SIZE];
    uint32_t at = 0, before = 0, seconds = 0;
    arena_init(&a, memory, sizeof memory);
    if (bcd_load(&store, &file, &a, &f)) {
        if (!f.sentence)
            abort();
        return;
    }
    store.hive.steps_left = 8192;
    all = store.hive.bytes;
    while (bcd_next(&store, &at, &entry)) {
        if (at <= before || strlen(entry.id) != BCD_ID_LENGTH || !entry.image)
            abort();
        before = at;
        touch(entry.title);
        touch_device(&entry.device);
    }
    if (bcd_default(&store, id) && strlen(id) != BCD_ID_LENGTH)
        abort();
    if (bcd_timeout(&store, &seconds) && seconds > 86400)
        abort();
    if (!bcd_manager_element(&store, BCD_DEFAULT, &value, &f) &&
        !range_ok(hive_data_offset(&store.hive, &value), value.data.size, all.size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bcd_device device;
    struct fail f = {0};
    if (!size)
        return 0;
    if (data[--size] & 1) {
        judge_store(data, size);
        return 0;
    }
    all = (struct view){data, size};
    if (!bcd_device_decode(&device, all, &f))
        touch_device(&device);
    else if (!f.sentence || f.err != ERR_HIVE)
        abort();
    return 0;
}
