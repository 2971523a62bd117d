/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disk: the whole of a request, piece by piece. */
#ifndef RESIDENT_DISK_H
#define RESIDENT_DISK_H

/* Does what `request` says, and counts in it; ends it (machine_throw) where a piece fails. */
void disk_transfer(void);

#endif
