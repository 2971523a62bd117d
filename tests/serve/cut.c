/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long because what is recorded, cut and judged is one program's one subject.
 *
 * Power cuts under the serving engine. A run of random requests on an image in memory is recorded,
 * then cut after each change:
 *
 *     cut [options] LEAF [PARENT…]
 *         --seed N       of the random requests and cuts
 *         --requests N
 *         --every N      only every N-th change is a cut
 *         --shuffles N   cuts of each place with changes since the last sync lost at random
 *         --slack        the file never grows: it is one on an NTFS volume
 *         --faults N     instead: N runs, in each of which one change or sync fails
 *         --list         instead: the changes and syncs of the run, a line each
 *         --keep DIR N   writes N of the cut files there, with what is read of them beside
 *
 * After each cut core must open the image, and each sector must be what it was at the last flush
 * that was answered, or what a request since has written. Every few cuts the engine opens it for
 * writing (which replays a log), and the content must not have changed by that.
 *
 * Of the changes since the last sync the medium may have any, each sector for itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/vhd/format.h"
#include "core/base/note.h"
#include "core/vhd/slack.h"
#include "core/vhd/vhd.h"
#include "serve/world.h"

#define LOSSES_SHOWN 5
#define REOPEN_EVERY 23

enum what { WRITE, ZERO, TRIM, FLUSH, REOPEN };

struct request {
    enum what what;
    uint64_t lba, count;
    uint32_t tag;
    uint32_t begin, end; /* records before and after it */
    bool failed;
    uint8_t *after; /* the disk's sectors [lba, lba + count) as they read then; NULL: all */
};

struct run {
    struct world world;
    uint8_t *original; /* of the leaf, before */
    uint64_t original_size;
    uint8_t *start; /* the disk, before */
    uint64_t sectors;
    uint32_t block_sectors;
    struct request *request;
    uint32_t requests;
};

static struct options {
    uint64_t seed;
    uint32_t requests, every, shuffles, faults, keep;
    bool slack, list;
    const char *folder;
} options = {.seed = 1, .requests = 60, .every = 1, .shuffles = 2};

static uint64_t random_state;
static uint64_t cuts, losses, reopened, faults, kept, noted;

static void die(const char *what, const struct fail *f)
{
    char text[512] = "";
    if (f)
        errors_format(f, text, sizeof text);
    fprintf(stderr, "cut: %s: %s\n", what, text);
    exit(2);
}

static uint32_t rnd(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((random_state >> 33) * below) >> 31);
}

static void pattern(uint8_t *sector, uint64_t lba, uint32_t tag)
{
    uint64_t words[2] = {lba * 0x9E3779B97F4A7C15u + 1, (uint64_t)tag << 32 | 0x5a5a5a5a};
    for (unsigned i = 0; i < SECTOR_SIZE; i += sizeof words)
        memcpy(sector + i, words, sizeof words);
}

static void loss(const struct run *r, const char *kind, uint32_t at, const char *what, uint64_t n)
{
    if (losses++ < LOSSES_SHOWN)
        printf("loss: %s cut after %u of %u changes: %s %" PRIu64 "\n", kind, at,
               r->world.file[0].records, what, n);
}

/* --- The run */

/* Where a request goes: anywhere, mostly few sectors, at times whole blocks. */
static void request_place(struct run *r, struct request *q)
{
    uint64_t block = r->block_sectors;
    if (!rnd(6)) {
        q->lba = rnd((uint32_t)(r->sectors / block)) * block;
        q->count = block * (1 + rnd(2));
    } else {
        q->lba = rnd((uint32_t)r->sectors);
        q->count = 1 + rnd(rnd(3) ? 16 : (uint32_t)block + 40);
        if (rnd(2)) /* a few places are hit again and again */
            q->lba = q->lba % 8 * (r->sectors / 8) + q->lba % 50;
    }
    if (q->count > r->sectors - q->lba)
        q->count = r->sectors - q->lba;
}

