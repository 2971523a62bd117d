/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage attach, detach, attached: an image as a block device of this kernel. */
#include "attach/attach.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach/daemon.h"
#include "attach/devices.h"
#include "attach/netlink.h"
#include "cli/bytes.h"
#include "cli/json.h"
#include "flash/source.h"
#include "flash/sums.h"
#include "host/busy.h"
#include "serve/content.h"
#include "serve/mounted_sum.h"
#include "serve/serve.h"
#include "verbs/verbs.h"

#define DETACH_SECONDS                                                                             \
    300 /* what may have to be written: all that the kernel holds of the disk                      \
         */

static const char *const write_names[] = {
    [WRITE_PERSISTENT] = "persistent", [WRITE_DISCARD] = "discard", [WRITE_NONE] = "none"};

/* --- attach */

/* Loads the module where it is one that is not loaded: as the user would. */
static void load_module(void)
{
    extern char **environ;
    static char program[] = "modprobe", quiet[] = "-q", module[] = "nbd";
    char *const arguments[] = {program, quiet, module, NULL};
    pid_t pid;
    if (!posix_spawnp(&pid, program, NULL, NULL, arguments, environ))
        (void)waitpid(pid, NULL, 0);
}

static enum status kernel_check(void)
{
    struct netlink n;
    if (geteuid())
        return say_error("Run it as root, or serve the image without a device: nbdfuse NAME "
                         "[ nbdkit vhdboot file=FILE ].",
                         "only root may attach a disk");
    int error = netlink_open(&n);
    if (error == ENOENT) {
        load_module();
        error = netlink_open(&n);
    }
    if (!error) {
        netlink_close(&n);
        return STATUS_OK;
    }
    return say_error("Serve the image as a file: nbdfuse NAME [ nbdkit vhdboot file=FILE ].",
                     error == ENOENT ? "this kernel has no NBD client (its module is nbd)"
                                     : "this kernel's NBD client does not answer: %s",
                     strerror(error));
}

/* Is the argument an image, or a disk with a menu? */
static enum status what_it_is(struct serve_options *disk, const struct options *options)
{
    const char *name = options->argument[0], *path;
    char *target;
    struct stat st;
    bool is_target = options->entry;
    disk->entry = options->entry;
    disk->partition = options->partition;
    disk->drive = options->drive;
    disk->drives = options->drives;
    disk->direct_if_able = true;
    disk->alone = true;
    disk->write = options->read_only ? WRITE_NONE
                  : options->discard ? WRITE_DISCARD
                                     : WRITE_PERSISTENT;
    disk->write_of_entry = !options->read_only && !options->discard;
    if (!is_target && source_on_target(name, &target, &path)) {
        free(target);
        if (path[strspn(path, "/\\")] == '\0')
            return say_usage("%s: names no file", name);
    } else if (stat(name, &st)) {
        return say_error("Check the name.", "%s: %s", name, strerror(errno));
    } else if (S_ISBLK(st.st_mode)) {
        is_target = true;
    } else if (!is_target && content_is_raw(name, &is_target)) {
        return STATUS_FAILED;
    }
    *(is_target ? &disk->target : &disk->file) = name;
    return STATUS_OK;
}

/* What `attached` shows: a whole path, since its reader works elsewhere. */
static void backend_make(char text[DEVICES_TEXT_MAX], const struct serve_options *disk,
                         const struct serve *s)
{
    const char *name = disk->target ? disk->target : disk->file, *inside = "";
    char whole[2 * PATH_MAX], *target = NULL;
    if (!disk->target && source_on_target(name, &target, &inside))
        name = target;
    char *real = realpath(name, NULL);
    snprintf(whole, sizeof whole, "%s%s%s", real ? real : name, *inside ? ":" : "", inside);
    const char *entry = disk->entry ? disk->entry : "";
    devices_backend(text, write_names[serve_write_mode(s)], disk->target ? entry : "", whole);
    free(real);
    free(target);
}

/* The process that serves. Says what is wrong as long as somebody listens. */
static enum status serve_device(const struct serve_options *disk, int index, int channel)
{
    static char backend[DEVICES_TEXT_MAX];
    static struct attach a;
    struct fail f;
    struct serve *s = serve_open(disk, &f);
    if (!s)
        return serve_say(&f);
    /* What an entry writes to, verify knows by the menu. */
    if (disk->file && sums_mark_served(serve_drive(s), disk->file, disk->partition)) {
        (void)serve_close(s, &f);
        return STATUS_FAILED;
    }
    if (disk->file && disk->write == WRITE_PERSISTENT)
        mounted_sum_written(disk->file);
    backend_make(backend, disk, s);
    struct attach_options options = {.index = index, .backend = backend};
    daemon_settle();
    int error = attach_start(&a, s, &options, &f);
    if (error) {
        struct fail closing;
        (void)serve_close(s, &closing);
        return say_fail_advice(
            &f, error == EBUSY ? "Choose another one, or leave --device out: then one is found."
                               : "The kernel's log may say more: dmesg.");
    }
    daemon_ready(channel, a.index);
    if (!attach_wait(&a, &f))
        return STATUS_OK;
    char sentence[512];
    errors_format(&f, sentence, sizeof sentence);
    daemon_log(a.name, sentence);
    return STATUS_FAILED;
}

