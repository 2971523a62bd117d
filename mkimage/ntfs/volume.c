/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and folders by their names. libntfs-3g itself says nothing: volume_failed does, once. */
#include "ntfs/volume.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "ntfs/folder.h"
#include "ntfs/io.h"
#include "ntfs/libntfs.h"

#define SEVERAL_NAMES ENOTUNIQ /* as errno */

enum status volume_failed(const struct volume *v, const char *path, const char *what)
{
    const char *advice = "Run chkdsk on the volume, or make a new one.";
    const char *why = strerror(errno);
    if (errno == ENOSPC)
        advice = "Make room on the volume, or choose a larger one.";
    else if (errno == EEXIST)
        advice = "Remove or rename what has this name.";
    else if (errno == ENOENT || errno == ENOTDIR)
        advice = "Name a folder that is there.";
    else if (errno == SEVERAL_NAMES) {
        why = "several names differ only in case, and none is exactly this";
        advice = "Rename all of them but one, or write the name as it is.";
    }
    return say_error(advice, "%s: %s%s%s: %s", v->device->path, path, *path ? ": " : "", what, why);
}

enum status volume_open(struct volume *v, struct device *device, uint64_t start, uint64_t size)
{
    *v = (struct volume){.device = device, .start = start, .size = size};
    ntfs_log_set_handler(ntfs_log_handler_null); /* mkimage says what failed, once */
    v->ntfs_device = io_device(v);
    if (v->ntfs_device)
        v->ntfs = ntfs_device_mount(v->ntfs_device, NTFS_MNT_NONE);
    if (!v->ntfs) {
        enum status status = volume_failed(v, "", "the NTFS volume cannot be opened for writing");
        if (v->ntfs_device)
            ntfs_device_free(v->ntfs_device);
        return status;
    }
    v->cluster_size = v->ntfs->cluster_size;
    if (ntfs_set_ignore_case(v->ntfs)) { /* as Windows and the loader compare names */
        enum status status = volume_failed(v, "", "its table of letters cannot be read");
        (void)volume_close(v);
        return status;
    }
    if (ntfs_volume_get_free_space(v->ntfs)) { /* libntfs-3g counts on it before it allocates */
        enum status status = volume_failed(v, "", "free space cannot be counted");
        (void)volume_close(v);
        return status;
    }
    return STATUS_OK;
}

enum status volume_close(struct volume *v)
{
    folders_forget(v);
    if (!v->ntfs)
        return STATUS_OK;
    struct _ntfs_volume *ntfs = v->ntfs;
    v->ntfs = NULL;
    if (ntfs_umount(ntfs, FALSE))
        return volume_failed(v, "", "the NTFS volume cannot be closed");
    return STATUS_OK;
}

/* Splits off the next part of a path; NULL at its end. Slashes of both kinds separate. */
static const char *next_part(const char **path, size_t *length)
{
    const char *s = *path + strspn(*path, "/\\");
    if (!*s)
        return NULL;
    *length = strcspn(s, "/\\");
    *path = s + *length;
    return s;
}

/* The name as NTFS stores it, or NULL with errno set. */
static ntfschar *unicode(const char *name, size_t length, u8 *units)
{
    char *copy = strndup(name, length);
    ntfschar *result = NULL;
    int n = copy ? ntfs_mbstoucs(copy, &result) : -1;
    free(copy);
    if (n <= 0 || n > NTFS_MAX_NAME_LEN) {
        if (n > 0)
            errno = ENAMETOOLONG;
        free(result);
        return NULL;
    }
    *units = (u8)n;
    return result;
}

bool volume_name_ok(const char *path)
{
    size_t length;
    bool any = false;
    for (const char *part; (part = next_part(&path, &length)); any = true) {
        u8 units;
        ntfschar *wide = unicode(part, length, &units);
        free(wide);
        if (!wide || part[length - 1] == '.' || part[length - 1] == ' ')
            return false;
        for (size_t i = 0; i < length; i++) {
            if ((unsigned char)part[i] < 0x20 || strchr("<>:\"|?*", part[i]))
                return false;
        }
    }
    return any;
}

/* The path in the volume's capital letters, with one kind of separators; NULL where it is none. */
static ntfschar *folded(const char *path, int *units)
{
    static ntfschar *letters;
    static u32 count; /* the table that mkntfs writes */
    if (!letters)
        count = ntfs_upcase_build_default(&letters);
    ntfschar *wide = NULL;
    path += strspn(path, "/\\");
    *units = ntfs_mbstoucs(path, &wide);
    if (*units < 0 || !letters) {
        free(wide);
        return NULL;
    }
    ntfs_name_upcase(wide, (u32)*units, letters, count);
    for (int i = 0; i < *units; i++) {
        if (wide[i] == const_cpu_to_le16('/'))
            wide[i] = const_cpu_to_le16('\\');
    }
    return wide;
}