static int request_do(struct run *r, struct request *q, struct fail *f)
{
    struct serve *s = r->world.serve;
    uint64_t off = q->lba << SECTOR_SHIFT, len = q->count << SECTOR_SHIFT;
    if (q->what == FLUSH)
        return serve_flush(s, f);
    if (q->what == ZERO)
        return serve_zero(s, len, off, rnd(2), f);
    if (q->what == TRIM)
        return serve_trim(s, len, off, f);
    uint8_t *data = malloc(len);
    for (uint64_t i = 0; i < q->count; i++)
        pattern(data + (i << SECTOR_SHIFT), q->lba + i, q->tag);
    int error = serve_write(s, data, len, off, f);
    free(data);
    return error;
}

/* Closes and opens; after a failure too, as after the end of a program that lost its disk. */
static void request_reopen(struct run *r, struct request *q)
{
    struct fail f;
    struct memfile *m = &r->world.file[0];
    q->failed = world_end(&r->world, &f);
    q->lba = q->count = 0;
    uint32_t fail_at = m->fail_at;
    if (m->failed)
        m->fail_at = UINT32_MAX;
    if (!world_serve(&r->world, &f)) {
        if (!m->failed) /* the fault hit the opening */
            die("reopening", &f);
        m->fail_at = UINT32_MAX;
        if (!world_serve(&r->world, &f))
            die("reopening after a fault", &f);
    } else {
        m->fail_at = fail_at;
    }
}

static void request_run(struct run *r, struct request *q)
{
    struct memfile *m = &r->world.file[0];
    struct fail f = {0};
    uint32_t failed = m->failed;
    q->begin = m->records;
    if (q->what == REOPEN)
        request_reopen(r, q);
    else
        q->failed = request_do(r, q, &f);
    q->end = m->records;
    /* What fails to give the space of blocks back that are gone, or to have much more at once, has
     * other ways: nothing is lost by it. */
    if (m->failed != failed && !q->failed && q->what != REOPEN && !m->emptied)
        loss(r, "no", q->end, "a change failed, and nobody was told, in request", q->tag);
    if (q->what == REOPEN && q->failed) /* what of the last requests is there is anybody's guess */
        q->count = r->sectors;
    else if (q->what > TRIM)
        return;
    uint64_t len = q->count << SECTOR_SHIFT;
    q->after = malloc(len);
    if (serve_read(r->world.serve, q->after, len, q->lba << SECTOR_SHIFT, &f))
        die("reading back", &f);
    if (q->failed)
        return;
    uint8_t sector[SECTOR_SIZE];
    for (uint64_t i = 0; i < q->count; i++) {
        const uint8_t *held = q->after + (i << SECTOR_SHIFT);
        pattern(sector, q->lba + i, q->tag);
        if (q->what == WRITE && memcmp(held, sector, SECTOR_SIZE))
            loss(r, "no", q->end, "not what was written: sector", q->lba + i);
        if (q->what == ZERO && !bytes_are(held, SECTOR_SIZE, 0))
            loss(r, "no", q->end, "not zeros: sector", q->lba + i);
    }
}

/* Puts the leaf back to what it was, and runs all requests anew. */
static void run_all(struct run *r, uint32_t fail_at, int fail_with)
{
    struct memfile *m = &r->world.file[0];
    struct fail f;
    for (uint32_t i = 0; i < r->requests; i++)
        free(r->request[i].after);
    memfile_forget(m);
    memset(m->data, 0, m->size > r->original_size ? m->size : r->original_size);
    memcpy(m->data, r->original, r->original_size);
    m->size = r->original_size;
    m->fail_at = UINT32_MAX;
    m->failed = m->emptied = 0;
    random_state = options.seed * 77777 + 5;
    if (!world_serve(&r->world, &f))
        die("opening", &f);
    m->fail_at = fail_at;
    m->fail_with = fail_with;
    for (uint32_t i = 0; i < r->requests; i++) {
        struct request *q = &r->request[i];
        uint32_t dice = rnd(100);
        *q = (struct request){.tag = i + 1,
                              .what = dice < 58   ? WRITE
                                      : dice < 69 ? ZERO
                                      : dice < 80 ? TRIM
                                      : dice < 97 ? FLUSH
                                                  : REOPEN};
        if (i + 1 == r->requests)
            q->what = REOPEN;
        request_place(r, q);
        request_run(r, q);
    }
    m->fail_at = UINT32_MAX;
    if (world_end(&r->world, &f) && !m->failed)
        die("closing", &f);
}

