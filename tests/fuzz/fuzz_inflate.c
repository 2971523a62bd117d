/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A deflate stream: it fills what it is given, to the byte, or is refused; nothing else is touched.
 * The first two bytes are the size that is asked for. */
#include <stdlib.h>
#include <string.h>
#include "core/base/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t wanted = data[0] | (size_t)data[1] << 8;
    struct view packed = {data + 2, size - 2};
    uint8_t *a = malloc(wanted + 1), *b = malloc(wanted + 1);
    memset(a, 0x11, wanted + 1);
    memset(b, 0x22, wanted + 1);
    bool done = inflate(packed, a, wanted);
    if (done != inflate(packed, b, wanted) || (done && memcmp(a, b, wanted) != 0))
        abort(); /* something was left as it had been */
    if (a[wanted] != 0x11 || b[wanted] != 0x22)
        abort();
    free(a);
    free(b);
    return 0;
}