bool volume_same_path(const char *a, const char *b)
{
    int x, y;
    ntfschar *one = folded(a, &x), *two = folded(b, &y);
    bool same = one && two ? x == y && !memcmp(one, two, (size_t)x * sizeof *one) : !strcmp(a, b);
    free(one);
    free(two);
    return same;
}

/* Another file than `reference` whose name is alike. */
struct alike {
    const struct _ntfs_volume *ntfs;
    const ntfschar *name;
    u8 units;
    u64 reference;
    bool found;
};

static int judge_name(void *ctx, const ntfschar *name, const int units, const int type,
                      const s64 position, const MFT_REF reference, const unsigned kind)
{
    (void)type, (void)position, (void)kind;
    struct alike *a = ctx;
    if (MREF(reference) != a->reference &&
        ntfs_names_are_equal(name, (size_t)units, a->name, a->units, IGNORE_CASE, a->ntfs->upcase,
                             a->ntfs->upcase_len))
        a->found = true;
    return 0;
}

/* As the loader looks names up (core/ntfs/lookup.h): the exact one wins, a single one that differs
 * in case will do. -1 with errno set. */
static u64 look_up(struct volume *v, ntfs_inode *folder, const ntfschar *name, u8 units)
{
    NVolSetCaseSensitive(v->ntfs);
    u64 reference = ntfs_inode_lookup_by_name(folder, name, units);
    NVolClearCaseSensitive(v->ntfs);
    if (reference != (u64)-1 || errno != ENOENT)
        return reference;
    reference = ntfs_inode_lookup_by_name(folder, name, units);
    if (reference == (u64)-1)
        return reference;
    struct alike other = {v->ntfs, name, units, MREF(reference), false};
    s64 position = 0;
    if (ntfs_readdir(folder, &position, &other, judge_name))
        return (u64)-1;
    errno = SEVERAL_NAMES;
    return other.found ? (u64)-1 : reference;
}

/* The same, where what is made gets this security descriptor, by its number on the volume. */
static ntfs_inode *child_guarded(struct volume *v, ntfs_inode *folder, const char *name,
                                 size_t length, mode_t create, le32 security)
{
    u8 units;
    ntfschar *wide = unicode(name, length, &units);
    if (!wide)
        return NULL;
    ntfs_inode *inode = NULL;
    u64 reference = look_up(v, folder, wide, units);
    if (reference != (u64)-1) {
        inode = ntfs_inode_open(v->ntfs, MREF(reference));
    } else if (errno == ENOENT && create && folder_watch(v, folder)) {
        inode = ntfs_create(folder, security, wide, units, create);
        if (inode && S_ISREG(create)) {
            inode->flags |= FILE_ATTR_ARCHIVE;
            NInoFileNameSetDirty(inode);
            ntfs_inode_mark_dirty(inode);
        }
    }
    free(wide);
    return inode;
}

/* Looks `name` up in the folder; where it is missing and `create` is a file type, makes it. */
static ntfs_inode *child(struct volume *v, ntfs_inode *folder, const char *name, size_t length,
                         mode_t create)
{
    return child_guarded(v, folder, name, length, create, const_cpu_to_le32(0));
}

/* Walks to the last part of `path`, making folders where `create` says so; NULL with errno set. The
 * last part is left in *last. */
static ntfs_inode *walk(struct volume *v, const char *path, bool create, const char **last,
                        size_t *last_length)
{
    ntfs_inode *folder = ntfs_inode_open(v->ntfs, FILE_root);
    size_t length = 0, next_length;
    const char *part = next_part(&path, &length);
    const char *next;
    if (!part)
        errno = EINVAL;
    while (folder && part && (next = next_part(&path, &next_length))) {
        ntfs_inode *below = child(v, folder, part, length, create ? S_IFDIR : 0);
        if (below && !(below->mrec->flags & MFT_RECORD_IS_DIRECTORY)) {
            ntfs_inode_close(below);
            below = NULL;
            errno = ENOTDIR;
        }
        int keep = errno;
        ntfs_inode_close(folder);
        errno = keep;
        folder = below;
        part = next;
        length = next_length;
    }
    if (folder && !part) {
        ntfs_inode_close(folder);
        return NULL;
    }
    *last = part;
    *last_length = length;
    return folder;
}

