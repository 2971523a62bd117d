/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage guest: vhdboot-attach into a Linux in an image, from outside. The image is served by this
 * process; another one works on the device, and what it does is kept as the serving engine and the
 * file system inside keep it: cut off, the image holds a whole file system with the old initramfs
 * or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "attach/daemon.h"
#include "flash/session.h"
#include "inside/job.h"
#include "inside/served.h"
#include "verbs/verbs.h"
#include "windows/alone.h"
#include "windows/disk.h"

/* Those who end the job, not this process: the disk has to be served to its end. */
static volatile pid_t job_pid;

static void on_signal(int number)
{
    if (job_pid > 0)
        (void)kill(job_pid, number);
}

static void signals_pass_on(pid_t pid)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    job_pid = pid;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static enum status work(struct disk *d, struct job *j)
{
    static struct served served;
    j->room = UINT64_MAX;
    uint64_t left;
    if (serve_room(d->serve, &left))
        j->room = left;
    enum status status = j->dry_run ? STATUS_OK : disk_will_write(d);
    if (!status)
        status = job_start(j);
    if (status)
        return status;
    daemon_settle();
    signals_pass_on(j->pid);
    status = served_start(&served, d->serve, d->name);
    if (status) {
        (void)job_end(j);
        return status;
    }
    d->serve = NULL; /* served_end() closes it */
    job_begin(j, served.device);
    served_leave(&served);
    return served_end(&served, job_end(j));
}

enum status verb_guest(const struct options *options)
{
    struct disk d;
    struct disk_where where = {.file = options->argument[0],
                               .entry = options->entry,
                               .partition = options->partition,
                               .write = !options->dry_run};
    struct job j = {.root = options->root, .dry_run = options->dry_run, .package = -1};
    if (geteuid())
        return say_error("Run it as root, or install vhdboot-guest inside the system.",
                         "only root may mount what is in an image");
    if (options->package)
        j.package = open(options->package, O_RDONLY | O_CLOEXEC);
    if (options->package && j.package < 0)
        return say_error("Check the name.", "%s: %s", options->package, strerror(errno));
    enum status status = session_confirm(options);
    if (!status)
        status = disk_open(&d, &where);
    if (status)
        return status;
    if (!d.serve)
        status = say_error("Choose an image.", "%s: is no VHD or VHDX, and has no menu", d.name);
    if (!status)
        status = alone_check(&d, options->partition);
    j.image = d.name;
    if (!status)
        status = work(&d, &j);
    if (j.package >= 0)
        close(j.package);
    return disk_close(&d, status);
}
