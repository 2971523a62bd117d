/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small text, read and written as a whole. Whether a difference is a fault is verify's question.
 */
#include "flash/sums.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/path.h"
#include "cli/progress.h"
#include "core/chain/path.h"
#include "flash/source.h"
#include "flash/sums_format.h"
#include "host/device.h"
#include "ntfs/volume.h"

#define ROOM_FOR_MARK (64u << 10) /* beside the new file: clusters, and what NTFS needs itself */
#define BUFFER        (256u << 10)

static const char head[] =
    "# SHA-256 of the images, as mkimage wrote them: mkimage verify compares.\n";

struct sum *sums_find(const struct sums *s, const char *path)
{
    for (size_t i = 0; i < s->count; i++) {
        if (volume_same_path(s->line[i].path, path))
            return &s->line[i];
    }
    return NULL;
}

enum status sums_set(struct sums *s, const char *path, const uint8_t digest[SHA256_SIZE],
                     bool written)
{
    struct sum *line = sums_find(s, path);
    if (!line) {
        struct sum *more = realloc(s->line, (s->count + 1) * sizeof *more);
        if (!more)
            return say_no_memory();
        s->line = more;
        line = &more[s->count];
        if (asprintf(&line->path, "\\%s", path + strspn(path, "\\/")) < 0)
            return say_no_memory();
        path_backslashes(line->path);
        s->count++;
    }
    memcpy(line->digest, digest, sizeof line->digest);
    line->written = written;
    return STATUS_OK;
}

static void drop_line(struct sums *s, size_t index)
{
    struct sum *line = &s->line[index];
    free(line->path);
    memmove(line, line + 1, (--s->count - index) * sizeof *line);
}

bool sums_drop(struct sums *s, const char *path)
{
    struct sum *line = sums_find(s, path);
    if (line)
        drop_line(s, (size_t)(line - s->line));
    return line;
}

/* Does the line tell of this file, if by another name of it? */
static bool is_of(const struct sum *line, struct ntfs *volume, const char *path)
{
    struct file its, file;
    struct fail f;
    if (volume_same_path(line->path, path))
        return true;
    if (ntfs_open(volume, line->path, &its, &f) || ntfs_open(volume, path, &file, &f))
        return false;
    struct ntfs_identity one = ntfs_identify(&its), two = ntfs_identify(&file);
    return ntfs_same_file(&one, &two);
}

void sums_free(struct sums *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->line[i].path);
    free(s->line);
    *s = (struct sums){0};
}

/* A line: 64 digits, a blank, a blank or a star, the path. */
static enum status parse_line(struct sums *s, char *line, unsigned number, bool *written)
{
    uint8_t digest[SHA256_SIZE];
    if (!strncmp(line, SUMS_WRITTEN_HEAD, sizeof SUMS_WRITTEN_HEAD - 2))
        *written = true;
    if (!*line || *line == '#')
        return STATUS_OK;
    if (strlen(line) > SHA256_HEX + 2 && sha256_parse(line, digest) && line[SHA256_HEX] == ' ' &&
        strchr(" *", line[SHA256_HEX + 1]))
        return sums_set(s, line + SHA256_HEX + 2, digest, *written);
    say_warning("%s, line %u: is no sum", SUMS_PATH, number);
    return STATUS_OK;
}

enum status sums_read(struct sums *s, struct ntfs *volume)
{
    struct file file;
    struct fail f;
    *s = (struct sums){0};
    enum err err = ntfs_open(volume, SUMS_PATH, &file, &f);
    if (err == ERR_NOT_FOUND)
        return STATUS_OK;
    if (!err && file.size > SUMS_SIZE_MAX)
        err = fail(&f, ERR_LIMIT, "%u bytes are more than it can have", file.size);
    char *text = err ? NULL : malloc(file.size + 1);
    if (!err && !text)
        return say_no_memory();
    if (!err && file.size)
        err = file_read(&file, 0, text, (uint32_t)file.size, &f);
    enum status status = STATUS_OK;
    if (err) {
        (void)fail_subject(&f, SUMS_PATH);
        status = say_fail_advice(&f, "Remove that file: then no sums are kept.");
    } else {
        text[file.size] = '\0';
        bool written = false;
        char *rest = text, *line;
        for (unsigned number = 1; !status && (line = strsep(&rest, "\n")); number++) {
            line[strcspn(line, "\r")] = '\0';
            status = parse_line(s, line, number, &written);
        }
    }
    free(text);
    if (status)
        sums_free(s);
    return status;
}

static void write_lines(FILE *file, const struct sums *s, bool written)
{
    for (size_t i = 0; i < s->count; i++) {
        char hex[SHA256_HEX + 1];
        if (s->line[i].written != written)
            continue;
        sha256_text(s->line[i].digest, hex);
        fprintf(file, "%s  ", hex);
        for (const char *c = s->line[i].path + 1; *c; c++)
            fputc(*c == '\\' ? '/' : *c, file);
        fputc('\n', file);
    }
}

enum status sums_text(const struct sums *s, char **text, size_t *size)
{
    FILE *file = open_memstream(text, size);
    if (!file)
        return say_no_memory();
    fputs(head, file);
    write_lines(file, s, false);
    fputs(SUMS_WRITTEN_HEAD, file);
    write_lines(file, s, true);
    return fclose(file) ? say_no_memory() : STATUS_OK;
}

