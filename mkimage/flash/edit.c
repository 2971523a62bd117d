/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each change opens the volume with libntfs-3g, collects its writes in the session's overlay and
 * commits them. Past the overlay goes content only: what nothing refers to yet, and
 * edit_write_at's.
 */
#include "flash/edit.h"
#include <errno.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "flash/change.h"
#include "host/device.h"
#include "host/overlay.h"
#include "ntfs/lengthen.h"
#include "ntfs/place.h"
#include "ntfs/settle.h"
#include "ntfs/volume.h"

enum status edit_open(struct edit *e, const struct options *options)
{
    *e = (struct edit){.path = options->argument[0], .partition = options->partition};
    enum status status = session_confirm(options);
    return status ? status : session_open(&e->session, e->path, e->partition);
}

enum status edit_open_disk(struct edit *e, const char *path, const struct device *disk,
                           unsigned partition)
{
    *e = (struct edit){.path = path, .disk = disk, .partition = partition};
    return session_open_disk(&e->session, path, disk, partition);
}

void edit_close(struct edit *e)
{
    session_close(&e->session);
}

enum status edit_reopen(struct edit *e)
{
    struct session *s = &e->session;
    const char *const *further = s->target.further_path;
    unsigned count = s->target.further_paths;
    target_close(&s->target);
    enum status status = target_open_disk(&s->target, e->path, e->disk, e->partition);
    if (!status)
        status = change_allowed(&s->target);
    if (status)
        return status;
    session_overlay(s);
    s->copy_lba = change_copy_lba(&s->target);
    return target_further(&s->target, further, count);
}

void edit_rehearse(struct edit *e)
{
    e->rehearsal = true;
}

void edit_end_rehearsal(struct edit *e)
{
    e->rehearsal = false;
    session_overlay(&e->session);
}

/* Closes the volume and writes what the overlay holds. */
static enum status finish(struct edit *e, struct volume *v, bool backwards, enum status status)
{
    static const struct placement none;
    if (!status)
        status = folders_settle(v);
    if (!status)
        status = session_note_zones(&e->session, v, &none);
    enum status closed = volume_close(v);
    if (status || closed)
        return STATUS_FAILED;
    if (e->rehearsal)
        return STATUS_OK;
    session_order(&e->session);
    status = change_commit(&e->session.device, &e->session.overlay, backwards);
    session_overlay(&e->session);
    return status;
}

/* Front, zeros, back, and zeros to the end of the last cluster. */
static enum status fill_parts(struct volume *v, const struct placement *p, uint64_t from,
                              const struct edit_content *c)
{
    uint64_t clusters = 0;
    for (uint32_t i = 0; i < p->count; i++)
        clusters += p->piece[i].count;
    uint64_t zeros = from + c->front_size, back = c->size - c->back_size;
    enum status status = place_write(v, p, from, c->front, c->front_size);
    if (!status)
        status = place_write(v, p, zeros, NULL, back - zeros);
    if (!status)
        status = place_write(v, p, back, c->back, c->back_size);
    if (!status)
        status = place_write(v, p, c->size, NULL, clusters * v->cluster_size - c->size);
    return status;
}

/* The content from byte `from` on, past the overlay, straight to clusters that no file on the disk
 * has yet. */
static enum status fill(struct edit *e, struct volume *v, const struct placement *p, uint64_t from,
                        const struct edit_content *c)
{
    if (e->rehearsal)
        return STATUS_OK;
    struct overlay *keep = e->session.device.overlay;
    e->session.device.overlay = NULL;
    enum status status = c->fill ? c->fill(c->ctx, v, p) : fill_parts(v, p, from, c);
    if (!status && !device_sync(&e->session.device))
        status = device_write_failed(&e->session.device);
    e->session.device.overlay = keep;
    return status;
}

/* `like` NULL: nobody's. */
static enum status put(struct edit *e, const char *path, const char *like,
                       const struct edit_content *content, uint32_t *pieces)
{
    struct volume v;
    struct placement p = {0};
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    status = place_find(&v, content->size, &p);
    if (!status)
        status = place_claim(&v, &p);
    if (!status && like)
        status = volume_make_like(&v, path, like);
    if (!status)
        status = place_file(&v, path, content->size, &p);
    if (!status)
        status = fill(e, &v, &p, 0, content);
    status = finish(e, &v, false, status);
    if (pieces)
        *pieces = p.count;
    placement_free(&p);
    return status;
}

enum status edit_put(struct edit *e, const char *path, const struct edit_content *content,
                     uint32_t *pieces)
{
    return put(e, path, NULL, content, pieces);
}

enum status edit_put_like(struct edit *e, const char *path, const char *like,
                          const struct edit_content *content)
{
    return put(e, path, like, content, NULL);
}

/* The clusters first, then, when they are on the disk, the size. */
static enum status extend(struct edit *e, struct volume *v, const char *path, uint64_t old_size,
                          const struct edit_content *content, struct placement *all)
{
    struct placement old = {0}, more = {0};
    enum status status = place_read(v, path, &old);
    if (!status)
        status = place_read(v, path, all);
    if (!status)
        status = place_find_more(v, content->size, all, &more);
    if (!status)
        status = place_claim(v, &more);
    if (!status && more.count)
        status = place_extend(v, path, all, &old);
    if (!status)
        status = fill(e, v, all, old_size, content);
    placement_free(&old);
    placement_free(&more);
    return status;
}

