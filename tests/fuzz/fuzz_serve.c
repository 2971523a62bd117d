/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image that the fuzzer makes up is opened for writing, its log replayed, written, zeroed,
 * trimmed, flushed and closed by the serving engine, in memory; then it must open again and hold
 * what was written. The input:
 *
 *   0  u8   1: a VHDX, else a VHD; 2: the file cannot grow; 4: leave checksums as they are, else
 *           they are made right first; F0h: lets disks of 16 GiB and more through
 *   1  u8   the change or sync of this number fails; 0: none
 *   4  u32  size of the file in bytes
 *   8  8 times: u8 what to do, u8 how much, u16 where
 *  40  from here on: u32 sector number, 512 bytes (tests/fuzz/seeds_serve makes such files)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/chain/chain.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/layout.h"
#include "core/vhdx/vhdx.h"
#include "fuzz/mutate.h"
#include "fuzz/reached.h"
#include "fuzz/seal.h"
#include "serve/serve.h"
#include "serve/store.h"
#include "serve/vhdx_log.h"

#define HEAD       40u
#define OPS        8u
#define ENTRY      (4 + SECTOR_SIZE)
#define PAGE       4096u
#define SIZE_MAX_  (96u << 20)
#define PAGES      (SIZE_MAX_ / PAGE)
#define POOL       4096u
#define MEMORY     (4u << 20)
#define ENTRIES_IN 300u
#define DATA_MAX   (64 * SECTOR_SIZE)

/* The file: pages that are not zero. */
static struct {
    uint64_t size;
    uint16_t at[PAGES]; /* 0: zeros, else a page of the pool */
    uint32_t used[POOL];
    uint32_t count; /* of the pool */
    uint8_t pool[POOL][PAGE];
    uint32_t changes, fail_at;
    bool grows;
} mem;

static void mem_clear(void)
{
    for (uint32_t i = 1; i < mem.count; i++)
        mem.at[mem.used[i]] = 0;
    mem.count = 1;
    mem.changes = 0;
}

static void mem_read(uint64_t off, void *buf, uint64_t len)
{
    for (uint8_t *to = buf; len;) {
        uint32_t in = off % PAGE;
        uint64_t n = PAGE - in < len ? PAGE - in : len;
        uint16_t page = mem.at[off / PAGE];
        if (page)
            memcpy(to, mem.pool[page] + in, n);
        else
            memset(to, 0, n);
        to += n, off += n, len -= n;
    }
}

static bool all_zero(const uint8_t *from, uint64_t n)
{
    return !n || (!from[0] && !memcmp(from, from + 1, n - 1));
}

/* False where the pool is used up; NULL: zeros. */
static bool mem_write(uint64_t off, const uint8_t *from, uint64_t len)
{
    while (len) {
        uint32_t in = off % PAGE;
        uint64_t n = PAGE - in < len ? PAGE - in : len;
        uint16_t *page = &mem.at[off / PAGE];
        bool zeros = !from || all_zero(from, n);
        if (!*page && !zeros) {
            if (mem.count == POOL)
                return false;
            mem.used[mem.count] = (uint32_t)(off / PAGE);
            memset(mem.pool[mem.count], 0, PAGE);
            *page = (uint16_t)mem.count++;
        }
        if (*page && zeros)
            memset(mem.pool[*page] + in, 0, n);
        else if (*page)
            memcpy(mem.pool[*page] + in, from, n);
        from = from ? from + n : NULL;
        off += n, len -= n;
    }
    return true;
}

/* --- As core's file, and as the engine's store */

static enum err file_get(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    (void)f;
    if (!range_ok(off, len, file->size))
        abort();
    mem_read(off, buf, len);
    return ERR_OK;
}

static bool fails(void)
{
    return ++mem.changes == mem.fail_at;
}

static int store_get(struct store *s, void *buf, size_t len, uint64_t off)
{
    if (!range_ok(off, len, s->size))
        return EIO;
    mem_read(off, buf, len);
    return 0;
}

static int store_put(struct store *s, const void *buf, size_t len, uint64_t off)
{
    if (fails())
        return EIO;
    if (!range_ok(off, len, mem.grows ? SIZE_MAX_ : s->size) || !mem_write(off, buf, len))
        return ENOSPC;
    if (off + len > s->size)
        mem.size = s->size = off + len;
    return 0;
}

