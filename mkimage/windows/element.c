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
#include "core/bcd/device.h"
#include "core/bcd/format.h"
#include "windows/wide.h"

#define FILE_VERSION   1u
#define FILE_PATH_KIND 5u
#define BOOT_BODY_SIZE 56u /* zeros: as long as a partition's */
#define PARTITION_REST 16u /* zeros behind it */

static void *append(struct element *e, const void *data, size_t size)
{
    void *at = e->data + e->size;
    memcpy(at, data, size);
    e->size += size;
    return at;
}

static struct bcd_device_header *head(struct element *e, uint32_t kind)
{
    struct bcd_device_header h = {.kind = le32_make(kind)};
    return append(e, &h, sizeof h);
}

/* The device ends here. */
static void head_close(struct element *e, struct bcd_device_header *h)
{
    h->size = le32_make((uint32_t)(e->data + e->size - (uint8_t *)h));
}

static void begin(struct element *e)
{
    memset(e, 0, sizeof *e);
    e->size = BCD_OPTIONS_SIZE;
}

void element_boot(struct element *e)
{
    begin(e);
    struct bcd_device_header *h = head(e, BCD_KIND_BOOT);
    e->size += BOOT_BODY_SIZE;
    head_close(e, h);
}

static void put_partition(struct element *e, const struct bcd_level *partition)
{
    struct bcd_device_header *h = head(e, BCD_KIND_PARTITION);
    struct bcd_partition body = {
        .disk = {.kind = le32_make(BCD_BLOCK_DISK),
                 .style = le32_make(partition->gpt ? BCD_STYLE_GPT : BCD_STYLE_MBR)}};
    if (partition->gpt) {
        memcpy(body.place, partition->partition_id, sizeof body.place);
        memcpy(body.disk.id, partition->disk_id, sizeof body.disk.id);
    } else {
        *(le64 *)body.place = le64_make(partition->offset);
        *(le32 *)body.disk.id = le32_make(partition->signature);
    }
    append(e, &body, sizeof body);
    e->size += PARTITION_REST;
    head_close(e, h);
}

void element_partition(struct element *e, const struct bcd_level *partition)
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
    struct bcd_device_header *h = head(e, BCD_KIND_LOCATE);
    struct bcd_locate body = {.how = le32_make(BCD_LOCATE_BY_PATH)};
    append(e, &body, sizeof body);
    put_path(e, path);
    head_close(e, h);
}

bool element_vhd(struct element *e, const struct bcd_level *partition, const char *path,
                 uint32_t code)
{
    struct wide wide;
    begin(e);
    if (!wide_make(&wide, path) || wide.size > 2 * (ELEMENT_PATH_MAX + 1))
        return false;
    struct bcd_device_header *outer = head(e, BCD_KIND_LOCATE);
    struct bcd_locate locate = {.element = le32_make(code)};
    struct bcd_locate *body = append(e, &locate, sizeof locate);
    e->size += 2; /* an empty path's NUL */
    body->parent = le32_make((uint32_t)(e->data + e->size - (uint8_t *)outer));

    struct bcd_device_header *disk = head(e, BCD_KIND_BLOCK);
    struct bcd_identity virtual = {.kind = le32_make(BCD_BLOCK_VIRTUAL)}; /* any partition in it */
    append(e, &virtual, sizeof virtual);
    struct bcd_device_header *file = head(e, BCD_KIND_BLOCK);
    le32 kind = le32_make(BCD_BLOCK_FILE);
    struct bcd_file of_file = {.version = le32_make(FILE_VERSION),
                               .kind = le32_make(FILE_PATH_KIND)};
    append(e, &kind, sizeof kind);
    struct bcd_file *file_body = append(e, &of_file, sizeof of_file);
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
