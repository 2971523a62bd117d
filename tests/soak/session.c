/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's session: the entry is opened as stage2 opens it, its map goes to the resident handler
 * on the simulated machine, and requests come from standard input, one a line:
 *
 *   w LBA COUNT TAG      r LBA COUNT
 *
 * To standard output, fields between tabs:
 *
 *   refused SENTENCE                         nothing was started
 *   started PROTECTED RECORDS ANNOUNCED      sectors written when a VHDX has its new id; 0: none
 *   w STATUS DONE WRITES                     sectors done; written to the drive so far
 *   r STATUS RUNS
 *   disk RUNS                                all of the disk, by the handler, in the end
 *   written WRITES
 *
 * The handler is built for VHDXs that grow and for all other disks, and so is this program: what
 * finds that it is the wrong one becomes the other.
 *
 * CUT -1: all that was written goes into the file. Else only so many sectors of it, the first ones:
 * the power failed then.
 */
#define MAP_CELLS 200000u
#include "machine/caller.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>
#undef MAP_FILE
#include "core/map/ram.h"
#include "core/map/scrub.h"
#include "core/vhdx/write.h"
#include "soak/disk.h"

#define REQUEST_MAX 127u

#ifdef RESIDENT_VHDX
#define FOR_VHDX true
#else
#define FOR_VHDX false
#endif

static struct soak *soak;
static unsigned slots_left; /* that may be looked at before the start */
static uint32_t announced;  /* writes, when the leaf's new header was there */

void unit_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("broken\t%s:%d: ", file, line);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(3);
}

static const uint8_t *original(uint32_t lba)
{
    return soak->bytes + (size_t)lba * 512;
}

static enum err write_flash(struct blk *b, uint64_t lba, uint32_t count, const void *buf,
                            struct fail *f)
{
    (void)b;
    (void)f;
    for (uint32_t i = 0; i < count; i++) {
        sim_put((uint32_t)lba + i, (const uint8_t *)buf + (size_t)i * 512);
        memcpy(soak->bytes + (lba + i) * 512, (const uint8_t *)buf + (size_t)i * 512, 512);
    }
    return ERR_OK;
}

static bool more_slots(void)
{
    return slots_left && slots_left--;
}

static bool no_progress(struct map_ram_progress *progress, uint64_t done, uint64_t total)
{
    (void)progress;
    (void)done;
    (void)total;
    return true;
}

/* What stage2's handoff does to the map and the handler's header. */
static enum err hand_over(struct boot_disk *disk, struct fail *f)
{
    struct map *map = &disk->map;
    struct blk *drive[MAP_DRIVES_MAX] = {&soak->blk};
    struct map_ram_progress progress = {no_progress};
    uint64_t contents = disk->in_memory ? map_ram_bytes(map) : 0;
    CHECK(contents + map_memory_bytes(map) <= RAM_BYTES);
    if (disk->in_memory) {
        enum err err = map_ram_load(map, drive, RAM_ADDRESS, sim_ram, &progress, f);
        if (err)
            return err;
    }
    map_memory_place(map, RAM_ADDRESS + contents);
    map_join(map);
    CHECK(map->cell_count <= MAP_CELLS);
    memcpy(sim.cells, map->cell, map->cell_count * 8);
    header.page_count = map->page_count;
    header.cell_count = map->cell_count;
    header.sectors = map->sectors;
    header.file_page = map->file_page;
    sim_page_shift(map->page_shift);
    header.growth = (uint8_t)map->growth;
    sim_records(map->record_cells);
    header.bounce_sectors = map_slots_unknown(map) ? BOUNCE_SECTORS : RESIDENT_BOUNCE;
    header.record_next = map->record_first;
    header.record_end = map->record_end;
    header.bat_sector = map->bat_sector;
    header.bitmap_sectors = (uint8_t)map->bitmap_sectors;
    header.bitmap_cell = map->bitmap_cell;
    header.write_protected = disk->write_protected || !map->writable;
    return ERR_OK;
}

static enum err write_leaf(const struct chain_link *leaf, uint64_t offset, const uint8_t *data,
                           uint32_t size, struct fail *f)
{
    enum err err = ERR_OK;
    for (uint32_t at = 0; !err && at < size; at += 512) {
        uint64_t sector = (offset + at) / 512;
        const struct extent *e = extent_find(&leaf->extents, sector);
        CHECK(e && e->drive_lba != EXTENT_HOLE);
        err = write_flash(&soak->blk, e->drive_lba + sector - e->file_sector, 1, data + at, f);
    }
    return err;
}

/* What stage2 does to a VHDX that will be written: vhdx_header.c. */
static enum err announce(const struct boot_disk *disk, struct fail *f)
{
    const struct chain_link *leaf = disk->chain.link[0];
    uint8_t seed[16], header_page[4096], note[512];
    uint64_t offset, note_at;
    if (leaf->image.format != IMAGE_VHDX || !disk->map.writable ||
        disk->map.growth == MAP_GROWS_IN_MEMORY)
        return ERR_OK;
    CHECK(getrandom(seed, sizeof seed, 0) == sizeof seed);
    enum err err = vhdx_header_next(&leaf->image, VHDX_CHANGES_DISK, seed, header_page, &offset, f);
    bool noted = !err && vhdx_note_next(&leaf->image, header_page, note, &note_at);
    if (!err)
        err = write_leaf(leaf, offset, header_page, sizeof header_page, f);
    announced = sim.writes;
    return err || !noted ? err : write_leaf(leaf, note_at, note, sizeof note, f);
}

