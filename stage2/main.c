/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stage2's story: memory, drive, volume, entries, menu, image, hand-off. Every failure becomes a
 * sentence, a line that says what to do, and a way back for the user; it never restarts the machine
 * and never tries again without a key.
 *
 * Long because the story is told in one place: what it is made of lies in files of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ask.h"
#include "chainload.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/base/text.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/entry/password.h"
#include "core/entry/volumes.h"
#include "core/map/map.h"
#include "core/map/room.h"
#include "core/map/scrub.h"
#include "core/ntfs/boot.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"
#include "handoff.h"
#include "menu.h"
#include "pc/console.h"
#include "pc/drive.h"
#include "pc/memory.h"
#include "pc/serial.h"
#include "pc/trap.h"
#include "reach.h"

/* The read cache: 16 lines of 4 KiB. NTFS structures that belong together lie closer than that, and
 * a larger line would read more of the stick than a boot needs. */
#define CACHE_LINE_SHIFT 3
#define CACHE_LINES      16

/* Sectors that the menu's first screen may read beyond what it takes to know the entries. */
#define DETAILS_BUDGET   20u

#define FIRST_HARD_DISK  0x80u
#define LOOK_AHEAD_TICKS (TICKS_PER_SECOND / 3)
#define LINE_SIZE        (FAIL_SUBJECT_MAX + 160)

void stage2_main(uint32_t drive_number, uint64_t volume_lba) __attribute__((noreturn));

/* What a slow step is doing, told once it has taken more than a second. */
static struct {
    const char *doing;
    const char *subject;
    uint32_t start;
    bool told;
} step;

/* What the menu reads for its details gives way to the user. */
static struct {
    bool on;
    uint32_t budget; /* sectors that may be read yet */
    bool gave_up;
} glance;

static bool serial_missing;                 /* the config wants a port that is not there */
static bool warned;                         /* something that the next start is to be held up for */
static struct drive drives[MAP_DRIVES_MAX]; /* [0]: the one we were started from */
static unsigned drive_count;
static struct blk watched; /* the drive, with an eye on the clock */
static struct blk_cache cache;
static struct part_table partitions;
static struct arena arena;
static struct ntfs volume;
static struct volumes volumes;
static struct config config;
static struct boot_disk disk;
static struct password leaving_password; /* asked for before the next boot device starts */
static bool leaving_asks;

static void step_begin(const char *doing, const char *subject)
{
    trap_check_stack();
    step.doing = doing;
    step.subject = subject;
    step.start = console_ticks();
    step.told = false;
}

static enum err watched_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    struct blk *under = b->ctx;
    if (glance.on) {
        glance.gave_up = count > glance.budget || console_key_waits();
        if (glance.gave_up)
            return fail(f, ERR_LIMIT, "more would have to be read than the menu waits for", 0);
        glance.budget -= glance.budget == UINT32_MAX ? 0 : count;
    }
    enum err err = blk_read(under, lba, count, buf, f);
    if (!step.told && console_ticks() - step.start > TICKS_PER_SECOND) {
        step.told = true;
        console_print(step.doing);
        console_line(step.subject, " ...");
    }
    return err;
}

static void print_error(const struct fail *f)
{
    char line[LINE_SIZE];
    errors_format(f, line, sizeof line);
    console_print("error: ");
    console_line(line, "");
    console_line(errors_advice(f->err), "");
}

static void print_notes(const struct notes *notes)
{
    char line[LINE_SIZE];
    warned |= notes->count != 0;
    for (unsigned i = 0; i < notes->count; i++) {
        notes_format(notes, i, line, sizeof line);
        console_line("warning: ", line);
    }
}

static void print_complaints(void)
{
    char line[LINE_SIZE];
    struct text t;
    warned |= serial_missing;
    if (serial_missing)
        console_line("warning: " BOOT_CONFIG_PATH ": the machine has no such serial port", "");
    warned |= config.complaint_count != 0;
    for (unsigned i = 0; i < config.complaint_count && i < CONFIG_COMPLAINTS_MAX; i++) {
        const struct config_complaint *c = &config.complaint[i];
        text_init(&t, line, sizeof line);
        text_str(&t, "warning: " BOOT_CONFIG_PATH ", line ");
        text_u64(&t, c->line);
        text_str(&t, ": ");
        text_str(&t, c->sentence);
        if (c->word[0]) {
            text_str(&t, ": ");
            text_str(&t, c->word);
        }
        console_line(line, "");
    }
    if (config.complaint_count > CONFIG_COMPLAINTS_MAX) {
        text_init(&t, line, sizeof line);
        text_str(&t, "warning: " BOOT_CONFIG_PATH ": ");
        text_u64(&t, config.complaint_count - CONFIG_COMPLAINTS_MAX);
        text_str(&t, " more lines are not understood");
        console_line(line, "");
    }
}

