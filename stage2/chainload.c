/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads everything into extended memory first, and checks it: up to leave() every failure returns.
 * The one thing that may stay is the exchange of two drive numbers, for systems that cannot do
 * without, in 1 KiB of their own; it is said on the screen.
 */
#include "chainload.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/entry/loader.h"
#include "core/entry/native.h"
#include "core/entry/open.h"
#include "core/entry/start.h"
#include "core/entry/windows.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/table.h"
#include "layout.h"
#include "overlay.h"
#include "pc/bios.h"
#include "pc/console.h"
#include "pc/drive.h"
#include "pc/exchange.h"
#include "pc/leave.h"
#include "pc/memory.h"
#include "pc/pnp.h"
#include "stage2.h"

#define FIRST_HARD_DISK   0x80u
#define GPT_HANDOVER      0x54504721u /* EAX = "!GPT": at SI lies what struct handover says */
#define GPT_HANDOVER_TYPE 0xedu
#define NO_PARTITION      0xffu

/* What DS:SI points to for the boot record of a GPT's partition, as SYSLINUX hands it over. */
struct handover {
    struct mbr_entry entry; /* 0x00 */
    le32 size;              /* 0x10: of what follows */
    struct gpt_entry gpt;   /* 0x14 */
};
static_assert(offsetof(struct handover, gpt) == 0x14, "GPT handover");
static_assert(sizeof(struct handover) <= BOOT_ADDRESS - MBR_ENTRY, "GPT handover");

/* The boot record that 0:7C00 gets. In memory that nothing goes over. */
static uint8_t *record_alloc(struct arena *a, struct fail *f)
{
    uint8_t *record = arena_alloc(a, SECTOR_SIZE);
    if (!record)
        (void)fail(f, ERR_MEMORY, "no memory for a boot record", 0);
    return record;
}

static struct leave_move move_of(const void *from, uint32_t to, uint32_t bytes)
{
    return (struct leave_move){(uint32_t)(uintptr_t)from, to, bytes};
}

/* Registers of a boot record at 0:7C00. */
static struct leave leave_to_record(const uint8_t *record, uint8_t drive)
{
    return (struct leave){.move[0] = move_of(record, BOOT_ADDRESS, SECTOR_SIZE),
                          .ebx = drive,
                          .edx = drive,
                          .esp = BOOT_ADDRESS,
                          .interrupts = true,
                          .ip = BOOT_ADDRESS};
}

/* From here on nothing fails. `exchange`: this drive's number and 80h; 0: none. `overlay` may be
 * NULL. */
static void __attribute__((noreturn))
leave(const char *title, const struct leave *l, const void *entry, size_t entry_size,
      uint8_t exchange, struct overlay *overlay)
{
    console_line("starting ", title);
    console_settle();
    console_text_mode();
    if (exchange)
        exchange_with_first(exchange, memory_low_end());
    memcpy((void *)bios_data(MBR_ENTRY), entry, entry_size);
    if (overlay)
        overlay_hook(overlay);
    leave_stage2(l);
}

/* Says that numbers will be exchanged, where a system on `drive` wants that. Returns the number
 * to exchange with 80h, 0: none. */
static uint8_t exchange_of(uint8_t drive, bool wanted)
{
    char line[64];
    struct text t;
    if (!wanted || drive == FIRST_HARD_DISK)
        return 0;
    text_init(&t, line, sizeof line);
    text_str(&t, "drives 80h and ");
    text_hex(&t, drive);
    text_str(&t, "h change places for it");
    console_line(line, "");
    return drive;
}

static uint32_t low_end(uint8_t exchange)
{
    return (memory_low_end() & ~1023u) - (exchange ? EXCHANGE_BYTES : 0);
}

static uint32_t get_partition(const struct part *part)
{
    return part && part->number && part->number < NO_PARTITION ? part->number - 1 : NO_PARTITION;
}

static bool apart(const struct leave_move *a, const struct leave_move *b)
{
    return a->to + a->bytes <= b->to || b->to + b->bytes <= a->to;
}

