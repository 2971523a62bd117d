/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Element by element, in the types that Windows stores them in: strings with their NUL, numbers in
 * 8 bytes, switches in one. Knows nothing of the file's form: tree.h does.
 */
#include "windows/bootstore.h"
#include <stdio.h>
#include <string.h>
#include "core/base/endian.h"
#include "core/bcd/format.h"
#include "host/random.h"
#include "windows/wide.h"

#define LOCALE    "en-US"
#define ORDER_MAX TREE_DATA_MAX /* bytes of a list of objects */

/* An object that elements are put into; its failures are kept, and asked for once. */
struct object {
    struct tree *tree;
    struct tree_key *elements;
    bool keep; /* it was there: nothing is put into it */
    bool failed;
};

static struct tree_key *objects(struct tree *t)
{
    return tree_make(t, t->root, "Objects");
}

/* Finds the object, or makes it of that type. */
static struct object object_make(struct tree *t, const char *id, uint32_t type)
{
    struct tree_key *key = tree_make(t, objects(t), id);
    struct tree_key *description = tree_make(t, key, "Description");
    struct object o = {.tree = t, .elements = tree_make(t, key, "Elements")};
    le32 number = le32_make(type);
    o.failed =
        !o.elements || (!tree_value(description, "Type") &&
                        !tree_set(t, description, "Type", HIVE_DWORD, &number, sizeof number));
    return o;
}

/* The same for one whose content is somebody's own where it exists. */
static struct object object_new(struct tree *t, const char *id, uint32_t type)
{
    bool there = tree_find(objects(t), id);
    struct object o = object_make(t, id, type);
    o.keep = there;
    return o;
}

static void put(struct object *o, uint32_t code, uint32_t type, const void *data, size_t size)
{
    char name[9];
    if (o->keep)
        return;
    snprintf(name, sizeof name, "%08x", code);
    struct tree_key *element = o->failed ? NULL : tree_make(o->tree, o->elements, name);
    o->failed = !element || !tree_set(o->tree, element, "Element", type, data, size);
}

static void put_text(struct object *o, uint32_t code, const char *text)
{
    struct wide wide;
    o->failed = o->failed || !wide_make(&wide, text);
    if (!o->failed)
        put(o, code, HIVE_SZ, wide.data, wide.size);
}

/* A list with one or two objects. */
static void put_list(struct object *o, uint32_t code, const char *first, const char *second)
{
    struct wide a, b = {0};
    o->failed = o->failed || !wide_make(&a, first) || (second && !wide_make(&b, second));
    if (o->failed)
        return;
    uint8_t list[4 * 2 * STORE_ID_SIZE] = {0};
    memcpy(list, a.data, a.size);
    memcpy(list + a.size, b.data, b.size);
    put(o, code, HIVE_MULTI_SZ, list, a.size + b.size + 2);
}

static void put_number(struct object *o, uint32_t code, uint64_t number)
{
    le64 value = le64_make(number);
    put(o, code, HIVE_BINARY, &value, sizeof value);
}

static void put_switch(struct object *o, uint32_t code, bool on)
{
    uint8_t value = on;
    put(o, code, HIVE_BINARY, &value, sizeof value);
}

static void put_device(struct object *o, uint32_t code, const struct element *e)
{
    put(o, code, HIVE_BINARY, e->data, e->size);
}

static void put_volume(struct object *o, uint32_t code, const struct bcd_level *partition)
{
    struct element e;
    if (partition)
        element_partition(&e, partition);
    else
        element_boot(&e);
    put_device(o, code, &e);
}

/* --- A new store */