static void print_chain(void)
{
    char line[LINE_SIZE];
    for (unsigned i = 0; i < disk.chain.count; i++) {
        chain_describe(&disk.chain, i, line, sizeof line);
        console_text(disk.chain.link[i]->file.path);
        console_line(": ", line);
    }
}

/* How far the disk can grow. */
static void print_growth(void)
{
    char line[LINE_SIZE];
    struct text t;
    uint64_t mib = (uint64_t)map_records(&disk.map) << disk.map.page_shift >> 11;
    if (disk.map.growth == MAP_GROWS_NOT)
        return;
    text_init(&t, line, sizeof line);
    if (disk.map.growth == MAP_GROWS_IN_MEMORY) {
        const struct map_writes all = {.memory = UINT64_MAX, .contents = disk.in_memory};
        bool enough = map_records(&disk.map) == map_room_wanted(&disk.map, &all);
        text_str(&t, "changes are kept in memory, ");
        if (!enough) {
            text_str(&t, "up to ");
            text_u64(&t, mib);
            text_str(&t, " MiB, ");
        }
        text_str(&t, "and gone at power off");
        if (!enough)
            text_str(&t, "; beyond that, writes fail");
    } else {
        text_str(&t, "room for ");
        text_u64(&t, map_records(&disk.map));
        text_str(&t, " new blocks, ");
        text_u64(&t, mib);
        text_str(&t, " MiB; beyond that, writes to new blocks fail");
    }
    console_line(line, "");
}

static MUST_CHECK enum err open_drive(uint8_t number, struct fail *f)
{
    enum err err = drive_init(&drives[0], number, f);
    if (err)
        return err;
    watched =
        (struct blk){.read = watched_read, .ctx = &drives[0].blk, .sectors = drives[0].blk.sectors};
    return blk_cache_init(&cache, &watched, CACHE_LINE_SHIFT, CACHE_LINES, &arena, f);
}

/* Does the drive go on behind what it is said to have? */
static bool reads_beyond(uint64_t lba)
{
    static uint8_t sector[SECTOR_SIZE];
    struct fail ignored;
    uint64_t told = drives[0].blk.sectors;
    drives[0].blk.sectors = UINT64_MAX;
    bool reads = !blk_read(&drives[0].blk, lba, 1, sector, &ignored);
    drives[0].blk.sectors = told;
    return reads;
}

/* A volume that reaches beyond the drive's end was read from a drive that does not end there: some
 * BIOSes tell too small a size by AH=48h. */
static enum err blame_size(enum err err, uint64_t lba, struct fail *f)
{
    static uint8_t sector[SECTOR_SIZE];
    uint64_t told = drives[0].blk.sectors;
    struct ntfs_boot boot;
    struct fail ignored;
    if (err != ERR_CORRUPT && err != ERR_READ && err != ERR_CUT_OFF)
        return err;
    if (lba < told &&
        (blk_read(&cache.blk, lba, 1, sector, &ignored) ||
         ntfs_boot_decode(sector, &boot, &ignored) || range_ok(lba, boot.sectors, told)))
        return err;
    if (err == ERR_CUT_OFF && !reads_beyond(lba + boot.sectors - 1))
        return err;
    return fail(f, ERR_BIOS,
                "this BIOS says that the drive ends after %u sectors; the volume reaches beyond",
                told);
}

/* Mounts the volume that the boot record came from. Its partition's size is a help where the table
 * can be read; where not, the boot sector's own figure has to do. */
static MUST_CHECK enum err open_volume(uint64_t lba, struct fail *f)
{
    uint64_t sectors = UINT64_MAX;
    step_begin("reading the partition table", "");
    if (!part_read(&partitions, &cache.blk, f)) {
        const struct part *part = part_at(&partitions, lba);
        if (part)
            sectors = part->sectors;
    }
    step_begin("reading the volume", "");
    return blame_size(ntfs_mount(&volume, &cache.blk, lba, sectors, &arena, f), lba, f);
}

