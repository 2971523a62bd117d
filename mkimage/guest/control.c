/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A socket below /run, which moves along with it when the initramfs hands over. */
#include "guest/control.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER       "/run/vhdboot"
#define SOCKET       FOLDER "/control"
#define HOLD_SECONDS 120 /* the kernel keeps requests for much longer */
#define END_SECONDS  30

static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};

int control_listen(void)
{
    (void)mkdir(FOLDER, 0755);
    (void)unlink(SOCKET);
    mode_t mask = umask(0077);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok =
        fd >= 0 && !bind(fd, (const struct sockaddr *)&address, sizeof address) && !listen(fd, 1);
    (void)umask(mask);
    if (!ok && fd >= 0)
        close(fd);
    return ok ? fd : -1;
}

static bool peer(int fd, struct ucred *who)
{
    socklen_t size = sizeof *who;
    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &size);
}

int control_wait(int listener, pid_t server)
{
    int end = listener < 0 ? -1 : (int)syscall(SYS_pidfd_open, server, 0), connection = -1;
    struct pollfd wait[] = {{.fd = end, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    while (end >= 0 && connection < 0) { /* ends: with the server, or a request */
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            break;
        if (wait[0].revents)
            break;
        struct ucred who;
        connection = wait[1].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (connection >= 0 && (!peer(connection, &who) || who.uid)) {
            close(connection);
            connection = -1;
        }
    }
    if (end >= 0)
        close(end);
    return connection;
}

/* Has the other end been closed, in so many seconds at the most? */
static bool closed(int connection, int seconds)
{
    struct pollfd wait = {.fd = connection, .events = POLLIN};
    int n;
    do
        n = poll(&wait, 1, seconds * 1000);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

void control_hold(int connection)
{
    struct ucred who;
    bool known = peer(connection, &who);
    (void)send(connection, "", 1, MSG_NOSIGNAL);
    if (!closed(connection, HOLD_SECONDS) && known) {
        (void)kill(who.pid, SIGKILL);
        (void)closed(connection, END_SECONDS);
    }
    close(connection);
}

int control_ask(void)
{
    char byte;
    ssize_t n;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = END_SECONDS};
    bool ok = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) &&
              !connect(fd, (const struct sockaddr *)&address, sizeof address);
    do
        n = ok ? read(fd, &byte, 1) : -1;
    while (ok && n < 0 && errno == EINTR);
    if (n == 1)
        return fd;
    int error = n ? errno : ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}
