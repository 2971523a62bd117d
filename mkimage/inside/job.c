/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process is the first one of its namespace: with it the kernel ends all others there, and
 * unmounts. It goes when its parent goes, who serves the disk. */
#include "inside/job.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "inside/initramfs.h"
#include "inside/system.h"

/* vhdboot-attach and vhdboot-grow (blobs.S) */
extern const uint8_t blob_attach[], blob_attach_end[], blob_attach_grow[], blob_attach_grow_end[];

#define PLACE      "/run" /* its own: a folder that is everywhere */
#define FOLDER     PLACE "/root"
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* Ctrl-C and a polite kill: programs inside end, and all is unmounted as after any failure. */
static void on_signal(int number)
{
    (void)number;
    (void)kill(-1, SIGTERM);
}

static int program_file(void)
{
    size_t size = (size_t)(blob_attach_end - blob_attach);
    int fd = memfd_create("vhdboot-attach", MFD_CLOEXEC);
    if (fd >= 0 && (write(fd, blob_attach, size) != (ssize_t)size || fchmod(fd, 0755))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool world_make(void)
{
    return !mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
           !mount("none", PLACE, "tmpfs", MS_NODEV | MS_NOSUID, "mode=700,size=1m") &&
           !mkdir(FOLDER, 0755);
}

static enum status work_inside(const struct job *j, const char *device)
{
    static struct system system;
    struct initramfs initramfs = {.program = program_file(),
                                  .package = j->package,
                                  .grow = blob_attach_grow,
                                  .grow_size = (size_t)(blob_attach_grow_end - blob_attach_grow)};
    system = (struct system){.image = j->image, .read_only = j->dry_run, .root = -1};
    if (initramfs.program < 0)
        return say_no_memory();
    if (!world_make())
        return say_error("Run this as root, not in a container that may not mount.",
                         "nothing can be mounted: %s", strerror(errno));
    enum status status = parts_find(&system.parts, device);
    if (!status)
        status = system_mount(&system, j->root, FOLDER);
    if (!status)
        status = initramfs_check(&initramfs, &system);
    if (!status && !j->dry_run)
        status = initramfs_put(&initramfs, &system);
    (void)kill(-1, SIGKILL); /* what they left running */
    status = system_unmount(&system, status);
    if (!status)
        say("%s: %s, partition %u, kernel %s: vhdboot-attach %s in its initramfs", j->image,
            system.name, system.part->number, initramfs.versions,
            j->dry_run ? "would be put" : "is");
    return status;
}

/* Holds the device as long as it works, and has it flushed at the end. */
static enum status work(const struct job *j, const char *device, int channel)
{
    char path[32];
    snprintf(path, sizeof path, "/dev/%s", device);
    int fd = open(path, (j->dry_run ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    (void)!send(channel, "", 1, MSG_NOSIGNAL);
    if (fd < 0)
        return say_error("Run it again.", "%s: cannot be opened: %s", path, strerror(errno));
    enum status status = work_inside(j, device);
    if (fsync(fd) && !j->dry_run && !status)
        status = say_error("The kernel's log may say more: dmesg.",
                           "%s: what was written to it could not be kept: %s", j->image,
                           strerror(errno));
    close(fd);
    return status;
}

/* Never returns. */
static void child(const struct job *j, int channel)
{
    char device[16] = "";
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    ssize_t n;
    do
        n = read(channel, device, sizeof device - 1);
    while (n < 0 && errno == EINTR);
    _exit(n > 0 ? work(j, device, channel) : STATUS_FAILED);
}

enum status job_start(struct job *j)
{
    int ends[2];
    fflush(NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return say_no_memory();
    j->pid = (pid_t)syscall(SYS_clone, NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (!j->pid) {
        close(ends[1]);
        child(j, ends[0]);
    }
    int error = errno;
    close(ends[0]);
    j->channel = ends[1];
    if (j->pid > 0)
        return STATUS_OK;
    close(ends[1]);
    return say_error("Run this as root, not in a container.",
                     "no process with namespaces of its own can be started: %s", strerror(error));
}

void job_begin(struct job *j, const char *device)
{
    char ready;
    (void)!send(j->channel, device, strlen(device), MSG_NOSIGNAL);
    while (read(j->channel, &ready, 1) < 0 && errno == EINTR) /* ends: a byte, or its end */
        ;
}

enum status job_end(struct job *j)
{
    int status;
    close(j->channel);
    while (waitpid(j->pid, &status, 0) < 0) { /* ends: with the process */
        if (errno != EINTR)
            return STATUS_FAILED;
    }
    if (WIFEXITED(status))
        return (enum status)WEXITSTATUS(status);
    return say_error("Run it again.", "%s: the process that worked inside it was killed", j->image);
}