/* --- What a sector may be */

/* The disk as of the last answered flush before a cut, and the requests since. */
struct window {
    uint8_t *disk;
    uint32_t first, end; /* requests in question: [first, end) */
    uint32_t next;       /* the first whose effect `disk` does not have */
};

static void window_move(const struct run *r, struct window *v, uint32_t cut)
{
    v->end = v->first;
    uint32_t lasting = v->first;
    for (uint32_t i = v->first; i < r->requests && r->request[i].begin < cut; i++) {
        const struct request *q = &r->request[i];
        v->end = i + 1;
        if (q->what >= FLUSH && !q->failed && q->end <= cut)
            lasting = i + 1;
    }
    for (; v->next < lasting; v->next++) {
        const struct request *q = &r->request[v->next];
        if (q->after)
            memcpy(v->disk + (q->lba << SECTOR_SHIFT), q->after, q->count << SECTOR_SHIFT);
    }
    v->first = lasting;
}

static bool may_be(const struct run *r, const struct window *v, uint64_t lba, const uint8_t *sector)
{
    uint8_t other[SECTOR_SIZE];
    if (!memcmp(sector, v->disk + (lba << SECTOR_SHIFT), SECTOR_SIZE))
        return true;
    for (uint32_t i = v->first; i < v->end; i++) {
        const struct request *q = &r->request[i];
        if (q->what > TRIM || lba - q->lba >= q->count)
            continue;
        pattern(other, lba, q->tag);
        bool zero = q->what != WRITE && bytes_are(sector, SECTOR_SIZE, 0);
        if (zero || (q->what == WRITE && !memcmp(sector, other, SECTOR_SIZE)))
            return true;
    }
    return false;
}

/* --- Cuts */

/* A change of the file that can be taken back. */
struct undo {
    uint64_t offset, length;
    uint8_t *data;
};

static struct undo *undo;
static uint32_t undos, undo_room;

static void change(struct memfile *m, uint64_t offset, const uint8_t *data, uint64_t length)
{
    if (undos == undo_room) {
        undo_room = undo_room ? 2 * undo_room : 1024;
        undo = realloc(undo, undo_room * sizeof *undo);
    }
    struct undo *u = &undo[undos++];
    *u = (struct undo){offset, length, malloc(length)};
    memcpy(u->data, m->data + offset, length);
    if (data)
        memcpy(m->data + offset, data, length);
    else
        memset(m->data + offset, 0, length);
}

static void change_size(struct memfile *m, uint64_t size)
{
    if (size < m->size)
        change(m, size, NULL, m->size - size);
    m->size = size;
}

static void change_back(struct memfile *m, uint64_t size)
{
    while (undos) {
        struct undo *u = &undo[--undos];
        memcpy(m->data + u->offset, u->data, u->length);
        free(u->data);
    }
    m->size = size;
}

/* Applies a record, or some sectors of it. */
static void apply(struct memfile *m, const struct record *r, bool some)
{
    if (r->kind == RECORD_RESIZE && (!some || rnd(2)))
        change_size(m, r->length);
    if (r->kind != RECORD_WRITE)
        return;
    uint32_t keep = some ? rnd(4) : 3; /* none, all, or each by itself */
    if (keep == 0)
        return;
    for (uint64_t at = 0; at < r->length;) {
        uint64_t n = keep == 3 ? r->length : SECTOR_SIZE;
        if (n > r->length - at)
            n = r->length - at;
        if (keep == 3 || rnd(2)) {
            change(m, r->offset + at, r->data + at, n);
            if (r->offset + at + n > m->size)
                m->size = r->offset + at + n;
        }
        at += n;
    }
}

static uint8_t *disk_now;

static void keep_file(const struct run *r)
{
    char path[512];
    const struct memfile *m = &r->world.file[0];
    const void *data[2] = {m->data, disk_now};
    uint64_t size[2] = {m->size, r->sectors << SECTOR_SHIFT};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%" PRIu64 "%s", options.folder, kept, i ? ".raw" : ".cut");
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(data[i], 1, size[i], f) != size[i] || fclose(f))
            die(path, NULL);
    }
    kept++;
}