enum status volume_make_folders(struct volume *v, const char *path)
{
    const char *last;
    size_t length;
    ntfs_inode *folder = walk(v, path, true, &last, &length);
    if (!folder || ntfs_inode_close(folder))
        return volume_failed(v, path, "its folder cannot be made");
    return STATUS_OK;
}

/* A file or folder; NULL with errno set. */
static ntfs_inode *open_any(struct volume *v, const char *path, mode_t create, le32 security)
{
    const char *last;
    size_t length;
    ntfs_inode *folder = walk(v, path, false, &last, &length);
    ntfs_inode *inode = folder ? child_guarded(v, folder, last, length, create, security) : NULL;
    int keep = errno;
    if (folder && ntfs_inode_close(folder)) {
        keep = errno;
        if (inode)
            ntfs_inode_close(inode);
        inode = NULL;
    }
    errno = keep;
    return inode;
}

static ntfs_inode *open_file(struct volume *v, const char *path, mode_t create)
{
    ntfs_inode *inode = open_any(v, path, create, const_cpu_to_le32(0));
    int keep = errno;
    if (inode && inode->mrec->flags & MFT_RECORD_IS_DIRECTORY) {
        ntfs_inode_close(inode);
        inode = NULL;
        keep = EISDIR;
    }
    if (!inode) {
        errno = keep;
        (void)volume_failed(v, path, create ? "cannot be made" : "cannot be opened");
    }
    return inode;
}

struct _ntfs_inode *volume_open_or_create(struct volume *v, const char *path)
{
    return open_file(v, path, S_IFREG);
}

struct _ntfs_inode *volume_open_file(struct volume *v, const char *path)
{
    return open_file(v, path, 0);
}

enum status volume_write_file(struct volume *v, const char *path, const void *data, size_t size)
{
    ntfs_inode *inode = volume_open_or_create(v, path);
    if (!inode)
        return STATUS_FAILED;
    ntfs_attr *attr = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    bool ok = attr && !ntfs_attr_truncate(attr, 0) &&
              ntfs_attr_pwrite(attr, 0, (s64)size, data) == (s64)size;
    int keep = errno;
    if (attr)
        ntfs_attr_close(attr);
    if (ntfs_inode_close(inode) && ok) {
        ok = false;
        keep = errno;
    }
    errno = keep;
    return ok ? STATUS_OK : volume_failed(v, path, "cannot be written");
}

enum status volume_remove(struct volume *v, const char *path)
{
    const char *last;
    size_t length;
    ntfs_inode *folder = walk(v, path, false, &last, &length);
    ntfs_inode *inode = folder ? child(v, folder, last, length, 0) : NULL;
    if (!inode) {
        bool missing = errno == ENOENT;
        if (folder)
            ntfs_inode_close(folder);
        return missing ? STATUS_OK : volume_failed(v, path, "cannot be removed");
    }
    u8 units = 0;
    ntfschar *wide = unicode(last, length, &units);
    bool ok = wide && folder_watch(v, folder);
    int keep = errno;
    if (ok) { /* closes both inodes, whatever happens */
        ok = !ntfs_delete(v->ntfs, NULL, inode, folder, wide, units);
        keep = errno;
    } else {
        ntfs_inode_close(inode);
        ntfs_inode_close(folder);
    }
    free(wide);
    errno = keep;
    return ok ? STATUS_OK : volume_failed(v, path, "cannot be removed");
}

enum status volume_add_attributes(struct volume *v, const char *path, uint32_t attributes)
{
    ntfs_inode *inode = open_any(v, path, 0, const_cpu_to_le32(0));
    if (!inode)
        return volume_failed(v, path, "cannot be opened");
    le32 wanted = inode->flags | cpu_to_le32(attributes);
    if (wanted != inode->flags) {
        inode->flags = wanted;
        NInoFileNameSetDirty(inode);
        ntfs_inode_mark_dirty(inode);
    }
    return ntfs_inode_close(inode) ? volume_failed(v, path, "cannot be changed") : STATUS_OK;
}

enum status volume_make_like(struct volume *v, const char *path, const char *like)
{
    ntfs_inode *old = volume_open_file(v, like);
    if (!old)
        return STATUS_FAILED;
    le32 security = test_nino_flag(old, v3_Extensions) ? old->security_id : const_cpu_to_le32(0);
    bool ok = !ntfs_inode_close(old);
    ntfs_inode *inode = ok ? open_any(v, path, S_IFREG, security) : NULL;
    if (!inode || ntfs_inode_close(inode))
        return volume_failed(v, path, "cannot be made");
    return STATUS_OK;
}

