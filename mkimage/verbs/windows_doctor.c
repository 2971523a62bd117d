/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage windows doctor: what there is, is read; what it means for a start, is told. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/bytes.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/entry/windows.h"
#include "core/ntfs/ntfs.h"
#include "verbs/verbs.h"
#include "windows/bootstore.h"
#include "windows/disk.h"
#include "windows/health.h"
#include "windows/leads.h"
#include "windows/registry.h"
#include "windows/space.h"
#include "windows/storefile.h"

#define SOFTWARE     REGISTRY_FOLDER "SOFTWARE"
#define STORE        WINDOWS_STORE_PATH
#define FINDINGS_MAX 32
#define POLL_ENOUGH  15000u

struct doctor {
    const struct options *options;
    struct disk disk;
    struct registry system, software;
    bool has_software;
    struct health health;
    char *finding[FINDINGS_MAX];
    unsigned findings;
};

static void __attribute__((format(printf, 2, 3))) find(struct doctor *d, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (d->findings < FINDINGS_MAX && vasprintf(&d->finding[d->findings], format, arguments) >= 0)
        d->findings++;
    va_end(arguments);
}

/* --- What there is to say */

static void look_at_hives(struct doctor *d)
{
    const struct registry *r = &d->system;
    if (r->file.stale)
        find(d, "%s is not up to date, and %s: it was read as it is", REGISTRY_SYSTEM,
             r->file.stale);
    else if (r->file.was_dirty)
        find(d, "%u change%s of %s wait in its logs, and were read from there", r->file.entries,
             r->file.entries == 1 ? "" : "s", REGISTRY_SYSTEM);
    else if (r->hive.refused)
        find(d, "%s: %s, so that Windows may refuse it", REGISTRY_SYSTEM, r->hive.refused);
    if (!d->has_software)
        find(d, "%s cannot be read: the edition is not known", SOFTWARE);
}

static void look_at_usb(struct doctor *d)
{
    const struct health *h = &d->health;
    if (!health_usb_flags(h))
        find(d,
             "BootDriverFlags is %Xh, and %u of %u keys of HardwareConfig lack flags for USB: "
             "drivers for USB load at the start with 14h in each",
             h->flags, h->hardware_short, h->hardware);
    if (h->poll_ms < POLL_ENOUGH)
        find(d, "PollBootPartitionTimeout is %u ms: a USB drive may take 30000", h->poll_ms);
}

static void look_at_volume(struct doctor *d)
{
    const struct ntfs *volume = &d->disk.inside.volume;
    if (volume->hibernated)
        find(d, "Windows is hibernated on it, or shut down by fast startup: shutdown /s /f /t 0");
    if (volume->dirty || volume->log_unclean)
        find(d, "its volume was not unmounted cleanly: chkdsk runs at the next start");
    if (d->health.has_pagefile && d->disk.serve)
        find(d, "it has a paging file: out of a VHD, that goes onto a volume of the real drive");
}

/* A dynamic disk is blown up to its full size when it is started natively. */
static void look_at_space(struct doctor *d)
{
    struct space space;
    if (!d->disk.serve || d->health.expand == 4 || !space_look(&space, d->options, &d->disk) ||
        !space.needed)
        return;
    if (!space.free_known)
        find(d, "started natively it expands to its full size, %s more on the volume it lies on",
             bytes_text(space.needed));
    else
        find(d,
             "started natively it expands to its full size: needs %s free on the volume, has %s%s",
             bytes_text(space.needed), bytes_text(space.free),
             space.free < space.needed ? ", too little (stop 136h)" : "");
}

static void look_inside(struct doctor *d)
{
    struct target *t = &d->disk.inside;
    const struct part *active = NULL;
    for (unsigned i = 0; i < t->table.count; i++)
        active = t->table.part[i].active ? &t->table.part[i] : active;
    if (t->table.scheme == PART_GPT)
        find(d, "it is a GPT disk: as a machine's own disk it starts by UEFI only");
    else if (!active)
        find(d,
             "no partition is active: as a machine's own disk (Hyper-V Generation 1) it does not "
             "start");
    else if (active->start_lba == t->part->start_lba &&
             (!disk_has(t, "\\bootmgr") || !disk_has(t, STORE)))
        find(d,
             "its active partition has no \\bootmgr with \\Boot\\BCD: as a machine's own disk it "
             "does not start (mkimage windows boot --inside)");
}

