/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32 (polynomial 04C11DB7h, bit-reflected), the checksum of GPT structures. */
#ifndef CORE_BASE_CRC32_H
#define CORE_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Start with 0, pass the result of the last piece on: crc32_ieee(crc32_ieee(0, a), b). */
uint32_t crc32_ieee(uint32_t crc, const void *data, size_t size);

#endif
