/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges a record of all writes to a flash: cuts it after every sector and looks at what is there.
 *
 *   judge FLASH RECORD /leaf.vhd NOTE_LBA [every N] [full N] [torn N] [shuffled N]
 *   judge apply FLASH RECORD CUT        puts the first CUT sectors of the record onto FLASH
 *
 * FLASH is as it was before the record. At each cut (every N-th, and around metadata all) two
 * readers that share nearly nothing, the loader's own and reader.h, must give for each sector that
 * the guest ever touches what was there before or, in the request under way, what is being written;
 * every `full` cuts, for all sectors of the disk. Which request that is tell the guest's notes
 * (tests/guest/scribe.asm), which lie in the record like all other writes. Every written sector
 * must be one of the leaf's own, and neither header nor footer.
 *
 * `torn`: of a request of several sectors the drive may have written any set when power fails: so
 * many sets are tried of each. The order of the drive's requests is taken as it is in the record: a
 * BIOS knows no command that would empty a drive's cache, so a drive that reorders requests over a
 * power cut is outside of what can be promised.
 *
 * `shuffled`: how far outside: of what one request of the guest takes, so many random choices are
 * written without the others. What then does not hold is counted, and is no loss.
 *
 * Long because all ways to cut share one record, one flash and one judgement.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#undef MAP_FILE /* mman.h's */
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/chain/chain.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"
#include "powercut/record.h"
#include "powercut/reader.h"

#define ARENA_SIZE   (64u << 20)
#define LOSSES_SHOWN 5
#define PIECE        256 /* sectors that are compared at once */
#define NOTE_SIZE    17

enum note_phase { NOTE_BEGINS = 1, NOTE_DONE = 2, NOTE_REFUSED = 3 };

struct request {
    uint32_t number, lba;
    uint16_t count;
    uint8_t generation;
};

/* A volume, an image on it and its map, as the loader opens them. */
struct opened {
    struct arena arena;
    struct ntfs volume;
    struct chain chain;
    struct map map;
};

struct judge {
    uint8_t *flash;
    uint64_t flash_sectors, note_lba;
    const char *leaf;
    struct record record;
    struct blk blk;
    struct opened start, now;
    struct reader second;
    uint64_t disk_sectors;
    uint8_t *expected; /* the disk's contents without the request under way */
    uint8_t *touched;  /* a byte a sector */
    struct request request;
    bool under_way;

    uint64_t every, full, torn, shuffled;
    uint64_t shuffled_cuts, shuffled_bad;
    bool quiet;
    uint64_t cut, cuts, torn_cuts, full_cuts, requests, refused, losses;
    uint64_t use[USE_HEADER + 1];
    uint64_t guest_sectors; /* that the guest wrote, refused ones left out */
    uint32_t random;
};

static struct judge judge;

static void die(const char *what)
{
    fprintf(stderr, "judge: %s\n", what);
    exit(2);
}

static void loss(const char *what, uint64_t lba)
{
    if (judge.losses++ < LOSSES_SHOWN && !judge.quiet)
        printf("loss: after %" PRIu64 " sectors, in request %u (lba %u count %u): %s %" PRIu64 "\n",
               judge.cut, judge.request.number, judge.request.lba, judge.request.count, what, lba);
}

static enum err read_flash(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    if (!range_ok(lba, count, judge.flash_sectors))
        return fail(f, ERR_READ, "sector beyond the flash", lba);
    memcpy(buf, (const uint8_t *)b->ctx + lba * SECTOR_SIZE, (size_t)count * SECTOR_SIZE);
    return ERR_OK;
}

static enum err open_file(struct chain_files *files, const char *path, struct file *file,
                          uint8_t *drive_index, struct fail *f)
{
    *drive_index = 0;
    return ntfs_open(files->ctx, path, file, f);
}

static enum err open_all(struct opened *o, struct fail *f)
{
    static struct part_table table;
    const struct part *part;
    o->arena.used = 0;
    enum err err = part_read(&table, &judge.blk, f);
    if (!err)
        err = part_pick(&table, &judge.blk, 0, &part, f);
    if (!err)
        err = ntfs_mount(&o->volume, &judge.blk, part->start_lba, part->sectors, &o->arena, f);
    struct chain_files files = {.open = open_file, .ctx = &o->volume};
    if (!err)
        err = chain_open(&o->chain, &files, judge.leaf, &o->arena, f);
    if (!err)
        err = map_build(&o->map, &o->chain, &(struct map_writes){0}, &o->arena, f);
    return err;
}