static bool settings(struct tree *t, bool modern)
{
    struct object global = object_new(t, STORE_ID_GLOBAL, STORE_TYPE_SETTINGS);
    struct wide part[3];
    uint8_t list[3 * 2 * STORE_ID_SIZE + 2] = {0};
    size_t size = 0;
    static const char *const inherited[] = {STORE_ID_DEBUG_SETTINGS, STORE_ID_EMS_SETTINGS,
                                            STORE_ID_BAD_MEMORY_LIST};
    for (unsigned i = 0; i < 3; i++) {
        global.failed |= !wide_make(&part[i], inherited[i]);
        memcpy(list + size, part[i].data, part[i].size);
        size += part[i].size;
    }
    put(&global, STORE_INHERIT, HIVE_MULTI_SZ, list, size + 2);
    struct object loaders = object_new(t, STORE_ID_LOADERS, STORE_TYPE_OF_LOADER);
    put_list(&loaders, STORE_INHERIT, STORE_ID_GLOBAL, STORE_ID_HYPERVISOR);
    struct object resumes = object_new(t, STORE_ID_RESUMES, STORE_TYPE_OF_RESUME);
    put_list(&resumes, STORE_INHERIT, STORE_ID_GLOBAL, NULL);
    struct object debug = object_new(t, STORE_ID_DEBUG_SETTINGS, STORE_TYPE_SETTINGS);
    put_number(&debug, STORE_DEBUGGER_TYPE, modern ? 4 : 0);
    struct object ems = object_new(t, STORE_ID_EMS_SETTINGS, STORE_TYPE_SETTINGS);
    put_switch(&ems, STORE_EMS, false);
    struct object bad = object_new(t, STORE_ID_BAD_MEMORY_LIST, STORE_TYPE_SETTINGS);
    struct object hypervisor = object_new(t, STORE_ID_HYPERVISOR, STORE_TYPE_OF_LOADER);
    put_number(&hypervisor, STORE_HYPERVISOR_TYPE, 0);
    put_number(&hypervisor, STORE_HYPERVISOR_PORT, 1);
    put_number(&hypervisor, STORE_HYPERVISOR_BAUD, 115200);
    return !(global.failed || loaders.failed || resumes.failed || debug.failed || ems.failed ||
             bad.failed || hypervisor.failed);
}

static struct object bootmgr(struct tree *t, const struct bcd_level *partition)
{
    struct object o = object_new(t, BCD_MANAGER, STORE_TYPE_BOOTMGR);
    put_volume(&o, STORE_DEVICE, partition);
    put_text(&o, STORE_TITLE, "Windows Boot Manager");
    put_text(&o, STORE_LOCALE, LOCALE);
    put_list(&o, STORE_INHERIT, STORE_ID_GLOBAL, NULL);
    put_number(&o, STORE_TIMEOUT, BOOTSTORE_TIMEOUT);
    o.keep = false;
    return o;
}

static bool memory_test(struct tree *t, const struct bcd_level *partition)
{
    struct object o = object_make(t, STORE_ID_MEMDIAG, STORE_TYPE_MEMTEST);
    put_volume(&o, STORE_DEVICE, partition);
    put_text(&o, STORE_PATH, "\\boot\\memtest.exe");
    put_text(&o, STORE_TITLE, "Windows Memory Diagnostic");
    put_text(&o, STORE_LOCALE, LOCALE);
    put_list(&o, STORE_INHERIT, STORE_ID_GLOBAL, NULL);
    put_switch(&o, STORE_BAD_MEMORY, true);
    return !o.failed;
}

enum status bootstore_new(struct tree *t, struct arena *arena, const struct bcd_level *partition,
                          bool modern)
{
    struct wide name;
    le32 one = le32_make(1);
    if (!tree_new(t, arena, "NewStoreRoot") || !wide_make(&name, "BCD00000000"))
        return say_no_memory();
    struct tree_key *description = tree_make(t, t->root, "Description");
    bool ok = tree_set(t, description, "KeyName", HIVE_SZ, name.data, name.size) &&
              tree_set(t, description, "System", HIVE_DWORD, &one, sizeof one) &&
              tree_set(t, description, "TreatAsSystem", HIVE_DWORD, &one, sizeof one);
    struct object manager = bootmgr(t, partition);
    put_list(&manager, STORE_TOOLS, STORE_ID_MEMDIAG, NULL);
    ok = ok && !manager.failed && memory_test(t, partition) && settings(t, modern);
    return ok ? STATUS_OK : say_no_memory();
}

/* --- Entries */