/* Mounts the volumes of the machine's other hard disks, and the rest of this one's: an image's
 * parents may lie there. A drive that does not answer has none. */
static enum err find_volumes(struct volumes *v, struct fail *f)
{
    glance.gave_up = glance.on && glance.budget <= DETAILS_BUDGET;
    if (glance.gave_up)
        return fail(f, ERR_LIMIT, "other drives may be slow, and the menu does not wait", 0);
    step_begin("looking for volumes on all drives", "");
    enum err err = volumes_add_drive(v, &cache.blk, 0, &arena, f);
    unsigned end = FIRST_HARD_DISK + drive_hard_disks();
    for (unsigned number = FIRST_HARD_DISK; !err && number < end; number++) {
        struct drive *d = &drives[drive_count];
        if (number == drives[0].number || drive_count == MAP_DRIVES_MAX ||
            drive_init(d, (uint8_t)number, f) || d->sector_shift)
            continue; /* nothing boots from a disk with larger sectors */
        err = volumes_add_drive(v, &d->blk, (uint8_t)drive_count, &arena, f);
        drive_count++;
    }
    return err;
}

static bool time_is_left(void)
{
    return console_ticks() - step.start < LOOK_AHEAD_TICKS;
}

/* New blocks of a dynamic VHD must be empty, and the handler, which has only one sector of its own,
 * is slow at that. Here it is fast: for a moment, which is enough for the blocks that most guests
 * will ever add. */
static MUST_CHECK enum err look_ahead(struct fail *f)
{
    struct blk *blk[MAP_DRIVES_MAX];
    if (disk.map.growth != MAP_GROWS_DYNAMIC && disk.map.growth != MAP_GROWS_DIFFERENCING)
        return ERR_OK;
    uint8_t *buffer = arena_alloc(&arena, MAP_SCRUB_SECTORS * SECTOR_SIZE);
    if (!buffer)
        return fail(f, ERR_MEMORY, "no memory to look at the room for new blocks", 0);
    for (unsigned i = 0; i < drive_count; i++)
        blk[i] = &drives[i].blk;
    step_begin("looking at the room for new blocks of ", disk.chain.link[0]->path);
    map_scrub(&disk.map, blk, time_is_left, buffer);
    return ERR_OK;
}

/* May the start go on? Warnings are read before the guest clears the screen, or the user goes back
 * to the menu because of them. */
static bool warnings_read(const struct config_entry *entry)
{
    bool hold = warned && !entry->quiet;
    warned = false;
    return !hold || menu_hold();
}

/* Nothing but the volume is known yet. */
static void begin_entry(const struct config_entry *entry)
{
    volumes = (struct volumes){.count = 1, .find = find_volumes};
    volumes.volume[0].ntfs = &volume;
    drive_count = 1;
    step_begin("reading the block list of ", entry->vhd);
}

/* What an entry without an image starts, in a few words. */
static const char *start_text(const struct start *start)
{
    static const char *const texts[] = {[START_NEXT] = "the next boot device",
                                        [START_DISK] = "another disk's boot record",
                                        [START_PARTITION] = "another partition's boot record"};
    return start->kind == START_FILE ? start->path : texts[start->kind];
}

static void text_room(struct text *t)
{
    uint64_t mib = (uint64_t)map_records(&disk.map) << disk.map.page_shift >> 11;
    if (disk.map.growth == MAP_GROWS_NOT || disk.map.growth == MAP_GROWS_IN_MEMORY)
        return;
    text_str(t, mib ? ", room for " : ", no room for new blocks");
    if (mib)
        text_u64(t, mib);
    text_str(t, mib ? " MiB of new blocks" : "");
}

/* The menu's two lines about an entry; `sparing`: as much as can be known without its block list.
 */
