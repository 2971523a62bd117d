/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of kinds, and the paths to parents as every format has them: Windows' own. */
#include "core/base/image.h"
#include "core/base/path.h"
#include "core/base/text.h"

const char *image_kind_name(const struct image *image)
{
    static const char *const name[3][3] = {
        {"fixed VHD", "dynamic VHD", "differencing VHD"},
        {"fixed VHDX", "dynamic VHDX", "differencing VHDX"},
        {"raw disk", "raw disk", "raw disk"}, /* it is always fixed */
    };
    return name[image->format][image->kind];
}

void image_note_damage(struct image *image, const char *sentence, uint64_t value)
{
    notes_add(&image->notes, sentence, value);
    if (image->damaged)
        return;
    image->damaged = true;
    image->damage.sentence = sentence;
    image->damage.value = value;
}

static const char *without_letter(const char *path)
{
    bool letter = (path[0] >= 'A' && path[0] <= 'Z') || (path[0] >= 'a' && path[0] <= 'z');
    return letter && path[1] == ':' ? path + 2 : path;
}

/* "OTHER:\x" and ".\OTHER:\x" would lead to another volume, which only the user may name. */
static bool has_colon(const char *path)
{
    while (*path && *path != ':')
        path++;
    return *path;
}

void image_parent_add(struct image *image, const char *source, bool relative, const char *path)
{
    if (!path[0] || image->parent_count == IMAGE_PARENTS_MAX || (relative && has_colon(path)))
        return;
    for (unsigned i = 0; i < image->parent_count; i++) {
        const struct image_parent *old = &image->parent[i];
        if (old->relative == relative && !text_compare(old->path, path))
            return;
    }
    image->parent[image->parent_count++] = (struct image_parent){source, relative, path};
}

/* The part of "Volume{...}\x" behind the name; NULL: it starts otherwise. */
static const char *behind_volume(const char *path)
{
    for (const char *name = "Volume{"; *name; name++) { /* a path that ends earlier differs there */
        if (*path++ != *name)
            return NULL;
    }
    while (*path && !path_is_separator(*path))
        path++;
    return path;
}

void image_parent_add_windows(struct image *image, const char *source, const char *path)
{
    if (path_is_separator(path[0]) && path_is_separator(path[1])) {
        if ((path[2] != '?' && path[2] != '.') || !path_is_separator(path[3]))
            return; /* \\server\share */
        const char *volume = behind_volume(path + 4);
        const char *drive = without_letter(path + 4);
        if (!volume && drive == path + 4)
            return; /* \\?\UNC\server\share, or a device */
        path = volume ? volume : drive;
    }
    path = without_letter(path);
    image_parent_add(image, source, !path_is_separator(path[0]), path);
}

void image_parent_add_beside(struct image *image, const char *source, const char *path)
{
    image_parent_add(image, source, true, path_last_part(path));
}
