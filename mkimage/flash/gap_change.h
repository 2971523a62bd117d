/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhdboot put outside of the volumes, and taken away from there; into the session's overlay. */
#ifndef MKIMAGE_FLASH_GAP_CHANGE_H
#define MKIMAGE_FLASH_GAP_CHANGE_H

#include <stdbool.h>
#include "cli/say.h"
#include "flash/backup.h"
#include "flash/gap.h"
#include "flash/session.h"

/* Does the MBR say that vhdboot lies outside of the volumes? */
bool gap_is_installed(const struct session *s);

/* `may_replace`: sectors that hold something of another program may be overwritten. `b` gets what
 * was there before, as far as sectors go. */
enum status gap_install(struct session *s, bool may_replace, struct backup *b);

/* Do the sectors that a gap names hold a vhdboot of just that length? */
bool gap_is_there(const struct session *s, const struct gap *gap);

/* The MBR's code gets what it was before the first install there; the sectors get zeros. */
enum status gap_uninstall(struct session *s);

/* The same where an uninstall was cut off, when the MBR was back already; *any: there was one. */
enum status gap_clear(struct session *s, bool *any);

#endif