/* The guests' pattern, see tests/guest/pattern.c. */
static void pattern(uint8_t *sector, uint32_t lba, uint8_t generation)
{
    uint32_t value = lba * 0x9E3779B1u + generation * 0x7F4A7C15u;
    for (unsigned i = 0; i < SECTOR_SIZE / 4; i++, value += 0x01000193u + 2u * generation)
        memcpy(sector + 4 * i, &value, 4);
}

static bool in_request(uint64_t lba)
{
    return judge.under_way && lba - judge.request.lba < judge.request.count;
}

/* Is that what the sector may hold now? */
static bool may_hold(uint64_t lba, const uint8_t *data)
{
    if (!memcmp(data, judge.expected + lba * SECTOR_SIZE, SECTOR_SIZE))
        return true;
    uint8_t new[SECTOR_SIZE];
    pattern(new, (uint32_t)lba, judge.request.generation);
    return in_request(lba) && !memcmp(data, new, SECTOR_SIZE);
}

/* Compares `count` sectors as both readers see them. */
static void compare(uint64_t lba, uint32_t count)
{
    static uint8_t data[PIECE * SECTOR_SIZE];
    struct blk *drive[MAP_DRIVES_MAX] = {&judge.blk};
    struct fail f;
    if (map_read(&judge.now.map, drive, lba, count, data, &f)) {
        loss("the loader's reader fails at lba", lba);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *mine = data + (size_t)i * SECTOR_SIZE;
        const uint8_t *other = reader_sector(&judge.second, lba + i);
        if (!may_hold(lba + i, mine))
            loss("the loader's reader gives neither old nor new for lba", lba + i);
        if (!other || memcmp(mine, other, SECTOR_SIZE))
            loss("the second reader differs at lba", lba + i);
    }
}

static void compare_all(bool touched_only)
{
    for (uint64_t lba = 0; lba < judge.disk_sectors;) {
        uint32_t count = 0;
        while (count < PIECE && lba + count < judge.disk_sectors &&
               (!touched_only || judge.touched[lba + count]))
            count++;
        if (count)
            compare(lba, count);
        lba += count ? count : 1;
    }
}

/* Power fails now: what is there? */
static void look(bool full)
{
    struct fail f;
    char line[512];
    if (open_all(&judge.now, &f)) {
        errors_format(&f, line, sizeof line);
        loss(line, 0);
        return;
    }
    const char *why = reader_open(&judge.second);
    if (why)
        loss(why, 0);
    else
        compare_all(!full);
    judge.full_cuts += full;
}

/* What was refused may have got as far as it did; that is what stays. */
static void settle_refused(void)
{
    struct blk *drive[MAP_DRIVES_MAX] = {&judge.blk};
    struct fail f;
    uint8_t data[SECTOR_SIZE];
    if (open_all(&judge.now, &f))
        die("the image cannot be opened after a refused request");
    for (uint64_t lba = judge.request.lba; in_request(lba); lba++) {
        if (map_read(&judge.now.map, drive, lba, 1, data, &f) || !may_hold(lba, data))
            loss("neither old nor new after a refusal at lba", lba);
        else
            memcpy(judge.expected + lba * SECTOR_SIZE, data, SECTOR_SIZE);
    }
}

static struct request note_read(const uint8_t *note, enum note_phase *phase)
{
    struct request r = {.count = (uint16_t)(note[12] | note[13] << 8), .generation = note[14]};
    memcpy(&r.number, note + 4, 4);
    memcpy(&r.lba, note + 8, 4);
    *phase = note[16];
    if (memcmp(note, "NOTE", 4) || r.count > 127 || !range_ok(r.lba, r.count, judge.disk_sectors))
        die("the guest wrote a note that is none");
    return r;
}

/* The guest says where it is. */
static void take_note(const uint8_t *note)
{
    enum note_phase phase;
    struct request r = note_read(note, &phase);
    if (phase == NOTE_BEGINS) {
        judge.request = r;
        judge.under_way = true;
        judge.requests++;
        return;
    }
    if (phase == NOTE_REFUSED) {
        settle_refused();
        judge.refused++;
    }
    for (uint64_t lba = r.lba; phase == NOTE_DONE && in_request(lba); lba++, judge.guest_sectors++)
        pattern(judge.expected + lba * SECTOR_SIZE, (uint32_t)lba, r.generation);
    judge.under_way = false;
}

static uint32_t random_number(void)
{
    judge.random = judge.random * 1664525u + 1013904223u;
    return judge.random >> 8;
}

