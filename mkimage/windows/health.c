/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader takes drivers along whose Start is 0, and those on demand (3) whose BootFlags meet the
 * wanted ones: what BootDriverFlags says, and for a VHD its own. StartOverride stands above Start.
 * All else is a table: which drivers a bus needs.
 */
#include "windows/health.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "core/ntfs/ntfs.h"
#include "windows/disk.h"
#include "windows/version.h"

#define USB_FLAGS      (BOOT_FLAG_USB | BOOT_FLAG_USB3)
#define START_BOOT     0u
#define START_DEMAND   3u
#define DRIVERS_FOLDER "\\Windows\\System32\\drivers"
#define CURRENT        "Microsoft\\Windows NT\\CurrentVersion"
#define WINDOWS_81     9600u

const char *const bus_key[BUS_COUNT] = {"usb2", "usb3", "ahci", "ide", "nvme", "hyperv"};
const char *const bus_name[BUS_COUNT] = {"USB 2", "USB 3", "AHCI", "IDE", "NVMe", "Hyper-V"};

/* Drivers that a bus needs, all of them; before Windows 8, and since. `either`: one of a pair. */
struct needed {
    const char *name, *either;
};
#define DRIVERS_MAX 4
static const struct needed needs_7[BUS_COUNT][DRIVERS_MAX] = {
    [BUS_USB2] = {{"usbehci", NULL}, {"usbhub", NULL}, {"USBSTOR", NULL}},
    [BUS_AHCI] = {{"msahci", "iaStorV"}},
    [BUS_IDE] = {{"atapi", NULL}, {"pciide", "intelide"}},
    [BUS_NVME] = {{"stornvme", NULL}},
    [BUS_HYPERV] = {{"atapi", NULL}, {"intelide", "pciide"}},
};
static const struct needed needs_8[BUS_COUNT][DRIVERS_MAX] = {
    [BUS_USB2] = {{"usbehci", NULL}, {"usbhub", NULL}, {"USBSTOR", NULL}},
    [BUS_USB3] = {{"USBXHCI", NULL}, {"Ucx01000", NULL}, {"USBHUB3", NULL}, {"USBSTOR", NULL}},
    [BUS_AHCI] = {{"storahci", NULL}},
    [BUS_IDE] = {{"atapi", NULL}, {"pciide", "intelide"}},
    [BUS_NVME] = {{"stornvme", NULL}},
    [BUS_HYPERV] = {{"atapi", NULL}, {"intelide", "pciide"}},
};
static const struct needed vhd_drivers[DRIVERS_MAX] = {{"vhdmp", NULL}, {"FsDepends", NULL}};

struct look {
    struct health *h;
    struct registry *system;
    struct target *t;
    uint32_t wanted; /* flags */
};

/* --- One driver */

static bool first_file(void *ctx, const struct ntfs_dirent *entry)
{
    *(bool *)ctx |= !entry->directory;
    return entry->directory;
}

/* Are there any drivers at all? A hive can be looked at without the rest of its Windows. */
static bool has_drivers(struct look *l)
{
    bool any = false;
    struct fail f;
    return !ntfs_list(&l->t->volume, DRIVERS_FOLDER, first_file, &any, &f) && any;
}

/* Its file, as a path of the volume; what cannot be told from the registry is not looked for. */
static bool file_missing(struct look *l, const char *key, const char *name)
{
    char image[200], path[256];
    if (!has_drivers(l))
        return false;
    if (!registry_text(l->system, key, "ImagePath", image, sizeof image))
        snprintf(image, sizeof image, "System32\\drivers\\%s.sys", name);
    const char *in = image;
    if (!strncasecmp(in, "\\SystemRoot\\", 12))
        in += 12;
    if (strncasecmp(in, "system32\\", 9))
        return false;
    snprintf(path, sizeof path, "\\Windows\\%s", in);
    return !disk_has(l->t, path);
}

