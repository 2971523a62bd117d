/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout: footer copy, header, locator, BAT from a multiple of 4 KiB on, as blocks' data will
 * lie. The only locator is the relative path, as no drive letter is known here; the header's name
 * helps programs that look in the child's folder only.
 */
#include "image/newvhd.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/vhd/footer.h"
#include "core/vhd/format.h"
#include "host/fd.h"
#include "host/random.h"
#include "image/newvhdx.h"
#include "image/way.h"

#define HEADER_AT  512u
#define LOCATOR_AT 1536u

static enum status make_footer(struct vhd_footer *footer, const struct vhd_footer *parent)
{
    memset(footer, 0, sizeof *footer);
    memcpy(footer->cookie, VHD_FOOTER_COOKIE, sizeof footer->cookie);
    footer->features = be32_make(2);
    footer->version = be32_make(VHD_VERSION_MAJOR << 16);
    footer->header_offset = be64_make(HEADER_AT);
    footer->timestamp = be32_make((uint32_t)(time(NULL) - VHD_EPOCH));
    memcpy(footer->creator, "vhdb", sizeof footer->creator);
    footer->creator_version = be32_make(1 << 16);
    memcpy(footer->creator_host, "Wi2k", sizeof footer->creator_host);
    footer->original_size = parent->current_size;
    footer->current_size = parent->current_size;
    footer->cylinders = parent->cylinders;
    footer->heads = parent->heads;
    footer->track_sectors = parent->track_sectors;
    footer->type = be32_make(VHD_DIFFERENCING);
    enum status status = random_fill(footer->id, sizeof footer->id);
    footer->checksum =
        be32_make(vhd_checksum(footer, sizeof *footer, offsetof(struct vhd_footer, checksum)));
    return status;
}

static void make_header(struct vhd_header *header, const struct vhd_footer *parent,
                        const uint8_t *name, size_t name_size, size_t way_size, uint64_t bat_at,
                        uint32_t entries, uint32_t block_size)
{
    memset(header, 0, sizeof *header);
    memcpy(header->cookie, VHD_HEADER_COOKIE, sizeof header->cookie);
    header->next_offset = be64_make(UINT64_MAX);
    header->bat_offset = be64_make(bat_at);
    header->version = be32_make(1 << 16);
    header->bat_entries = be32_make(entries);
    header->block_size = be32_make(block_size);
    memcpy(header->parent_id, parent->id, sizeof header->parent_id);
    header->parent_time = parent->timestamp;
    for (size_t i = 0; i + 1 < name_size && i + 1 < sizeof header->parent_name; i += 2) {
        header->parent_name[i] = name[i + 1];
        header->parent_name[i + 1] = name[i];
    }
    memcpy(header->locator[0].code, "W2ru", 4);
    header->locator[0].data_space =
        be32_make((uint32_t)round_up_shift(way_size, SECTOR_SHIFT)); /* in bytes, as others do */
    header->locator[0].data_length = be32_make((uint32_t)way_size);
    header->locator[0].data_offset = be64_make(LOCATOR_AT);
    header->checksum =
        be32_make(vhd_checksum(header, sizeof *header, offsetof(struct vhd_header, checksum)));
}

static enum status make_front(struct newvhd *n, const struct vhd_footer *parent,
                              const uint8_t *name, size_t name_size, const uint8_t *way,
                              size_t way_size, uint32_t block_size)
{
    uint64_t size = be64_get(parent->current_size) & ~(uint64_t)(SECTOR_SIZE - 1);
    uint32_t entries = (uint32_t)((size + block_size - 1) / block_size);
    uint64_t bat_at = round_up_shift(LOCATOR_AT + way_size, 12);
    uint64_t bat_end = bat_at + (uint64_t)entries * sizeof(be32);
    n->front_size = (size_t)round_up_shift(bat_end, SECTOR_SHIFT);
    n->front = calloc(1, n->front_size);
    if (!n->front)
        return say_no_memory();
    struct vhd_footer footer;
    struct vhd_header header;
    enum status status = make_footer(&footer, parent);
    make_header(&header, parent, name, name_size, way_size, bat_at, entries, block_size);
    memcpy(n->front, &footer, sizeof footer);
    memcpy(n->front + HEADER_AT, &header, sizeof header);
    memcpy(n->front + LOCATOR_AT, way, way_size);
    memset(n->front + bat_at, 0xff, n->front_size - (size_t)bat_at);

    uint32_t block = block_size / SECTOR_SIZE;
    n->slack = (struct slack){.now = {.bitmap_sectors = (block + 4095) / 4096,
                                      .block_sectors = block,
                                      .end = bat_end,
                                      .limit = n->front_size},
                              .format = IMAGE_VHD,
                              .absent = entries,
                              .zero_from = n->front_size,
                              .file_size = n->front_size + VHD_FOOTER_SIZE};
    memcpy(n->slack.id, footer.id, sizeof footer.id);
    memcpy(n->slack.footer, &footer, sizeof footer);
    return status;
}