uint64_t volume_free(const struct volume *v)
{
    return v->ntfs->free_clusters < 0 ? 0 : (uint64_t)v->ntfs->free_clusters * v->cluster_size;
}

/* Adds the runs of an attribute that is mapped whole. */
static bool add_zones(struct volume *v, ntfs_attr *attr, enum volume_area area,
                      struct volume_zone **zones, unsigned *count)
{
    if (ntfs_attr_map_whole_runlist(attr))
        return false;
    for (const runlist_element *rl = attr->rl; rl && rl->length; rl++) {
        struct volume_zone *more = realloc(*zones, (*count + 1) * sizeof *more);
        if (!more)
            return false;
        *zones = more;
        if (rl->lcn >= 0)
            more[(*count)++] = (struct volume_zone){v->start + (uint64_t)rl->lcn * v->cluster_size,
                                                    (uint64_t)rl->length * v->cluster_size, area,
                                                    (uint64_t)rl->vcn * v->cluster_size};
    }
    return true;
}

/* The records that every mirror has a copy of, and those copies: both are the same at all times, or
 * libntfs-3g takes the volume for damaged. */
static bool add_mirrored(struct volume *v, struct volume_zone **zones, unsigned *count)
{
    enum { PLACES = 2 };
    ntfs_attr *const place[PLACES] = {v->ntfs->mft_na, v->ntfs->mftmirr_na};
    uint64_t record = v->ntfs->mft_record_size;
    struct volume_zone *more = realloc(*zones, (*count + PLACES * VOLUME_MIRRORED) * sizeof *more);
    if (!more)
        return false;
    *zones = more;
    for (unsigned i = 0; i < PLACES * VOLUME_MIRRORED; i++) {
        uint64_t at = i % VOLUME_MIRRORED * record;
        LCN lcn = ntfs_attr_vcn_to_lcn(place[i / VOLUME_MIRRORED], (VCN)(at / v->cluster_size));
        if (lcn >= 0)
            more[(*count)++] = (struct volume_zone){v->start + (uint64_t)lcn * v->cluster_size +
                                                        at % v->cluster_size,
                                                    record, AREA_MIRRORED, at};
    }
    return true;
}

uint64_t volume_mft_size(const struct volume *v)
{
    return (uint64_t)v->ntfs->mft_na->initialized_size;
}

enum status volume_spare_records(struct volume *v, unsigned count)
{
    ntfs_inode **inode = calloc(count, sizeof *inode);
    bool ok = inode;
    unsigned made = 0;
    for (; ok && made < count; made += ok) {
        inode[made] = ntfs_mft_record_alloc(v->ntfs, NULL);
        ok = inode[made];
    }
    int keep = errno;
    while (made--) {
        if (ntfs_mft_record_free(v->ntfs, inode[made])) {
            keep = errno;
            ok = false;
        }
    }
    free(inode);
    errno = keep;
    return ok ? STATUS_OK : volume_failed(v, "$MFT", "cannot be made longer");
}

enum status volume_zones(struct volume *v, struct volume_zone **zones, unsigned *count)
{
    *count = 0;
    *zones = malloc(sizeof **zones);
    ntfs_attr *mft = v->ntfs->mft_na;
    LCN root =
        ntfs_attr_vcn_to_lcn(mft, (VCN)FILE_root * v->ntfs->mft_record_size / (VCN)v->cluster_size);
    if (!*zones || root < 0)
        return volume_failed(v, "$MFT", "cannot be read");
    (*zones)[(*count)++] = (struct volume_zone){
        v->start + (uint64_t)root * v->cluster_size +
            (uint64_t)FILE_root * v->ntfs->mft_record_size % v->cluster_size,
        v->ntfs->mft_record_size, AREA_ROOT, (uint64_t)FILE_root * v->ntfs->mft_record_size};
    if (!add_mirrored(v, zones, count) ||
        !add_zones(v, v->ntfs->mftmirr_na, AREA_COPY, zones, count) ||
        !add_zones(v, v->ntfs->lcnbmp_na, AREA_BITMAP, zones, count) ||
        !add_zones(v, v->ntfs->mftbmp_na, AREA_BITMAP, zones, count) ||
        !add_zones(v, mft, AREA_RECORD, zones, count))
        return volume_failed(v, "$MFT", "cannot be read");
    return STATUS_OK;
}
