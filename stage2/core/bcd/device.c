/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One level after the other: each is read from the bytes that the one before it has left for it. */
#include "core/bcd/device.h"
#include "core/base/bits.h"
#include "core/base/mem.h"
#include "core/bcd/format.h"

/* The bytes that are left for the next level, none: there is none. */
struct rest {
    struct view bytes;
    struct bcd_device *device;
};

static enum err damaged(struct fail *f, const char *sentence)
{
    return fail(f, ERR_HIVE, sentence, 0);
}

static struct view view_from(struct view v, size_t off)
{
    return off > v.size ? (struct view){0} : (struct view){v.data + off, v.size - off};
}

/* The path that starts the view, up to its NUL; without one, it is no path. */
static bool path_at(struct view v, struct hive_string *path)
{
    *path = (struct hive_string){v.data, 0};
    while (2 * (size_t)path->count + 2 <= v.size) {
        const uint8_t *unit = v.data + 2 * (size_t)path->count;
        if (!unit[0] && !unit[1])
            return true;
        path->count++;
    }
    return false;
}

static void identity_read(struct bcd_level *level, const struct bcd_identity *identity)
{
    le32 signature;
    memcpy(&signature, identity->id, sizeof signature);
    level->gpt = le32_get(identity->style) == BCD_STYLE_GPT;
    level->mbr = le32_get(identity->style) == BCD_STYLE_MBR;
    level->signature = le32_get(signature);
    memcpy(level->disk_id, identity->id, sizeof level->disk_id);
}

static enum err partition_read(struct bcd_level *level, struct view body, struct view *next,
                               struct fail *f)
{
    const struct bcd_partition *p = view_at(body, 0, sizeof *p);
    if (!p)
        return damaged(f, "a partition of the boot store is cut off");
    le64 offset;
    memcpy(&offset, p->place, sizeof offset);
    level->kind = BCD_PARTITION;
    identity_read(level, &p->disk);
    level->offset = le64_get(offset);
    memcpy(level->partition_id, p->place, sizeof level->partition_id);
    level->is_virtual = le32_get(p->disk.kind) == BCD_BLOCK_VIRTUAL;
    if (level->is_virtual)
        *next = view_from(body, sizeof *p);
    return ERR_OK;
}

static enum err locate_read(struct bcd_level *level, struct view body, struct view *next,
                            struct fail *f)
{
    const size_t header = sizeof(struct bcd_device_header);
    const struct bcd_locate *l = view_at(body, 0, sizeof *l);
    if (!l)
        return damaged(f, "a search of the boot store is cut off");
    size_t parent = le32_get(l->parent);
    level->kind = BCD_LOCATE;
    level->element = le32_get(l->how) == BCD_LOCATE_BY_PATH ? 0 : le32_get(l->element);
    if (!path_at(view_from(body, sizeof *l), &level->path))
        return damaged(f, "a path of the boot store has no end");
    if (!parent)
        return ERR_OK;
    if (parent < header + sizeof *l || parent - header > body.size)
        return damaged(f, "a device of the boot store lies outside the one that holds it");
    *next = view_from(body, parent - header);
    return ERR_OK;
}

/* A file and what it lies on: two levels, but the path stands behind both. */
static enum err file_read_level(struct bcd_level *level, struct view record, struct view *next,
                                struct fail *f)
{
    const struct bcd_file *file = view_at(record, 0, sizeof *file);
    const struct bcd_device_header *parent = view_at(record, sizeof *file, sizeof *parent);
    if (!file || !parent || le32_get(file->length) > record.size ||
        le32_get(file->length) < sizeof *file + sizeof *parent)
        return damaged(f, "a file of the boot store is cut off");
    record.size = le32_get(file->length);
    size_t size = le32_get(parent->size);
    if (size < sizeof *parent || size > record.size - sizeof *file)
        return damaged(f, "a device of the boot store lies outside the one that holds it");
    level->kind = BCD_FILE;
    if (!path_at(view_from(record, sizeof *file + size), &level->path))
        return damaged(f, "a path of the boot store has no end");
    *next = (struct view){record.data + sizeof *file, size};
    return ERR_OK;
}

