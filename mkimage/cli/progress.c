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
    uint64_t total, done, skipped; /* done: without what was skipped */
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
    task.done = task.skipped = 0;
    task.started = task.shown = now();
    task.visible = false;
}

/* "1 h 2 min", "3 min 20 s", "40 s" */
static const char *time_text(double seconds)
{
    static char text[32];
    unsigned s = seconds < 360000 ? (unsigned)(seconds + 0.5) : 360000;
    if (s < 60)
        snprintf(text, sizeof text, "%u s", s);
    else if (s < 3600)
        snprintf(text, sizeof text, "%u min %u s", s / 60, s % 60);
    else
        snprintf(text, sizeof text, "%u h %u min", s / 3600, s / 60 % 60);
    return text;
}

/* By the rate of all of it so far. */
static void show(void)
{
    double t = now();
    if (!task.what || t - task.started < (task.terminal ? FIRST_SECONDS : LOG_SECONDS) ||
        t - task.shown < (task.terminal ? NEXT_SECONDS : LOG_SECONDS))
        return;
    task.shown = t;
    task.visible = task.terminal;
    uint64_t gone = task.done + task.skipped;
    uint64_t left = task.total > gone ? task.total - gone : 0;
    double rate = (double)task.done / (t - task.started);
    unsigned percent = task.total ? (unsigned)((double)gone / (double)task.total * 100) : 100;
    fprintf(stderr, "%s%s: %u %%, %s of %s", task.terminal ? "\r\033[K" : "", task.what,
            percent < 100 ? percent : 100, bytes_text(gone), bytes_text(task.total));
    if (rate >= 1)
        fprintf(stderr, ", %s/s, %s left", bytes_text((uint64_t)rate),
                time_text((double)left / rate));
    if (!task.terminal)
        fputc('\n', stderr);
    fflush(stderr);
}

void progress_add(uint64_t bytes)
{
    task.done += bytes;
    show();
}

void progress_skip(uint64_t bytes)
{
    task.skipped += bytes;
    show();
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
