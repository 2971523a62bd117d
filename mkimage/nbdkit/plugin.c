/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual disk for every program that speaks NBD: an nbdkit plugin, from nbdkit 1.32 on.
 *
 *     nbdkit build/nbdkit-vhdboot-plugin.so file=disk.vhdx
 *     nbdkit build/nbdkit-vhdboot-plugin.so target=stick.img entry=linux write=discard
 *
 * All connections share one engine, so a flush on one of them is one on all. The image is opened
 * before nbdkit goes into the background, so what is wrong with it is seen.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include "flash/target.h"
#include "serve/mounted_sum.h"
#include "serve/serve.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define EXTENTS_MAX  (UINT32_MAX & ~(uint64_t)511)

static struct serve_options options = {
    .write = WRITE_PERSISTENT, .write_of_entry = true, .alone = true};
static char *file_name, *target_name, *drive_name[TARGET_FURTHER_MAX];
static const char *drive[TARGET_FURTHER_MAX];
static unsigned flush_seconds = 5;
static struct serve *disk;

/* Says what failed. Returns -1. */
static int failed(int error, const struct fail *f)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    nbdkit_error("%s", sentence);
    nbdkit_set_error(error == EFBIG ? ENOSPC : error ? error : EIO);
    return -1;
}

static int config_write(const char *value)
{
    static const char *const modes[] = {
        [WRITE_PERSISTENT] = "persistent", [WRITE_DISCARD] = "discard", [WRITE_NONE] = "none"};
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (!strcmp(value, modes[i])) {
            options.write = (enum write_mode)i;
            options.write_of_entry = false;
            return 0;
        }
    }
    nbdkit_error("write=%s: choose persistent, discard or none", value);
    return -1;
}

/* A file that exists gets its whole path: nbdkit may change the folder it works in. */
static int config_path(char **whole, const char **option, const char *value)
{
    free(*whole);
    *whole = realpath(value, NULL);
    if (!*whole)
        *whole = strdup(value);
    *option = *whole;
    return *whole ? 0 : -1;
}

static int config_drive(const char *value)
{
    if (options.drives == TARGET_FURTHER_MAX) {
        nbdkit_error("drive=%s: more than %u further disks", value, TARGET_FURTHER_MAX);
        return -1;
    }
    unsigned i = options.drives++;
    options.drive = drive;
    return config_path(&drive_name[i], &drive[i], value);
}

static int config_direct(const char *value)
{
    int yes = nbdkit_parse_bool(value);
    options.direct = yes == 1;
    return yes == -1 ? -1 : 0;
}

static int vhdboot_config(const char *key, const char *value)
{
    if (!strcmp(key, "file"))
        return config_path(&file_name, &options.file, value);
    if (!strcmp(key, "target"))
        return config_path(&target_name, &options.target, value);
    if (!strcmp(key, "write"))
        return config_write(value);
    if (!strcmp(key, "partition"))
        return nbdkit_parse_unsigned("partition", value, &options.partition);
    if (!strcmp(key, "flush"))
        return nbdkit_parse_unsigned("flush", value, &flush_seconds);
    if (!strcmp(key, "direct"))
        return config_direct(value);
    if (!strcmp(key, "drive"))
        return config_drive(value);
    if (!strcmp(key, "entry")) {
        options.entry = value; /* nbdkit keeps it */
        return 0;
    }
    nbdkit_error("%s: no such parameter; there are file, target, entry, drive, write, partition, "
                 "direct and flush",
                 key);
    return -1;
}

static int vhdboot_config_complete(void)
{
    if (!options.file && !options.target) {
        nbdkit_error("name an image (file=), or a disk with a boot menu (target=)");
        return -1;
    }
    if (options.file && options.entry) {
        nbdkit_error("entry= is one of a disk with a boot menu: name that by target= alone");
        return -1;
    }
    return 0;
}

/* nbdkit does not tell of its -r before a client comes, so whoever gives that alone may ask for
 * more than can be had. Would a file of the host open to be read? */
static bool opens_for_reading(void)
{
    struct fail f;
    if (!options.file || access(options.file, R_OK))
        return false;
    struct serve_options reading = options;
    reading.write = WRITE_NONE;
    reading.write_of_entry = false;
    struct serve *serve = serve_open(&reading, &f);
    return serve && !serve_close(serve, &f);
}

static int vhdboot_get_ready(void)
{
    struct fail f;
    setlocale(LC_CTYPE, "C.UTF-8"); /* names of files are UTF-8, here as on the volume */
    signal(SIGXFSZ, SIG_IGN);       /* a file that may not grow is one request's failure */
    disk = serve_open(&options, &f);
    if (disk && options.file && options.write == WRITE_PERSISTENT)
        mounted_sum_written(options.file);
    if (disk)
        return 0;
    (void)failed(EINVAL, &f);
    if (options.write == WRITE_PERSISTENT && opens_for_reading())
        nbdkit_error("it can be read: say write=none, or write=discard");
    return -1;
}

/* Here, since threads that were started before do not go into the background with it. */
static int vhdboot_after_fork(void)
{
    struct fail f;
    return flush_seconds && serve_keep(disk, flush_seconds, &f) ? failed(ENOMEM, &f) : 0;
}

