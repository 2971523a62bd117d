/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes device elements of a boot store for tests, from the outside in: each function appends to
 * the element, and end_... fills in the sizes of what was begun.
 */
#ifndef TESTS_BCD_BUILDER_H
#define TESTS_BCD_BUILDER_H

#include "unit/hive_builder.h"

struct device_builder {
    uint8_t data[4096];
    uint32_t used;
};

static HB_OK void db_bytes(struct device_builder *d, const void *data, uint32_t size)
{
    CHECK(d->used + size <= sizeof d->data);
    if (data)
        memcpy(d->data + d->used, data, size);
    else
        memset(d->data + d->used, 0, size);
    d->used += size;
}

static HB_OK void db_32(struct device_builder *d, uint32_t value)
{
    le32 v = le32_make(value);
    db_bytes(d, &v, sizeof v);
}

static HB_OK void db_64(struct device_builder *d, uint64_t value)
{
    le64 v = le64_make(value);
    db_bytes(d, &v, sizeof v);
}

static HB_OK void db_path(struct device_builder *d, const char *path)
{
    uint8_t units[1024];
    db_bytes(d, units, hb_utf16(units, path));
}

/* A new element, with the GUID of its options. */
static HB_OK void db_start(struct device_builder *d, uint8_t options)
{
    *d = (struct device_builder){0};
    memset(d->data, options, 16);
    d->used = 16;
}

/* A device's header; returns its place for db_end. */
static HB_OK uint32_t db_begin(struct device_builder *d, uint32_t kind)
{
    uint32_t at = d->used;
    db_32(d, kind);
    db_32(d, 0);
    db_64(d, 0);
    return at;
}

static HB_OK void db_end(struct device_builder *d, uint32_t at)
{
    hb_put32(d->data + at + 8, d->used - at);
}

static HB_OK void db_boot(struct device_builder *d)
{
    uint32_t at = db_begin(d, 5);
    db_bytes(d, NULL, 56);
    db_end(d, at);
}

static HB_OK void db_mbr(struct device_builder *d, uint32_t signature, uint64_t offset)
{
    uint32_t at = db_begin(d, 6);
    db_64(d, offset);
    db_64(d, 0);
    db_32(d, 0);
    db_32(d, 1);
    db_32(d, signature);
    db_bytes(d, NULL, 12);
    db_bytes(d, NULL, 16);
    db_end(d, at);
}

static HB_OK void db_gpt(struct device_builder *d, uint8_t disk, uint8_t partition)
{
    uint32_t at = db_begin(d, 6);
    uint8_t id[16];
    memset(id, partition, sizeof id);
    db_bytes(d, id, sizeof id);
    db_32(d, 0);
    db_32(d, 0);
    memset(id, disk, sizeof id);
    db_bytes(d, id, sizeof id);
    db_bytes(d, NULL, 16);
    db_end(d, at);
}

/* Without a parent; element 0: by the path. */
static HB_OK void db_locate(struct device_builder *d, uint32_t element, const char *path)
{
    uint32_t at = db_begin(d, 8);
    db_32(d, element ? 0 : 1);
    db_32(d, element);
    db_32(d, 0);
    db_path(d, path);
    db_end(d, at);
}

/* The record of a file; what it lies on follows, then db_end_file. */
static HB_OK uint32_t db_begin_file(struct device_builder *d)
{
    uint32_t at = d->used;
    db_32(d, 1);
    db_32(d, 0);
    db_32(d, 5);
    return at;
}

static HB_OK void db_end_file(struct device_builder *d, uint32_t at, const char *path)
{
    db_path(d, path);
    hb_put32(d->data + at + 4, d->used - at);
}

/* What a virtual disk's file lies on. */
enum db_parent { DB_BOOT, DB_MBR, DB_GPT, DB_LOCATE };

#define DB_SIGNATURE 0x12345678u
#define DB_OFFSET    0x100000u

static HB_OK void db_parent(struct device_builder *d, enum db_parent parent, const char *path)
{
    if (parent == DB_BOOT)
        db_boot(d);
    else if (parent == DB_MBR)
        db_mbr(d, DB_SIGNATURE, DB_OFFSET);
    else if (parent == DB_GPT)
        db_gpt(d, 0xd1, 0xa1);
    else
        db_locate(d, 0, path);
}

/* A file as a block device: in a virtual disk. */
static HB_OK void db_file(struct device_builder *d, enum db_parent parent, const char *path)
{
    uint32_t at = db_begin(d, 0);
    db_32(d, 5);
    uint32_t file = db_begin_file(d);
    db_parent(d, parent, path);
    db_end_file(d, file, path);
    db_end(d, at);
}

/* A virtual disk as bcdedit writes it. */
static HB_OK void db_vhd(struct device_builder *d, enum db_parent parent, const char *path)
{
    db_start(d, 0);
    uint32_t at = db_begin(d, 8);
    db_32(d, 0);
    db_32(d, 0x22000002);
    db_32(d, 0x1e);
    db_bytes(d, NULL, 2);
    uint32_t disk = db_begin(d, 0);
    db_32(d, 6);
    db_bytes(d, NULL, 20);
    db_file(d, parent, path);
    db_end(d, disk);
    db_end(d, at);
}

/* A partition inside a virtual disk, as Windows writes it; without the element's start. */
static HB_OK void db_qualified(struct device_builder *d, enum db_parent parent, const char *path)
{
    uint32_t at = db_begin(d, 6);
    db_64(d, 0x10000);
    db_64(d, 0);
    db_32(d, 6);
    db_32(d, 1);
    db_32(d, 0xabcd);
    db_bytes(d, NULL, 12);
    db_file(d, parent, path);
    db_end(d, at);
}

#endif