static bool show_details(unsigned index, bool sparing, char *line, char *second, size_t size)
{
    static const char *const modes[] = {"changes are kept", "changes are gone at power off",
                                        "write-protected"};
    static struct fail f;
    const struct config_entry *entry = &config.entry[index];
    size_t mark = arena_mark(&arena);
    struct text t;
    text_init(&t, second, size);
    text_init(&t, line, size);
    if (entry->start.kind != START_IMAGE) {
        text_str(&t, start_text(&entry->start));
        return true;
    }
    begin_entry(entry);
    step.told = true; /* the menu is on the screen */
    glance.on = true;
    glance.budget = sparing ? DETAILS_BUDGET : UINT32_MAX;
    glance.gave_up = false;
    enum err err = sparing ? boot_look(&disk, entry, &volumes, &arena, &f)
                           : boot_open(&disk, entry, &volumes, arena.size, &arena, &f);
    glance.on = false;
    text_init(&t, line, size);
    if (glance.gave_up) {
        text_str(&t, entry->vhd);
    } else if (err) {
        errors_format(&f, line, size);
    } else {
        text_init(&t, line, size);
        text_str(&t, entry->vhd);
        text_str(&t, ": ");
        chain_describe(&disk.chain, 0, t.buf + t.len, size - t.len);
        text_init(&t, second, size);
        text_str(&t, entry->native ? "by Windows' boot manager, " : "");
        text_str(&t, modes[disk.write_protected ? WRITE_NONE
                           : entry->ram         ? WRITE_DISCARD
                                                : entry->write]);
        if (!sparing)
            text_room(&t);
        if (disk.chain.count > 1) {
            text_str(&t, ", ");
            text_u64(&t, disk.chain.count - 1);
            text_str(&t, disk.chain.count > 2 ? " parents" : " parent");
        }
        if (disk.notes.count) {
            text_str(&t, "; ");
            notes_format(&disk.notes, disk.notes.count - 1, t.buf + t.len, size - t.len);
        }
    }
    arena_release(&arena, mark);
    return !sparing && !glance.gave_up;
}

/* All about an entry, on a clear screen. */
static void show_info(unsigned index)
{
    static struct fail f;
    char line[LINE_SIZE];
    struct text t;
    const struct config_entry *entry = &config.entry[index];
    size_t mark = arena_mark(&arena);
    console_line(entry->title, "");
    print_complaints();
    begin_entry(entry);
    if (entry->start.kind != START_IMAGE) {
        console_line(start_text(&entry->start), "");
    } else if (boot_open(&disk, entry, &volumes, arena.size, &arena, &f)) {
        print_error(&f);
    } else {
        print_chain();
        print_notes(&disk.notes);
        print_growth();
        text_init(&t, line, sizeof line);
        text_u64(&t, disk.map.sectors);
        text_str(&t, " sectors, block map of ");
        text_bytes(&t, map_bytes(&disk.map));
        text_str(&t, disk.write_protected ? ", write-protected" : "");
        console_line(line, "");
    }
    warned = false; /* they have been read */
    arena_release(&arena, mark);
}

/* Where the config wants the menu. */
static void open_console(void)
{
    if (config.console == CONSOLE_SCREEN)
        return;
    serial_missing =
        !console_serial(config.serial_port, config.serial_baud, config.console == CONSOLE_BOTH);
    if (!serial_missing)
        serial_string("\r\nvhdboot " VERSION "\r\n");
}

/* Opens the entry's image and hands over to it. Returns with a failure, or where the user wants
 * another entry. */
static enum err start_entry(const struct config_entry *entry, struct fail *f)
{
    print_complaints();
    begin_entry(entry);
    enum err err = boot_open(&disk, entry, &volumes, arena.size, &arena, f);
    if (err)
        return err;
    print_chain();
    print_notes(&disk.notes);
    print_growth();
    step_begin("asking the BIOS what it can read of ", entry->vhd);
    err = reach_check(&disk.map, drives, drive_count, f);
    if (err)
        return fail_subject(f, entry->vhd);

    err = look_ahead(f);
    if (err)
        return fail_subject(f, entry->vhd);

    if (!warnings_read(entry))
        return ERR_OK;
    console_line("starting ", entry->title);
    console_settle();
    struct drive *list[MAP_DRIVES_MAX];
    for (unsigned i = 0; i < drive_count; i++)
        list[i] = &drives[i];
    err = handoff_start(&disk, entry, &volume, list, drive_count, &arena, f);
    if (err == ERR_STOPPED) /* the user knows */
        return f->err = ERR_OK;
    return err ? fail_subject(f, entry->vhd) : ERR_OK;
}

/* What is no virtual disk. Returns only with a failure. */
static enum err start_other(const struct config_entry *entry, struct fail *f)
{
    struct chainload from = {&drives[0], &partitions, &volume, &arena, &volumes};
    print_complaints();
    step_begin("reading ", entry->start.path ? entry->start.path : entry->title);
    return chainload_start(entry, &from, f);
}

/* Windows' own boot manager is to start the image. Returns only with a failure. */
static enum err start_native(const struct config_entry *entry, struct fail *f)
{
    struct chainload from = {&drives[0], &partitions, &volume, &arena, &volumes};
    print_complaints();
    begin_entry(entry);
    return chainload_native(entry, &from, f);
}

