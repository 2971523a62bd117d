/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk of which each step passes or fails, told as lines or as JSON. A step may have warnings,
 * any number of them. The first failure is the walk's.
 */
#ifndef MKIMAGE_CLI_STEPS_H
#define MKIMAGE_CLI_STEPS_H

#include <stdbool.h>
#include "core/base/errors.h"

struct step;

struct steps {
    struct step *first, *last;
    char *error; /* the first failure: what and where; NULL: none */
    const char *advice;
};

/* Adds a step. `name` and `advice` stay the caller's. */
void steps_passed(struct steps *s, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void steps_failed(struct steps *s, const char *name, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void steps_failed_as(struct steps *s, const char *name, const struct fail *f);

/* Adds a warning to the last step, of which there is one. */
void steps_warn(struct steps *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for every note but those that are among `told`, which may be NULL. */
void steps_warn_notes(struct steps *s, const struct notes *notes, const struct notes *told);

/* Moves the steps of `from` behind those of `s`. */
void steps_append(struct steps *s, struct steps *from);

/* A line a step and a warning, to standard output. */
void steps_print(const struct steps *s);

/* An array "steps"; a step's text holds its warnings too, which are also there one by one. */
void steps_json(const struct steps *s);

void steps_free(struct steps *s);

#endif