/* A note that fits is true: all behind the first slot is zeros. */
static bool note_is_true(struct run *r)
{
    struct fail f;
    struct image_slack slack;
    struct image *image = &r->world.chain.link[0]->image;
    if (image->format != IMAGE_VHD || image->kind == IMAGE_FIXED ||
        vhd_slack_find(image, &slack, &f) || !slack.noted || !slack.count)
        return true;
    uint64_t from = ((uint64_t)slack.first + slack.stride) << SECTOR_SHIFT;
    uint64_t end = slack.limit - SLACK_NOTE_SIZE;
    noted++;
    if (from < slack.zero_from)
        from = slack.zero_from;
    return from >= end || bytes_are(r->world.file[0].data + from, end - from, 0);
}

static void judge(struct run *r, const struct window *v, const char *kind, uint32_t cut)
{
    struct fail f;
    struct world *w = &r->world;
    cuts++;
    if (world_open(w, &f) || world_read(w, disk_now, &f)) {
        char text[512];
        errors_format(&f, text, sizeof text);
        loss(r, kind, cut, text, 0);
        return;
    }
    if (w->chain.link[0]->image.format == IMAGE_VHD && w->chain.link[0]->image.read_only)
        loss(r, kind, cut, "the footer at the end is gone", 0);
    for (uint64_t lba = 0; lba < r->sectors; lba++) {
        if (!may_be(r, v, lba, disk_now + (lba << SECTOR_SHIFT)))
            loss(r, kind, cut, "neither old nor new: sector", lba);
    }
    uint32_t notes = w->chain.link[0]->image.notes.count;
    if (vhd_bitmap_check(&w->chain.link[0]->image, &w->arena, &f) ||
        w->chain.link[0]->image.notes.count != notes)
        loss(r, kind, cut, "data under a clear bit of a dynamic VHD", 0);
    if (!note_is_true(r))
        loss(r, kind, cut, "the note about the slack lies", 0);
    if (options.folder && kept < options.keep && !rnd(7))
        keep_file(r);
    if (cuts % REOPEN_EVERY)
        return;

    /* The engine opens it for writing: nothing changes by that. */
    uint8_t *before = malloc(r->sectors << SECTOR_SHIFT);
    memcpy(before, disk_now, r->sectors << SECTOR_SHIFT);
    uint64_t size = w->file[0].size;
    uint8_t *file = malloc(size);
    memcpy(file, w->file[0].data, size);
    uint32_t records = w->file[0].records;
    bool opened = world_serve(w, &f);
    int error = opened ? serve_write(w->serve, before, SECTOR_SIZE, 0, &f) : 0;
    if (!opened || (error && !(options.slack && error == ENOSPC)) || world_end(w, &f) ||
        world_open(w, &f) || world_read(w, disk_now, &f))
        loss(r, kind, cut, "cannot be opened for writing", 0);
    else if (memcmp(before, disk_now, r->sectors << SECTOR_SHIFT))
        loss(r, kind, cut, "opening it for writing changed it", 0);
    else if (w->chain.link[0]->image.notes.count)
        loss(r, kind, cut, "closed, but something is odd about it", 0);
    while (w->file[0].records > records)
        free(w->file[0].record[--w->file[0].records].data);
    if (w->file[0].size > size)
        memset(w->file[0].data + size, 0, w->file[0].size - size);
    memcpy(w->file[0].data, file, size);
    w->file[0].size = size;
    reopened++;
    free(file);
    free(before);
}

