/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Windows it is, by the version that its loader's file carries. */
#ifndef MKIMAGE_WINDOWS_VERSION_H
#define MKIMAGE_WINDOWS_VERSION_H

#include <stdint.h>
#include "flash/target.h"

#define VERSION_WINDOWS_7 7600u
#define VERSION_WINDOWS_8 9200u

/* The build number of \Windows\System32\winload.exe; 0: not known. */
uint32_t version_build(struct target *t);

#endif
