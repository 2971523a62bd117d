/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhdboot-attach: in a Linux that vhdboot started, makes the virtual disk a block device again once
 * the kernel's own drivers have taken over. One static program, for an initramfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach/devices.h"
#include "attach/netlink.h"
#include "cli/json.h"
#include "cli/program.h"
#include "cli/say.h"
#include "core/ntfs/ntfs.h"
#include "core/base/text.h"
#include "core/base/growth.h"
#include "guest/claim.h"
#include "guest/disk.h"
#include "guest/found.h"
#include "guest/hooks.h"
#include "guest/keeper.h"
#include "guest/left.h"
#include "host/fd.h"
#include "serve/above.h"

static const char usage[] =
    "vhdboot-attach info [--json] [--memory FILE] [--drive FILE]\n"
    "        what this system was started from, and how much room its image has left\n"
    "vhdboot-attach attach [--wait SECONDS] [--no-claim]\n"
    "        makes that disk a block device, /dev/disk/by-id/vhdboot; where vhdboot has not\n"
    "        started this system, does nothing and says nothing\n"
    "vhdboot-attach detach\n"
    "        takes the device away; nothing may be mounted from it\n"
    "vhdboot-attach grow SIZE [--dry-run]\n"
    "        makes room for so much new data in the image, by vhdboot-grow\n"
    "vhdboot-attach install-hooks [ROOT]\n"
    "        puts itself, and what calls it in an initramfs, into an installed system\n"
    "vhdboot-attach --help | --version\n"
    "\n"
    "Exit status: 0 done; 1 failed, with one sentence; 2 wrong usage.\n";

struct arguments {
    const char *memory, *drive; /* other places to look at than this machine's */
    unsigned wait_seconds;
    bool no_claim, json;
};

static struct found found;
static struct disk disk;

static const char *memory_of(const struct arguments *args)
{
    return args->memory ? args->memory : "/dev/mem";
}

static const char *write_name(const struct boottable *t)
{
    static const char *const names[] = {
        [WRITE_PERSISTENT] = "persistent", [WRITE_DISCARD] = "discard", [WRITE_NONE] = "none"};
    return names[t->write];
}

/* --- info */

static void print_files(void)
{
    const struct boottable *t = &found.table;
    for (unsigned i = 0; i < t->file_count; i++) {
        const struct boottable_file *file = &t->file[i];
        say_out("%s %s on volume %016" PRIX64, i ? "parent" : "image ", file->path,
                file->volume.serial);
    }
}

/* How much new data the image has room for, as it lies on the drive; false: it needs none. */
static bool room_find(struct image_slack *slack)
{
    struct image *leaf = &disk.boot.chain.link[0]->image;
    struct fail f;
    return disk.writable && leaf->slack && leaf->kind != IMAGE_FIXED &&
           !leaf->slack(leaf, slack, &f);
}

static void print_room(void)
{
    struct image_slack slack;
    char room[32];
    struct text t;
    if (!room_find(&slack))
        return;
    text_init(&t, room, sizeof room);
    text_bytes(&t, (uint64_t)slack.count * slack.block_sectors << SECTOR_SHIFT);
    say_out("room   %s for new blocks (%" PRIu32 ")", room, slack.count);
}

static enum status print_drive(const struct arguments *args)
{
    struct fail f;
    enum err err = disk_find(&disk, &found.table, NULL, args->drive, &f);
    if (err)
        return say_fail_advice(&f, err == ERR_NOT_FOUND ? "Plug it in again." : NULL);
    if (disk_open(&disk, &f)) {
        disk_close(&disk);
        return say_fail(&f);
    }
    for (unsigned i = 0; i < disk.sticks; i++)
        say_out("drive  %s%s%s", disk.stick[i].path, *disk.stick[i].partition ? ", " : "",
                disk.stick[i].partition);
    print_room();
    disk_close(&disk);
    return STATUS_OK;
}

static void json_files(void)
{
    const struct boottable *t = &found.table;
    char serial[20];
    json_array("files");
    for (unsigned i = 0; i < t->file_count; i++) {
        json_object(NULL);
        json_string("path", t->file[i].path);
        snprintf(serial, sizeof serial, "%016" PRIX64, t->file[i].volume.serial);
        json_string("volume", serial);
        json_end();
    }
    json_end();
}

