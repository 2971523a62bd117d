/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chain.h"
#include "arena.h"
#include "mem.h"
#include "text.h"
#include "vhd.h"
#include "vhdx.h"

/* Which format is it? The footer at a VHD's end is checked by a sum, so it decides before a VHDX
 * signature at the start, which may be a fixed disk's first bytes. */
static enum err chain_open_image(struct chain_link *link, struct arena *a, struct fail *f)
{
    bool is_vhd, is_vhdx = false;
    enum err err = vhd_probe(&link->file, &is_vhd, f);
    if (!err && !is_vhd)
        err = vhdx_probe(&link->file, &is_vhdx, f);
    if (!err)
        err = is_vhdx ? vhdx_open(&link->image, &link->file, a, f)
                      : vhd_open(&link->image, &link->file, a, f);
    if (!err && link->image.kind == IMAGE_DIFFERENCING)
        err = fail(f, ERR_UNSUPPORTED, "a differencing disk: parents are not looked up", 0);
    return err;
}

static enum err chain_add(struct chain *chain, struct chain_files *files, const char *path,
                          struct arena *a, struct fail *f)
{
    struct chain_link *link = arena_alloc(a, sizeof *link);
    if (!link)
        return fail(f, ERR_MEMORY, "no memory for one more image", 0);
    enum err err = files->open(files, path, &link->file, &link->drive_index, f);
    if (!err)
        err = chain_open_image(link, a, f);
    if (!err)
        err = file_extents(&link->file, &link->extents, a, f);
    if (err)
        return fail_subject(f, path);
    chain->link[chain->count++] = link;
    return ERR_OK;
}

enum err chain_open(struct chain *chain, struct chain_files *files, const char *path,
                    struct arena *a, struct fail *f)
{
    memset(chain, 0, sizeof *chain);
    return chain_add(chain, files, path, a, f);
}

void chain_describe(const struct chain *chain, unsigned index, char *buf, size_t size)
{
    const struct chain_link *link = chain->link[index];
    struct text t;
    text_init(&t, buf, size);
    text_str(&t, image_kind_name(&link->image));
    text_str(&t, ", ");
    text_bytes(&t, link->image.sectors << 9);
    text_str(&t, ", ");
    uint32_t fragments = extent_fragments(&link->extents);
    text_u64(&t, fragments);
    text_str(&t, fragments == 1 ? " fragment" : " fragments");
}