/* Any of the sectors of one request may be there, and any not. */
static void look_at_torn(const struct record_entry *e)
{
    uint8_t *place = judge.flash + e->sector * SECTOR_SIZE;
    size_t size = (size_t)e->count * SECTOR_SIZE;
    uint8_t *before = malloc(size);
    if (!before)
        die("out of memory");
    memcpy(before, place, size);
    for (uint64_t i = 0; i < judge.torn && e->count > 1; i++) {
        for (uint32_t k = 0; k < e->count; k++)
            if (random_number() & 1)
                memcpy(place + (size_t)k * SECTOR_SIZE, e->data + (size_t)k * SECTOR_SIZE,
                       SECTOR_SIZE);
        look(false);
        judge.torn_cuts++;
        memcpy(place, before, size);
    }
    free(before);
}

static void put_entry(const struct record_entry *e, const uint8_t *data)
{
    memcpy(judge.flash + e->sector * SECTOR_SIZE, data, (size_t)e->count * SECTOR_SIZE);
}

/* Some of the entries from `first` to the next note, in front of which nothing is written yet. */
static void look_at_shuffled(size_t first)
{
    const struct record_entry *entry = judge.record.entry;
    size_t end = first, size = 0;
    for (; end < judge.record.count && entry[end].sector != judge.note_lba; end++)
        size += (size_t)entry[end].count * SECTOR_SIZE;
    uint8_t *before = malloc(size + 1);
    if (!before)
        die("out of memory");
    uint8_t *at = before;
    for (size_t i = first; i < end; at += (size_t)entry[i++].count * SECTOR_SIZE)
        memcpy(at, judge.flash + entry[i].sector * SECTOR_SIZE,
               (size_t)entry[i].count * SECTOR_SIZE);
    uint64_t losses = judge.losses;
    judge.quiet = true;
    for (uint64_t n = 0; n < judge.shuffled && end - first > 1; n++) {
        for (size_t i = first; i < end; i++)
            if (random_number() & 1)
                put_entry(&entry[i], entry[i].data);
        look(false);
        judge.shuffled_cuts++;
        judge.shuffled_bad += judge.losses != losses;
        judge.losses = losses;
        for (size_t i = end; i-- > first;) { /* from the last: a sector may be written twice */
            at -= (size_t)entry[i].count * SECTOR_SIZE;
            put_entry(&entry[i], at);
        }
        at = before + size;
    }
    judge.quiet = false;
    free(before);
}

/* The leaf's file sector that lies at `lba` of the flash; UINT64_MAX where that is not the leaf's.
 */
static uint64_t leaf_sector(uint64_t lba)
{
    const struct extent_list *list = reader_extents(&judge.second);
    for (uint32_t i = 0; i < list->count; i++)
        if (lba - list->extent[i].drive_lba < list->extent[i].count)
            return list->extent[i].file_sector + lba - list->extent[i].drive_lba;
    return UINT64_MAX;
}

/* One sector of the record; true where the leaf's tables change by it. */
static bool write_sector(uint64_t lba, const uint8_t *data)
{
    if (lba >= judge.flash_sectors)
        die("a write beyond the flash");
    uint8_t *place = judge.flash + lba * SECTOR_SIZE;
    uint64_t number = leaf_sector(lba);
    if (lba == judge.note_lba || number == UINT64_MAX) {
        memcpy(place, data, SECTOR_SIZE);
        if (lba != judge.note_lba)
            loss("a write outside of the image, at the flash's sector", lba);
        return false;
    }
    enum second_use use = reader_use(&judge.second, number);
    judge.use[use]++;
    if (use == USE_FIXED_PART)
        loss("a write to a header, footer or gap, at the file's sector", number);
    memcpy(place, data, SECTOR_SIZE);
    return use == USE_BAT || use == USE_BITMAP || use == USE_HEADER;
}

static void replay(void)
{
    look(true);
    judge.cuts++;
    for (size_t i = 0; i < judge.record.count; i++) {
        const struct record_entry *e = &judge.record.entry[i];
        if (e->count > 1)
            look_at_torn(e);
        for (uint32_t k = 0; k < e->count; k++) {
            bool tables = write_sector(e->sector + k, e->data + (size_t)k * SECTOR_SIZE);
            judge.cut++;
            bool note = e->sector + k == judge.note_lba;
            if (note)
                take_note(e->data);
            if (note && judge.under_way)
                look_at_shuffled(i + 1);
            if (tables)
                printf("metadata %" PRIu64 "\n", judge.cut);
            if (tables || note || judge.cut % judge.every == 0) {
                look(judge.cut % judge.full == 0);
                judge.cuts++;
            }
        }
    }
    look(true);
}

/* Which sectors any request of the record touches. */
static void find_touched(void)
{
    for (size_t i = 0; i < judge.record.count; i++) {
        const struct record_entry *e = &judge.record.entry[i];
        enum note_phase phase;
        if (e->sector != judge.note_lba || e->count != 1)
            continue;
        struct request r = note_read(e->data, &phase);
        memset(judge.touched + r.lba, 1, r.count);
    }
}

