/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others do to the files of a flash, by ntfs-3g's own library; nothing here is the project's.
 *
 *   outside FLASH START SIZE COMMAND...      START, SIZE: bytes of the volume
 *
 *   put HOSTFILE PATH    a file's content, in a file that is there or a new one
 *   copy PATH PATH       rename PATH PATH       link PATH PATH
 *   remove PATH          folder PATH
 *   dirty    clean       the volume's mark
 *   list                 all files: file PATH SIZE HASH, fields between tabs; then free BYTES
 *
 * Several commands are done in one mount. Exit status 1, with a line, where one fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/volume.h>
#pragma GCC diagnostic pop

#define FILES_MAX  256
#define PATH_SIZE  512
#define PIECE_SIZE (1 << 16)

static int flash = -1;
static s64 start, size, position;
static ntfs_volume *vol;

static _Noreturn void die(const char *what, const char *path)
{
    printf("failed\t%s %s: %s\n", what, path, strerror(errno));
    fflush(stdout);
    exit(1);
}

/* --- The volume as a device */

static int device_open(struct ntfs_device *dev, int flags)
{
    (void)flags;
    NDevSetOpen(dev);
    return 0;
}

static int device_close(struct ntfs_device *dev)
{
    NDevClearOpen(dev);
    return 0;
}

static s64 device_seek(struct ntfs_device *dev, s64 offset, int whence)
{
    (void)dev;
    position = offset + (whence == SEEK_CUR ? position : whence == SEEK_END ? size : 0);
    return position;
}

static s64 inside(s64 count, s64 offset)
{
    if (offset >= size)
        return 0;
    return count < size - offset ? count : size - offset;
}

static s64 device_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
    (void)dev;
    return pread(flash, buf, (size_t)inside(count, offset), start + offset);
}

static s64 device_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 offset)
{
    (void)dev;
    return pwrite(flash, buf, (size_t)inside(count, offset), start + offset);
}

static s64 device_read(struct ntfs_device *dev, void *buf, s64 count)
{
    s64 n = device_pread(dev, buf, count, position);
    position += n > 0 ? n : 0;
    return n;
}

static s64 device_write(struct ntfs_device *dev, const void *buf, s64 count)
{
    s64 n = device_pwrite(dev, buf, count, position);
    position += n > 0 ? n : 0;
    return n;
}

static int device_sync(struct ntfs_device *dev)
{
    (void)dev;
    return 0;
}

static int device_stat(struct ntfs_device *dev, struct stat *st)
{
    (void)dev;
    *st = (struct stat){.st_mode = S_IFREG | 0600, .st_size = size};
    return 0;
}

static int device_ioctl(struct ntfs_device *dev, unsigned long request, void *argument)
{
    (void)dev;
    (void)request;
    (void)argument;
    errno = EOPNOTSUPP;
    return -1;
}

static struct ntfs_device_operations operations = {
    .open = device_open,
    .close = device_close,
    .seek = device_seek,
    .read = device_read,
    .write = device_write,
    .pread = device_pread,
    .pwrite = device_pwrite,
    .sync = device_sync,
    .stat = device_stat,
    .ioctl = device_ioctl,
};

/* --- Files */

static ntfs_inode *open_path(const char *path)
{
    return ntfs_pathname_to_inode(vol, NULL, path);
}

/* The folder that `path` lies in, and its last part. */
static ntfs_inode *open_folder(const char *path, ntfschar **name, int *length)
{
    char folder[PATH_SIZE];
    const char *last = strrchr(path, '/') + 1;
    snprintf(folder, sizeof folder, "%.*s", (int)(last - path), path);
    ntfs_inode *inode = open_path(folder);
    *name = NULL;
    *length = ntfs_mbstoucs(last, name);
    if (!inode || *length < 0)
        die("folder of", path);
    return inode;
}

