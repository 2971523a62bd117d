/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each of the manners by itself: none needs another one. */
#include "attach/daemon.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

/* Opened while there is a /dev: a server of the root has none later. */
static int kernel_log = -1;

pid_t daemon_fork(int *word)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC))
        return -1;
    pid_t pid = fork();
    if (!pid) {
        close(pipes[0]);
        *word = pipes[1];
        return 0;
    }
    close(pipes[1]);
    ssize_t n = -1;
    if (pid > 0) {
        do
            n = read(pipes[0], word, sizeof *word);
        while (n < 0 && errno == EINTR);
    }
    close(pipes[0]);
    if (n == sizeof *word)
        return pid;
    if (pid > 0) {
        (void)waitpid(pid, NULL, 0);
        errno = ECHILD;
    }
    return -1;
}

void daemon_ready(int channel, int word)
{
    (void)setsid();
    (void)!chdir("/");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
    (void)!write(channel, &word, sizeof word);
    close(channel);
}

static void write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, text, strlen(text));
    close(fd);
}

/* All code that there is, now: a page of it that is read from the disk on which the caller's own
 * file lies may never come. Everything else as it is touched, since tables of a large disk are
 * mostly holes. */
static void stay_in_memory(void)
{
    (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4400];
    while (maps && fgets(line, sizeof line, maps)) { /* ends: with the file */
        uintptr_t start, end;
        char rights[8], *rest = strchr(line, '/');
        if (rest && sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &start, &end, rights) == 3 &&
            rights[0] == 'r')
            (void)mlock((const void *)start, end - start);
    }
    if (maps)
        fclose(maps);
}

void daemon_settle(void)
{
    static const int deaf[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    for (unsigned i = 0; i < sizeof deaf / sizeof deaf[0]; i++)
        signal(deaf[i], SIG_IGN);
    if (kernel_log < 0)
        kernel_log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    program_invocation_name[0] = '@'; /* the very bytes that /proc/PID/cmdline shows */
    write_to("/proc/self/oom_score_adj", "-1000");
    (void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    stay_in_memory();
}

static void log_line(int level, const char *name, const char *sentence)
{
    char line[640];
    int n = snprintf(line, sizeof line, "<%d>vhdboot: %s: %s\n", level, name, sentence);
    int fd = kernel_log < 0 ? open("/dev/kmsg", O_WRONLY | O_CLOEXEC) : kernel_log;
    if (fd >= 0 && n > 0)
        (void)!write(fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    if (fd >= 0 && fd != kernel_log)
        close(fd);
}

void daemon_log(const char *name, const char *sentence)
{
    log_line(3, name, sentence);
}

void daemon_warn(const char *name, const char *sentence)
{
    log_line(4, name, sentence);
}