enum status bootstore_check(const struct tree *t, const char *name)
{
    if (tree_find(t->root, "Objects"))
        return STATUS_OK;
    return say_error("Rename it; a new one is made then.",
                     "%s: is a registry hive, but no boot store", name);
}

static const struct tree_value *element_of(const struct tree_key *object, uint32_t code)
{
    char name[9];
    snprintf(name, sizeof name, "%08x", code);
    return tree_value(tree_find(tree_find(object, "Elements"), name), "Element");
}

static bool is_loader(const struct tree_key *object)
{
    const struct tree_value *type = tree_value(tree_find(object, "Description"), "Type");
    return type && type->size >= 4 && le32_get(*(const le32 *)type->data) == BCD_TYPE_LOADER;
}

/* The entry that starts Windows from this very volume. */
static const struct tree_key *volume_entry(struct tree *t, const struct bcd_level *partition)
{
    struct element wanted;
    if (partition)
        element_partition(&wanted, partition);
    else
        element_boot(&wanted);
    for (const struct tree_key *o = objects(t) ? objects(t)->children : NULL; o; o = o->next) {
        const struct tree_value *device = is_loader(o) ? element_of(o, STORE_OSDEVICE) : NULL;
        if (device && device->size == wanted.size &&
            !memcmp(device->data, wanted.data, wanted.size))
            return o;
    }
    return NULL;
}

/* The string of the list of objects that begins at byte *at; NULL: there are no more. Ends: *at
 * grows. */
static const uint8_t *list_next(const struct tree_value *list, size_t *at, size_t *count)
{
    if (!list || list->type != HIVE_MULTI_SZ || *at + 2 > list->size)
        return NULL;
    const uint8_t *string = list->data + *at;
    size_t units = 0;
    while (*at + 2 * units + 2 <= list->size && (string[2 * units] || string[2 * units + 1]))
        units++;
    *at += 2 * units + 2;
    *count = units;
    return units ? string : NULL;
}

static const struct tree_value *manager_element(const struct tree *t, uint32_t code)
{
    return element_of(tree_find(tree_find(t->root, "Objects"), BCD_MANAGER), code);
}

bool bootstore_shows(const struct tree *t, const char *id)
{
    const struct tree_value *order = manager_element(t, STORE_ORDER);
    size_t at = 0, count;
    const uint8_t *string;
    while ((string = list_next(order, &at, &count))) { /* ends: as list_next says */
        if (hive_string_is((struct hive_string){string, (uint32_t)count}, id))
            return true;
    }
    return false;
}

bool bootstore_next(const struct tree *t, const struct tree_key **at, struct bcd_entry *entry)
{
    const struct tree_key *all = tree_find(t->root, "Objects");
    const struct tree_key *o = *at ? (*at)->next : all ? all->children : NULL;
    for (; o; o = o->next) {
        const struct tree_value *device = is_loader(o) ? element_of(o, STORE_OSDEVICE) : NULL;
        struct fail ignored;
        if (!device ||
            bcd_device_decode(&entry->device, (struct view){device->data, device->size}, &ignored))
            continue;
        entry->image = bcd_device_image(&entry->device);
        entry->title = (struct hive_string){0};
        tree_name_text(&o->name, entry->id, sizeof entry->id);
        *at = o;
        if (entry->image)
            return true;
    }
    return false;
}