static ntfs_inode *create(const char *path, mode_t type)
{
    ntfschar *name;
    int length;
    ntfs_inode *folder = open_folder(path, &name, &length);
    ntfs_inode *inode = ntfs_create(folder, const_cpu_to_le32(0), name, (u8)length, type);
    if (!inode)
        die("create", path);
    ntfs_inode_close(folder);
    free(name);
    return inode;
}

static void remove_path(const char *path)
{
    ntfschar *name;
    int length;
    ntfs_inode *inode = open_path(path);
    ntfs_inode *folder = open_folder(path, &name, &length);
    if (!inode || ntfs_delete(vol, path, inode, folder, name, (u8)length)) /* closes both */
        die("remove", path);
    free(name);
}

/* One more name for the file. */
static void link_path(const char *from, const char *to)
{
    ntfschar *name;
    int length;
    ntfs_inode *inode = open_path(from);
    ntfs_inode *folder = open_folder(to, &name, &length);
    if (!inode || ntfs_link(inode, folder, name, (u8)length))
        die("link", from);
    ntfs_inode_close(folder);
    ntfs_inode_close(inode);
    free(name);
}

static void write_all(const char *path, const char *data, s64 length)
{
    ntfs_inode *inode = open_path(path);
    if (!inode)
        inode = create(path, S_IFREG);
    ntfs_attr *na = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    if (!na || ntfs_attr_truncate(na, 0))
        die("truncate", path);
    for (s64 off = 0; off < length;) { /* ends: off grows */
        s64 n = ntfs_attr_pwrite(na, off, length - off, data + off);
        if (n <= 0)
            die("write", path);
        off += n;
    }
    ntfs_attr_close(na);
    if (ntfs_inode_close(inode))
        die("close", path);
}

static char *read_all(const char *path, s64 *length)
{
    ntfs_inode *inode = open_path(path);
    ntfs_attr *na = inode ? ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0) : NULL;
    if (!na)
        die("open", path);
    *length = na->data_size;
    char *data = malloc((size_t)*length + 1);
    if (!data || ntfs_attr_pread(na, 0, *length, data) != *length)
        die("read", path);
    ntfs_attr_close(na);
    ntfs_inode_close(inode);
    return data;
}

