/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each rule looks at what is there, and never invents a driver that is not. */
#include "windows/tuning.h"
#include <stdio.h>
#include <string.h>
#include "core/base/text.h"
#include "windows/health.h"

#define USB_FLAGS   (BOOT_FLAG_USB | BOOT_FLAG_USB3)
#define POLL_MS     30000u
#define NO_EXPAND   4u
#define KEEP_OFF    4u /* the machine's own disks stay offline */
#define MEMORY_KEY  "Control\\Session Manager\\Memory Management"
#define CONTROL_KEY "Control"

struct tuning_change *tuning_add(struct tuning *t, enum tuning_kind kind, const char *key,
                                 const char *value)
{
    if (t->count == TUNING_MAX)
        return NULL;
    struct tuning_change *c = &t->change[t->count++];
    *c = (struct tuning_change){.kind = kind};
    snprintf(c->key, sizeof c->key, "%s", key);
    snprintf(c->value, sizeof c->value, "%s", value ? value : "");
    return c;
}

/* The number shall be `wanted`, or have those bits, or be as large. */
enum how { EXACTLY, BITS, LEAST };

static void number(struct tuning *t, struct registry *r, const char *key, const char *value,
                   uint32_t wanted, enum how how)
{
    uint32_t now = 0;
    bool had = registry_number(r, key, value, &now);
    bool ok = how == EXACTLY ? now == wanted
              : how == BITS  ? (now & wanted) == wanted
                             : now >= wanted;
    struct tuning_change *c = had && ok ? NULL : tuning_add(t, TUNING_NUMBER, key, value);
    if (!c)
        return;
    c->had = had;
    c->was = now;
    c->number = how == BITS ? now | wanted : wanted;
}

static bool has_key(struct registry *r, const char *key)
{
    struct hive_key found;
    return registry_key(r, key, &found);
}

static void hardware(struct tuning *t, struct registry *r)
{
    struct hive_key all, one;
    struct fail f;
    if (!registry_key(r, "HardwareConfig", &all))
        return;
    for (uint32_t i = 0; i < all.subkeys; i++) {
        char key[128] = "HardwareConfig\\";
        struct text text;
        if (hive_subkey(&r->hive, &all, i, &one, &f) || !one.name.narrow || one.name.count > 64)
            continue;
        text_init(&text, key + strlen(key), sizeof key - strlen(key));
        hive_name_text(&text, one.name);
        if (strchr(key, '{'))
            number(t, r, key, "BootDriverFlags", USB_FLAGS, BITS);
    }
}

static void paging(struct tuning *t, struct registry *r)
{
    char first[8] = "";
    const char *key = registry_path(r, MEMORY_KEY);
    struct hive_key found;
    struct hive_value value;
    struct fail f;
    if (registry_text(r, key, "PagingFiles", first, sizeof first) && *first)
        (void)tuning_add(t, TUNING_NO_LIST, key, "PagingFiles");
    if (registry_key(r, key, &found) &&
        !hive_value_find(&r->hive, &found, "ExistingPageFiles", &value, &f))
        (void)tuning_add(t, TUNING_NO_VALUE, key, "ExistingPageFiles");
}

/* Controllers that the machine of the installation lacked are ready all the same. */
static void controllers(struct tuning *t, struct registry *r)
{
    static const char *const names[] = {"storahci", "msahci",   "atapi",  "intelide",
                                        "pciide",   "stornvme", "iaStorV"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *key = registry_path(r, "Services\\%s", names[i]);
        if (!has_key(r, key))
            continue;
        number(t, r, key, "Start", 0, EXACTLY);
        const char *over = registry_path(r, "Services\\%s\\StartOverride", names[i]);
        if (has_key(r, over))
            (void)tuning_add(t, TUNING_NO_KEY, over, NULL);
    }
}

static void usb(struct tuning *t, struct registry *r)
{
    static const char *const two[] = {"usbehci", "usbhub", "USBSTOR", "usbccgp"};
    static const char *const three[] = {"USBXHCI", "USBHUB3", "Ucx01000"};
    bool modern = has_key(r, "HardwareConfig") || has_key(r, registry_path(r, "Services\\USBXHCI"));
    uint32_t now;
    for (unsigned i = 0; i < sizeof two / sizeof two[0]; i++) {
        const char *key = registry_path(r, "Services\\%s", two[i]);
        if (has_key(r, key) && !(registry_number(r, key, "BootFlags", &now) && now & USB_FLAGS))
            number(t, r, key, "BootFlags", modern ? USB_FLAGS : BOOT_FLAG_USB, BITS);
    }
    for (unsigned i = 0; i < sizeof three / sizeof three[0]; i++) {
        const char *key = registry_path(r, "Services\\%s", three[i]);
        if (has_key(r, key) && !(registry_number(r, key, "BootFlags", &now) && now & USB_FLAGS))
            number(t, r, key, "BootFlags", BOOT_FLAG_USB3, BITS);
    }
}

void tuning_plan(struct tuning *t, struct registry *system, const struct tuning_wish *wish)
{
    *t = (struct tuning){0};
    struct registry *r = system;
    number(t, r, registry_path(r, CONTROL_KEY), "BootDriverFlags", USB_FLAGS, BITS);
    hardware(t, r);
    number(t, r, registry_path(r, "Control\\PnP"), "PollBootPartitionTimeout", POLL_MS, LEAST);
    if (has_key(r, registry_path(r, "Services\\FsDepends")))
        number(t, r, registry_path(r, "Services\\FsDepends\\Parameters"),
               "VirtualDiskExpandOnMount", NO_EXPAND, EXACTLY);
    paging(t, r);
    controllers(t, r);
    usb(t, r);
    if (wish->san_policy)
        number(t, r, registry_path(r, "Services\\partmgr\\Parameters"), "SanPolicy", KEEP_OFF,
               EXACTLY);
    if (wish->portable)
        number(t, r, registry_path(r, CONTROL_KEY), "PortableOperatingSystem", 1, EXACTLY);
}

void tuning_tell(const struct tuning *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        const struct tuning_change *c = &t->change[i];
        char was[32] = "was not there";
        if (c->had)
            snprintf(was, sizeof was, "was %Xh", c->was);
        switch (c->kind) {
        case TUNING_NUMBER:
            say_out("%s\\%s = %Xh (%s)", c->key, c->value, c->number, was);
            break;
        case TUNING_NO_LIST:
            say_out("%s\\%s = nothing", c->key, c->value);
            break;
        case TUNING_NO_VALUE:
            say_out("%s\\%s: removed", c->key, c->value);
            break;
        case TUNING_NO_KEY:
            say_out("%s: removed", c->key);
            break;
        case TUNING_DATA:
            say_out("%s\\%s: as it was", c->key, c->value);
            break;
        }
    }
}
