/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the volume was left in order: version, dirty flag, log, hibernation. */
#ifndef CORE_NTFS_STATE_H
#define CORE_NTFS_STATE_H

struct ntfs;

/* Reads $Volume: version and dirty flag. */
void ntfs_state_version(struct ntfs *vol);

/* Reads the label; one that cannot be read is no label. */
void ntfs_state_label(struct ntfs *vol);

/* Reads the log's and hiberfil.sys's heads. What cannot be read is a note, and counts as the worse
 * of what it may be. */
void ntfs_state_read(struct ntfs *vol);

#endif
