/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image of a WIM, put into an NTFS volume by libwim, where there is one on this host. */
#ifndef MKIMAGE_WINDOWS_APPLYING_H
#define MKIMAGE_WINDOWS_APPLYING_H

#include "cli/say.h"
#include "wim/wim.h"

/* Is there libwim, and in the WIM such an image? Says what is wrong; fills in job->total and name.
 */
enum status applying_look(struct wim_job *job);

/* Writes all of it. */
enum status applying_write(struct wim_job *job);

#endif
