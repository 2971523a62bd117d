/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program of the system's is chrooted, speaks into memory, and has no right to reach the kernel.
 */
#include "inside/program.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "inside/within.h"

/* What no program of the system's needs to make an initramfs, and would reach past its root. */
static const unsigned dropped[] = {CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT, CAP_SYS_TIME,
                                   CAP_SYS_PTRACE, CAP_NET_ADMIN, CAP_MAC_ADMIN};

int program_world(int root)
{
    int error = within_mount(root, "proc", "proc", "proc", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
    if (!error)
        error = within_mount(root, "sys", "sysfs", "sysfs",
                             MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
    if (!error)
        error = within_mount(root, "dev", "/dev", NULL, MS_BIND, NULL);
    if (!error)
        error = within_mount(root, "run", "none", "tmpfs", MS_NODEV | MS_NOSUID, "mode=755");
    if (!error)
        error = within_mount(root, "tmp", "none", "tmpfs", MS_NODEV | MS_NOSUID, "mode=1777");
    /* Where an initramfs is put together: several times its size, which the image need not have. */
    if (!error && within_has(root, "var/tmp"))
        error = within_mount(root, "var/tmp", "none", "tmpfs", MS_NODEV | MS_NOSUID, "mode=1777");
    return error;
}

static void child(int root, int file, const char *const *words, int output)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL=C",
        "HOME=/root",
        "TERM=dumb",
        "DEBIAN_FRONTEND=noninteractive",
        NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || fchdir(root) || chroot(".") || chdir("/"))
        _exit(127);
    for (unsigned i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        (void)prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0);
    if (file >= 0)
        fexecve(file, (char *const *)words, (char *const *)environment);
    else
        execvpe(words[0], (char *const *)words, (char *const *)environment);
    dprintf(STDERR_FILENO, "%s\n", strerror(errno));
    _exit(127);
}

/* The last line that is not empty. */
static void last_line(int output, char *line, size_t size)
{
    char text[2048];
    off_t end = lseek(output, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    ssize_t n = pread(output, text, sizeof text - 1, from);
    text[n > 0 ? n : 0] = '\0';
    *line = '\0';
    for (char *rest = text, *one; (one = strsep(&rest, "\n"));) {
        if (*one)
            snprintf(line, size, "%s", one);
    }
}

bool program_run(int root, int file, const char *const *words, struct program_end *end)
{
    *end = (struct program_end){.status = -1};
    int output = memfd_create("output", MFD_CLOEXEC);
    pid_t pid = output < 0 ? -1 : fork();
    if (!pid)
        child(root, file, words, output);
    while (pid > 0) { /* ends: with the program; others that are waited for are its orphans */
        int status;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended == pid)
            end->status = status;
        if (ended == pid || (ended < 0 && errno != EINTR))
            break;
    }
    if (output >= 0) {
        last_line(output, end->last, sizeof end->last);
        close(output);
    }
    return !end->status;
}
