/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goes up as long as the folders lie on one file system. A path that names a volume is looked for
 * on this one all the same: in doubt the file is needed. */
#include "serve/mounted.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/base/file.h"
#include "core/chain/path.h"
#include "core/entry/config.h"
#include "flash/entry.h"
#include "flash/target.h"
#include "host/files.h"

#define MENU "vhdboot.cfg"

/* Is there a menu in this folder, whatever the letter case of its name? */
static bool has_menu(const char *root)
{
    struct hostfiles host;
    struct file file;
    struct fail f;
    uint8_t drive;
    char *menu = NULL;
    hostfiles_init(&host);
    bool there = asprintf(&menu, "%s/" MENU, root) >= 0 &&
                 host.files.open(&host.files, menu, &file, &drive, &f) != ERR_NOT_FOUND;
    hostfiles_close(&host);
    free(menu);
    return there;
}

char *mounted_root(const char *path)
{
    char *root = realpath(path, NULL);
    struct stat own, st;
    if (!root || stat(root, &own)) {
        free(root);
        return NULL;
    }
    for (;;) { /* ends: the path gets shorter */
        char *slash = strrchr(root, '/');
        char *above = strndup(root, slash == root ? 1 : (size_t)(slash - root));
        if (!above || !strcmp(above, root) || stat(above, &st) || st.st_dev != own.st_dev) {
            free(above);
            break;
        }
        free(root);
        root = above;
    }
    if (has_menu(root))
        return root;
    free(root);
    return NULL;
}

static enum err menu_read(struct config *config, struct hostfiles *host, const char *path,
                          struct arena *arena, struct fail *f)
{
    struct file file;
    uint8_t drive, *text = NULL;
    enum err err = host->files.open(&host->files, path, &file, &drive, f);
    if (!err && file.size > CONFIG_SIZE_MAX)
        err = fail(f, ERR_CONFIG, "the file has %u bytes: more than a config may have", file.size);
    if (!err && !(text = arena_alloc(arena, file.size + 1)))
        err = fail(f, ERR_MEMORY, "out of memory", 0);
    if (!err && file.size)
        err = file_read(&file, 0, text, (uint32_t)file.size, f);
    return err ? err : config_parse(config, text, (uint32_t)file.size, arena, f);
}

bool mounted_is(const char *root, const char *vhd, const struct stat *wanted)
{
    struct hostfiles host;
    struct file file;
    struct fail f;
    struct stat st;
    uint8_t drive;
    char *path = NULL;
    if (!*vhd || asprintf(&path, "%s/%s", root, vhd + chain_path_volume(vhd)) < 0)
        return false;
    hostfiles_init(&host);
    bool same = !host.files.open(&host.files, path, &file, &drive, &f) &&
                !fstat(host.file[0].fd, &st) && st.st_dev == wanted->st_dev &&
                st.st_ino == wanted->st_ino;
    hostfiles_close(&host);
    free(path);
    return same;
}

static enum status starter_find(const char *root, const char *menu, const struct stat *wanted,
                                bool writing, char **who)
{
    static struct config config;
    struct hostfiles host;
    struct arena arena;
    struct fail f;
    enum status status = arena_open(&arena);
    if (status)
        return status;
    hostfiles_init(&host);
    bool known = !menu_read(&config, &host, menu, &arena, &f);
    if (!known)
        say_warning("%s: cannot be read, so what it leads to is not known", menu);
    for (unsigned i = 0; known && i < config.count; i++) {
        const struct config_entry *entry = &config.entry[i];
        if ((writing && !entry_keeps_writes(entry)) || !mounted_is(root, entry->vhd, wanted))
            continue;
        if (asprintf(who, "%s of %s", entry->name, menu) < 0)
            status = say_no_memory();
        break;
    }
    hostfiles_close(&host);
    arena_close(&arena);
    return status;
}

enum status mounted_starter(const char *path, bool writing, char **who)
{
    struct stat st;
    char *root = mounted_root(path), *menu = NULL;
    enum status status = STATUS_OK;
    *who = NULL;
    if (root && asprintf(&menu, "%s/" MENU, root) < 0)
        status = say_no_memory();
    else if (root && !stat(path, &st))
        status = starter_find(root, menu, &st, writing, who);
    free(menu);
    free(root);
    return status;
}

enum status mounted_warn_of_slack(const char *path)
{
    char *who;
    enum status status = mounted_starter(path, true, &who);
    if (who)
        say_warning("%s: entry %s starts it, and will find no room for new data in it: mkimage "
                    "reserve makes some",
                    path, who);
    free(who);
    return status;
}
