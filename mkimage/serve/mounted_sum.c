/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines are moved, not made: the text keeps its length, but for a heading that it lacks. It is
 * written over the old one in one go. */
#include "serve/mounted_sum.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/say.h"
#include "flash/sums_format.h"
#include "host/fd.h"
#include "serve/mounted.h"

#define NAME (SUMS_PATH + 1)

/* Of one stick, and what is looked for in its sums. */
struct sum_lines {
    const char *root;
    struct stat wanted;
    char *text;
    size_t size;
};

static bool is_written_head(const char *line)
{
    return !strncmp(line, SUMS_WRITTEN_HEAD, sizeof SUMS_WRITTEN_HEAD - 2);
}

static bool is_wanted(const struct sum_lines *s, const char *line, size_t length)
{
    if (length <= SUMS_PATH_COLUMN || *line == '#')
        return false;
    size_t path_length = length - SUMS_PATH_COLUMN;
    while (path_length && strchr("\r\n", line[SUMS_PATH_COLUMN + path_length - 1]))
        path_length--;
    char *path = strndup(line + SUMS_PATH_COLUMN, path_length);
    bool same = path && mounted_is(s->root, path, &s->wanted);
    free(path);
    return same;
}

/* Copies lines to `out`; those about the file go to `moved`, or nowhere. How many they are, above
 * the second heading or, with `gone`, anywhere. */
static unsigned lines_sort(const struct sum_lines *s, bool gone, FILE *out, FILE *moved)
{
    unsigned found = 0;
    bool written = false;
    for (const char *line = s->text, *end = s->text + s->size; line < end;) { /* ends: line grows */
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((stop ? stop + 1 : end) - line);
        written |= is_written_head(line);
        bool goes = (gone || !written) && is_wanted(s, line, length);
        found += goes;
        if (!goes || !gone)
            fwrite(line, 1, length, goes ? moved : out);
        if (!stop)
            fputc('\n', goes ? moved : out);
        line += length;
    }
    if (!written && found && !gone)
        fputs(SUMS_WRITTEN_HEAD, out);
    return found;
}

/* What the text is to be; NULL: as it is, or no memory for more. */
static char *lines_make(const struct sum_lines *s, bool gone, size_t *size)
{
    char *text = NULL, *rest = NULL;
    size_t rest_size = 0;
    FILE *out = open_memstream(&text, size), *moved = open_memstream(&rest, &rest_size);
    unsigned found = out && moved ? lines_sort(s, gone, out, moved) : 0;
    bool made = moved && !fclose(moved) && found;
    if (made)
        fwrite(rest, 1, rest_size, out);
    made = out && !fclose(out) && made;
    free(rest);
    if (made)
        return text;
    free(text);
    return NULL;
}

static bool text_read(struct sum_lines *s, int fd)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > SUMS_SIZE_MAX)
        return false;
    s->size = (size_t)st.st_size;
    s->text = malloc(s->size + 1);
    if (!s->text || !fd_pread(fd, s->text, s->size, 0))
        return false;
    s->text[s->size] = '\0';
    return true;
}

static bool text_write(const char *name, const char *text, size_t size)
{
    int fd = open(name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    bool done =
        fd >= 0 && fd_pwrite(fd, text, size, 0) && !ftruncate(fd, (off_t)size) && !fsync(fd);
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return done;
}

static void sums_change(const char *path, const char *root, const char *name, bool gone)
{
    struct sum_lines s = {.root = root};
    size_t size = 0;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return; /* no sums are kept */
    char *text = !stat(path, &s.wanted) && text_read(&s, fd) ? lines_make(&s, gone, &size) : NULL;
    close(fd);
    if (text && !text_write(name, text, size))
        say_warning("%s: cannot be written: %s, so mkimage verify may say that %s differs", name,
                    strerror(errno), path);
    free(text);
    free(s.text);
}

static void look(const char *path, bool gone)
{
    char *root = mounted_root(path), *name = NULL;
    if (root && asprintf(&name, "%s/%s", root, NAME) >= 0)
        sums_change(path, root, name, gone);
    else
        name = NULL;
    free(name);
    free(root);
}

void mounted_sum_written(const char *path)
{
    look(path, false);
}

void mounted_sum_gone(const char *path)
{
    look(path, true);
}