enum status verb_attach(const struct options *options)
{
    if (options->read_only && options->discard)
        return say_usage("--read-only and --discard: choose one");
    int index = options->device ? devices_index(options->device) : -1, word;
    if (options->device && index < 0)
        return say_usage("--device %s: not of the form /dev/nbdN", options->device);
    struct serve_options disk = {0};
    enum status status = what_it_is(&disk, options);
    if (!status)
        status = kernel_check();
    if (status)
        return status;
    fflush(stdout);
    pid_t pid = daemon_fork(&word);
    if (!pid)
        _exit(serve_device(&disk, index, word));
    if (pid < 0)
        return errno == ECHILD ? STATUS_FAILED
                               : say_error("End other programs first.",
                                           "no process can be started: %s", strerror(errno));
    if (!devices_scan(word))
        say_warning("/dev/nbd%d: its partitions were not looked for: %s", word, strerror(errno));
    say_out("/dev/nbd%d", word);
    return STATUS_OK;
}

/* --- detach */

static enum status detach_failed(const char *name, int error)
{
    return say_error(error == EBUSY   ? "Unmount it, and end what uses it, first."
                     : error == EPERM ? "Run it as root."
                                      : "The kernel's log may say more: dmesg.",
                     "%s: cannot be detached: %s", name, strerror(error));
}

/* Waits until the server has ended: only then the image is closed. */
static enum status server_end(int pid_fd, const char *name)
{
    struct pollfd end = {.fd = pid_fd, .events = POLLIN};
    if (pid_fd < 0 || poll(&end, 1, DETACH_SECONDS * 1000) > 0)
        return STATUS_OK;
    return say_error("Leave the image alone until it has ended.",
                     "%s: is detached, but its server is still writing", name);
}

/* The device is held by `fd`, which nobody else then has. */
static enum status detach_held(int fd, const struct devices_one *one, const char *name)
{
    if (!one->served)
        say_warning("%s: its server has ended: what was not flushed is lost", name);
    else if (fsync(fd))
        return say_error("It stays attached; the kernel's log may say more: dmesg.",
                         "%s: what was written to it could not be kept: %s", name, strerror(errno));
    int pid_fd = (int)syscall(SYS_pidfd_open, one->server, 0);
    struct netlink n;
    int error = netlink_open(&n);
    if (!error) {
        error = netlink_disconnect(&n, one->index);
        netlink_close(&n);
    }
    enum status status = error ? detach_failed(name, error) : server_end(pid_fd, name);
    if (pid_fd >= 0)
        close(pid_fd);
    return status;
}

enum status verb_detach(const struct options *options)
{
    const char *name = options->argument[0];
    int index = devices_index(name);
    struct devices_one one;
    if (index < 0)
        return say_usage("%s: not of the form /dev/nbdN", name);
    if (!devices_read(&one, index))
        return say_error("mkimage attached lists those that are.",
                         "%s: is no device that mkimage attached", name);
    char path[32];
    snprintf(path, sizeof path, "/dev/nbd%d", index);
    if (geteuid())
        return say_error("Run it as root.", "only root may detach a disk");
    enum status status = busy_check(path);
    if (status)
        return status;
    int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
    if (fd < 0 && (errno == EROFS || errno == EACCES))
        fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0)
        return detach_failed(path, errno);
    status = detach_held(fd, &one, path);
    close(fd);
    return status;
}

/* --- attached */

static void tell_line(void *ctx, const struct devices_one *one)
{
    (void)ctx;
    char partitions[32] = "no partitions";
    if (one->partitions)
        snprintf(partitions, sizeof partitions, "%u partition%s", one->partitions,
                 one->partitions == 1 ? "" : "s");
    say_out("/dev/nbd%d  %s  %s  %s  %s%s%s%s", one->index, bytes_text(one->size), one->write,
            partitions, one->image, *one->entry ? ", entry " : "", one->entry,
            one->served ? "" : ", its server has ended");
}

static void tell_json(void *ctx, const struct devices_one *one)
{
    (void)ctx;
    char name[32];
    snprintf(name, sizeof name, "/dev/nbd%d", one->index);
    json_object(NULL);
    json_string("device", name);
    json_string("image", one->image);
    json_string("entry", *one->entry ? one->entry : NULL);
    json_string("write", one->write);
    json_number("size", one->size);
    json_array("partitions");
    for (unsigned i = 0; i < one->partitions; i++) {
        snprintf(name, sizeof name, "/dev/nbd%dp%u", one->index, one->partition[i]);
        json_string(NULL, name);
    }
    json_end();
    json_number("pid", (uint64_t)one->server);
    json_bool("served", one->served);
    json_end();
}

enum status verb_attached(const struct options *options)
{
    if (!options->json) {
        devices_list(tell_line, NULL);
        return STATUS_OK;
    }
    json_object(NULL);
    json_array("devices");
    devices_list(tell_json, NULL);
    json_end();
    json_end();
    return STATUS_OK;
}
