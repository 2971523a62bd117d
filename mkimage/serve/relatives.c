/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks through folders, at what their files say of themselves. Follows no symbolic links to
 * folders. Only reads. */
#include "serve/relatives.h"
#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "flash/target.h"
#include "host/files.h"
#include "serve/mounted.h"

#define LEVELS    3u     /* of folders below */
#define STICK     16u    /* the same, from a mounted stick's root on */
#define NAMES_MAX 65536u /* so that nobody waits for a whole disk to be looked through */

static bool named_like_image(const char *name)
{
    static const char *const endings[] = {".vhd", ".vhdx", ".avhd", ".avhdx"};
    const char *dot = strrchr(name, '.');
    for (unsigned i = 0; dot && i < sizeof endings / sizeof endings[0]; i++) {
        if (!strcasecmp(dot, endings[i]))
            return true;
    }
    return false;
}

/* One image without its parents; what it opens is closed by hostfiles_close(). */
static enum err image_open(struct image *image, struct file *file, const char *path,
                           enum image_format format, struct hostfiles *host, struct arena *arena)
{
    struct fail f;
    uint8_t drive;
    enum err err = host->files.open(&host->files, path, file, &drive, &f);
    if (err)
        return err;
    return format == IMAGE_VHD ? vhd_open(image, file, arena, &f)
                               : vhdx_open(image, file, arena, &f);
}

static bool is_child_of(const char *path, const struct image *parent, struct arena *arena)
{
    struct hostfiles host;
    struct file file;
    struct image image = {0};
    bool child = false;
    size_t mark = arena_mark(arena);
    hostfiles_init(&host);
    enum err err = image_open(&image, &file, path, parent->format, &host, arena);
    for (unsigned i = 0; !err && image.kind == IMAGE_DIFFERENCING && i < image.parent_ids; i++)
        child |= !memcmp(image.parent_id[i], parent->id, sizeof parent->id);
    hostfiles_close(&host);
    arena_release(arena, mark);
    return child;
}

/* What is looked for, and what does not count. */
struct search {
    const char *parent_path, *advice;
    const struct image *parent;
    struct arena *arena;
    struct stat known[2]; /* the parent and the child at hand, by whatever name they are met */
    unsigned knowns;
    unsigned left; /* names that are looked at yet */
};

static void know(struct search *s, const char *path)
{
    s->knowns += path && !stat(path, &s->known[s->knowns]);
}

static bool is_known(const struct search *s, const struct stat *st)
{
    bool known = false;
    for (unsigned i = 0; i < s->knowns; i++)
        known |= s->known[i].st_dev == st->st_dev && s->known[i].st_ino == st->st_ino;
    return known;
}

static enum status folder_look(struct search *s, const char *folder, unsigned levels);

static enum status name_look(struct search *s, const char *folder, const char *name,
                             unsigned levels)
{
    char *path = NULL;
    struct stat st;
    enum status status = STATUS_OK;
    if (!strcmp(name, ".") || !strcmp(name, "..") || asprintf(&path, "%s/%s", folder, name) < 0)
        return STATUS_OK;
    if (levels && !lstat(path, &st) && S_ISDIR(st.st_mode))
        status = folder_look(s, path, levels - 1);
    else if (named_like_image(name) && !stat(path, &st) && S_ISREG(st.st_mode) &&
             !is_known(s, &st) && is_child_of(path, s->parent, s->arena))
        status = say_error(s->advice, "%s: is a child of %s%s", path, s->parent_path,
                           s->knowns > 1 ? " too" : "");
    free(path);
    return status;
}

static enum status folder_look(struct search *s, const char *folder, unsigned levels)
{
    enum status status = STATUS_OK;
    DIR *dir = opendir(folder);
    for (struct dirent *d; !status && s->left && dir && (d = readdir(dir));) {
        status = name_look(s, folder, d->d_name, levels);
        if (s->left && !--s->left)
            say_warning("%s: too many files: not all were looked at for children of %s", folder,
                        s->parent_path);
    }
    if (dir)
        closedir(dir);
    return status;
}

enum status relatives_refuse(const char *parent_path, const struct image *parent, const char *child,
                             const char *beside, const char *advice, struct arena *arena)
{
    struct search s = {.parent_path = parent_path,
                       .advice = advice,
                       .parent = parent,
                       .arena = arena,
                       .left = NAMES_MAX};
    enum status status = STATUS_OK;
    know(&s, parent_path);
    know(&s, child);
    char *root[2] = {0};
    for (unsigned i = 0; !status && i < 2; i++) {
        const char *at = !i ? parent_path : child ? child : beside;
        char *copy = at ? strdup(at) : NULL;
        root[i] = at ? mounted_root(at) : NULL;
        if (copy && !root[i])
            status = folder_look(&s, dirname(copy), LEVELS);
        else if (copy && !(i && root[0] && !strcmp(root[0], root[1])))
            status = folder_look(&s, root[i], STICK);
        free(copy);
    }
    free(root[0]);
    free(root[1]);
    return status;
}

enum status relatives_refuse_file(const char *path, const char *advice)
{
    static const enum image_format formats[] = {IMAGE_VHD, IMAGE_VHDX};
    struct arena arena = {0};
    struct hostfiles host;
    struct file file;
    struct image image = {0};
    enum status status = arena_open(&arena);
    char *whole = realpath(path, NULL); /* children lie beside the file, not beside a link to it */
    hostfiles_init(&host);
    for (unsigned i = 0; !status && whole && i < sizeof formats / sizeof formats[0]; i++) {
        if (!image_open(&image, &file, whole, formats[i], &host, &arena))
            status = relatives_refuse(whole, &image, NULL, NULL, advice, &arena);
        hostfiles_close(&host);
    }
    arena_close(&arena);
    free(whole);
    return status;
}

void relatives_tell(const char *parent_path, const char *child)
{
    const char *const at[] = {parent_path, child};
    char *folder[2];
    for (unsigned i = 0; i < 2; i++) {
        folder[i] = strdup(at[i]);
        char *root = folder[i] ? mounted_root(dirname(folder[i])) : NULL; /* the file may be gone */
        if (!root)
            continue;
        free(folder[i]);
        folder[i] = root;
    }
    bool both = folder[0] && folder[1] && strcmp(folder[0], folder[1]);
    if (folder[0])
        say("%s: no other child of it in %s%s%s, nor below; one elsewhere would be damaged",
            parent_path, folder[0], both ? " and " : "", both ? folder[1] : "");
    free(folder[0]);
    free(folder[1]);
}