static void map_flash(const char *path, bool change)
{
    struct stat st;
    int fd = open(path, (change ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        die("the flash cannot be opened");
    judge.flash = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                       change ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    close(fd);
    if (judge.flash == MAP_FAILED)
        die("the flash cannot be mapped");
    judge.flash_sectors = (uint64_t)st.st_size / SECTOR_SIZE;
}

static void prepare(void)
{
    struct fail f;
    char line[512];
    judge.blk =
        (struct blk){.read = read_flash, .ctx = judge.flash, .sectors = judge.flash_sectors};
    arena_init(&judge.start.arena, malloc(ARENA_SIZE), ARENA_SIZE);
    arena_init(&judge.now.arena, malloc(ARENA_SIZE), ARENA_SIZE);
    if (open_all(&judge.start, &f)) {
        errors_format(&f, line, sizeof line);
        die(line);
    }
    for (unsigned i = 0; i < judge.start.chain.count; i++) {
        struct chain_link *link = judge.start.chain.link[i];
        if (file_extents(&link->file, &link->extents, &judge.start.arena, &f))
            die("a file's extents cannot be read");
    }
    const char *why = reader_init(&judge.second, judge.flash, &judge.start.chain);
    if (why)
        die(why);
    judge.disk_sectors = judge.start.map.sectors;
    judge.expected = malloc(judge.disk_sectors * SECTOR_SIZE);
    judge.touched = calloc(judge.disk_sectors, 1);
    if (!judge.expected || !judge.touched)
        die("out of memory");
    for (uint64_t lba = 0; lba < judge.disk_sectors; lba++) {
        const uint8_t *sector = reader_sector(&judge.second, lba);
        if (!sector)
            die("the second reader cannot read the disk");
        memcpy(judge.expected + lba * SECTOR_SIZE, sector, SECTOR_SIZE);
    }
}

static int apply(const char *flash, const char *record, uint64_t cut)
{
    map_flash(flash, true);
    if (!record_open(&judge.record, record))
        return 2;
    for (size_t i = 0; i < judge.record.count; i++) {
        const struct record_entry *e = &judge.record.entry[i];
        for (uint32_t k = 0; k < e->count && cut; k++, cut--)
            memcpy(judge.flash + (e->sector + k) * SECTOR_SIZE, e->data + (size_t)k * SECTOR_SIZE,
                   SECTOR_SIZE);
    }
    return 0;
}

static void report(uint64_t blocks_before)
{
    printf("cuts %" PRIu64 " torn %" PRIu64 " full %" PRIu64 " losses %" PRIu64 "\n", judge.cuts,
           judge.torn_cuts, judge.full_cuts, judge.losses);
    printf("shuffled %" PRIu64 " unsound %" PRIu64 "\n", judge.shuffled_cuts, judge.shuffled_bad);
    printf("requests %" PRIu64 " refused %" PRIu64 " commands %zu flushes %zu sectors %" PRIu64
           "\n",
           judge.requests, judge.refused, judge.record.count, judge.record.flushes,
           judge.record.sectors);
    printf("data %" PRIu64 " bitmap %" PRIu64 " bat %" PRIu64 " slack %" PRIu64 " blocks %" PRIu64
           " asked %" PRIu64 " header %" PRIu64 "\n",
           judge.use[USE_DATA], judge.use[USE_BITMAP], judge.use[USE_BAT], judge.use[USE_SLACK],
           reader_blocks(&judge.second) - blocks_before, judge.guest_sectors,
           judge.use[USE_HEADER]);
}

static uint64_t *option(const char *name)
{
    if (!strcmp(name, "every"))
        return &judge.every;
    if (!strcmp(name, "full"))
        return &judge.full;
    if (!strcmp(name, "torn"))
        return &judge.torn;
    if (strcmp(name, "shuffled"))
        die("an option is every, full, torn or shuffled");
    return &judge.shuffled;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "apply"))
        return apply(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (argc < 5)
        die("usage: judge FLASH RECORD /leaf.vhd NOTE_LBA [every N] [full N] [torn N] [shuffled "
            "N]");
    judge.every = 1;
    judge.full = 100;
    judge.random = 1;
    for (int i = 5; i + 1 < argc; i += 2)
        *option(argv[i]) = strtoull(argv[i + 1], NULL, 10);
    map_flash(argv[1], false);
    judge.leaf = argv[3];
    judge.note_lba = strtoull(argv[4], NULL, 10);
    if (!record_open(&judge.record, argv[2]))
        return 2;
    prepare();
    uint64_t before = reader_blocks(&judge.second);
    find_touched();
    replay();
    report(before);
    return judge.losses ? 1 : 0;
}
