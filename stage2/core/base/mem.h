/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only four functions that core takes from outside: libc's, or in stage2 those of pc/mem.c. */
#ifndef CORE_BASE_MEM_H
#define CORE_BASE_MEM_H

#include <stddef.h>

void *memcpy(void *restrict dest, const void *restrict src, size_t n);
void *memmove(void *dest, const void *src, size_t n);
void *memset(void *dest, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
