/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs, and the table that lists them. */
#ifndef MKIMAGE_VERBS_VERBS_H
#define MKIMAGE_VERBS_VERBS_H

#include "cli/help.h"
#include "cli/options.h"
#include "cli/say.h"

/* All of them. */
extern const struct verbs verbs_all;

enum status verb_flash(const struct options *options);
enum status verb_clone(const struct options *options);
enum status verb_install(const struct options *options);
enum status verb_restore(const struct options *options);
enum status verb_reserve(const struct options *options);
enum status verb_snapshot(const struct options *options);
enum status verb_rollback(const struct options *options);
enum status verb_merge(const struct options *options);
enum status verb_add(const struct options *options);
enum status verb_replace(const struct options *options);
enum status verb_remove(const struct options *options);
enum status verb_list(const struct options *options);
enum status verb_update(const struct options *options);
enum status verb_uninstall(const struct options *options);
enum status verb_grow(const struct options *options);
enum status verb_shrink(const struct options *options);
enum status verb_verify(const struct options *options);
enum status verb_check(const struct options *options);
enum status verb_map(const struct options *options);
enum status verb_read(const struct options *options);
enum status verb_ls(const struct options *options);
enum status verb_cat(const struct options *options);
enum status verb_extents(const struct options *options);
enum status verb_vhd_info(const struct options *options);
enum status verb_vhd_read(const struct options *options);
enum status verb_vhd_check(const struct options *options);
enum status verb_password(const struct options *options);
enum status verb_vhd_create(const struct options *options);
enum status verb_vhd_convert(const struct options *options);
enum status verb_vhd_compare(const struct options *options);
enum status verb_vhd_resize(const struct options *options);
enum status verb_vhd_compact(const struct options *options);
enum status verb_vhd_rebase(const struct options *options);
enum status verb_vhd_merge(const struct options *options);
enum status verb_windows_doctor(const struct options *options);
enum status verb_windows_tune(const struct options *options);
enum status verb_attach(const struct options *options);
enum status verb_detach(const struct options *options);
enum status verb_attached(const struct options *options);
enum status verb_guest(const struct options *options);
enum status verb_windows_apply(const struct options *options);
enum status verb_windows_boot(const struct options *options);

#endif
