/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mkimage and the part of it that uses libwim say to each other. That part is a shared object
 * of its own, since libwim writes through the system's libntfs-3g, whose names are also core's; it
 * is loaded when a WIM is to be applied, so that mkimage runs where libwim is not.
 *
 * libwim's licence is LGPL-3-or-later (or GPL-3-or-later): what is linked with it so, is under
 * GPL-3-or-later as a whole.
 */
#ifndef MKIMAGE_WIM_WIM_H
#define MKIMAGE_WIM_WIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wim_job {
    const char *file;  /* the WIM, or the first part of a split one */
    const char *image; /* its number or name; NULL: the only one */

    /* The volume, as bytes from its start. */
    uint64_t volume_size;
    void *ctx;
    bool (*pread)(void *ctx, void *buf, size_t size, uint64_t off);
    bool (*pwrite)(void *ctx, const void *buf, size_t size, uint64_t off);

    void (*progress)(uint64_t done, uint64_t total);

    /* Out. */
    uint64_t total;  /* bytes of the image's files; 0: not known */
    char name[256];  /* the image's */
    char error[512]; /* what went wrong, the end of a sentence */
};

/* The two that the object has. Both give false with job->error set. */
typedef bool wim_function(struct wim_job *job);
#define WIM_LOOK  "wim_look"  /* is there such an image, and how large is it? */
#define WIM_APPLY "wim_apply" /* writes it into the volume */

wim_function wim_look, wim_apply;

#endif