/* The footer at the parent's end: what a child copies from it must be what all programs see. */
static enum status read_footer(struct image *parent, struct vhd_footer *footer)
{
    struct fail f;
    uint64_t at = (parent->file->size - VHD_SHORT_FOOTER_SIZE) >> SECTOR_SHIFT << SECTOR_SHIFT;
    uint64_t size = parent->file->size - at;
    memset(footer, 0, sizeof *footer);
    if (file_read(parent->file, at, footer, (uint32_t)size, &f))
        return say_fail(&f);
    if (memcmp(footer->cookie, VHD_FOOTER_COOKIE, sizeof footer->cookie) ||
        !vhd_checksum_ok(footer, sizeof *footer, offsetof(struct vhd_footer, checksum)))
        return say_error("Repair it with the program that made it.",
                         "%s: its footer at the end is damaged", parent->file->path);
    return STATUS_OK;
}

/* The bytes of a file without holes at its end; allocated. */
static enum status file_bytes(int fd, uint8_t **bytes, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st))
        return say_no_memory();
    *size = (size_t)st.st_size;
    *bytes = malloc(*size);
    return *bytes && fd_pread(fd, *bytes, *size, 0) ? STATUS_OK : say_no_memory();
}

/* Behind the BAT a sector bitmap of zeros for each chunk. */
static enum status make_vhdx(struct newvhd *n, struct image *parent, const char *path,
                             const char *parent_path, uint32_t block_size)
{
    struct newdisk disk = {.format = IMAGE_VHDX,
                           .kind = IMAGE_DIFFERENCING,
                           .size = parent->sectors << SECTOR_SHIFT,
                           .block_size = block_size,
                           .parent = parent,
                           .path = path,
                           .parent_path = parent_path};
    int fd = memfd_create("child", MFD_CLOEXEC);
    enum status status = fd < 0 ? say_no_memory() : newvhdx_write(&disk, fd, path);
    if (!status)
        status = file_bytes(fd, &n->front, &n->front_size);
    if (fd >= 0)
        close(fd);
    return status ? status : newvhdx_chunks(n, &disk);
}

enum status newvhd_make(struct newvhd *n, struct image *parent, const char *path,
                        const char *parent_path, uint32_t block_size)
{
    *n = (struct newvhd){0};
    if (parent->format == IMAGE_VHDX)
        return make_vhdx(n, parent, path, parent_path, block_size);
    struct vhd_footer footer;
    enum status status = read_footer(parent, &footer);
    if (status)
        return status;
    size_t way_size = 0, name_size = 0;
    uint8_t *way_units = way_to_parent(path, parent_path, &way_size);
    uint8_t *name_units = way_text(path_last_part(parent_path), &name_size);
    if (!way_units || !name_units)
        status =
            say_error("Rename it.", "%s: its name cannot be written into a child", parent_path);
    else
        status = make_front(n, &footer, name_units, name_size, way_units, way_size, block_size);
    free(way_units);
    free(name_units);
    return status;
}

void newvhd_end(struct newvhd *n, const void **end, uint64_t *end_size, uint64_t size)
{
    bool slack = size > n->slack.file_size;
    if (slack)
        slack_tail_make(&n->tail, &n->slack, n->slack.zero_from, size);
    *end = slack ? (const void *)&n->tail : n->slack.footer;
    *end_size = slack ? slack_tail_size(&n->slack) : slack_footer_size(&n->slack);
}

void newvhd_free(struct newvhd *n)
{
    free(n->front);
    *n = (struct newvhd){0};
}
