/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program is called: mkimage in its build folder, vhdboot where it is installed. Texts in
 * the sources say mkimage; what is printed says the name that the user typed.
 */
#ifndef MKIMAGE_CLI_PROGRAM_H
#define MKIMAGE_CLI_PROGRAM_H

#include <stdio.h>

/* Takes the name from the path that the program was started by; mkimage until then. */
void program_set_name(const char *path);

const char *program_name(void);

/* The text, made safe for a terminal, with the program's own name where it names mkimage as a
 * command: a word in front of another. */
void program_print(FILE *to, const char *text);

#endif
