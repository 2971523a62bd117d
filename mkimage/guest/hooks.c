/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a file under another name first: an initramfs is never made of half of one. */
#include "guest/hooks.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM    "/usr/sbin/vhdboot-attach"
#define GROW       "/usr/sbin/vhdboot-grow"

#define BLOB(name) extern const uint8_t name[], name##_end[]
BLOB(hook_initramfs);
BLOB(hook_script);
BLOB(hook_dracut_module);
BLOB(hook_dracut);
BLOB(hook_mkinitcpio_install);
BLOB(hook_mkinitcpio);

static const struct hook {
    const char *if_there; /* the program's own folder */
    const char *path;
    const uint8_t *start, *end;
} hooks[] = {
    {"/usr/share/initramfs-tools", "/etc/initramfs-tools/hooks/vhdboot", hook_initramfs,
     hook_initramfs_end},
    {"/usr/share/initramfs-tools", "/etc/initramfs-tools/scripts/local-top/vhdboot", hook_script,
     hook_script_end},
    {"/usr/share/initramfs-tools", "/etc/initramfs-tools/scripts/local-block/vhdboot", hook_script,
     hook_script_end},
    {"/usr/lib/dracut/modules.d", "/usr/lib/dracut/modules.d/90vhdboot/module-setup.sh",
     hook_dracut_module, hook_dracut_module_end},
    {"/usr/lib/dracut/modules.d", "/usr/lib/dracut/modules.d/90vhdboot/vhdboot.sh", hook_dracut,
     hook_dracut_end},
    {"/usr/lib/initcpio", "/etc/initcpio/install/vhdboot", hook_mkinitcpio_install,
     hook_mkinitcpio_install_end},
    {"/usr/lib/initcpio", "/etc/initcpio/hooks/vhdboot", hook_mkinitcpio, hook_mkinitcpio_end},
};

static void folders_make(char *path, size_t from)
{
    for (char *slash = path + from; (slash = strchr(slash + 1, '/'));) { /* ends: with the path */
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

static enum status failed(const char *path)
{
    return say_error("Run this as root.", "%s: cannot be written: %s", path, strerror(errno));
}

static enum status put(const char *root, const char *path, const uint8_t *start, size_t size)
{
    char whole[PATH_MAX], fresh[PATH_MAX + 8];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    snprintf(fresh, sizeof fresh, "%s.new", whole);
    folders_make(whole, strlen(root));
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    bool ok = fd >= 0;
    while (ok && size) { /* ends: write takes something, or fails */
        ssize_t n = write(fd, start, size);
        ok = n > 0;
        start += ok ? n : 0;
        size -= ok ? (size_t)n : 0;
    }
    ok = ok && !fchmod(fd, 0755) && !fsync(fd);
    if (fd >= 0)
        close(fd);
    return ok && !rename(fresh, whole) ? STATUS_OK : failed(whole);
}

bool hooks_beside(const char *name, char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size);
    if (n <= 0 || (size_t)n >= size)
        return false;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash + 1 - path) + strlen(name) >= size)
        return false;
    strcpy(slash + 1, name);
    return true;
}

static bool file_read(const char *path, uint8_t *bytes, size_t size, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, size);
    if (fd >= 0)
        close(fd);
    *length = n > 0 ? (size_t)n : 0;
    return n > 0 && (size_t)n < size;
}

/* This very file, and what `grow` calls, where that is beside it. */
static enum status put_programs(const char *root)
{
    static uint8_t bytes[4 << 20];
    char path[PATH_MAX];
    size_t length;
    if (!file_read("/proc/self/exe", bytes, sizeof bytes, &length))
        return say_error("Is /proc mounted?", "this program cannot read its own file");
    enum status status = put(root, PROGRAM, bytes, length);
    if (!status && hooks_beside("vhdboot-grow", path, sizeof path) &&
        file_read(path, bytes, sizeof bytes, &length))
        status = put(root, GROW, bytes, length);
    return status;
}

enum status hooks_install(const char *root)
{
    unsigned count = 0;
    enum status status = put_programs(root);
    for (unsigned i = 0; !status && i < sizeof hooks / sizeof hooks[0]; i++) {
        const struct hook *h = &hooks[i];
        char folder[PATH_MAX];
        struct stat st;
        snprintf(folder, sizeof folder, "%s%s", root, h->if_there);
        if (stat(folder, &st))
            continue;
        status = put(root, h->path, h->start, (size_t)(h->end - h->start));
        count++;
    }
    if (status)
        return status;
    if (!count)
        return say_error("Install initramfs-tools or dracut.",
                         "%s/: nothing that makes an initramfs is installed there", root);
    say("Installed. Make the initramfs anew: update-initramfs -u -k all, or dracut --force "
        "--regenerate-all.");
    return STATUS_OK;
}
