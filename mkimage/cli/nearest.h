/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the names that there are was probably meant by one that is none of them. */
#ifndef MKIMAGE_CLI_NEAREST_H
#define MKIMAGE_CLI_NEAREST_H

/* What was written, and the nearest name so far: NULL where none is near enough to be meant. */
struct nearest {
    const char *word, *name;
    unsigned distance;
};

/* Looks at one more name, which must live as long as the answer is needed. */
void nearest_try(struct nearest *n, const char *name);

#endif
