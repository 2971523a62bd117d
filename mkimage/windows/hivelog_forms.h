/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two forms of a hive's log, for hivelog.c, which knows which log is meant. */
#ifndef MKIMAGE_WINDOWS_HIVELOG_FORMS_H
#define MKIMAGE_WINDOWS_HIVELOG_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"

/* The hive that is brought up to date, all of the file. */
struct hivelog_hive {
    uint8_t *bytes; /* allocated */
    size_t size;
};

/* Makes room for so many bytes of bins; false: that is no length of bins, or memory is out. */
bool hivelog_stretch(struct hivelog_hive *hive, uint32_t length);

/* New form: all entries of the log from its own number on. Gives how many, and what number the next
 * one would have. false: one contradicts itself. */
bool hivelog_entries(struct hivelog_hive *hive, struct view log, unsigned *count, uint32_t *next);

/* Old form: all sectors of the log, and its header. false: it contradicts itself. */
bool hivelog_sectors(struct hivelog_hive *hive, struct view log);

/* The hive's header becomes the log's. */
void hivelog_take_header(struct hivelog_hive *hive, struct view log);

#endif
