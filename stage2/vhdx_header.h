/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VHDX wants written before its contents change. */
#ifndef STAGE2_VHDX_HEADER_H
#define STAGE2_VHDX_HEADER_H

#include "core/base/errors.h"
#include "core/chain/chain.h"
#include "pc/drive.h"

/* Writes a VHDX's next header, so that children of it and programs that know it see that it has
 * changed. Nothing for other images. The last thing before the guest starts: the open image does
 * not match its file afterwards. */
MUST_CHECK enum err vhdx_header_write(const struct chain_link *leaf, struct drive *drive,
                                      struct fail *f);

#endif
