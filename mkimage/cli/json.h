/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes one JSON value to standard output, piece by piece. */
#ifndef MKIMAGE_CLI_JSON_H
#define MKIMAGE_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* Has any been written? */
bool json_written(void);

/* A name of an object, or NULL inside an array. Commas are put where they belong. */
void json_object(const char *name);
void json_array(const char *name);
void json_end(void); /* of the innermost object or array; a line break after the outermost */
void json_string(const char *name, const char *value); /* NULL is null */
void json_number(const char *name, uint64_t value);
void json_bool(const char *name, bool value);
void json_null(const char *name);

#endif
