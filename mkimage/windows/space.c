/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chain is opened once more, as the loader opens it: the engine does not tell of files. */
#include "windows/space.h"
#include <stdlib.h>
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "flash/entry.h"
#include "flash/source.h"

#define PIECE ((uint32_t)1 << 20)

bool space_free(struct target *t, uint64_t *bytes)
{
    struct file file;
    struct fail f;
    uint64_t clusters = t->volume.clusters, used = 0, off = 0;
    uint8_t *map = malloc(PIECE);
    bool ok = map && !ntfs_open(&t->volume, "\\$Bitmap", &file, &f) && file.size >= clusters / 8;
    while (ok && off * 8 < clusters) { /* ends: n is at least 1 */
        uint64_t left = (clusters + 7) / 8 - off;
        uint32_t n = left < PIECE ? (uint32_t)left : PIECE;
        ok = !file_read(&file, off, map, n, &f);
        for (uint32_t i = 0; ok && i < n; i++) {
            unsigned valid =
                clusters - (off + i) * 8 < 8 ? (unsigned)(clusters - (off + i) * 8) : 8;
            used += (unsigned)__builtin_popcount(map[i] & ((1u << valid) - 1));
        }
        off += n;
    }
    free(map);
    *bytes = (clusters - used) << (t->volume.cluster_shift + SECTOR_SHIFT);
    return ok;
}

static void measure(struct space *s, const struct chain *chain)
{
    const struct image *image = &chain->link[0]->image;
    uint64_t full = image->sectors << SECTOR_SHIFT, now = chain->link[0]->file.size;
    s->vhdx = image->format == IMAGE_VHDX;
    s->needed = image->kind != IMAGE_FIXED && full > now ? full - now : 0;
}

static bool look_on_target(struct space *s, const struct options *options)
{
    struct target t;
    struct entry e = {0};
    struct fail f;
    struct chain chain;
    if (target_open(&t, options->argument[0], options->partition))
        return false;
    bool ok = !entry_choose(&e, &t, options->entry, &f) &&
              !boot_open_chain(&chain, e.chosen, &t.volumes, &t.arena, &f);
    if (ok) {
        measure(s, &chain);
        s->free_known = space_free(&t, &s->free);
    }
    target_close(&t);
    return ok;
}

bool space_look(struct space *s, const struct options *options, const struct disk *disk)
{
    *s = (struct space){0};
    if (disk->vhd)
        return look_on_target(s, options);
    struct source source;
    if (source_open(&source, options->argument[0],
                    &(struct source_disks){.partition = options->partition}))
        return false;
    measure(s, &source.chain);
    s->free_known = source.on_volume && space_free(&source.target, &s->free);
    source_close(&source);
    return true;
}