enum status edit_extend(struct edit *e, const char *path, uint64_t old_size,
                        const struct edit_content *content, uint32_t *pieces)
{
    struct volume v;
    struct placement all = {0};
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    status = extend(e, &v, path, old_size, content, &all);
    status = finish(e, &v, false, status);
    if (pieces)
        *pieces = all.count;
    placement_free(&all);
    if (status)
        return status;
    status = session_volume(&e->session, &v);
    return status ? status : finish(e, &v, false, place_resize(&v, path, content->size));
}

enum status edit_truncate(struct edit *e, const char *path, uint64_t size)
{
    struct volume v;
    enum status status = session_volume(&e->session, &v);
    return status ? status : finish(e, &v, false, place_truncate(&v, path, size));
}

enum status edit_mbr(struct edit *e, const struct mbr *mbr)
{
    struct session *s = &e->session;
    if (!device_pwrite(&s->device, mbr, sizeof *mbr, 0))
        return device_write_failed(&s->device);
    if (e->rehearsal)
        return STATUS_OK;
    session_order(s);
    enum status status = change_commit(&s->device, &s->overlay, false);
    session_overlay(s);
    return status;
}

/* The boot record for a volume to the partition's end, but for a last sector for its copy. */
static enum status lengthen_record(struct session *s)
{
    struct boot_record vbr;
    struct mbr mbr;
    const struct part *part = s->target.part;
    unsigned scale = s->target.volume.sector_size / SECTOR_SIZE;
    enum status status = session_read_code(s, &mbr, &vbr);
    vbr.first.bpb.total_sectors = le64_make((part->sectors - scale) / scale);
    s->copy_lba = part->start_lba + part->sectors / scale * scale - scale;
    return status ? status : session_vbr(s, &vbr);
}

enum status edit_lengthen(struct edit *e, uint64_t clusters[2])
{
    struct volume v;
    struct session *s = &e->session;
    const struct part *part = s->target.part;
    unsigned scale = s->target.volume.sector_size / SECTOR_SIZE;
    enum status status = session_volume(s, &v);
    if (status)
        return status;
    clusters[0] = volume_clusters(&v);
    clusters[1] = ((part->sectors - scale) << SECTOR_SHIFT) / v.cluster_size;
    if (clusters[1] > clusters[0])
        status = volume_lengthen(&v, clusters[1]);
    if (!status && clusters[1] >= clusters[0]) /* the copy may be missing, by a cut */
        status = lengthen_record(s);
    status = finish(e, &v, false, status);
    if (status || e->rehearsal || clusters[1] <= clusters[0])
        return status;
    status = edit_reopen(e);
    if (!status)
        status = session_volume(s, &v);
    return status ? status : finish(e, &v, false, volume_release(&v, clusters[0]));
}

enum status edit_remove(struct edit *e, const char *path)
{
    struct volume v;
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    return finish(e, &v, true, volume_remove(&v, path));
}

enum status edit_attributes(struct edit *e, const char *path, uint32_t attributes)
{
    struct volume v;
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    return finish(e, &v, false, volume_add_attributes(&v, path, attributes));
}

enum status edit_make_folders(struct edit *e, const char *path)
{
    struct volume v;
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    return finish(e, &v, false, volume_make_folders(&v, path));
}

enum status edit_is_simple(struct edit *e, const char *path, bool *simple)
{
    struct volume v;
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    status = place_is_simple(&v, path, simple);
    enum status closed = volume_close(&v);
    if (!e->rehearsal)
        session_overlay(&e->session);
    return status ? status : closed;
}

enum status edit_free(struct edit *e, uint64_t *bytes)
{
    struct volume v;
    enum status status = session_volume(&e->session, &v);
    if (status)
        return status;
    *bytes = volume_free(&v);
    status = volume_close(&v);
    if (!e->rehearsal)
        session_overlay(&e->session);
    return status;
}

/* Where byte `off` lies on the disk, and how many bytes from there on are one run; 0 in a hole or
 * beyond the end. */
static uint64_t locate(const struct extent_list *list, uint64_t off, uint64_t *at)
{
    const struct extent *x = extent_find(list, off >> SECTOR_SHIFT);
    if (!x || x->drive_lba == EXTENT_HOLE)
        return 0;
    uint64_t in = off - (x->file_sector << SECTOR_SHIFT);
    *at = (x->drive_lba << SECTOR_SHIFT) + in;
    return (x->count << SECTOR_SHIFT) - in;
}

bool edit_read_at(struct edit *e, const struct extent_list *list, uint64_t off, void *buf,
                  uint64_t size)
{
    uint8_t *to = buf;
    while (size) { /* ends: size shrinks */
        uint64_t at = 0, n = locate(list, off, &at);
        n = n < size ? n : size;
        if (!n || !device_pread(&e->session.device, to, (size_t)n, at)) {
            errno = n ? errno : EIO;
            return false;
        }
        to += n;
        off += n;
        size -= n;
    }
    return true;
}

bool edit_write_at(struct edit *e, const struct extent_list *list, uint64_t off, const void *data,
                   uint64_t size)
{
    const uint8_t *from = data;
    struct overlay *keep = e->session.device.overlay;
    bool ok = true;
    change_state(e->path, CHANGE_UNDER_WAY);
    e->session.device.overlay = NULL;
    while (ok && size) { /* ends: size shrinks */
        uint64_t at = 0, n = locate(list, off, &at);
        n = n < size ? n : size;
        errno = EIO;
        ok = n && device_pwrite(&e->session.device, from, (size_t)n, at);
        from += n;
        off += n;
        size -= n;
    }
    e->session.device.overlay = keep;
    return ok;
}

bool edit_sync(struct edit *e)
{
    struct overlay *keep = e->session.device.overlay;
    e->session.device.overlay = NULL;
    bool ok = device_sync(&e->session.device);
    e->session.device.overlay = keep;
    return ok;
}
