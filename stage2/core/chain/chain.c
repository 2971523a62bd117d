/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks from the leaf to the last parent: finds each one's file, judges it by its id. */
#include "core/chain/chain.h"
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/chain/foreign.h"
#include "core/chain/path.h"
#include "core/raw/raw.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"

/* Which format is it? The footer at a VHD's end is checked by a sum, so it decides before a VHDX
 * signature at the start, which may be a fixed disk's first bytes. A raw disk is what is left,
 * where that is likely; the others are opened as a VHD, which says what they lack. */
static enum err chain_open_image(struct chain_link *link, struct arena *a, struct fail *f)
{
    bool is_vhd, is_vhdx = false, is_raw = false;
    enum err err = vhd_probe(&link->file, &is_vhd, f);
    if (!err && !is_vhd)
        err = vhdx_probe(&link->file, &is_vhdx, f);
    if (!err && !is_vhd && !is_vhdx)
        err = raw_probe(&link->file, link->path, &is_raw, f);
    if (!err && !is_vhd && !is_vhdx)
        err = foreign_judge(&link->file, is_raw, f);
    if (err)
        return err;
    if (is_raw)
        return raw_open(&link->image, &link->file, f);
    return is_vhdx ? vhdx_open(&link->image, &link->file, a, f)
                   : vhd_open(&link->image, &link->file, a, f);
}

/* Opens one file as an image; the link is complete but not yet part of the chain. */
static enum err link_open(struct chain_link **opened, struct chain_files *files, const char *path,
                          struct arena *a, struct fail *f)
{
    struct chain_link *link = arena_alloc(a, sizeof *link);
    if (!link)
        return fail(f, ERR_MEMORY, "no memory for one more image", 0);
    link->path = path;
    enum err err = files->open(files, path, &link->file, &link->drive_index, f);
    if (!err && !link->file.size)
        err = fail(f, ERR_IMAGE, "the file is empty", 0);
    if (!err)
        err = chain_open_image(link, a, f);
    if (!err)
        err = file_extents(&link->file, &link->extents, a, f);
    *opened = link;
    return err ? fail_subject(f, path) : ERR_OK;
}

/* "CHILD: parent PARENT", for failures that are about both. A long name is cut so that the other
 * one is still there. */
static enum err parent_subject(struct fail *f, const struct chain_link *child, const char *path)
{
    char name[FAIL_SUBJECT_MAX / 2 - 8];
    char subject[FAIL_SUBJECT_MAX];
    struct text t;
    text_init(&t, name, sizeof name);
    text_str(&t, child->file.path);
    text_init(&t, subject, sizeof subject);
    text_str(&t, name);
    text_str(&t, ": parent ");
    text_init(&t, name, sizeof name);
    text_str(&t, path);
    text_init(&t, subject + text_length(subject), sizeof subject - text_length(subject));
    text_str(&t, name);
    f->subject[0] = '\0';
    return fail_subject(f, subject);
}

/* Is the image that was found the parent that the child was made from? */
static enum err parent_judge(const struct image *child, const struct image *parent, struct fail *f)
{
    if (parent->format == IMAGE_RAW)
        return fail(f, ERR_PARENT, " is a raw disk, which has no id: it is nobody's parent", 0);
    if (parent->format != child->format)
        return fail(f, ERR_PARENT,
                    child->format == IMAGE_VHD ? " is a VHDX, but the disk is a VHD"
                                               : " is a VHD, but the disk is a VHDX",
                    0);
    for (unsigned i = 0; i < child->parent_ids; i++) {
        if (!memcmp(parent->id, child->parent_id[i], sizeof parent->id))
            return ERR_OK;
    }
    return fail(f, ERR_PARENT,
                " has another id: it was changed or replaced; take the parent this disk was made "
                "from",
                0);
}

/* Which of two failures says more: the wrong image beats a damaged one, and both a missing one. */
static unsigned failure_rank(enum err err)
{
    return err == ERR_NOT_FOUND ? 1 : err == ERR_PARENT ? 3 : 2;
}

