/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhdboot-attach installs itself, run below the system's root; then the system makes its initramfs
 * as after any upgrade. Until that is renamed to its place the old one is there. */
#include "inside/initramfs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "host/fd.h"
#include "inside/program.h"
#include "inside/within.h"

#define ELF_MACHINE 18u
#define AMD64       62u
#define ROOT_NEEDS  ((uint64_t)6 << 20)
#define BOOT_NEEDS  ((uint64_t)8 << 20) /* besides the largest initramfs of now */

/* Programs that make an initramfs, and how one is looked into. */
static const struct maker {
    const char *program;
    const char *make[8], *look;
} makers[] = {
    {"usr/sbin/update-initramfs", {"update-initramfs", "-u", "-k", "all"}, "lsinitramfs"},
    {"usr/bin/dracut", {"dracut", "--force", "--no-hostonly", "--regenerate-all"}, "lsinitrd"},
};

/* --- Would it work? */

static enum status check_processor(const struct system *s)
{
    static const char *const programs[] = {"usr/bin/dpkg", "usr/bin/sh", "bin/sh", "sbin/init"};
    unsigned char head[20];
    for (unsigned i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        int fd = within_open(s->root, programs[i], O_RDONLY | O_NONBLOCK);
        bool elf =
            fd >= 0 && read(fd, head, sizeof head) == sizeof head && !memcmp(head, "\177ELF", 4);
        if (fd >= 0)
            close(fd);
        if (!elf)
            continue;
        if ((head[ELF_MACHINE] | head[ELF_MACHINE + 1] << 8) == AMD64)
            return STATUS_OK;
        return say_error("Only x86-64 is supported.",
                         "%s: its programs are not x86-64's (machine %u)", s->image,
                         head[ELF_MACHINE] | head[ELF_MACHINE + 1] << 8);
    }
    return say_error("Choose another one with --root.",
                     "%s: partition %u holds no system that runs", s->image, s->part->number);
}

struct kernels {
    const struct system *s;
    struct initramfs *i;
    unsigned with, without;
    char lacking[128];
};

/* Has the kernel the module, by itself or as a file? */
static bool has_module(int root, const char *version, const char *folder, const char *name)
{
    static char builtin[256 << 10];
    static const char *const ends[] = {"", ".xz", ".zst", ".gz"};
    char path[256];
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "lib/modules/%.100s/kernel/%s/%s.ko%s", version, folder, name,
                 ends[i]);
        if (within_has(root, path))
            return true;
    }
    snprintf(path, sizeof path, "lib/modules/%.100s/modules.builtin", version);
    char word[64];
    snprintf(word, sizeof word, "/%s.ko\n", name);
    return within_read(root, path, builtin, sizeof builtin) && strstr(builtin, word);
}

static bool consider_kernel(void *ctx, const char *name)
{
    struct kernels *k = ctx;
    const int root = k->s->root;
    if (strncmp(name, "vmlinuz-", 8))
        return true;
    const char *version = name + 8;
    if (has_module(root, version, "drivers/block", "nbd") &&
        has_module(root, version, "drivers/usb/storage", "usb-storage")) {
        size_t used = strlen(k->i->versions);
        snprintf(k->i->versions + used, sizeof k->i->versions - used, "%s%s", used ? ", " : "",
                 version);
        k->with++;
    } else {
        snprintf(k->lacking, sizeof k->lacking, "%s", version);
        k->without++;
    }
    return true;
}

static enum status check_kernels(struct initramfs *i, const struct system *s)
{
    struct kernels k = {.s = s, .i = i};
    *i->versions = '\0';
    within_list(s->root, "boot", consider_kernel, &k);
    if (!k.with && !k.without)
        return say_error("Install one inside: linux-image-amd64.", "%s: no kernel is in its /boot",
                         s->image);
    if (!k.with)
        return say_error("Install one that has both inside: linux-image-amd64; Ubuntu: "
                         "linux-image-generic.",
                         "%s: its kernel %s lacks the module nbd or usb-storage", s->image,
                         k.lacking);
    if (k.without)
        say_warning("%s: its kernel %s lacks the module nbd or usb-storage: it does not start from "
                    "a stick",
                    s->image, k.lacking);
    return STATUS_OK;
}

static enum status check_maker(struct initramfs *i, const struct system *s)
{
    for (unsigned k = 0; k < sizeof makers / sizeof makers[0]; k++) {
        if (within_has(s->root, makers[k].program)) {
            i->maker = &makers[k];
            return STATUS_OK;
        }
    }
    return say_error("Install initramfs-tools or dracut inside.",
                     "%s: %s: nothing that makes an initramfs is installed there", s->image,
                     s->name);
}

struct largest {
    int root;
    uint64_t size;
};

static bool consider_initramfs(void *ctx, const char *name)
{
    struct largest *l = ctx;
    char path[300];
    struct stat st;
    if (strncmp(name, "init", 4))
        return true;
    snprintf(path, sizeof path, "boot/%s", name);
    int fd = within_open(l->root, path, O_PATH);
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size > l->size)
        l->size = (uint64_t)st.st_size;
    if (fd >= 0)
        close(fd);
    return true;
}

static enum status check_room_of(const struct system *s, const char *path, uint64_t needed)
{
    struct statvfs st;
    int fd = within_open(s->root, path, O_RDONLY | O_DIRECTORY);
    bool known = fd >= 0 && !fstatvfs(fd, &st);
    uint64_t room = known ? (uint64_t)st.f_bavail * st.f_frsize : 0;
    if (fd >= 0)
        close(fd);
    if (!known || room >= needed)
        return STATUS_OK;
    return say_error("Make some room inside.", "%s: only %s are free in its /%s, %s are needed",
                     s->image, bytes_text(room), path, bytes_text(needed));
}

