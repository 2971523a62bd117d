/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C (Castagnoli), the checksum of VHDX structures. */
#ifndef CORE_BASE_CRC32C_H
#define CORE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from the checksum `crc` of what came before; 0 to start. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
