/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * \Windows\Boot\PCAT is all of it for a BIOS, but for fonts and resources, which lie beside it.
 * \bootmgr comes last: where it is there, all else is.
 */
#include "windows/bootfiles.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "windows/disk.h"

#define FILE_LIMIT  ((uint64_t)64 << 20)
#define FILES_MAX   2000u
#define DEPTH_MAX   2u /* \Boot\Resources\en-US */
#define BOOTMGR     "\\bootmgr"
#define MODERN_MARK "\\BOOTNXT"

/* From where to where. */
static const struct root {
    const char *from, *to;
} roots[] = {{"\\Windows\\Boot\\PCAT", "\\Boot"},
             {"\\Windows\\Boot\\Fonts", "\\Boot\\Fonts"},
             {"\\Windows\\Boot\\Resources", "\\Boot\\Resources"}};

/* One folder's names, kept: a file cannot be read inside a walk. */
struct names {
    struct {
        char *name;
        bool directory;
    } * item;
    unsigned count;
    bool failed;
};

static bool name_keep(void *ctx, const struct ntfs_dirent *entry)
{
    struct names *n = ctx;
    void *more = n->count < FILES_MAX ? realloc(n->item, (n->count + 1) * sizeof *n->item) : NULL;
    if (more)
        n->item = more;
    char *name = more ? strdup(entry->name) : NULL;
    n->failed |= !name;
    if (name) {
        n->item[n->count].directory = entry->directory;
        n->item[n->count++].name = name;
    }
    return !n->failed;
}

static void names_free(struct names *n)
{
    for (unsigned i = 0; i < n->count; i++)
        free(n->item[i].name);
    free(n->item);
}

/* The boot manager and its mark of Windows 8 belong into the root folder. */
static bool in_root(const char *to, const char *name)
{
    return !strcmp(to, "\\Boot") && (!strcasecmp(name, "bootmgr") || !strcasecmp(name, "bootnxt"));
}

static enum status take(struct bootfiles *b, struct target *t, const char *from, const char *to,
                        const char *name)
{
    char *source = NULL, *path = NULL;
    bool root = in_root(to, name);
    if (asprintf(&source, "%s\\%s", from, name) < 0)
        source = NULL;
    if (asprintf(&path, "%s\\%s", root ? "" : to, root && *name == 'B' ? "BOOTNXT" : name) < 0)
        path = NULL;
    if (root && path && strcasecmp(name, "bootnxt"))
        strcpy(path, BOOTMGR);
    else if (root && path)
        strcpy(path, MODERN_MARK);
    struct bootfile *more = realloc(b->file, (b->count + 1) * sizeof *more);
    enum status status = source && path && more ? STATUS_OK : say_no_memory();
    if (more)
        b->file = more;
    struct bootfile file = {.path = path};
    if (!status)
        status = disk_read(t, source, FILE_LIMIT, &file.data, &file.size);
    if (!status) {
        b->file[b->count++] = file;
        b->modern |= !strcmp(path, MODERN_MARK);
    } else {
        free(path);
    }
    free(source);
    return status;
}

/* Ends: no deeper than DEPTH_MAX. */
static enum status read_folder(struct bootfiles *b, struct target *t, const char *from,
                               const char *to, unsigned depth)
{
    struct names names = {0};
    struct fail f;
    enum err err = ntfs_list(&t->volume, from, name_keep, &names, &f);
    enum status status = STATUS_OK;
    if (err && err != ERR_NOT_FOUND)
        status = say_fail(&f);
    else if (names.failed)
        status = say_error("Choose another image.", "%s:%s: has more files than a boot manager's",
                           t->device.path, from);
    for (unsigned i = 0; !status && i < names.count; i++) {
        const char *name = names.item[i].name;
        char *below_from, *below_to;
        if (!names.item[i].directory) {
            status = take(b, t, from, to, name);
        } else if (depth < DEPTH_MAX) {
            if (asprintf(&below_from, "%s\\%s", from, name) < 0 ||
                asprintf(&below_to, "%s\\%s", to, name) < 0)
                return say_no_memory();
            status = read_folder(b, t, below_from, below_to, depth + 1);
            free(below_from);
            free(below_to);
        }
    }
    names_free(&names);
    return status;
}

/* The boot manager last. */
static bool sort(struct bootfiles *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (!strcmp(b->file[i].path, BOOTMGR)) {
            struct bootfile last = b->file[b->count - 1];
            b->file[b->count - 1] = b->file[i];
            b->file[i] = last;
            return true;
        }
    }
    return false;
}

enum status bootfiles_read(struct bootfiles *b, struct target *windows)
{
    *b = (struct bootfiles){0};
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < sizeof roots / sizeof roots[0]; i++)
        status = read_folder(b, windows, roots[i].from, roots[i].to, 0);
    if (!status && !sort(b))
        status = say_error("Choose an image of Windows 7, Server 2008 R2 or later.",
                           "%s: has no %s\\bootmgr, the boot manager for a BIOS",
                           windows->device.path, roots[0].from);
    return status;
}

void bootfiles_free(struct bootfiles *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        free(b->file[i].path);
        free(b->file[i].data);
    }
    free(b->file);
    *b = (struct bootfiles){0};
}

static bool is_same(const struct bootfile *own, struct target *volume)
{
    struct file file;
    struct fail f;
    if (ntfs_open(&volume->volume, own->path, &file, &f) || file.size != own->size)
        return false;
    uint8_t *data = malloc(own->size + 1);
    bool same = data;
    for (uint64_t off = 0; same && off < own->size; off += 1u << 20) {
        uint64_t left = own->size - off;
        uint32_t n = left < 1u << 20 ? (uint32_t)left : 1u << 20;
        same = !file_read(&file, off, data, n, &f) && !memcmp(data, own->data + off, n);
    }
    free(data);
    return same;
}

unsigned bootfiles_compare(struct bootfiles *b, struct target *volume)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < b->count; i++) {
        b->file[i].there = is_same(&b->file[i], volume);
        missing += !b->file[i].there;
    }
    return missing;
}

enum status bootfiles_put(const struct bootfiles *b, struct edit *e)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < b->count; i++) {
        const struct bootfile *file = &b->file[i];
        struct edit_content content = {
            .front = file->data, .front_size = file->size, .size = file->size};
        if (!file->there)
            status = edit_make_folders(e, file->path);
        if (!status && !file->there)
            status = edit_put(e, file->path, &content, NULL);
        if (!status && !strcmp(file->path, BOOTMGR))
            status = edit_attributes(e, file->path,
                                     NTFS_FILE_READONLY | NTFS_FILE_HIDDEN | NTFS_FILE_SYSTEM);
        else if (!status && !strcmp(file->path, MODERN_MARK))
            status = edit_attributes(e, file->path, NTFS_FILE_HIDDEN | NTFS_FILE_SYSTEM);
    }
    return status;
}