/* What a native start lays over the drive, once the loader's file is in memory; NULL: a failure. */
static struct overlay *overlay_for(const struct native *native, const struct config_entry *entry,
                                   struct stage2 *from, struct fail *f)
{
    struct overlay *overlay = arena_alloc(&from->arena, sizeof *overlay);
    if (!overlay)
        (void)fail(f, ERR_MEMORY, "no memory for the drive's block map", 0);
    else if (overlay_prepare(overlay, native, &from->drive[0], entry->write == WRITE_NONE,
                             &from->arena, f))
        return NULL;
    return overlay;
}

/* `native` is NULL where nothing is to stay. */
static MUST_CHECK enum err start_file(const struct config_entry *entry, const char *path,
                                      const struct native *native, struct stage2 *from,
                                      struct fail *f)
{
    struct overlay *overlay = NULL;
    static struct file file;
    struct view contents;
    struct loader loader;
    enum err err = loader_load(&loader, &contents, &file, &from->volume, path, &from->arena, f);
    uint8_t *record = err ? NULL : record_alloc(&from->arena, f);
    if (!record)
        return f->err;
    err = blk_read(from->volume.drive, from->volume.start_lba, 1, record, f);
    if (err)
        return err;
    console_print(file.path);
    console_line(": ", loader.name);
    if (native && !(overlay = overlay_for(native, entry, from, f)))
        return f->err;
    uint8_t exchange = native ? 0 : exchange_of(from->drive[0].number, loader.first_drive);
    err = loader_room_check(&loader, overlay ? overlay->base : low_end(exchange), f);
    if (err)
        return err;

    uint8_t drive = exchange ? FIRST_HARD_DISK : from->drive[0].number;
    const struct part *part = part_at(&from->partitions, from->volume.start_lba);
    struct mbr_entry table = start_table_entry(part);
    start_record_place(record, from->volume.start_lba, drive);
    if (loader.recovery)
        memcpy(record + 3, "cmdcons", 8);
    uint32_t si = loader.address == BOOT_ADDRESS ? MBR_ENTRY : BOOT_ADDRESS;
    struct leave l = {.move = {move_of(record, loader.record, SECTOR_SIZE),
                               move_of(contents.data, loader.address, loader.bytes)},
                      .ebx = drive,
                      .edx = drive | (loader.partition_in_dh ? get_partition(part) << 8 : 0),
                      .esi = si,
                      .ebp = si,
                      .esp = loader.sp,
                      .ss = loader.ss,
                      .ds = loader.ds,
                      .interrupts = loader.interrupts,
                      .cs = loader.cs,
                      .ip = loader.ip};
    if (!apart(&l.move[0], &l.move[1]))
        l.move[0].bytes = 0; /* the file is its own boot record */
    leave(entry->title, &l, &table, sizeof table, exchange, overlay);
}

/* The GPT's own entry of a partition; all zeros where it cannot be read. */
static struct gpt_entry gpt_entry_of(struct blk *drive, unsigned number)
{
    static struct gpt_header header;
    static uint8_t sector[SECTOR_SIZE];
    struct gpt_entry entry = {0};
    struct fail ignored;
    if (blk_read(drive, 1, 1, &header, &ignored) || memcmp(header.signature, "EFI PART", 8) != 0)
        return entry;
    uint64_t at = (uint64_t)(number - 1) * le32_get(header.entry_size);
    uint32_t skip = (uint32_t)at & (SECTOR_SIZE - 1);
    if (skip + sizeof entry <= SECTOR_SIZE &&
        !blk_read(drive, le64_get(header.entries_lba) + (at >> SECTOR_SHIFT), 1, sector, &ignored))
        memcpy(&entry, sector + skip, sizeof entry);
    return entry;
}

static MUST_CHECK enum err start_partition(const struct config_entry *entry, struct stage2 *from,
                                           struct fail *f)
{
    struct blk *blk = from->volume.drive;
    const struct part *part;
    uint8_t *record = record_alloc(&from->arena, f);
    enum err err =
        record ? start_partition_read(&from->partitions, blk, entry->start.number, &part, record, f)
               : ERR_MEMORY;
    if (err)
        return err;
    uint8_t exchange = exchange_of(from->drive[0].number, start_wants_first_drive(record));
    uint8_t drive = exchange ? FIRST_HARD_DISK : from->drive[0].number;
    start_record_place(record, part->start_lba, drive);

