/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mkimage says, and how it ends. Messages go to standard error; a failure is one line: what,
 * where, what to do. A function that returns enum status has said so itself when it failed. All
 * take the text of one line without its end; what is not printable in it is escaped.
 */
#ifndef MKIMAGE_CLI_SAY_H
#define MKIMAGE_CLI_SAY_H

#include <stdio.h>
#include "core/base/errors.h"

enum status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* A line of what was asked for, to standard output. */
void say_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of news. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line that warns of something and stops nothing. */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The failure in core's own words, with its advice. Returns STATUS_FAILED. */
enum status say_fail(const struct fail *f);

/* The same, with other advice where it is not NULL. */
enum status say_fail_advice(const struct fail *f, const char *advice);

/* What is wrong with a file of the host, or with what was said on the command line: no fault of a
 * drive, nor of what vhdboot.cfg says. The functions here know the advice. */
extern const char say_absent[], say_no_file[], say_forbidden[], say_no_entry[];

/* The advice that they would give. */
const char *say_advice(const struct fail *f);

/* A failure that core does not know: the sentence without its full stop, and what to do. Returns
 * STATUS_FAILED. */
enum status say_error(const char *advice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The last failure that was said, for those who have to tell it in another form too: its sentence,
 * and what to do, which is as the caller of say_error keeps it; NULL where there was none. */
const char *say_last_error(const char **advice);

/* There is no memory for what is wanted. Returns STATUS_FAILED. */
enum status say_no_memory(void);

/* A command line that cannot be meant. Returns STATUS_USAGE. */
enum status say_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