static int store_clear(struct store *s, uint64_t len, uint64_t off, bool hole)
{
    (void)hole;
    if (fails())
        return EIO;
    if (!range_ok(off, len, s->size))
        abort();
    (void)mem_write(off, NULL, len);
    return 0;
}

static int store_settle(struct store *s)
{
    (void)s;
    return fails() ? EIO : 0;
}

static int store_size(struct store *s, uint64_t size)
{
    if (fails())
        return EIO;
    if (size != s->size && (!mem.grows || size > SIZE_MAX_))
        return ENOSPC;
    if (size < s->size)
        (void)mem_write(size, NULL, s->size - size);
    mem.size = s->size = size;
    return 0;
}

static void store_end(struct store *s)
{
    free(s);
}

static struct store *store_make(void)
{
    struct store *s = malloc(sizeof *s);
    *s = (struct store){.size = mem.size,
                        .holes = mem.grows,
                        .grows = mem.grows,
                        .read = store_get,
                        .write = store_put,
                        .zero = store_clear,
                        .sync = store_settle,
                        .resize = store_size,
                        .close = store_end};
    return s;
}

/* --- As what checksums are made right in */

static void seal_get(void *ctx, uint64_t off, void *buf, uint64_t len)
{
    (void)ctx;
    mem_read(off, buf, len);
}

static void seal_put(void *ctx, uint64_t off, const void *buf, uint64_t len)
{
    (void)ctx;
    (void)mem_write(off, buf, len);
}

/* --- One session */

struct session {
    struct arena arena;
    struct file file;
    struct chain chain;
    struct chain_link link;
};

static void judge(const struct fail *f)
{
    char text[400];
    if (!f->sentence || !f->err)
        abort();
    errors_format(f, text, sizeof text);
}

static bool open_image(struct session *s, bool is_vhdx, struct fail *f)
{
    static uint8_t *memory;
    if (!memory)
        memory = malloc(MEMORY);
    arena_init(&s->arena, memory, MEMORY);
    s->link = (struct chain_link){.file = {.size = mem.size, .path = "x", .read = file_get}};
    s->link.file.initialized = mem.size;
    enum err err = is_vhdx ? vhdx_open(&s->link.image, &s->link.file, &s->arena, f)
                           : vhd_open(&s->link.image, &s->link.file, &s->arena, f);
    s->chain = (struct chain){.count = 1, .link = {&s->link}};
    return !err;
}

/* As serve_open() does it. */
static struct serve *open_for_writing(struct session *s, bool is_vhdx, bool large, struct fail *f)
{
    if (!open_image(s, is_vhdx, f) || (s->link.image.sectors >> 25 && !large))
        return NULL;
    struct vhdx_layout at = {0};
    if (is_vhdx)
        vhdx_layout(&s->link.image, &at);
    if (at.log_in_use) {
        struct store *store = store_make();
        int error = vhdx_log_replay(&s->link.image, store, f);
        store_close(store);
        if (error)
            judge(f);
        else
            reached(REACHED_REPLAYED);
        if (error || !open_image(s, is_vhdx, f))
            return NULL;
    }
    struct image *image = &s->link.image;
    if (image->read_only || (image->check && image->check(image, &s->arena, f)))
        return NULL;
    struct store *store = store_make();
    return serve_start(&s->chain, &store, WRITE_PERSISTENT, f);
}

/* What the last requests made of places of the disk. */
struct done {
    uint64_t off, len;
    int byte; /* -1: nobody knows */
};

static int operate(struct serve *serve, const uint8_t *op, unsigned number, struct done *d,
                   struct fail *f)
{
    static uint8_t data[DATA_MAX];
    uint64_t sectors = serve_size(serve) >> SECTOR_SHIFT, where = op[2] | (unsigned)op[3] << 8;
    uint64_t unit = op[0] & 8 ? sectors >> 16 ? sectors >> 16 : 1 : 1;
    uint64_t lba = where * unit % sectors, count = op[1] % 64 + 1u;
    if (op[0] & 16)
        count *= 512;
    if (count > sectors - lba)
        count = sectors - lba;
    *d = (struct done){lba << SECTOR_SHIFT, count << SECTOR_SHIFT, -1};
    switch (op[0] & 7) {
    case 0:
    case 1:
    case 2:
        if (d->len > sizeof data)
            d->len = sizeof data;
        d->byte = (int)number + 1;
        memset(data, d->byte, d->len);
        return serve_write(serve, data, d->len, d->off, f);
    case 3:
    case 4:
        d->byte = 0;
        return serve_zero(serve, d->len, d->off, op[0] & 4, f);
    case 5:
        return serve_trim(serve, d->len, d->off, f);
    default:
        d->len = 0;
        return serve_flush(serve, f);
    }
}