/* Does the loader take it along? If not, says why. */
static bool loads(struct look *l, const char *name, char *why, size_t size)
{
    struct hive_key key;
    uint32_t start = UINT32_MAX, over = 0, flags = 0;
    const char *path = registry_path(l->system, "Services\\%s", name);
    if (!registry_key(l->system, path, &key)) {
        snprintf(why, size, "it has no driver %s", name);
        return false;
    }
    (void)registry_number(l->system, path, "Start", &start);
    (void)registry_number(l->system, path, "BootFlags", &flags);
    if (registry_number(l->system, registry_path(l->system, "Services\\%s\\StartOverride", name),
                        "0", &over) &&
        over != START_BOOT && !(over == START_DEMAND && flags & l->wanted)) {
        snprintf(why, size, "StartOverride keeps %s from loading at the start", name);
        return false;
    }
    bool ok = start == START_BOOT || (start == START_DEMAND && flags & l->wanted);
    if (!ok && flags & USB_FLAGS)
        snprintf(why, size, "BootDriverFlags does not let %s load at the start", name);
    else if (!ok)
        snprintf(why, size, "%s does not load at the start (Start = %u)", name, start);
    else if (file_missing(l, path, name)) {
        snprintf(why, size, "the file of %s is not there", name);
        ok = false;
    }
    return ok;
}

/* All of a list; `why` names those that load, or the first that does not. */
static bool all_load(struct look *l, const struct needed *list, char *why, size_t size)
{
    char names[160] = "", reason[160];
    unsigned count = 0;
    for (unsigned i = 0; i < DRIVERS_MAX && list[i].name; i++) {
        const char *name = list[i].name;
        if (!loads(l, name, reason, sizeof reason)) {
            char second[160];
            if (!list[i].either || !loads(l, list[i].either, second, sizeof second)) {
                snprintf(why, size, "%s", reason);
                return false;
            }
            name = list[i].either;
        }
        count++;
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    }
    snprintf(why, size, "%s load%s at the start", names, count == 1 ? "s" : "");
    return true;
}

/* --- Version */

/* Windows 7 does it in two editions and on servers. */
static bool native_edition(const struct health *h)
{
    return h->build >= VERSION_WINDOWS_8 || h->server ||
           !strncasecmp(h->edition, "Enterprise", 10) || !strncasecmp(h->edition, "Ultimate", 8);
}

static void look_at_version(struct health *h, struct registry *software, struct target *t)
{
    char build[16] = "", number[16] = "", type[32] = "";
    uint32_t major, minor = 0;
    if (software) {
        (void)registry_text(software, CURRENT, "ProductName", h->product, sizeof h->product);
        (void)registry_text(software, CURRENT, "EditionID", h->edition, sizeof h->edition);
        (void)registry_text(software, CURRENT, "InstallationType", type, sizeof type);
        if (!registry_text(software, CURRENT, "CurrentBuildNumber", build, sizeof build))
            (void)registry_text(software, CURRENT, "CurrentBuild", build, sizeof build);
        if (registry_number(software, CURRENT, "CurrentMajorVersionNumber", &major)) {
            (void)registry_number(software, CURRENT, "CurrentMinorVersionNumber", &minor);
            snprintf(number, sizeof number, "%u.%u", major % 1000, minor % 1000);
        } else {
            (void)registry_text(software, CURRENT, "CurrentVersion", number, sizeof number);
        }
    }
    for (const char *c = build; *c >= '0' && *c <= '9' && h->build < 100000; c++)
        h->build = h->build * 10 + (uint32_t)(*c - '0');
    if (!h->build)
        h->build = version_build(t);
    snprintf(h->version, sizeof h->version, "%s%s%u", number, *number ? "." : "", h->build);
    h->server = !strncasecmp(type, "Server", 6) || !strncasecmp(h->edition, "Server", 6);
}

static void look_at_native(struct look *l, bool image, bool vhdx)
{
    struct health *h = l->h;
    char why[160];
    h->native_vhd = false;
    if (!h->build)
        snprintf(h->native_why, sizeof h->native_why, "its version is not known");
    else if (h->build < VERSION_WINDOWS_7)
        snprintf(h->native_why, sizeof h->native_why,
                 "Windows learned to start out of a VHD with 7 and Server 2008 R2");
    else if (!native_edition(h))
        snprintf(h->native_why, sizeof h->native_why,
                 "of Windows 7 only Enterprise and Ultimate start out of a VHD, not %s",
                 *h->edition ? h->edition : "this edition");
    else if (image && vhdx && h->build < VERSION_WINDOWS_8)
        snprintf(h->native_why, sizeof h->native_why,
                 "Windows 7 knows no VHDX: convert the image to a VHD");
    else if (!all_load(l, vhd_drivers, why, sizeof why))
        snprintf(h->native_why, sizeof h->native_why, "%s, which a start out of a VHD takes", why);
    else
        h->native_vhd = true;
}