static enum err block_read(struct bcd_level *level, struct view body, struct view *next,
                           struct fail *f)
{
    const le32 *kind = view_at(body, 0, sizeof *kind);
    if (!kind)
        return damaged(f, "a disk of the boot store is cut off");
    const struct bcd_identity *identity = view_at(body, 0, sizeof *identity);
    switch (le32_get(*kind)) {
    case BCD_BLOCK_FILE:
        return file_read_level(level, view_from(body, sizeof *kind), next, f);
    case BCD_BLOCK_VIRTUAL:
        level->kind = BCD_VIRTUAL;
        *next = view_from(body, sizeof *identity);
        break;
    case BCD_BLOCK_RAM:
        level->kind = BCD_RAM_DISK; /* its file stands where a block device's would */
        return ERR_OK;
    default:
        level->kind = BCD_DISK;
    }
    if (!identity)
        return damaged(f, "a disk of the boot store is cut off");
    identity_read(level, identity);
    return ERR_OK;
}

/* A RAM disk's file is not wrapped into a device of its own. */
static enum err ram_read(struct bcd_device *device, struct view body, struct view *next,
                         struct fail *f)
{
    const size_t skip = sizeof(le32) + sizeof(struct bcd_ram);
    if (device->count == BCD_LEVELS_MAX)
        return damaged(f, "a device of the boot store lies too deep");
    return file_read_level(&device->level[device->count++], view_from(body, skip), next, f);
}

enum err bcd_device_decode(struct bcd_device *device, struct view element, struct fail *f)
{
    *device = (struct bcd_device){0};
    const uint8_t *options = view_at(element, 0, BCD_OPTIONS_SIZE);
    if (!options)
        return damaged(f, "a device of the boot store is cut off");
    device->has_options = !bytes_are(options, BCD_OPTIONS_SIZE, 0);
    struct view rest = view_from(element, BCD_OPTIONS_SIZE);
    do { /* ends: every round takes a level */
        const struct bcd_device_header *header = view_at(rest, 0, sizeof *header);
        if (!header || device->count == BCD_LEVELS_MAX)
            return damaged(f, header ? "a device of the boot store lies too deep"
                                     : "a device of the boot store is cut off");
        size_t size = le32_get(header->size);
        if (size < sizeof *header || size > rest.size)
            return damaged(f, "a device of the boot store is longer than what holds it");
        struct view body = {rest.data + sizeof *header, size - sizeof *header};
        struct view next = {0};
        struct bcd_level *level = &device->level[device->count++];
        enum err err = ERR_OK;
        switch (le32_get(header->kind)) {
        case BCD_KIND_BLOCK:
            err = block_read(level, body, &next, f);
            if (!err && level->kind == BCD_RAM_DISK)
                err = ram_read(device, body, &next, f);
            break;
        case BCD_KIND_PARTITION:
            err = partition_read(level, body, &next, f);
            break;
        case BCD_KIND_LOCATE:
            err = locate_read(level, body, &next, f);
            break;
        default:
            level->kind = le32_get(header->kind) == BCD_KIND_BOOT ? BCD_BOOT : BCD_UNKNOWN;
        }
        if (err)
            return err;
        rest = next;
    } while (rest.size);
    return ERR_OK;
}

const struct bcd_level *bcd_device_image(const struct bcd_device *device)
{
    const struct bcd_level *level = device->level;
    unsigned left = device->count;
    if (left && level->kind == BCD_LOCATE) {
        level++;
        left--;
    }
    bool is_virtual =
        left && (level->kind == BCD_VIRTUAL || (level->kind == BCD_PARTITION && level->is_virtual));
    return is_virtual && left >= 3 && level[1].kind == BCD_FILE ? level + 1 : NULL;
}