/* Tries the places that the last link names, then the user's; the first good one is added. */
static enum err chain_add_parent(struct chain *chain, struct chain_files *files, struct arena *a,
                                 struct fail *f)
{
    struct chain_link *child = chain->link[chain->count - 1];
    unsigned worst = 0;
    unsigned own = child->image.parent_count;
    for (unsigned i = 0; i < own + files->parent_count; i++) {
        size_t mark = arena_mark(a);
        const char *path = i < own ? chain_parent_path(child->path, &child->image.parent[i], a)
                                   : files->parent[i - own];
        if (!path)
            return fail(f, ERR_MEMORY, "no memory for one more image", 0);
        struct chain_link *link;
        struct fail why;
        enum err err = link_open(&link, files, path, a, &why);
        if (!err)
            err = parent_judge(&child->image, &link->image, &why);
        if (!err) {
            if (worst > 1)
                notes_add(&child->image.notes,
                          "an image that lies where its parent was looked for "
                          "first is not its parent, and was passed over",
                          0);
            child->parent_used = i;
            chain->link[chain->count++] = link;
            return ERR_OK;
        }
        if (err == ERR_MEMORY) {
            *f = why;
            return err;
        }
        if (failure_rank(err) > worst) {
            worst = failure_rank(err);
            *f = why;
            if (err == ERR_NOT_FOUND)
                (void)fail(f, ERR_PARENT, " is not there", 0);
            if (f->err == ERR_PARENT)
                (void)parent_subject(f, child, path);
        }
        arena_release(a, mark);
    }
    if (!worst) {
        (void)fail(f, ERR_PARENT, "the disk does not say where its parent lies", 0);
        return fail_subject(f, child->file.path);
    }
    return f->err;
}

/* An image whose id is in the chain already would lead round for ever. */
static enum err chain_refuse_loop(const struct chain *chain, struct fail *f)
{
    const struct chain_link *last = chain->link[chain->count - 1];
    for (unsigned i = 0; i + 1 < chain->count; i++) {
        if (memcmp(chain->link[i]->image.id, last->image.id, sizeof last->image.id) ||
            chain->link[i]->image.format != last->image.format)
            continue;
        (void)fail(f, ERR_PARENT, "the disk's parents lead back to it", 0);
        return fail_subject(f, chain->link[i]->file.path);
    }
    return ERR_OK;
}

/*
 * A merge that was cut off has left its mark in the parent. Through the child that it names the
 * disk reads right: the child lies over all that was copied. By any other way a parent that holds a
 * part of it is a disk that never existed.
 */
static enum err chain_judge_merges(struct chain *chain, struct fail *f)
{
    for (unsigned i = 0; i < chain->count; i++) {
        struct image *image = &chain->link[i]->image;
        bool through = i && chain_merge_names(chain, i, &chain->link[i - 1]->image);
        if (image->merge == IMAGE_MERGE_UNDER_WAY && !through) {
            (void)fail(f, ERR_UNFINISHED,
                       " holds a part of what a merge writes into it: it can be used through the "
                       "child that is merged, and by no other way",
                       0);
            return fail_subject(f, chain->link[i]->file.path);
        }
        if (image->merge)
            notes_add(&image->notes,
                      through ? "the merge of a child into this image is not finished: run mkimage "
                                "merge again"
                              : "a merge into this image was cut off at its end: mkimage merge "
                                "cleans up what it left",
                      0);
    }
    return ERR_OK;
}

bool chain_merge_names(const struct chain *chain, unsigned index, const struct image *child)
{
    const struct image *parent = &chain->link[index]->image;
    return parent->merge && child->format == parent->format &&
           !memcmp(parent->merge_child, child->merge_id, sizeof child->merge_id);
}

enum err chain_open(struct chain *chain, struct chain_files *files, const char *path,
                    struct arena *a, struct fail *f)
{
    memset(chain, 0, sizeof *chain);
    enum err err = link_open(&chain->link[0], files, path, a, f);
    if (err)
        return err;
    chain->count = 1;
    while (chain->link[chain->count - 1]->image.kind == IMAGE_DIFFERENCING) {
        if (chain->count == CHAIN_MAX) { /* ends: every round adds a link */
            (void)fail(f, ERR_LIMIT, "the disk has more than %u parents", CHAIN_MAX - 1);
            return fail_subject(f, path);
        }
        err = chain_add_parent(chain, files, a, f);
        if (!err)
            err = chain_refuse_loop(chain, f);
        if (err)
            return err;
    }
    return chain_judge_merges(chain, f);
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
