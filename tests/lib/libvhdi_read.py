#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""libvhdi_read.py LEAF [PARENT...]: the disk, as libvhdi reads it, to standard output; 77 where that is
not installed. Reads pieces of 64 KiB: a longer one that spans blocks comes back as zeros."""
import sys

try:
    import pyvhdi
except ImportError:
    sys.exit(77)

PIECE = 65536
chain = []
for path in sys.argv[1:]:
    image = pyvhdi.file()
    image.open(path)
    if chain:
        chain[-1].set_parent(image)
    chain.append(image)
size = chain[0].get_media_size()
for at in range(0, size, PIECE):
    sys.stdout.buffer.write(chain[0].read_buffer_at_offset(min(PIECE, size - at), at))