/* All that info says, of a disk that is open. */
static void json_info(const struct arguments *args)
{
    const struct boottable *t = &found.table;
    struct image_slack slack;
    char device[24];
    int index = args->memory ? -1 : left_index();
    snprintf(device, sizeof device, "/dev/nbd%d", index);
    json_object(NULL);
    json_bool("started", true);
    json_string("entry", t->entry);
    json_string("write", write_name(t));
    json_bool("ram", t->ram);
    json_bool("writable", disk.writable);
    json_number("size", t->disk_sectors << SECTOR_SHIFT);
    json_files();
    json_array("drives");
    for (unsigned i = 0; i < disk.sticks; i++)
        json_string(NULL, disk.stick[i].path);
    json_end();
    json_string("device", index < 0 ? NULL : device);
    if (!disk_in_memory(&disk) && room_find(&slack)) {
        json_number("room", (uint64_t)slack.count * slack.block_sectors << SECTOR_SHIFT);
        json_number("room_blocks", slack.count);
    } else {
        json_null("room");
        json_null("room_blocks");
    }
    json_end();
}

static enum status run_json(const struct arguments *args)
{
    struct fail f;
    if (found.in == FOUND_NOTHING) {
        json_object(NULL);
        json_bool("started", false);
        json_end();
        return STATUS_FAILED;
    }
    if (disk_find(&disk, &found.table, NULL, args->drive, &f))
        return say_fail(&f);
    enum err err = disk_open(&disk, &f);
    if (!err)
        json_info(args);
    disk_close(&disk);
    return err ? say_fail(&f) : STATUS_OK;
}

static enum status run_info(const struct arguments *args)
{
    static const char *const places[] = {"", "in memory", "a copy in the initramfs",
                                         "on the kernel's command line"};
    struct fail f;
    if (found_look(&found, memory_of(args), &f))
        return say_fail(&f);
    if (args->json)
        return run_json(args);
    if (found.in == FOUND_NOTHING) {
        say_out("This system was not started by vhdboot.");
        return STATUS_FAILED;
    }
    const struct boottable *t = &found.table;
    say_out("entry  %s, write = %s%s%s%s%s", t->entry, write_name(t), t->ram ? ", ram = yes" : "",
            t->force ? ", force = yes" : "", t->hide ? ", hide = yes" : "",
            t->write_protected ? ", write-protected" : "");
    say_out("table  %s, %" PRIu32 " bytes", places[found.in], found.size);
    say_out("disk   %" PRIu64 " sectors", t->disk_sectors);
    print_files();
    int index = args->memory ? -1 : left_index();
    if (index >= 0)
        say_out("device /dev/nbd%d", index);
    return print_drive(args);
}

/* --- attach */

static void run_program(const char *const *words)
{
    pid_t pid = fork();
    if (!pid) {
        int null = open("/dev/null", O_RDWR);
        if (null >= 0)
            (void)dup2(null, STDERR_FILENO);
        execvp(words[0], (char *const *)words);
        _exit(127);
    }
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
}

/* The kernel's parts that are needed and may be modules. */
static void modules_load(void)
{
    static const char *const modprobe[] = {"modprobe", "-qa", "nbd", "dm_mod", NULL};
    struct netlink n;
    struct stat st;
    bool nbd = !netlink_open(&n);
    if (nbd)
        netlink_close(&n);
    if (!nbd || stat("/dev/mapper/control", &st))
        run_program(modprobe);
}

/* Waits for the drives as long as it is told to. */
static enum err find_drives(const struct arguments *args, struct fail *f)
{
    for (unsigned waited = 0;; waited++) {
        const char *memory = found.in == FOUND_MEMORY ? memory_of(args) : NULL;
        enum err err = disk_find(&disk, &found.table, memory, args->drive, f);
        if (err != ERR_NOT_FOUND || waited >= args->wait_seconds)
            return err;
        sleep(1);
    }
}

static void print_notes(void)
{
    char line[512];
    for (unsigned i = 0; i < disk.boot.notes.count; i++) {
        notes_format(&disk.boot.notes, i, line, sizeof line);
        say_warning("%s", line);
    }
}

static enum status attach_disk(const struct arguments *args)
{
    static char backend[DEVICES_TEXT_MAX];
    struct fail f;
    if (disk_open(&disk, &f) || disk_lock(&disk, &f))
        return say_fail(&f);
    print_notes();
    bool discard = disk.above ? !disk.above->read_only : found.table.write == WRITE_DISCARD;
    const char *write = disk.writable ? "persistent" : discard ? "discard" : "none";
    (void)setenv("TMPDIR", "/run", 0); /* for changes that are not kept: there is no other place */
    devices_backend(backend, write, found.table.entry, found.table.file[0].path);
    modules_load();
    int index = keeper_start(&disk, backend);
    if (index < 0)
        return STATUS_FAILED;
    int error = args->no_claim ? 0 : claim_volumes(&disk);
    if (error)
        say_warning("the volume is not protected against being mounted: %s", strerror(error));
    (void)devices_scan(index);
    left_put(&disk, &found, index);
    say("vhdboot: %s is /dev/nbd%d, write = %s", found.table.file[0].path, index, write);
    return STATUS_OK;
}

