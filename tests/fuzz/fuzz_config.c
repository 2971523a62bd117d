/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config: any text is parsed, and what comes out of it can be relied on. */
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/entry/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[1 << 20];
    static struct config config;
    struct arena a;
    struct fail f = {0};
    if (size > CONFIG_SIZE_MAX)
        return 0;
    arena_init(&a, memory, size & 1 ? sizeof memory : 256);
    if (config_parse(&config, data, (uint32_t)size, &a, &f)) {
        if (f.err != ERR_MEMORY && f.err != ERR_CONFIG)
            abort();
        return 0;
    }
    if (config.count > CONFIG_ENTRIES_MAX || (config.count && config.default_entry >= config.count))
        abort();
    for (unsigned i = 0; i < config.count; i++) {
        const struct config_entry *e = &config.entry[i];
        if (!e->name || !e->title || !e->vhd || strlen(e->vhd) > size || e->write > WRITE_NONE)
            abort();
        if ((*e->vhd && e->start.kind != START_IMAGE) || e->start.kind > START_FILE ||
            (e->start.kind == START_FILE) != (e->start.path != NULL) || e->start.number > 143 ||
            ((e->start.kind == START_DISK || e->start.kind == START_PARTITION) && !e->start.number))
            abort();
    }
    for (unsigned i = 0; i < config.complaint_count && i < CONFIG_COMPLAINTS_MAX; i++) {
        if (!config.complaint[i].line || !config.complaint[i].sentence ||
            strnlen(config.complaint[i].word, 40) == 40)
            abort();
    }
    return 0;
}
