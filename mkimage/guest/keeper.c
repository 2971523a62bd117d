/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper opens the drives and never touches the disk; each server opens the image anew. So a
 * server that died has left nothing but what is on the drives, and that is all that was answered
 * (serve_write_through). What the kernel has asked and got no answer to it asks again.
 */
#include "guest/keeper.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach/attach.h"
#include "attach/daemon.h"
#include "cli/say.h"

#define NAME         "root"
#define DEAD_SECONDS 600u /* the kernel keeps requests for so long when nobody answers */
#define TRIES        60u  /* to start a server again, a second between them */
#define LINES_MAX    4

/* How a server ends. */
enum ending { ENDED_WELL = 0, ENDED_FAILED = 1, ENDED_SOCKETS = 2 };

struct keeper {
    struct disk *disk;
    struct attach_options options;
};

static unsigned lines(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > LINES_MAX ? LINES_MAX : (unsigned)processors;
}

/* The first server has somebody who reads what it says, the others have the kernel's log. */
static int complain(const struct keeper *k, const struct fail *f)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    if (k->options.again)
        daemon_log(NAME, sentence);
    else
        (void)say_fail(f);
    return ENDED_FAILED;
}

static int serve(const struct keeper *k, int channel)
{
    static struct attach a;
    struct fail f;
    if (disk_open(k->disk, &f))
        return complain(k, &f);
    struct serve *disk = disk_serve(k->disk, &f);
    if (!disk)
        return complain(k, &f);
    daemon_settle();
    if (attach_start(&a, disk, &k->options, &f))
        return complain(k, &f);
    daemon_ready(channel, a.index);
    bool well = server_wait(&a.server);
    if (attach_wait(&a, &f)) {
        char sentence[512];
        errors_format(&f, sentence, sizeof sentence);
        daemon_log(NAME, sentence);
        return ENDED_FAILED;
    }
    return well ? ENDED_WELL : ENDED_SOCKETS;
}

/* A server; returns when it serves. *index becomes the device's. */
static pid_t server_begin(struct keeper *k, int *index)
{
    int word;
    pid_t pid = daemon_fork(&word);
    if (!pid)
        _exit(serve(k, word));
    if (pid > 0)
        *index = word;
    return pid;
}

static pid_t server_again(struct keeper *k)
{
    k->options.again = true;
    for (unsigned i = 0; i < TRIES; i++) {
        int index;
        pid_t pid = server_begin(k, &index);
        if (pid > 0)
            return pid;
        sleep(1);
    }
    return -1;
}

static void keep(struct keeper *k, pid_t pid)
{
    for (;;) { /* ends: when the device is taken away, or nothing helps */
        int status;
        if (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_WELL)
            return;
        daemon_log(NAME, "the disk's server has ended; starting it again");
        pid = server_again(k);
        if (pid < 0) {
            daemon_log(NAME, "the disk's server cannot be started again: the disk is lost");
            return;
        }
    }
}

int keeper_start(struct disk *d, const char *backend)
{
    int channel;
    pid_t pid = daemon_fork(&channel);
    if (pid < 0 && errno != ECHILD)
        (void)say_error("Free some memory.", "no process can be started");
    if (pid)
        return pid < 0 ? -1 : channel;

    struct keeper k = {
        .disk = d,
        .options = {
            .index = -1, .connections = lines(), .dead_seconds = DEAD_SECONDS, .backend = backend}};
    disk_shut(d);
    int index;
    pid_t server = server_begin(&k, &index);
    if (server < 0)
        _exit(ENDED_FAILED);
    k.options.index = index;
    daemon_settle();
    daemon_ready(channel, index);
    keep(&k, server);
    disk_close(d);
    _exit(ENDED_WELL);
}
