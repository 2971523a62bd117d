/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens files for reading only, by the name that an image gives, in spite of Windows' letter
 * case and separators. Never looks into a file.
 */
#include "host/files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "host/fd.h"

static enum err host_read(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    const struct hostfile *host = file->ctx;
    return fd_pread(host->fd, buf, len, off)
               ? ERR_OK
               : fail(f, ERR_READ, "byte %u of the file could not be read", off);
}

static enum err host_extents(struct file *file, struct extent_list *list, struct arena *a,
                             struct fail *f)
{
    const struct hostfile *host = file->ctx;
    *list = (struct extent_list){0};
    if (!host->sectors)
        return ERR_OK;
    list->extent = arena_array(a, 1, sizeof list->extent[0]);
    if (!list->extent)
        return fail(f, ERR_MEMORY, "no memory for the list of extents", 0);
    list->extent[0] = (struct extent){0, host->base, host->sectors};
    list->count = 1;
    return ERR_OK;
}

/* Sectors of the drive that the files make; the last sector of a file may be short. */
static enum err host_blk_read(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                              struct fail *f)
{
    const struct hostfiles *h = b->ctx;
    for (unsigned i = 0; i < h->count; i++) {
        const struct hostfile *host = &h->file[i];
        if (lba < host->base || !range_ok(lba - host->base, count, host->sectors))
            continue;
        uint64_t off = (lba - host->base) << SECTOR_SHIFT;
        size_t want = (size_t)count << SECTOR_SHIFT;
        size_t have = host->size - off < want ? (size_t)(host->size - off) : want;
        memset((uint8_t *)buf + have, 0, want - have);
        if (fd_pread(host->fd, buf, have, off))
            return ERR_OK;
        (void)fail(f, ERR_READ, "byte %u of the file could not be read", off);
        return fail_subject(f, host->path);
    }
    return fail(f, ERR_READ, "sector %u lies in no file", lba);
}

/* Do two names differ in letter case only, as NTFS would say? The locale is UTF-8 (main sets it).
 */
static bool same_letters(const char *a, const char *b)
{
    wchar_t wide[2][NAME_MAX + 1];
    const char *name[2] = {a, b};
    for (unsigned i = 0; i < 2; i++) {
        size_t length = mbstowcs(wide[i], name[i], NAME_MAX + 1);
        if (length > NAME_MAX) /* too long, or no UTF-8 */
            return false;
        for (wchar_t *c = wide[i]; *c; c++)
            *c = (wchar_t)towupper((wint_t)*c);
    }
    return !wcscmp(wide[0], wide[1]);
}

/* Puts the letters into `part`, the name of something in `folder`, that it really has there. Leaves
 * it where it is there as it stands, or several others differ from it in case only. */
static void fix_letters(const char *folder, char *part)
{
    DIR *dir = opendir(folder);
    char found[NAME_MAX + 1] = "";
    unsigned matches = 0;
    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (!strcmp(d->d_name, part)) {
            matches = 0;
            break;
        }
        if (strlen(d->d_name) == strlen(part) && same_letters(d->d_name, part)) {
            matches++;
            strcpy(found, d->d_name);
        }
    }
    if (matches == 1)
        strcpy(part, found);
    if (dir)
        closedir(dir);
}

/* Opens a path as it stands, else with Windows' separators turned round, else with the letter case
 * that its parts really have: images name their parents as NTFS compares names. What they name may
 * be a pipe: nobody waits for its other end. */
static int open_path(char *path)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open(path, flags);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    for (char *s = path; (s = strchr(s, '\\'));)
        *s = '/';
    for (char *part = path + (*path == '/'); part;) {
        char *end = strchrnul(part, '/');
        char separator = *end;
        char *folder = part == path ? strdup(".") : strndup(path, (size_t)(part - path));
        *end = '\0';
        if (folder && *part)
            fix_letters(folder, part);
        free(folder);
        *end = separator;
        part = separator ? end + 1 : NULL;
    }
    return open(path, flags);
}

static enum err host_open(struct chain_files *files, const char *path, struct file *file,
                          uint8_t *drive_index, struct fail *f)
{
    struct hostfiles *h = files->ctx;
    if (h->count == HOSTFILES_MAX)
        return fail(f, ERR_LIMIT, "more than %u files in a chain", HOSTFILES_MAX);
    struct hostfile *host = &h->file[h->count];
    *host = (struct hostfile){.path = strdup(path)};
    if (!host->path)
        return fail(f, ERR_MEMORY, "out of memory", 0);
    host->fd = open_path(host->path);
    struct stat st;
    if (host->fd < 0 || fstat(host->fd, &st) || !S_ISREG(st.st_mode)) {
        bool absent = host->fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
        bool forbidden = host->fd < 0 && (errno == EACCES || errno == EPERM);
        (void)fail(f, absent ? ERR_NOT_FOUND : ERR_READ,
                   host->fd >= 0 ? say_no_file
                   : absent      ? say_absent
                   : forbidden   ? say_forbidden
                                 : "the file cannot be opened",
                   0);
        if (host->fd >= 0)
            close(host->fd);
        free(host->path);
        return fail_subject(f, path);
    }
    host->size = (uint64_t)st.st_size;
    host->sectors = (host->size + SECTOR_SIZE - 1) >> SECTOR_SHIFT;
    if (h->count)
        host->base = h->file[h->count - 1].base + h->file[h->count - 1].sectors;

    *file = (struct file){.size = host->size,
                          .initialized = host->size,
                          .ctx = host,
                          .read = host_read,
                          .extents = host_extents};
    struct text t;
    text_init(&t, file->path, sizeof file->path);
    text_str(&t, host->path);
    *drive_index = 0;
    h->count++;
    return ERR_OK;
}

void hostfiles_init(struct hostfiles *h)
{
    *h = (struct hostfiles){.files = {.open = host_open, .ctx = h}};
    h->blk = (struct blk){.read = host_blk_read, .ctx = h, .sectors = UINT64_MAX};
}

void hostfiles_close(struct hostfiles *h)
{
    for (unsigned i = 0; i < h->count; i++) {
        close(h->file[i].fd);
        free(h->file[i].path);
    }
    h->count = 0;
}