/* --- The rest */

/* HardwareConfig's keys say the same as BootDriverFlags, each for one machine (Windows 8 on). */
static void look_at_hardware(struct health *h, struct registry *system)
{
    struct hive_key all, one;
    struct hive_value value;
    struct fail f;
    uint64_t flags;
    if (!registry_key(system, "HardwareConfig", &all))
        return;
    for (uint32_t i = 0; i < all.subkeys; i++) {
        if (hive_subkey(&system->hive, &all, i, &one, &f) || !one.name.count ||
            !hive_name_matches((struct hive_name){one.name.data, 1, one.name.narrow}, "{", 1))
            continue;
        bool ok = !hive_value_find(&system->hive, &one, "BootDriverFlags", &value, &f) &&
                  hive_number(&value, &flags) && (flags & USB_FLAGS) == USB_FLAGS;
        h->hardware++;
        h->hardware_short += !ok;
    }
}

bool health_usb_flags(const struct health *h)
{
    return (h->flags & USB_FLAGS) == USB_FLAGS && !h->hardware_short;
}

static void look_at_values(struct health *h, struct registry *system)
{
    char pagefile[200] = "";
    h->poll_ms = 0;
    h->expand = 1;
    (void)registry_number(system, registry_path(system, "Control"), "BootDriverFlags", &h->flags);
    (void)registry_number(system, registry_path(system, "Control\\PnP"), "PollBootPartitionTimeout",
                          &h->poll_ms);
    (void)registry_number(system, registry_path(system, "Services\\FsDepends\\Parameters"),
                          "VirtualDiskExpandOnMount", &h->expand);
    (void)registry_text(system,
                        registry_path(system, "Control\\Session Manager\\Memory Management"),
                        "PagingFiles", pagefile, sizeof pagefile);
    h->has_pagefile = *pagefile;
    (void)registry_text(system, registry_path(system, "Control\\Session Manager\\Environment"),
                        "PROCESSOR_ARCHITECTURE", h->architecture, sizeof h->architecture);
    look_at_hardware(h, system);
}

static void look_at_bus(struct look *l, enum bus bus, bool image)
{
    const struct health *h = l->h;
    struct verdict *v = &l->h->bus[bus];
    bool old = h->build < VERSION_WINDOWS_8;
    const struct needed *list = old ? needs_7[bus] : needs_8[bus];
    bool needs_native = image && bus != BUS_HYPERV;
    if (needs_native && !h->native_vhd)
        snprintf(v->why, sizeof v->why, "%s", h->native_why);
    else if (!list[0].name)
        snprintf(v->why, sizeof v->why,
                 "Windows 7 brings no driver for it: the controller's maker has one");
    else if (bus == BUS_NVME && h->build < WINDOWS_81 &&
             !registry_key(l->system, registry_path(l->system, "Services\\stornvme"),
                           &(struct hive_key){0}))
        snprintf(v->why, sizeof v->why, "it has no driver stornvme, which came with Windows 8.1");
    else
        v->starts = all_load(l, list, v->why, sizeof v->why);
}

void health_look(struct health *h, struct registry *system, struct registry *software,
                 struct target *t, bool image, bool vhdx)
{
    *h = (struct health){0};
    look_at_version(h, software, t);
    look_at_values(h, system);
    struct look l = {h, system, t, h->flags | (image ? BOOT_FLAG_VHD : 0)};
    struct look vhd = {h, system, t, BOOT_FLAG_VHD};
    look_at_native(&vhd, image, vhdx);
    for (unsigned i = 0; i < BUS_COUNT; i++)
        look_at_bus(&l, (enum bus)i, image);
}