enum status sums_put(struct edit *e, const struct sums *s)
{
    char *text = NULL;
    size_t size = 0;
    enum status status = sums_text(s, &text, &size);
    struct edit_content content = {.front = text, .front_size = size, .size = size};
    if (!status)
        status = edit_put(e, SUMS_PATH, &content, NULL);
    free(text);
    return status;
}

enum status sums_mark_written(struct edit *e, const char *path, const char *other)
{
    struct ntfs *volume = &e->session.target.volume;
    struct sums sums;
    bool changed = false;
    enum status status = sums_read(&sums, volume);
    for (size_t i = 0; !status && i < sums.count; i++) {
        struct sum *line = &sums.line[i];
        if (line->written || !(is_of(line, volume, path) || (other && is_of(line, volume, other))))
            continue;
        line->written = changed = true;
    }
    if (changed)
        status = sums_put(e, &sums);
    sums_free(&sums);
    return status;
}

/* An edit closes what it writes through; the drive stays open below these. */
static bool drive_pread(void *ctx, void *buf, size_t size, uint64_t off)
{
    return device_pread(ctx, buf, size, off);
}

static bool drive_pwrite(void *ctx, const void *buf, size_t size, uint64_t off)
{
    return device_pwrite(ctx, buf, size, off);
}

static bool drive_zero(void *ctx, uint64_t off, uint64_t size)
{
    return device_zero(ctx, off, size);
}

static bool drive_sync(void *ctx)
{
    return device_sync(ctx);
}

static const struct device_io drive_io = {
    .pread = drive_pread, .pwrite = drive_pwrite, .zero = drive_zero, .sync = drive_sync};

/* Why no mark can be made there; NULL: it can, or there are no sums. */
static const char *obstacle(struct target *t, uint64_t room)
{
    struct file file;
    struct fail f;
    if (ntfs_open(&t->volume, SUMS_PATH, &file, &f))
        return NULL;
    if (t->volume.dirty)
        return "the volume is marked dirty";
    return room < file.size + ROOM_FOR_MARK ? "the volume is full" : NULL;
}

static enum status cannot_mark(const char *target, const char *path, const char *why)
{
    say_warning("%s: %s, so " SUMS_PATH " stays as it is, and verify may say that %s differs",
                target, why, path);
    return STATUS_OK;
}

/* Where no mark can be made NTFS stays as it is; the image's own sectors may be written all the
 * same. */
static enum status mark_on(const char *target, const char *path, struct device *drive,
                           unsigned partition)
{
    struct device above = *drive;
    struct target t;
    struct edit e;
    uint64_t room = 0;
    above.fd = -1;
    above.io = &drive_io;
    above.ctx = drive;
    enum status status = target_open_disk(&t, target, &above, partition);
    if (status)
        return status;
    const char *why = obstacle(&t, UINT64_MAX);
    target_close(&t);
    if (why)
        return cannot_mark(target, path, why);
    status = edit_open_disk(&e, target, &above, partition);
    if (status)
        return status;
    status = edit_free(&e, &room);
    why = status ? NULL : obstacle(&e.session.target, room);
    if (why)
        status = cannot_mark(target, path, why);
    else if (!status)
        status = sums_mark_written(&e, path, NULL);
    edit_close(&e);
    return status;
}

enum status sums_mark_served(struct device *drive, const char *image, unsigned partition)
{
    char *target;
    const char *path;
    if (!drive || !source_on_target(image, &target, &path))
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (!chain_path_volume(path)) /* else another volume's, which has its own sums */
        status = mark_on(target, path, drive, partition);
    free(target);
    return status;
}

enum status sums_forget(struct edit *e, const char *path)
{
    struct sums sums;
    enum status status = sums_read(&sums, &e->session.target.volume);
    if (!status && sums_drop(&sums, path))
        status = sums_put(e, &sums);
    sums_free(&sums);
    return status;
}

enum status sums_forget_file(struct edit *e, const char *path)
{
    struct sums sums;
    enum status status = sums_read(&sums, &e->session.target.volume);
    size_t before = status ? 0 : sums.count;
    for (size_t i = before; i--;) {
        if (is_of(&sums.line[i], &e->session.target.volume, path))
            drop_line(&sums, i);
    }
    if (!status && sums.count < before)
        status = sums_put(e, &sums);
    sums_free(&sums);
    return status;
}

enum status sums_of_file(struct file *file, uint8_t digest[SHA256_SIZE])
{
    static uint8_t buffer[BUFFER];
    struct sha256 sum;
    struct fail f;
    sha256_start(&sum);
    for (uint64_t off = 0; off < file->size;) { /* ends: off grows */
        uint64_t left = file->size - off;
        uint32_t n = left < BUFFER ? (uint32_t)left : BUFFER;
        if (file_read(file, off, buffer, n, &f)) {
            (void)fail_subject(&f, file->path);
            return say_fail(&f);
        }
        sha256_add(&sum, buffer, n);
        progress_add(n);
        off += n;
    }
    sha256_end(&sum, digest);
    return STATUS_OK;
}

enum status sums_set_file(struct sums *s, struct edit *e, const char *path, bool written)
{
    uint8_t digest[SHA256_SIZE] = {0};
    struct file file;
    struct fail f;
    if (ntfs_open(&e->session.target.volume, path, &file, &f))
        return say_fail(&f);
    progress_start("summing", file.size);
    enum status status = e->rehearsal ? STATUS_OK : sums_of_file(&file, digest);
    progress_end();
    return status ? status : sums_set(s, path, digest, written);
}