static void put(const char *host, const char *path)
{
    struct stat st;
    int fd = open(host, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        die("open", host);
    char *data = malloc((size_t)st.st_size + 1);
    if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
        die("read", host);
    close(fd);
    write_all(path, data, st.st_size);
    free(data);
}

static void copy(const char *from, const char *to)
{
    s64 length;
    char *data = read_all(from, &length);
    write_all(to, data, length);
    free(data);
}

/* --- The list */

static struct {
    char folder[PATH_SIZE];
    char path[FILES_MAX][PATH_SIZE];
    bool is_folder[FILES_MAX];
    unsigned count;
} names;

static int add_name(void *ctx, const ntfschar *name, const int length, const int kind,
                    const s64 pos, const MFT_REF reference, const unsigned type)
{
    (void)ctx;
    (void)pos;
    char *text = NULL;
    if (MREF(reference) < FILE_first_user || kind == FILE_NAME_DOS || names.count == FILES_MAX)
        return 0;
    if (ntfs_ucstombs(name, length, &text, 0) < 0)
        return -1;
    if (!strcmp(text, ".") || !strcmp(text, ".."))
        return free(text), 0;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%.200s/%.200s", names.folder, text);
    memcpy(names.path[names.count], path, sizeof path);
    names.is_folder[names.count++] = type == NTFS_DT_DIR;
    free(text);
    return 0;
}

static void list_folder(const char *path)
{
    s64 pos = 0;
    snprintf(names.folder, sizeof names.folder, "%s", path);
    ntfs_inode *inode = open_path(*path ? path : "/");
    if (!inode || ntfs_readdir(inode, &pos, NULL, add_name))
        die("list", path);
    ntfs_inode_close(inode);
}

/* As in look.c. */
static uint64_t hash(uint64_t sum, const uint8_t *data, s64 length)
{
    static const uint8_t zeros[PIECE_SIZE];
    s64 i = 0;
    if (length == PIECE_SIZE && !memcmp(data, zeros, PIECE_SIZE))
        return (sum + 1) * 0x9e3779b97f4a7c15u;
    for (; i + 8 <= length; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    for (; i < length; i++)
        sum = (sum ^ data[i]) * 0x100000001b3u;
    return sum;
}

static void list_file(const char *path)
{
    static uint8_t data[PIECE_SIZE];
    uint64_t sum = 1;
    s64 off = 0, n = 1;
    ntfs_inode *inode = open_path(path);
    ntfs_attr *na = inode ? ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0) : NULL;
    if (!na)
        die("open", path);
    for (; off < na->data_size; off += n) { /* ends: n is more than 0 */
        s64 left = na->data_size - off;
        n = left < PIECE_SIZE ? left : PIECE_SIZE;
        if (ntfs_attr_pread(na, off, n, data) != n)
            die("read", path);
        sum = hash(sum, data, n);
    }
    printf("file\t%s\t%" PRId64 "\t%016" PRIx64 "\n", path, (int64_t)na->data_size, sum);
    ntfs_attr_close(na);
    ntfs_inode_close(inode);
}

static void list(void)
{
    names.count = 0;
    list_folder("");
    for (unsigned i = 0; i < names.count; i++) { /* folders add to it; its size bounds it */
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s", names.path[i]);
        if (names.is_folder[i])
            list_folder(path);
        else
            list_file(path);
    }
    printf("free\t%" PRId64 "\n", (int64_t)(vol->free_clusters * vol->cluster_size));
}

/* Windows asks for chkdsk where it sees this. */
static void mark(bool dirty)
{
    le16 flags = dirty ? vol->flags | VOLUME_IS_DIRTY : vol->flags & ~VOLUME_IS_DIRTY;
    if (ntfs_volume_write_flags(vol, flags))
        die("mark", "");
}

/* The command at `argument`; returns what follows it. */
static char **command(char **argument)
{
    if (!strcmp(argument[0], "list"))
        return list(), argument + 1;
    if (!strcmp(argument[0], "dirty") || !strcmp(argument[0], "clean"))
        return mark(argument[0][0] == 'd'), argument + 1;
    if (!strcmp(argument[0], "folder") && argument[1])
        return ntfs_inode_close(create(argument[1], S_IFDIR)), argument + 2;
    if (!strcmp(argument[0], "remove") && argument[1])
        return remove_path(argument[1]), argument + 2;
    if (!argument[1] || !argument[2])
        die("what is", argument[0]);
    if (!strcmp(argument[0], "put"))
        put(argument[1], argument[2]);
    else if (!strcmp(argument[0], "copy"))
        copy(argument[1], argument[2]);
    else if (!strcmp(argument[0], "rename"))
        link_path(argument[1], argument[2]), remove_path(argument[1]);
    else if (!strcmp(argument[0], "link"))
        link_path(argument[1], argument[2]);
    else
        die("what is", argument[0]);
    return argument + 3;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    bool change = false;
    for (int i = 4; i < argc; i++)
        change |= strcmp(argv[i], "list") != 0;
    flash = open(argv[1], (change ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    start = atoll(argv[2]);
    size = atoll(argv[3]);
    struct ntfs_device *dev = ntfs_device_alloc("volume", 0, &operations, NULL);
    if (flash < 0 || !dev)
        die("open", argv[1]);
    ntfs_log_set_handler(ntfs_log_handler_stderr);
    ntfs_set_char_encoding("C.UTF-8");
    vol = ntfs_device_mount(dev, change ? NTFS_MNT_IGNORE_HIBERFILE : NTFS_MNT_RDONLY);
    if (!vol)
        die("mount", argv[1]);
    if (ntfs_volume_get_free_space(vol))
        die("count", argv[1]);
    for (char **at = argv + 4; *at;) /* ends: each command takes one or more */
        at = command(at);
    fflush(stdout);
    if (ntfs_umount(vol, FALSE))
        die("unmount", argv[1]);
    return 0;
}
