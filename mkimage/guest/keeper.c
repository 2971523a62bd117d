/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper opens the drives and never touches the disk; each server opens the image anew. So a
 * server that died has left nothing but what is on the drives, and that is all that was answered
 * (serve_write_through). What the kernel has asked and got no answer to it asks again, after half a
 * minute; so a server that ends for another program's sake does that between two requests, and the
 * next one reads on from the same sockets, which the keeper holds.
 */
#include "guest/keeper.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "attach/attach.h"
#include "attach/daemon.h"
#include "cli/say.h"
#include "guest/control.h"
#include "guest/room.h"
#include "serve/flusher.h"

#define NAME            "root"
#define DEAD_SECONDS    600u /* the kernel keeps requests for so long when nobody answers */
#define TRIES           60u  /* to start a server again, a second between them */
#define REST_SECONDS    10   /* for a server to come to the end of its requests */
/* So long the kernel's requests may lie in the sockets: after 30 it sends them again elsewhere. */
#define GOES_ON_SECONDS 15
#define ROOM_SECONDS    5 /* from one look at the image's room to the next */

/* How a server ends. */
enum ending { ENDED_WELL = 0, ENDED_FAILED = 1, ENDED_SOCKETS = 2, ENDED_RESTING = 3 };

struct keeper {
    struct disk *disk;
    struct attach_options options;
    struct attach_sockets sockets; /* the server's and the kernel's */
    struct room *room;             /* shared with all servers */
    struct serve *served;          /* in a server */
    int control;
};

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

static void look_at_room(void *ctx)
{
    const struct keeper *k = ctx;
    uint64_t left;
    bool limited = serve_room(k->served, &left);
    enum room_level level = room_look(k->room, limited, left);
    char sentence[256];
    if (level == ROOM_ENOUGH)
        return;
    room_sentence(level, left, sentence, sizeof sentence);
    daemon_warn(NAME, sentence);
}

static int serve(struct keeper *k, int channel)
{
    static struct attach a;
    struct fail f;
    if (k->control >= 0)
        close(k->control);
    if (disk_open(k->disk, &f))
        return complain(k, &f);
    struct serve *disk = disk_serve(k->disk, &f);
    if (!disk)
        return complain(k, &f);
    daemon_settle();
    if (attach_start(&a, disk, &k->options, &f))
        return complain(k, &f);
    daemon_ready(channel, a.index);
    k->served = disk;
    struct flusher *looks = flusher_start(ROOM_SECONDS, look_at_room, k);
    bool well = server_wait(&a.server), rests = server_rests(&a.server);
    flusher_end(looks);
    if (attach_wait(&a, &f)) {
        char sentence[512];
        errors_format(&f, sentence, sizeof sentence);
        daemon_log(NAME, sentence);
        return ENDED_FAILED;
    }
    return well ? ENDED_WELL : rests ? ENDED_RESTING : ENDED_SOCKETS;
}

/* The kernel sends elsewhere what was not answered by these. */
static void sockets_drop(struct keeper *k)
{
    attach_sockets_close(&k->sockets);
    k->options.goes_on = false;
}

/* A server; returns when it serves. *index becomes the device's. */
static pid_t server_begin(struct keeper *k, int *index)
{
    int word;
    struct fail f;
    if (!k->options.goes_on && attach_sockets_open(&k->sockets, &f)) {
        (void)complain(k, &f);
        return -1;
    }
    pid_t pid = daemon_fork(&word);
    if (!pid)
        _exit(serve(k, word));
    if (pid > 0) {
        attach_sockets_handed(&k->sockets);
        *index = word;
    } else {
        sockets_drop(k);
    }
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

static uint64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Has the server come to rest? It is gone then, in any case. */
static bool rest(struct keeper *k, pid_t pid)
{
    uint64_t one = 1, end = milliseconds() + REST_SECONDS * 1000;
    int status = 0;
    pid_t ended;
    (void)!write(k->sockets.rest, &one, sizeof one);
    while (!(ended = waitpid(pid, &status, WNOHANG)) && milliseconds() < end)
        usleep(2000);
    if (ended == pid)
        return WIFEXITED(status) && WEXITSTATUS(status) == ENDED_RESTING;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) /* ends: with it */
        ;
    return false;
}

/* Ends the server for a program that wants the drive for itself. Requests that it has not read wait
 * in the sockets for the next one, unless that lasts too long. */
static void give_way(struct keeper *k, pid_t pid, int connection)
{
    uint64_t began = milliseconds(), number;
    k->options.goes_on = rest(k, pid);
    if (!k->options.goes_on)
        sockets_drop(k);
    control_hold(connection);
    if (milliseconds() - began > GOES_ON_SECONDS * 1000)
        sockets_drop(k);
    else if (k->options.goes_on)
        (void)!read(k->sockets.rest, &number, sizeof number);
}

static void keep(struct keeper *k, pid_t pid)
{
    for (;;) { /* ends: when the device is taken away, or nothing helps */
        int status, connection = control_wait(k->control, pid);
        if (connection >= 0) {
            give_way(k, pid, connection);
        } else {
            if (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
            if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_WELL)
                return;
            daemon_log(NAME, "the disk's server has ended; starting it again");
            sockets_drop(k);
        }
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

    void *room =
        mmap(NULL, sizeof(struct room), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        _exit(ENDED_FAILED);
    struct keeper k = {.disk = d,
                       .room = room,
                       .control = -1,
                       .options = {.index = -1, .dead_seconds = DEAD_SECONDS, .backend = backend}};
    k.options.sockets = &k.sockets;
    disk_shut(d);
    int index;
    pid_t server = server_begin(&k, &index);
    if (server < 0)
        _exit(ENDED_FAILED);
    k.options.index = index;
    daemon_settle();
    k.control = d->writable ? control_listen() : -1;
    daemon_ready(channel, index);
    keep(&k, server);
    disk_close(d);
    _exit(ENDED_WELL);
}
