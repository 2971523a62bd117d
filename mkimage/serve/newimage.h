/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of new image the options of a verb ask for. */
#ifndef MKIMAGE_SERVE_NEWIMAGE_H
#define MKIMAGE_SERVE_NEWIMAGE_H

#include "cli/options.h"
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/chain/chain.h"
#include "host/files.h"
#include "image/newdisk.h"

/* What --format, --kind and --block-size say, or the file's name. */
enum status newimage_choose(struct newdisk *d, const struct options *options, const char *name);

/* Makes d->parent out of the file `name`, which stays open in `host`; `file` is the child's name.
 */
enum status newimage_parent(struct newdisk *d, const char *name, const char *file,
                            struct hostfiles *host, struct arena *arena, struct chain *chain);

#endif