/* Does not come back where the other build is the right one. Nothing was written yet. */
static void be_the_right_one(const struct map *map, char **argument)
{
    char path[512];
    if (map->vhdx == FOR_VHDX)
        return;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 8);
    CHECK(length > 5);
    path[length] = '\0';
    if (FOR_VHDX)
        path[length - 5] = '\0'; /* -vhdx */
    else
        strcat(path, "-vhdx");
    execv(path, argument - 3);
    CHECK(false);
}

/* From the entry's name to a disk that answers; as stage2's main(). */
static enum err start(struct boot_disk *disk, char **argument, struct fail *f)
{
    static struct config config;
    static uint8_t buffer[MAP_SCRUB_SECTORS * 512];
    bool from_file;
    struct blk *drive[MAP_DRIVES_MAX] = {&soak->blk};
    uint8_t sector[512];
    const char *name = argument[1];
    uint64_t memory_bytes = (uint64_t)atoi(argument[2]) << 20;
    enum err err = boot_entries(&config, &from_file, &soak->volume, &soak->arena, f);
    unsigned n = 0;
    while (!err && n < config.count && strcasecmp(config.entry[n].name, name))
        n++;
    if (!err && n == config.count)
        err = fail(f, ERR_NOT_FOUND, "no such entry", 0);
    if (!err)
        err = boot_open(disk, &config.entry[n], &soak->volumes, memory_bytes, &soak->arena, f);
    if (!err)
        be_the_right_one(&disk->map, argument);
    if (!err)
        map_scrub(&disk->map, drive, more_slots, buffer);
    if (!err)
        err = map_read(&disk->map, drive, 0, 1, sector, f);
    if (!err && boot_record_fault(sector))
        err = fail(f, ERR_NO_SYSTEM, boot_record_fault(sector), 0);
    if (!err)
        err = announce(disk, f);
    return err ? err : hand_over(disk, f);
}

static void write_disk(uint64_t lba, uint32_t count, uint32_t tag)
{
    uint8_t data[512];
    for (uint32_t i = 0; i < count; i++) {
        soak_content(data, lba + i, tag);
        memcpy(sim.memory + BUFFER + i * 512, data, 512);
    }
    uint8_t status = edd_call(0x4300, lba, (uint16_t)count, BUFFER);
    printf("w\t%02x\t%u\t%" PRIu32 "\n", status, status ? (uint32_t)packet_count() : count,
           sim.writes);
}

static uint8_t read_disk(struct soak_runs *runs, uint64_t lba, uint32_t count)
{
    uint8_t status = edd_call(0x4200, lba, (uint16_t)count, BUFFER);
    for (uint32_t i = 0; !status && i < count; i++)
        soak_tell(runs, lba + i, sim.memory + BUFFER + i * 512);
    return status;
}

static void read_all(uint64_t sectors)
{
    struct soak_runs runs = {0};
    uint8_t status = 0;
    printf("disk\t");
    for (uint64_t lba = 0; !status && lba < sectors; lba += REQUEST_MAX) {
        uint64_t left = sectors - lba;
        status = read_disk(&runs, lba, left < REQUEST_MAX ? (uint32_t)left : REQUEST_MAX);
    }
    soak_tell_end(&runs);
    if (status)
        printf("?%02x", status);
    printf("\n");
}

static void do_requests(void)
{
    char line[100];
    uint64_t lba;
    uint32_t count, tag;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "w %" SCNu64 " %" SCNu32 " %" SCNu32, &lba, &count, &tag) == 3) {
            CHECK(count && count <= REQUEST_MAX);
            write_disk(lba, count, tag);
        } else if (sscanf(line, "r %" SCNu64 " %" SCNu32, &lba, &count) == 2) {
            struct soak_runs runs = {0};
            CHECK(count && count <= REQUEST_MAX);
            printf("r\t");
            uint8_t status = read_disk(&runs, lba, count);
            soak_tell_end(&runs);
            printf("\t%02x\n", status);
        }
    }
}

static void put_into_file(const char *path, uint32_t writes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (uint32_t n = 1; n <= writes; n++)
        CHECK(pwrite(fd, sim_write[n].data, 512, (off_t)sim_write[n].lba * 512) == 512);
    close(fd);
}

int soak_session(struct soak *s, const char *path, char **argument)
{
    static struct boot_disk disk;
    struct fail f;
    char line[512];
    soak = s;
    soak->blk.write = write_flash;
    slots_left = (unsigned)atoi(argument[3]);
    long cut = atol(argument[5]);
    sim_start();
    CHECK(s->sectors <= DRIVE_SECTORS);
    sim.original = original;
    sim.v86 = false;
    enum err err = soak_mount(s, (unsigned)atoi(argument[0]), &f);
    if (!err)
        err = start(&disk, argument, &f);
    if (err) {
        errors_format(&f, line, sizeof line);
        printf("refused\t%s\n", line);
    } else {
        sim.v86 = atoi(argument[4]);
        printf("started\t%u\t%" PRIu32 "\t%" PRIu32 "\n", header.write_protected,
               map_records(&disk.map), announced);
        do_requests();
        read_all(disk.map.sectors);
    }
    printf("written\t%" PRIu32 "\n", sim.writes);
    put_into_file(path, cut >= 0 && (uint32_t)cut < sim.writes ? (uint32_t)cut : sim.writes);
    return 0;
}
