/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads through the engine, or a raw file by itself. Writes only to the engine that it is given. */
#include "serve/content.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/path.h"
#include "core/chain/foreign.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "host/device.h"
#include "host/files.h"
#include "host/lock.h"
#include "serve/serve.h"

#define PIECE ((size_t)1 << 20)
#define GRAIN ((size_t)1 << 16) /* zeros of so many bytes are not written */

/* Names of images: one whose footer or header is lost is no raw disk. */
static bool has_image_name(const char *name)
{
    const char *dot = strrchr(path_last_part(name), '.');
    return dot && (!strcasecmp(dot, ".vhd") || !strcasecmp(dot, ".vhdx") ||
                   !strcasecmp(dot, ".avhd") || !strcasecmp(dot, ".avhdx"));
}

enum status content_is_raw(const char *name, bool *is_raw)
{
    struct hostfiles host;
    struct file file;
    struct fail f;
    uint8_t drive;
    bool vhd = true, vhdx = true;
    hostfiles_init(&host);
    enum status status = STATUS_OK;
    *is_raw = !access(name, F_OK) && !has_image_name(name) &&
              !host.files.open(&host.files, name, &file, &drive, &f) &&
              !vhd_probe(&file, &vhd, &f) && !vhdx_probe(&file, &vhdx, &f) && !vhd && !vhdx;
    if (*is_raw && foreign_judge(&file, true, &f)) {
        (void)fail_subject(&f, name);
        status = say_fail(&f);
    }
    hostfiles_close(&host);
    return status;
}

static enum status raw_open(struct content *s)
{
    struct stat st;
    s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st))
        return say_error("Check the name.", "%s: cannot be opened: %s", s->name, strerror(errno));
    s->file_size = (uint64_t)st.st_size;
    s->size = round_up_shift(s->file_size, SECTOR_SHIFT);
    return s->size ? lock_hold(s->fd, s->name, LOCK_READER)
                   : say_error("Choose another one.", "%s: is empty", s->name);
}

enum status content_open(struct content *s, const char *name, unsigned partition)
{
    *s = (struct content){.name = name, .fd = -1};
    bool is_raw;
    if (content_is_raw(name, &is_raw))
        return STATUS_FAILED;
    if (is_raw)
        return raw_open(s);
    struct fail f;
    struct serve_options options = {.file = name, .partition = partition, .write = WRITE_NONE};
    s->serve = serve_open(&options, &f);
    if (!s->serve)
        return serve_say(&f);
    s->size = serve_size(s->serve);
    return STATUS_OK;
}

void content_close(struct content *s)
{
    struct fail f;
    if (s->serve)
        (void)serve_close(s->serve, &f);
    if (s->fd >= 0) {
        lock_release(s->fd);
        close(s->fd);
    }
    *s = (struct content){.fd = -1};
}

/* Of a disk that is an image. */
static enum status say_of(const struct content *s, struct fail *f)
{
    (void)fail_subject(f, s->name);
    return say_fail(f);
}

/* Behind its end a file reads as zeros, so that has to be where it was. */
static enum status raw_whole(const struct content *s)
{
    struct stat st;
    return !fstat(s->fd, &st) && (uint64_t)st.st_size >= s->file_size
               ? STATUS_OK
               : say_error("End what writes to it, and run this again.",
                           "%s: became shorter while it was read", s->name);
}

enum status content_read(struct content *s, void *buf, size_t len, uint64_t off)
{
    struct fail f;
    if (s->serve)
        return serve_read(s->serve, buf, len, off, &f) ? say_of(s, &f) : STATUS_OK;
    memset(buf, 0, len);
    for (size_t done = 0; done < len;) { /* ends: pread gives something, or the file ends */
        ssize_t n = pread(s->fd, (uint8_t *)buf + done, len - done, (off_t)(off + done));
        if (n < 0)
            return say_error("Check the file.", "%s: reading failed: %s", s->name, strerror(errno));
        if (!n)
            return raw_whole(s);
        done += (size_t)n;
    }
    return STATUS_OK;
}

static enum err blk_of_content(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                               struct fail *f)
{
    return content_read(b->ctx, buf, (size_t)count << SECTOR_SHIFT, lba << SECTOR_SHIFT)
               ? fail(f, ERR_READ, "sector %u could not be read", lba)
               : ERR_OK;
}

void content_blk(struct content *s, struct blk *blk)
{
    *blk = (struct blk){.read = blk_of_content, .ctx = s, .sectors = s->size >> SECTOR_SHIFT};
}

/* Finds out what of a raw image is alike from `off` on. */
static enum status raw_look(struct content *s, uint64_t off)
{
    off_t data = lseek(s->fd, (off_t)off, SEEK_DATA);
    s->start = off;
    s->end = s->size;
    s->zero = data < 0 && errno == ENXIO;
    if (data > (off_t)off) {
        s->zero = true;
        s->end = (uint64_t)data;
    } else if (data == (off_t)off) {
        off_t hole = lseek(s->fd, data, SEEK_HOLE);
        if (hole > data && (uint64_t)hole < s->size)
            s->end = (uint64_t)hole;
    }
    return s->zero ? raw_whole(s) : STATUS_OK;
}

