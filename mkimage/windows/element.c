/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device is a header (kind, flags, size from the header on, 0) and a body; one inside another
 * counts in both sizes. The structs give the layouts, and every size comes from where the parts
 * begin and end.
 */
#include "windows/element.h"
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "windows/wide.h"

enum { DEVICE_BLOCK = 0, DEVICE_BOOT = 5, DEVICE_PARTITION = 6, DEVICE_LOCATE = 8 };
enum { BLOCK_DISK = 0, BLOCK_FILE = 5, BLOCK_VIRTUAL_DISK = 6 };
enum { TABLE_MBR = 1 };
enum { LOCATE_BY_ELEMENT = 0, LOCATE_BY_PATH = 1 };
#define FILE_VERSION   1u
#define FILE_PATH_KIND 5u

struct device_head {
    le32 kind, flags;
    le32 size; /* 0x08: from `kind` on */
    le32 zero;
};

struct block_identity {
    le32 kind, table;
    le32 signature; /* 0x08: an MBR's */
    uint8_t rest[12];
};
static_assert(sizeof(struct block_identity) == 24);

struct partition_body {
    le64 offset; /* 0x10: bytes */
    uint8_t rest[8];
    struct block_identity disk; /* 0x20 */
    uint8_t zeros[16];
};
static_assert(sizeof(struct device_head) + sizeof(struct partition_body) == 0x48);

struct locate_body {
    le32 how, element;
    le32 parent; /* 0x18: where it begins, from the device on; 0: none */
};

struct virtual_body {
    struct block_identity disk; /* none but its kind: any partition inside */
};

struct file_body {
    le32 kind;
    le32 version; /* 0x14 */
    le32 length;  /* 0x18: from `version` on */
    le32 path_kind;
};

#define ELEMENT_OPTIONS 16u /* zeros: no object with options for the device */

static void *append(struct element *e, const void *data, size_t size)
{
    void *at = e->data + e->size;
    memcpy(at, data, size);
    e->size += size;
    return at;
}

static struct device_head *head(struct element *e, uint32_t kind)
{
    struct device_head h = {.kind = le32_make(kind)};
    return append(e, &h, sizeof h);
}

/* The device ends here. */
static void head_close(struct element *e, struct device_head *h)
{
    h->size = le32_make((uint32_t)(e->data + e->size - (uint8_t *)h));
}

static void begin(struct element *e)
{
    memset(e, 0, sizeof *e);
    e->size = ELEMENT_OPTIONS;
}

void element_boot(struct element *e)
{
    begin(e);
    struct device_head *h = head(e, DEVICE_BOOT);
    e->size += sizeof(struct partition_body); /* zeros: as long as a partition */
    head_close(e, h);
}

static void put_partition(struct element *e, const struct element_partition *partition)
{
    struct device_head *h = head(e, DEVICE_PARTITION);
    struct partition_body body = {.offset = le64_make(partition->offset),
                                  .disk = {.kind = le32_make(BLOCK_DISK),
                                           .table = le32_make(TABLE_MBR),
                                           .signature = le32_make(partition->disk_signature)}};
    append(e, &body, sizeof body);
    head_close(e, h);
}

void element_mbr_partition(struct element *e, const struct element_partition *partition)
{
    begin(e);
    put_partition(e, partition);
}

static void put_path(struct element *e, const struct wide *path)
{
    append(e, path->data, path->size);
}

static void put_locate_path(struct element *e, const struct wide *path)
{
    struct device_head *h = head(e, DEVICE_LOCATE);
    struct locate_body body = {.how = le32_make(LOCATE_BY_PATH)};
    append(e, &body, sizeof body);
    put_path(e, path);
    head_close(e, h);
}

bool element_vhd(struct element *e, const struct element_partition *partition, const char *path,
                 uint32_t code)
{
    struct wide wide;
    begin(e);
    if (!wide_make(&wide, path) || wide.size > 2 * (ELEMENT_PATH_MAX + 1))
        return false;
    struct device_head *outer = head(e, DEVICE_LOCATE);
    struct locate_body locate = {.how = le32_make(LOCATE_BY_ELEMENT), .element = le32_make(code)};
    struct locate_body *body = append(e, &locate, sizeof locate);
    e->size += 2; /* an empty path's NUL */
    body->parent = le32_make((uint32_t)(e->data + e->size - (uint8_t *)outer));

    struct device_head *disk = head(e, DEVICE_BLOCK);
    struct virtual_body virtual = {.disk.kind = le32_make(BLOCK_VIRTUAL_DISK)};
    append(e, &virtual, sizeof virtual);
    struct device_head *file = head(e, DEVICE_BLOCK);
    struct file_body of_file = {.kind = le32_make(BLOCK_FILE),
                                .version = le32_make(FILE_VERSION),
                                .path_kind = le32_make(FILE_PATH_KIND)};
    struct file_body *file_body = append(e, &of_file, sizeof of_file);
    if (partition)
        put_partition(e, partition);
    else
        put_locate_path(e, &wide);
    put_path(e, &wide);
    file_body->length = le32_make((uint32_t)(e->data + e->size - (uint8_t *)&file_body->version));
    head_close(e, file);
    head_close(e, disk);
    head_close(e, outer);
    return true;
}

bool element_is_vhd(const uint8_t *data, size_t size, const char *path)
{
    struct view v = {data, size};
    struct wide wide;
    size_t disk_at = ELEMENT_OPTIONS + sizeof(struct device_head) + sizeof(struct locate_body) + 2 +
                     sizeof(struct device_head);
    const struct block_identity *disk = view_at(v, disk_at, sizeof *disk);
    size_t volume_at =
        disk_at + sizeof *disk + sizeof(struct device_head) + sizeof(struct file_body);
    const struct device_head *volume = view_at(v, volume_at, sizeof *volume);
    if (!disk || le32_get(disk->kind) != BLOCK_VIRTUAL_DISK || !volume || !wide_make(&wide, path))
        return false;
    const uint8_t *own = view_at(v, volume_at + (uint64_t)le32_get(volume->size), wide.size);
    if (!own)
        return false;
    for (size_t i = 0; i < wide.size; i += 2) {
        if (wide_capital(own + i) != wide_capital(wide.data + i))
            return false;
    }
    return true;
}
