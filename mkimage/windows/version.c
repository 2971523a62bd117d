/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fixed part of a version resource is known by its magic, wherever in the file it lies. */
#include "windows/version.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/ntfs/ntfs.h"

#define LOADER     "\\Windows\\System32\\winload.exe"
#define FILE_LIMIT ((uint64_t)16 << 20)

struct version_info {
    le32 magic, structure;
    le32 high; /* 0x08: major and minor */
    le32 low;  /* 0x0c: build and revision */
};
#define VERSION_MAGIC     0xfeef04bdu
#define VERSION_STRUCTURE 0x00010000u

uint32_t version_build(struct target *t)
{
    struct file file;
    struct fail f;
    if (ntfs_open(&t->volume, LOADER, &file, &f) || file.size > FILE_LIMIT)
        return 0;
    uint8_t *data = malloc(file.size + 1);
    uint32_t build = 0;
    bool ok = data && file.size && !file_read(&file, 0, data, (uint32_t)file.size, &f);
    for (uint64_t at = 0; ok && !build && at + sizeof(struct version_info) <= file.size; at += 4) {
        const struct version_info *info = (const struct version_info *)(data + at);
        if (le32_get(info->magic) == VERSION_MAGIC &&
            le32_get(info->structure) == VERSION_STRUCTURE)
            build = le32_get(info->low) >> 16;
    }
    free(data);
    return build;
}