static enum status check_room(const struct system *s)
{
    struct largest l = {.root = s->root};
    within_list(s->root, "boot", consider_initramfs, &l);
    enum status status = check_room_of(s, "usr", ROOT_NEEDS);
    return status ? status : check_room_of(s, "boot", l.size + BOOT_NEEDS);
}

/* What the kernel is told as its root cannot be a drive's name. */
static void warn_of_root(const struct system *s)
{
    static char text[256 << 10];
    if (!within_read(s->root, "boot/grub/grub.cfg", text, sizeof text))
        return;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        char *root = strstr(line, " root=/dev/");
        if (!root || !strncmp(root, " root=/dev/mapper/", 18) ||
            !strncmp(root, " root=/dev/disk/by-", 19))
            continue;
        root[1 + strcspn(root + 1, " \t")] = '\0';
        say_warning("%s: its grub.cfg says%s, which is another disk when it is started by vhdboot: "
                    "root=UUID= works",
                    s->image, root);
        return;
    }
}

enum status initramfs_check(struct initramfs *i, const struct system *s)
{
    enum status status = check_processor(s);
    if (!status)
        status = check_kernels(i, s);
    if (!status)
        status = check_maker(i, s);
    if (!status)
        status = check_room(s);
    if (!status)
        warn_of_root(s);
    return status;
}

/* --- Doing it */

static enum status program_failed(const struct system *s, const char *name,
                                  const struct program_end *end)
{
    return say_error("The system inside starts as before, its initramfs is the old one.",
                     "%s: %s inside it %s: %s", s->image, name,
                     end->status == -1          ? "cannot be started"
                     : WIFSIGNALED(end->status) ? "was ended"
                                                : "failed",
                     *end->last ? end->last : "it said nothing");
}

/* A package becomes a file in the system's /run, which is memory. */
static enum status put_package(const struct initramfs *i, const struct system *s)
{
    static const char *const words[] = {"dpkg", "--install", "/run/vhdboot-guest.deb", NULL};
    struct program_end end;
    int to = within_open(s->root, "run", O_PATH | O_DIRECTORY);
    int file = to < 0 ? -1 : openat(to, "vhdboot-guest.deb", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ssize_t n = 1;
    off_t at = 0;
    while (file >= 0 && n > 0) /* ends: with the package */
        n = sendfile(file, i->package, &at, 1 << 20);
    if (file < 0 || n < 0)
        return say_error("Is it readable?", "the package cannot be copied: %s", strerror(errno));
    close(file);
    close(to);
    return program_run(s->root, -1, words, &end) ? STATUS_OK : program_failed(s, words[0], &end);
}

/* Under another name first: a program is there whole or not at all. */
static bool put_grow(const struct initramfs *i, const struct system *s)
{
    static const char name[] = "vhdboot-grow", fresh[] = "vhdboot-grow.new";
    int to = within_open(s->root, "usr/sbin", O_PATH | O_DIRECTORY);
    int file = to < 0
                   ? -1
                   : openat(to, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0755);
    bool ok = file >= 0 && fd_pwrite(file, i->grow, i->grow_size, 0) && !fchmod(file, 0755) &&
              !fsync(file) && !renameat(to, fresh, to, name);
    if (file >= 0)
        close(file);
    if (to >= 0)
        close(to);
    return ok;
}

static enum status put_program(const struct initramfs *i, const struct system *s)
{
    static const char *const words[] = {"vhdboot-attach", "install-hooks", NULL};
    struct program_end end;
    if (!program_run(s->root, i->program, words, &end))
        return program_failed(s, words[0], &end);
    return put_grow(i, s) ? STATUS_OK
                          : say_error("Make some room inside.", "%s: its /usr/sbin: %s", s->image,
                                      strerror(errno));
}

struct proof {
    const struct system *s;
    const struct maker *maker;
    unsigned with, without;
    char lacking[128];
};

static bool prove_one(void *ctx, const char *name)
{
    struct proof *p = ctx;
    struct program_end end;
    char script[200];
    bool one = !strncmp(name, "initrd.img-", 11) ||
               (!strncmp(name, "initramfs-", 10) && strstr(name, ".img"));
    size_t length = strlen(name);
    if (!one ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                     "._+~-") != length ||
        length > 100 || !strcmp(name + length - 4, ".bak"))
        return true;
    snprintf(script, sizeof script, "%s /boot/%s | grep -q vhdboot-attach", p->maker->look, name);
    const char *const words[] = {"sh", "-c", script, NULL};
    if (program_run(p->s->root, -1, words, &end)) {
        p->with++;
    } else {
        p->without++;
        snprintf(p->lacking, sizeof p->lacking, "%s", name);
    }
    return true;
}

static enum status prove(const struct initramfs *i, const struct system *s)
{
    struct proof p = {.s = s, .maker = i->maker};
    within_list(s->root, "boot", prove_one, &p);
    if (p.with && !p.without)
        return STATUS_OK;
    return say_error("Look what makes that initramfs inside.",
                     "%s: vhdboot-attach did not get into its /boot/%s", s->image,
                     p.without ? p.lacking : "initrd.img");
}

enum status initramfs_put(const struct initramfs *i, const struct system *s)
{
    const struct maker *maker = i->maker;
    struct program_end end;
    int error = program_world(s->root);
    if (error)
        return say_error("Run this as root, not in a container that may not mount.",
                         "%s: /proc and others cannot be mounted inside it: %s", s->image,
                         strerror(error));
    enum status status = i->package >= 0 ? put_package(i, s) : put_program(i, s);
    if (!status && !program_run(s->root, -1, maker->make, &end))
        status = program_failed(s, maker->make[0], &end);
    return status ? status : prove(i, s);
}