/* The last moment at which a failure can be told. */
static void vhdboot_cleanup(void)
{
    struct fail f;
    if (disk && serve_close(disk, &f))
        (void)failed(EIO, &f);
    disk = NULL;
}

static void vhdboot_unload(void)
{
    free(file_name);
    free(target_name);
    for (unsigned i = 0; i < options.drives; i++)
        free(drive_name[i]);
}

static void *vhdboot_open(int readonly)
{
    (void)readonly; /* nbdkit lets nothing be written then */
    return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t vhdboot_get_size(void *handle)
{
    (void)handle;
    return (int64_t)serve_size(disk);
}

static int vhdboot_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
                              uint32_t *maximum)
{
    (void)handle;
    *minimum = 1;
    *preferred = 4096;
    *maximum = 0xffffffff;
    return 0;
}

static int vhdboot_can_write(void *handle)
{
    (void)handle;
    return serve_writable(disk);
}

static int vhdboot_yes(void *handle)
{
    (void)handle;
    return 1;
}

static int vhdboot_can_fua(void *handle)
{
    (void)handle;
    return NBDKIT_FUA_NATIVE;
}

static int vhdboot_can_cache(void *handle)
{
    (void)handle;
    return NBDKIT_CACHE_EMULATE;
}

static int vhdboot_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct fail f;
    (void)handle, (void)flags;
    int error = serve_read(disk, buf, count, offset, &f);
    return error ? failed(error, &f) : 0;
}

/* What a request asks for besides: that it lasts when it is answered. */
static int done(int error, uint32_t flags, struct fail *f)
{
    if (!error && flags & NBDKIT_FLAG_FUA)
        error = serve_flush(disk, f);
    return error ? failed(error, f) : 0;
}

static int vhdboot_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
                          uint32_t flags)
{
    struct fail f;
    (void)handle;
    return done(serve_write(disk, buf, count, offset, &f), flags, &f);
}

static int vhdboot_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct fail f;
    (void)handle;
    return done(serve_zero(disk, count, offset, flags & NBDKIT_FLAG_MAY_TRIM, &f), flags, &f);
}

static int vhdboot_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct fail f;
    (void)handle;
    return done(serve_trim(disk, count, offset, &f), flags, &f);
}

static int vhdboot_flush(void *handle, uint32_t flags)
{
    struct fail f;
    (void)handle, (void)flags;
    int error = serve_flush(disk, &f);
    return error ? failed(error, &f) : 0;
}

/* All of them together are no longer than a request can be: nbdkit (1.32) may abort otherwise. */
static int vhdboot_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                           struct nbdkit_extents *extents)
{
    uint64_t end = offset + count, most = offset + EXTENTS_MAX;
    (void)handle;
    while (offset < end && offset < most) { /* ends: an extent has at least one byte */
        struct fail f;
        uint64_t length;
        bool zero;
        int error = serve_extent(disk, offset, &length, &zero, &f);
        if (error)
            return failed(error, &f);
        if (length > most - offset)
            length = most - offset;
        uint32_t type = zero ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0;
        if (nbdkit_add_extent(extents, offset, length, type) == -1)
            return -1;
        if (flags & NBDKIT_FLAG_REQ_ONE)
            break;
        offset += length;
    }
    return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "vhdboot",
    .version = VERSION,
    .longname = "VHD and VHDX images, with parents, as vhdboot boots them",
    .description = "Serves the virtual disk of a VHD or VHDX file, read and written.",
    .config = vhdboot_config,
    .config_complete = vhdboot_config_complete,
    .config_help =
        "file=FILE            a VHD or VHDX, or TARGET:/path on its NTFS volume\n"
        "target=TARGET        a disk with a boot menu\n"
        "entry=NAME           an entry of it; the default one otherwise\n"
        "drive=TARGET         another disk of the machine, which a parent may lie on\n"
        "write=persistent|discard|none\n"
        "partition=N          of TARGET\n"
        "direct=true          past the page cache (O_DIRECT)\n"
        "flush=SECONDS        what is written lasts after so long at the latest; default\n"
        "                     5, 0: when a client flushes",
    .magic_config_key = "file",
    .get_ready = vhdboot_get_ready,
    .after_fork = vhdboot_after_fork,
    .cleanup = vhdboot_cleanup,
    .unload = vhdboot_unload,
    .open = vhdboot_open,
    .get_size = vhdboot_get_size,
    .block_size = vhdboot_block_size,
    .can_write = vhdboot_can_write,
    .can_flush = vhdboot_yes,
    .can_trim = vhdboot_yes,
    .can_zero = vhdboot_yes,
    .can_extents = vhdboot_yes,
    .can_multi_conn = vhdboot_yes,
    .can_fua = vhdboot_can_fua,
    .can_cache = vhdboot_can_cache,
    .pread = vhdboot_pread,
    .pwrite = vhdboot_pwrite,
    .zero = vhdboot_zero,
    .trim = vhdboot_trim,
    .flush = vhdboot_flush,
    .extents = vhdboot_extents,
};

NBDKIT_REGISTER_PLUGIN(plugin)