/* What a store says of the file, which lies on one of its target's volumes. */
static void look_in_store(struct doctor *d, struct target *t)
{
    struct storefile store;
    struct file file;
    struct fail f;
    unsigned volume;
    char id[STORE_ID_SIZE];
    bool elsewhere;
    if (volumes_find(&t->volumes, &f) || volumes_open(&t->volumes, d->disk.vhd, &file, &volume, &f))
        return;
    struct ntfs_identity image = ntfs_identify(&file);
    if (storefile_open(&store, t, &t->arena)) {
        find(d, "%s of the disk it lies on cannot be read", STORE);
        return;
    }
    if (store.file.was_dirty)
        find(
            d,
            "%s of the disk it lies on is not up to date: a change waits in its log (start Windows "
            "once, or mkimage windows boot)",
            STORE);
    if (!leads_find(&store.tree, t, &image, id, &elsewhere))
        find(d, "%s of the disk it lies on has no entry for it (mkimage windows boot)", STORE);
    else if (elsewhere)
        find(d,
             "%s of the disk it lies on has entry %s with its path, but for a disk that is not "
             "there (mkimage windows boot)",
             STORE, id);
    else if (!bootstore_shows(&store.tree, id))
        find(d,
             "%s of the disk it lies on has entry %s for it, which is not in its menu (mkimage "
             "windows boot)",
             STORE, id);
    else
        find(d, "%s of the disk it lies on has entry %s for it", STORE, id);
    storefile_close(&store);
}

/* The store of the disk that the image lies on. */
static void look_at_store(struct doctor *d)
{
    struct target t;
    if (!d->disk.vhd || target_open(&t, d->options->argument[0], d->options->partition))
        return;
    if (!disk_has(&t, STORE))
        find(d, "the disk it lies on has no %s: no native start (mkimage windows boot)", STORE);
    else
        look_in_store(d, &t);
    target_close(&t);
}

/* --- Telling */

/* By USB where it lies on a disk with a menu, which a stick is; else by any bus. */
static bool starts(const struct doctor *d)
{
    const struct verdict *bus = d->health.bus;
    bool any = false;
    for (unsigned i = 0; i < BUS_COUNT; i++)
        any |= bus[i].starts;
    return d->disk.vhd ? bus[BUS_USB2].starts || bus[BUS_USB3].starts : any;
}

static void print_json(const struct doctor *d)
{
    const struct health *h = &d->health;
    json_object(NULL);
    json_string("version", h->version);
    json_string("product", h->product);
    json_string("edition", h->edition);
    json_string("architecture", h->architecture);
    json_bool("native_vhd_boot", h->native_vhd);
    json_object("buses");
    for (unsigned i = 0; i < BUS_COUNT; i++) {
        json_object(bus_key[i]);
        json_bool("starts", h->bus[i].starts);
        json_string("why", h->bus[i].why);
        json_end();
    }
    json_end();
    json_array("findings");
    for (unsigned i = 0; i < d->findings; i++)
        json_string(NULL, d->finding[i]);
    json_end();
    json_bool("starts", starts(d));
    json_end();
}

static void print_text(const struct doctor *d)
{
    const struct health *h = &d->health;
    say_out("%s: %s, %s, version %s, %s", d->disk.name, *h->product ? h->product : "Windows",
            *h->edition ? h->edition : "edition not known", h->version,
            *h->architecture ? h->architecture : "architecture not known");
    if (h->native_vhd)
        say_out("ok   native  starts natively out of a VHD");
    else
        say_out("no   native  %s", h->native_why);
    for (unsigned i = 0; i < BUS_COUNT; i++)
        say_out("%s   %-7s %s", h->bus[i].starts ? "ok" : "no", bus_name[i], h->bus[i].why);
    for (unsigned i = 0; i < d->findings; i++)
        say_out("     %s", d->finding[i]);
}

static enum status look(struct doctor *d)
{
    enum status status = disk_find_windows(&d->disk);
    if (!status && !d->disk.windows)
        status = disk_no_windows(&d->disk);
    if (!status)
        status = registry_open(&d->system, &d->disk.inside, REGISTRY_SYSTEM);
    if (!status)
        status = registry_find_set(&d->system, REGISTRY_SYSTEM);
    if (status)
        return status;
    d->has_software = disk_has(&d->disk.inside, SOFTWARE) &&
                      !registry_open(&d->software, &d->disk.inside, SOFTWARE);
    struct space space;
    bool image = d->disk.serve;
    bool vhdx = image && space_look(&space, d->options, &d->disk) && space.vhdx;
    health_look(&d->health, &d->system, d->has_software ? &d->software : NULL, &d->disk.inside,
                image, vhdx);
    look_at_hives(d);
    look_at_usb(d);
    look_at_space(d);
    look_at_volume(d);
    look_inside(d);
    look_at_store(d);
    return STATUS_OK;
}

enum status verb_windows_doctor(const struct options *options)
{
    static struct doctor d;
    d = (struct doctor){.options = options};
    struct disk_where where = {
        .file = options->argument[0], .entry = options->entry, .partition = options->partition};
    enum status status = disk_open(&d.disk, &where);
    if (status)
        return status;
    status = look(&d);
    if (!status && options->json)
        print_json(&d);
    else if (!status)
        print_text(&d);
    if (!status && !starts(&d))
        status = say_error("mkimage windows tune sets what can be set.",
                           "%s: this Windows would not start from here", d.disk.name);
    for (unsigned i = 0; i < d.findings; i++)
        free(d.finding[i]);
    registry_close(&d.system);
    registry_close(&d.software);
    return disk_close(&d.disk, status);
}