static enum status run_attach(const struct arguments *args)
{
    struct fail f;
    struct devices_one one;
    int index = left_index();
    if (index >= 0 && devices_read(&one, index))
        return STATUS_OK;
    enum err err = found_look(&found, memory_of(args), &f);
    if (err)
        return say_fail(&f);
    if (found.in == FOUND_NOTHING)
        return STATUS_OK;
    err = find_drives(args, &f);
    if (err == ERR_NOT_FOUND && !left_first_wait())
        return STATUS_FAILED; /* it was said before */
    if (err)
        return say_fail_advice(&f, err == ERR_NOT_FOUND ? "Waiting for it." : NULL);
    enum status status = attach_disk(args);
    disk_close(&disk);
    return status;
}

/* --- detach */

static enum status run_detach(const struct arguments *args)
{
    struct netlink n;
    int index = left_index();
    (void)args;
    if (index < 0)
        return say_error("vhdboot-attach info tells what there is.", "nothing is attached");
    char path[32];
    snprintf(path, sizeof path, "/dev/nbd%d", index);
    int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0 && errno == EBUSY)
        return say_error("Unmount what is mounted from it first.", "%s: is in use", path);
    if (fd >= 0)
        close(fd);
    int error = netlink_open(&n);
    if (!error) {
        error = netlink_disconnect(&n, index);
        netlink_close(&n);
    }
    if (error)
        return say_error("Run this as root.", "%s: cannot be taken away: %s", path,
                         strerror(error));
    claim_release();
    left_remove();
    return STATUS_OK;
}

/* --- grow: another program, beside this one */

static enum status run_grow(char **word)
{
    static const char installed[] = "/usr/sbin/vhdboot-grow";
    char path[PATH_MAX];
    if (hooks_beside("vhdboot-grow", path, sizeof path))
        execv(path, word);
    execv(installed, word);
    return say_error("Install the package vhdboot-guest, or run mkimage reserve elsewhere.",
                     "%s: %s", installed, strerror(errno));
}

/* --- The command line */

static enum status number_option(const char *value, unsigned *number)
{
    char *end;
    unsigned long n = value ? strtoul(value, &end, 10) : 0;
    if (!value || !*value || *end || n > 86400)
        return say_usage("--wait takes seconds, 86400 at the most");
    *number = (unsigned)n;
    return STATUS_OK;
}

static enum status arguments_parse(struct arguments *args, int count, char **word)
{
    for (int i = 0; i < count; i++) {
        const char *value = i + 1 < count ? word[i + 1] : NULL;
        if (!strcmp(word[i], "--no-claim")) {
            args->no_claim = true;
        } else if (!strcmp(word[i], "--json")) {
            args->json = true;
        } else if (!strcmp(word[i], "--wait")) {
            enum status status = number_option(value, &args->wait_seconds);
            if (status)
                return status;
            i++;
        } else if (value && !strcmp(word[i], "--memory")) {
            args->memory = word[++i];
        } else if (value && !strcmp(word[i], "--drive")) {
            args->drive = word[++i];
        } else {
            return say_usage("%s: is not understood", word[i]);
        }
    }
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum status (*run)(const struct arguments *args);
    } verbs[] = {{"info", run_info}, {"attach", run_attach}, {"detach", run_detach}};
    struct arguments args = {0};
    fd_hold_streams();
    program_set_name("vhdboot-attach");
    setlocale(LC_CTYPE, "C.UTF-8"); /* names of files are UTF-8, here as on the volume */
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        puts("vhdboot-attach " VERSION);
        return STATUS_OK;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        fputs(usage, stdout);
        return STATUS_OK;
    }
    if (argc > 1 && argc < 4 && !strcmp(argv[1], "install-hooks"))
        return hooks_install(argc > 2 ? argv[2] : "");
    if (argc > 1 && !strcmp(argv[1], "grow"))
        return run_grow(argv + 1);
    for (unsigned i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name))
            continue;
        enum status status = arguments_parse(&args, argc - 2, argv + 2);
        return status ? status : verbs[i].run(&args);
    }
    fputs(usage, stderr);
    return STATUS_USAGE;
}
