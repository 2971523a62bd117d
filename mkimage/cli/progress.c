/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One task at a time, shown on standard error. On a terminal in a line that is written over, once
 * the task has taken a second; it never ends the line: progress_clear takes it away before anything
 * else is written. Elsewhere in a line of its own every few seconds, for logs.
 */
#include "cli/progress.h"
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "cli/bytes.h"

#define FIRST_SECONDS 1.0
#define NEXT_SECONDS  0.2
#define LOG_SECONDS   5.0

static struct {
    const char *what;
    uint64_t total, done;
    double started, shown;
    bool terminal, visible;
} task;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_start(const char *what, uint64_t total)
{
    task.what = what;
    task.terminal = isatty(STDERR_FILENO);
    task.total = total;
    task.done = 0;
    task.started = task.shown = now();
    task.visible = false;
}

/* "1 h 02 min", "3 min 20 s", "40 s" */
static void print_seconds(double seconds)
{
    unsigned s = (unsigned)(seconds + 0.5);
    if (s >= 3600)
        fprintf(stderr, "%u h %02u min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        fprintf(stderr, "%u min %02u s", s / 60, s % 60);
    else
        fprintf(stderr, "%u s", s);
}

/* By the rate of all of it so far. */
static void show(double seconds)
{
    unsigned percent = task.total ? (unsigned)(task.done * 100 / task.total) : 100;
    double rate = (double)task.done / seconds;
    fprintf(stderr, "%s%s: %u %%, %s of ", task.terminal ? "\r\033[K" : "", task.what,
            percent < 100 ? percent : 100, bytes_text(task.done));
    fprintf(stderr, "%s, %s/s", bytes_text(task.total), bytes_text((uint64_t)rate));
    if (rate >= 1 && task.done < task.total) {
        fputs(", ", stderr);
        print_seconds((double)(task.total - task.done) / rate);
        fputs(" left", stderr);
    }
    if (!task.terminal)
        fputc('\n', stderr);
    fflush(stderr);
}

void progress_add(uint64_t bytes)
{
    task.done += bytes;
    if (!task.what)
        return;
    double t = now();
    if (t - task.started < (task.terminal ? FIRST_SECONDS : LOG_SECONDS) ||
        t - task.shown < (task.terminal ? NEXT_SECONDS : LOG_SECONDS))
        return;
    task.shown = t;
    task.visible = task.terminal;
    show(t - task.started);
}

void progress_clear(void)
{
    if (task.visible)
        fputs("\r\033[K", stderr);
    task.visible = false;
}

void progress_end(void)
{
    progress_clear();
    task.what = NULL;
}