static void cut_all(struct run *r, bool last_only)
{
    struct memfile *m = &r->world.file[0];
    struct window v = {.disk = malloc(r->sectors << SECTOR_SHIFT)};
    memcpy(v.disk, r->start, r->sectors << SECTOR_SHIFT);
    memset(m->data, 0, m->size > r->original_size ? m->size : r->original_size);
    memcpy(m->data, r->original, r->original_size);
    m->size = r->original_size;
    uint32_t synced = 0;
    for (uint32_t cut = 1; cut <= m->records; cut++) {
        if (m->record[cut - 1].kind == RECORD_SYNC) {
            for (; synced < cut; synced++)
                apply(m, &m->record[synced], false);
            for (; undos; undos--) /* for good */
                free(undo[undos - 1].data);
        }
        if (last_only ? cut < m->records : cut % options.every)
            continue;
        window_move(r, &v, cut);
        uint64_t size = m->size;
        for (uint32_t i = 0; i <= options.shuffles; i++) {
            for (uint32_t k = synced; k < cut; k++)
                apply(m, &m->record[k], i > 1 || (i == 1 && k + 1 == cut));
            judge(r, &v, i == 0 ? "clean" : i == 1 ? "torn" : "shuffled", cut);
            change_back(m, size);
        }
    }
    free(v.disk);
}

/* --- */

static void parse(int *argc, char ***argv)
{
    static const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {{"--requests", &options.requests},
                   {"--every", &options.every},
                   {"--shuffles", &options.shuffles},
                   {"--faults", &options.faults}};
    char **a = *argv + 1;
    for (; *a && !strncmp(*a, "--", 2); a++) {
        if (!strcmp(*a, "--slack")) {
            options.slack = true;
        } else if (!strcmp(*a, "--list")) {
            options.list = true;
        } else if (!strcmp(*a, "--seed") && a[1]) {
            options.seed = strtoull(*++a, NULL, 10);
        } else if (!strcmp(*a, "--keep") && a[1] && a[2]) {
            options.folder = *++a;
            options.keep = (uint32_t)strtoul(*++a, NULL, 10);
        }
        for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            if (!strcmp(*a, numbers[i].name) && a[1])
                *numbers[i].value = (uint32_t)strtoul(*++a, NULL, 10);
        }
    }
    *argc -= (int)(a - *argv);
    *argv = a;
}

static void run_prepare(struct run *r, char **paths, unsigned count)
{
    struct fail f;
    world_load(&r->world, paths, count);
    r->world.file[0].fixed_size = options.slack;
    r->original_size = r->world.file[0].size;
    r->original = malloc(r->original_size);
    memcpy(r->original, r->world.file[0].data, r->original_size);
    if (world_open(&r->world, &f))
        die("opening", &f);
    const struct image *leaf = &r->world.chain.link[0]->image;
    r->sectors = leaf->sectors;
    r->block_sectors = leaf->block_size ? leaf->block_size >> SECTOR_SHIFT : 128;
    r->start = malloc(r->sectors << SECTOR_SHIFT);
    disk_now = malloc(r->sectors << SECTOR_SHIFT);
    if (world_read(&r->world, r->start, &f))
        die("reading", &f);
    r->requests = options.requests;
    r->request = calloc(r->requests, sizeof *r->request);
}

/* Each change with the first 64 bytes of it: a header's say which log counts. */
static void list(const struct memfile *m)
{
    static const char *const names[] = {"write", "resize", "sync"};
    for (uint32_t i = 0; i < m->records; i++) {
        const struct record *r = &m->record[i];
        printf("%s %" PRIu64 " %" PRIu64 " ", names[r->kind], r->offset, r->length);
        for (uint32_t n = 0; r->data && n < 64 && n < r->length; n++)
            printf("%02x", r->data[n]);
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    static struct run r;
    parse(&argc, &argv);
    if (argc < 1 || !options.every)
        die("usage", NULL);
    run_prepare(&r, argv, (unsigned)argc);
    run_all(&r, UINT32_MAX, 0);
    if (options.list)
        return list(&r.world.file[0]), 0;
    uint32_t changes = r.world.file[0].records;
    if (!options.faults)
        cut_all(&r, false);
    for (uint32_t i = 0; i < options.faults; i++) {
        uint32_t at = (uint32_t)((uint64_t)i * changes / options.faults);
        run_all(&r, at, i & 1 ? EIO : ENOSPC);
        faults += r.world.file[0].failed;
        cut_all(&r, true);
    }
    printf("%u requests, %u changes, %" PRIu64 " cuts, %" PRIu64 " opened for writing, %" PRIu64
           " faults, %" PRIu64 " notes, %" PRIu64 " losses\n",
           r.requests, changes, cuts, reopened, faults, noted, losses);
    return losses ? 1 : 0;
}