/* Has a later request touched the byte `off`? */
static bool touched_later(const struct done *done, unsigned i, unsigned count, uint64_t off)
{
    for (i++; i < count; i++) {
        if (off - done[i].off < done[i].len)
            return true;
    }
    return false;
}

/* Each sector that a request was the last one to touch; of large ones, of zeros, some. */
static void compare(struct serve *serve, const struct done *done, unsigned count)
{
    static uint8_t data[DATA_MAX];
    struct fail f;
    for (unsigned i = 0; i < count; i++) {
        uint64_t len = done[i].byte < 0 ? 0 : done[i].len;
        uint64_t step = len > DATA_MAX ? len / 64 & ~511ull : len;
        uint64_t n = len > DATA_MAX ? SECTOR_SIZE : len;
        for (uint64_t at = 0; at < len; at += step) {
            if (serve_read(serve, data, n, done[i].off + at, &f))
                abort();
            for (uint64_t in = 0; in < n; in += SECTOR_SIZE) {
                if (!touched_later(done, i, count, done[i].off + at + in) &&
                    !bytes_are(data + in, SECTOR_SIZE, (uint8_t)done[i].byte))
                    abort();
            }
        }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    return mutate(data, size, max, seed, HEAD, ENTRY, ENTRY - SECTOR_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reached(REACHED_INPUT);
    if (size < HEAD)
        return 0;
    bool is_vhdx = data[0] & 1;
    le32 bytes;
    memcpy(&bytes, data + 4, sizeof bytes);
    mem_clear();
    mem.size = le32_get(bytes) % (SIZE_MAX_ - (16u << 20));
    mem.grows = true;
    mem.fail_at = 0;
    unsigned entries = 0;
    for (size_t at = HEAD; at + ENTRY <= size && entries++ < ENTRIES_IN; at += ENTRY) {
        le32 number;
        memcpy(&number, data + at, sizeof number);
        if (range_ok((uint64_t)le32_get(number) << SECTOR_SHIFT, SECTOR_SIZE, SIZE_MAX_))
            (void)mem_write((uint64_t)le32_get(number) << SECTOR_SHIFT, data + at + 4, SECTOR_SIZE);
    }
    const struct seal seal = {mem.size, NULL, seal_get, seal_put};
    if (!(data[0] & 4) && is_vhdx)
        seal_vhdx(&seal);
    for (size_t at = HEAD; !(data[0] & 4) && at + ENTRY <= size; at += ENTRY) {
        le32 number;
        memcpy(&number, data + at, sizeof number);
        seal_sector(&seal, (uint64_t)le32_get(number) << SECTOR_SHIFT, is_vhdx);
    }
    mem.grows = !(data[0] & 2);
    mem.fail_at = data[1];

    struct session s;
    struct fail f = {0};
    bool large = data[0] >> 4 == 15;
    struct serve *serve = open_for_writing(&s, is_vhdx, large, &f);
    if (!serve)
        return 0;
    reached(REACHED_OPENED);
    struct done done[OPS];
    bool well = true;
    for (unsigned i = 0; i < OPS; i++) {
        if (operate(serve, data + 8 + 4 * i, i, &done[i], &f)) {
            judge(&f);
            done[i].byte = -1;
            well = false;
        }
    }
    compare(serve, done, OPS);
    if (serve_close(serve, &f) || !well)
        return 0;
    reached(REACHED_DONE);
    serve = open_for_writing(&s, is_vhdx, large, &f);
    if (!serve)
        abort();
    compare(serve, done, OPS);
    (void)serve_close(serve, &f);
    reached(REACHED_AGAIN);
    return 0;
}
