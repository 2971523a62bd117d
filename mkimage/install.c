/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage install and restore. */
#include "verbs.h"

enum status verb_install(const struct options *options)
{
    return say_error("Use flash.", "%s: install is not built in", options->argument[0]);
}

enum status verb_restore(const struct options *options)
{
    return say_error("Use flash.", "%s: restore is not built in", options->argument[0]);
}
