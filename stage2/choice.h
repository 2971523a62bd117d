/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what the user chose, or the time, to a guest. */
#ifndef STAGE2_CHOICE_H
#define STAGE2_CHOICE_H

#include <stdbool.h>
#include "core/base/errors.h"
#include "menu.h"

struct stage2;

/* Starts the entry in the way that was chosen, or leaves, if the user may. Returns with a failure,
 * or with none where he wants another entry. What it took of the arena the caller gives back. */
MUST_CHECK enum err choice_start(struct stage2 *s, const struct menu_choice *choice,
                                 struct fail *f);

/* Leaves for the machine's next boot device, if the user may: a password for all but the default's
 * start is one for this, too. Returns where he may not; a failure where he never may. */
MUST_CHECK enum err choice_leave(struct fail *f);

/* Keeps the config's password: who makes the drive fail afterwards does not get rid of it. */
void choice_remember_password(const struct config *config, bool config_is_known);

#endif