enum status content_extent(struct content *s, uint64_t off, uint64_t *len, bool *zero)
{
    struct fail f;
    if (s->serve)
        return serve_extent(s->serve, off, len, zero, &f) ? say_of(s, &f) : STATUS_OK;
    enum status status = off < s->start || off >= s->end ? raw_look(s, off) : STATUS_OK;
    *zero = s->zero;
    *len = s->end - off;
    return status;
}

/* Writes what was read, but for grains of zeros. */
static enum status piece_write(struct serve *to, const char *to_name, const uint8_t *data,
                               size_t len, uint64_t off)
{
    for (size_t at = 0; at < len;) { /* ends: a run has at least one grain */
        size_t end = at;
        bool zero = bytes_are(data + at, len - at < GRAIN ? len - at : GRAIN, 0);
        while (end < len && bytes_are(data + end, len - end < GRAIN ? len - end : GRAIN, 0) == zero)
            end = len - end < GRAIN ? len : end + GRAIN;
        struct fail f;
        if (!zero && serve_write(to, data + at, end - at, off + at, &f)) {
            (void)fail_subject(&f, to_name);
            return serve_say(&f);
        }
        at = end;
    }
    return STATUS_OK;
}

enum status content_copy(struct content *s, struct serve *to, const char *to_name, const char *what)
{
    uint64_t end = s->size < serve_size(to) ? s->size : serve_size(to);
    uint8_t *piece = malloc(PIECE);
    enum status status = piece ? STATUS_OK : say_no_memory();
    progress_start(what, end);
    for (uint64_t at = 0; !status && at < end;) { /* ends: an extent has at least one byte */
        uint64_t len;
        bool zero;
        status = content_extent(s, at, &len, &zero);
        if (status)
            break;
        if (len > end - at)
            len = end - at;
        if (!zero && len > PIECE)
            len = PIECE - at % PIECE;
        if (!zero)
            status = content_read(s, piece, (size_t)len, at);
        if (!status && !zero)
            status = piece_write(to, to_name, piece, (size_t)len, at);
        (zero ? progress_skip : progress_add)(len);
        at += len;
    }
    progress_end();
    free(piece);
    return status;
}

/* The first byte from `off` on where the two differ, among `len`; `len` if none does. */
static enum status piece_compare(struct content *pair, uint8_t *buffer, uint64_t off, size_t len,
                                 size_t *same)
{
    enum status status = content_read(&pair[0], buffer, len, off);
    if (!status)
        status = content_read(&pair[1], buffer + PIECE, len, off);
    *same = 0;
    if (status)
        return status;
    if (!memcmp(buffer, buffer + PIECE, len))
        *same = len;
    while (*same < len && buffer[*same] == buffer[PIECE + *same])
        ++*same;
    return STATUS_OK;
}

static enum status compare(struct content *pair, uint8_t *buffer)
{
    uint64_t end = pair[0].size < pair[1].size ? pair[0].size : pair[1].size;
    for (uint64_t at = 0; at < end;) { /* ends: an extent has at least one byte */
        uint64_t len[2];
        bool zero[2];
        if (content_extent(&pair[0], at, &len[0], &zero[0]) ||
            content_extent(&pair[1], at, &len[1], &zero[1]))
            return STATUS_FAILED;
        uint64_t n = len[0] < len[1] ? len[0] : len[1];
        if (n > end - at)
            n = end - at;
        if (!zero[0] || !zero[1]) {
            size_t same;
            n = n < PIECE ? n : PIECE;
            if (piece_compare(pair, buffer, at, (size_t)n, &same))
                return STATUS_FAILED;
            if (same < n) {
                progress_clear();
                printf("%s and %s differ: sector %" PRIu64 ", byte %" PRIu64 "\n", pair[0].name,
                       pair[1].name, (at + same) >> SECTOR_SHIFT, at + same);
                return STATUS_FAILED;
            }
        }
        (zero[0] && zero[1] ? progress_skip : progress_add)(n);
        at += n;
    }
    if (pair[0].size == pair[1].size)
        return STATUS_OK;
    printf("%s and %s differ: %" PRIu64 " and %" PRIu64 " bytes, alike as far as both go\n",
           pair[0].name, pair[1].name, pair[0].size, pair[1].size);
    return STATUS_FAILED;
}

enum status content_compare(struct content *pair)
{
    uint8_t *buffer = malloc(2 * PIECE);
    if (!buffer)
        return say_no_memory();
    progress_start("comparing", pair[0].size);
    enum status status = compare(pair, buffer);
    progress_end();
    free(buffer);
    return status;
}
