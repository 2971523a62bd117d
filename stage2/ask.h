/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the user for a password. */
#ifndef STAGE2_ASK_H
#define STAGE2_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include "core/base/errors.h"

struct password;

/* Wrong passwords that cost nothing; the next ones wait so many seconds, twice as long each time.
 */
#define ASK_FREE_TRIES 3u
#define ASK_WAIT       10u
#define ASK_WAIT_MAX   640u

/* Asks for the password until it is right, or the user gives up by Esc: then `f` is no failure
 * (f->err is 0). It is one where the password's line is bad: then nothing is asked. */
bool ask_password(const struct password *password, const char *title, struct fail *f);

/* Lets the user type a line, `shown` or as stars. Returns its length; -1: Esc. */
int ask_line(char *line, size_t size, bool shown);

#endif