static enum status id_make(char *text)
{
    uint8_t b[16];
    enum status status = random_fill(b, sizeof b);
    if (status)
        return status;
    b[6] = (b[6] & 0x0f) | 0x40; /* of random numbers */
    b[8] = (b[8] & 0x3f) | 0x80;
    snprintf(text, STORE_ID_SIZE,
             "{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return STATUS_OK;
}

static void put_disk(struct object *o, const struct bootstore_entry *entry, uint32_t device,
                     uint32_t path)
{
    struct element e;
    if (!entry->vhd)
        put_volume(o, device, entry->partition);
    else if (element_vhd(&e, entry->partition, entry->vhd, path))
        put_device(o, device, &e);
    else
        o->failed = true;
}

static bool put_loader(struct tree *t, const struct bootstore_entry *entry)
{
    static const uint8_t in_memory[] = {0x75, 0, 0, 0x15, 0, 0, 0, 0};
    struct object o = object_make(t, entry->id, BCD_TYPE_LOADER);
    put_disk(&o, entry, STORE_DEVICE, STORE_PATH);
    put_text(&o, STORE_PATH, "\\Windows\\system32\\winload.exe");
    put_text(&o, STORE_TITLE, entry->title);
    put_text(&o, STORE_LOCALE, LOCALE);
    put_list(&o, STORE_INHERIT, STORE_ID_LOADERS, NULL);
    if (entry->modern)
        put(&o, STORE_SETTINGS_IN_MEM, HIVE_BINARY, in_memory, sizeof in_memory);
    put_disk(&o, entry, STORE_OSDEVICE, STORE_SYSTEM_ROOT);
    put_text(&o, STORE_SYSTEM_ROOT, "\\Windows");
    put_number(&o, STORE_NX, 0);
    if (entry->modern)
        put_number(&o, STORE_MENU_POLICY,
                   0); /* the text menu: the other one starts Windows for it */
    if (entry->vhd)
        put_switch(&o, STORE_DETECT_HAL, true);
    return !o.failed;
}

/* Puts the entry at the end of the boot manager's order. */
static bool put_order(struct tree *t, const struct bootstore_entry *entry)
{
    struct object manager = bootmgr(t, NULL);
    const struct tree_value *old = manager_element(t, STORE_ORDER);
    uint8_t list[ORDER_MAX];
    struct wide id;
    size_t size = old && old->type == HIVE_MULTI_SZ ? old->size & ~(size_t)1 : 0;
    if (!wide_make(&id, entry->id) || size + id.size + 4 > sizeof list)
        return false;
    if (size)
        memcpy(list, old->data, size);
    while (size >= 2 && !list[size - 1] && !list[size - 2])
        size -= 2; /* the NULs at the end, however many there are */
    if (size) {
        memset(list + size, 0, 2);
        size += 2;
    }
    memcpy(list + size, id.data, id.size);
    size += id.size;
    memset(list + size, 0, 2);
    put(&manager, STORE_ORDER, HIVE_MULTI_SZ, list, size + 2);
    return !manager.failed;
}

enum status bootstore_settle(struct tree *t, bool *changed)
{
    const struct tree_value *order = manager_element(t, STORE_ORDER);
    const struct tree_value *standard = manager_element(t, STORE_DEFAULT);
    uint8_t text[2 * STORE_ID_SIZE] = {0};
    size_t at = 0, count = 0;
    const uint8_t *first = list_next(order, &at, &count);
    *changed = !standard && first && 2 * count + 2 <= sizeof text;
    if (!*changed)
        return STATUS_OK;
    memcpy(text, first, 2 * count);
    struct object manager = bootmgr(t, NULL);
    put(&manager, STORE_DEFAULT, HIVE_SZ, text, 2 * count + 2);
    return manager.failed ? say_no_memory() : STATUS_OK;
}

/* An entry that the store has: it need only be shown. */
static enum status entry_show(struct tree *t, const struct bootstore_entry *entry, bool *there)
{
    *there = bootstore_shows(t, entry->id);
    return *there || put_order(t, entry) ? STATUS_OK : say_no_memory();
}

enum status bootstore_add(struct tree *t, struct bootstore_entry *entry, bool *there)
{
    const struct tree_key *old = entry->vhd ? NULL : volume_entry(t, entry->partition);
    *there = false;
    if (old)
        tree_name_text(&old->name, entry->id, sizeof entry->id);
    if (*entry->id)
        return entry_show(t, entry, there);
    enum status status = id_make(entry->id);
    if (status)
        return status;
    struct wide path;
    if (entry->vhd && (!wide_make(&path, entry->vhd) || path.size > 2 * (ELEMENT_PATH_MAX + 1)))
        return say_error("Move it to a folder nearer to the root.",
                         "%s: the path is longer than %u characters, which a boot store takes",
                         entry->vhd, ELEMENT_PATH_MAX);
    return put_loader(t, entry) && put_order(t, entry) && settings(t, entry->modern)
               ? STATUS_OK
               : say_no_memory();
}
