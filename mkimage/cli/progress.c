/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One task at a time, shown on standard error only where that is a terminal, and only once it
 * has taken a second. Never ends a line: progress_clear takes it away before anything else is
 * written.
 */
#include "cli/progress.h"
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "cli/bytes.h"

static struct {
    const char *what;
    uint64_t total, done;
    double started, shown;
    bool visible;
} task;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_start(const char *what, uint64_t total)
{
    task.what = isatty(STDERR_FILENO) ? what : NULL;
    task.total = total;
    task.done = 0;
    task.started = task.shown = now();
    task.visible = false;
}

void progress_add(uint64_t bytes)
{
    task.done += bytes;
    if (!task.what)
        return;
    double t = now();
    if (t - task.started < 1 || t - task.shown < 0.2)
        return;
    task.shown = t;
    task.visible = true;
    unsigned percent = task.total ? (unsigned)(task.done * 100 / task.total) : 100;
    fprintf(stderr, "\r\033[K%s: %u %%, %s of %s, %.0f s", task.what, percent,
            bytes_text(task.done), bytes_text(task.total), t - task.started);
    fflush(stderr);
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