    struct leave l = leave_to_record(record, drive);
    struct handover handover = {.entry = start_table_entry(part)};
    l.esi = l.ebp = MBR_ENTRY;
    if (from->partitions.scheme == PART_GPT) {
        l.eax = GPT_HANDOVER;
        handover.entry.type = GPT_HANDOVER_TYPE;
        handover.size = le32_make(sizeof handover.gpt);
        handover.gpt = gpt_entry_of(blk, part->number);
    }
    leave(entry->title, &l, &handover, sizeof handover, exchange, NULL);
}

/* Does the system that this MBR leads to want to be the first drive? */
static bool disk_wants_first_drive(struct blk *blk, const uint8_t *sector)
{
    static uint8_t record[SECTOR_SIZE];
    const struct mbr *mbr = (const struct mbr *)sector;
    struct fail ignored;
    for (unsigned i = 0; i < 4; i++) {
        if (mbr->entry[i].active == MBR_ACTIVE)
            return !blk_read(blk, le32_get(mbr->entry[i].start_lba), 1, record, &ignored) &&
                   start_wants_first_drive(record);
    }
    return start_wants_first_drive(sector); /* a volume without a partition table */
}

static MUST_CHECK enum err start_disk(const struct config_entry *entry, struct stage2 *from,
                                      struct fail *f)
{
    static struct drive disk;
    uint8_t number = (uint8_t)start_bios_number(&entry->start, from->drive[0].number);
    enum err err = drive_init(&disk, number, f);
    uint8_t *record = err ? NULL : record_alloc(&from->arena, f);
    if (!record)
        return f->err;
    err = blk_read(&disk.blk, 0, 1, record, f);
    if (err)
        return err;
    const char *fault = boot_record_fault(record);
    if (fault)
        return fail(f, ERR_NO_SYSTEM, fault, 0);

    uint8_t exchange = exchange_of(number, disk_wants_first_drive(&disk.blk, record));
    struct leave l = leave_to_record(record, exchange ? FIRST_HARD_DISK : number);
    uint32_t pnp = pnp_find();
    if (pnp) { /* as the BIOS starts a disk */
        l.es = PNP_SEGMENT;
        l.edi = pnp - PNP_SEGMENT * 16;
    }
    leave(entry->title, &l, NULL, 0, exchange, NULL);
}

/* "disk 2", "partition 1", or the path. */
static enum err name_it(struct fail *f, const struct start *start)
{
    char name[32];
    struct text t;
    if (start->kind == START_FILE)
        return fail_subject(f, start->path);
    text_init(&t, name, sizeof name);
    text_str(&t, start->kind == START_DISK ? "disk " : "partition ");
    if (start->by_bios)
        text_hex(&t, start->number);
    else
        text_u64(&t, start->number);
    text_str(&t, start->by_bios ? "h" : "");
    return fail_subject(f, name);
}

enum err chainload_start(const struct config_entry *entry, struct stage2 *from, struct fail *f)
{
    enum err err = ERR_OK;
    if (entry->start.kind == START_NEXT) {
        console_line("starting ", entry->title);
        chainload_next();
    }
    if (entry->start.kind == START_DISK)
        err = start_disk(entry, from, f);
    else if (entry->start.kind == START_PARTITION)
        err = start_partition(entry, from, f);
    else
        err = start_file(entry, entry->start.path, NULL, from, f);
    return err ? name_it(f, &entry->start) : ERR_OK;
}

enum err chainload_native(const struct config_entry *entry, struct stage2 *from, struct fail *f)
{
    struct native *native = arena_alloc(&from->arena, sizeof *native);
    enum err err = native ? native_choose(native, entry, &from->volumes, &from->arena, f)
                          : fail(f, ERR_MEMORY, "no memory for Windows' boot store", 0);
    if (err)
        return err;
    console_text(entry->vhd);
    console_line(": chosen in " WINDOWS_STORE_PATH, native->count ? " in memory" : "");
    err = start_file(entry, NATIVE_LOADER_PATH,
                     native->count || entry->write == WRITE_NONE ? native : NULL, from, f);
    return err ? fail_subject(f, NATIVE_LOADER_PATH) : ERR_OK;
}

void chainload_next(void)
{
    struct leave l = {.esp = BOOT_ADDRESS, .interrupts = true, .ip = LEAVE_ADDRESS};
    console_settle();
    console_text_mode();
    leave_stage2(&l);
}