/* Leaves for the machine's next boot device, if the user may: a password for all but the default's
 * start is one for this, too. Returns where he may not; a failure where he never may. */
static enum err leave(struct fail *f)
{
    f->err = ERR_OK;
    if (!leaving_asks || ask_password(&leaving_password, "the next boot device", f))
        chainload_next();
    return f->err;
}

/* The config's password, kept: who makes the drive fail afterwards does not get rid of it. */
static void remember_password(bool config_is_known)
{
    if (config.password)
        leaving_password = *config.password;
    if (config.password || config_is_known)
        leaving_asks = config.password;
}

/* Starts the entry in the way that the user chose, if the user may. */
static enum err start_choice(const struct menu_choice *choice, struct fail *f)
{
    if (choice->action == MENU_LEAVE)
        return leave(f);
    struct config_entry entry = config.entry[choice->entry];
    const struct password *password =
        config_password(&config, choice->entry, choice->action == MENU_START);
    if (password && !ask_password(password, entry.title, f))
        return f->err; /* none: the user gave up */
    if (entry.start.kind != START_IMAGE)
        return start_other(&entry, f);
    if (choice->action == MENU_START_DISCARD)
        entry.write = WRITE_DISCARD;
    if (choice->action == MENU_START_PROTECTED)
        entry.write = WRITE_NONE;
    return entry.native ? start_native(&entry, f) : start_entry(&entry, f);
}

/* From the entries to a guest. Returns where there is only one, and it does not start. */
static void choose_and_start(bool wanted)
{
    static struct fail f;
    static char sentence[LINE_SIZE];
    struct menu_view view = {.config = &config,
                             .program = "vhdboot " VERSION,
                             .label = volume.label,
                             .details = show_details,
                             .info = show_info,
                             .listed = config.complaint_count || serial_missing};
    struct menu_choice choice = {config.default_entry, MENU_START};
    uint32_t timeout = config.timeout_seconds;
    size_t mark = arena_mark(&arena);
    bool menu = wanted || config.count > 1;
    if (wanted)
        timeout = CONFIG_TIMEOUT_NONE;
    for (;;) { /* every round but the first waits for the user */
        if (menu)
            choice = menu_choose(&view, choice.entry, timeout);
        enum err err = start_choice(&choice, &f);
        arena_release(&arena, mark);
        if (err)
            print_error(&f);
        if (err && !menu && config.count == 1)
            return;
        errors_format(&f, sentence, sizeof sentence);
        view.error = err ? sentence : NULL;
        view.advice = errors_advice(err);
        menu = true;
        timeout = CONFIG_TIMEOUT_NONE;
    }
}

/* A failure on the way to the volume is about the drive. */
static void blame_drive(struct fail *f, uint8_t number)
{
    char name[16];
    struct text t;
    text_init(&t, name, sizeof name);
    text_str(&t, "drive ");
    text_hex(&t, number);
    text_str(&t, "h");
    (void)fail_subject(f, name);
}

/* From nothing to a guest. Returns when nothing can be started without the user. */
static void run(uint8_t number, uint64_t volume_lba)
{
    static struct fail f;
    bool from_file;
    enum err err = memory_init(&f);
    if (!err) {
        memory_arena(&arena);
        err = open_drive(number, &f);
        if (!err)
            err = open_volume(volume_lba, &f);
        if (err)
            blame_drive(&f, number);
    }
    if (!err) {
        step_begin("reading ", BOOT_CONFIG_PATH);
        err = boot_entries(&config, &from_file, &volume, &arena, &f);
        remember_password(!err);
    }
    if (err) {
        print_error(&f);
        return;
    }
    bool wanted = menu_wanted(); /* before keys are lost */
    open_console();
    choose_and_start(wanted || menu_wanted());
}

void stage2_main(uint32_t drive_number, uint64_t volume_lba)
{
    static struct fail f;
    trap_init();
    console_init();
    console_line("vhdboot ", VERSION);
    for (;;) { /* every round waits for a key */
        run((uint8_t)drive_number, volume_lba);
        console_flush_keys();
        console_print("Press a key to try again, Esc for the next boot device, or switch the "
                      "machine off.\n");
        if (console_wait_key(UINT32_MAX) == KEY_ESCAPE && leave(&f))
            print_error(&f);
    }
}
