# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixed VHDs for tests, written by a second hand: nothing here is shared with the project's own code."""
import os
import struct

SECTOR = 512


def geometry(sectors):
    """Cylinders, heads, sectors a track by the rule of the VHD specification's appendix."""
    sectors = min(sectors, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        spt, heads = 255, 16
        tracks = sectors // spt
    else:
        spt = 17
        tracks = sectors // spt
        heads = max((tracks + 1023) // 1024, 4)
        if tracks >= heads * 1024 or heads > 16:
            spt, heads = 31, 16
            tracks = sectors // spt
        if tracks >= heads * 1024:
            spt, heads = 63, 16
            tracks = sectors // spt
    return tracks // heads, heads, spt


def footer(sectors, identity=b"vhdboot's tests!", kind=2):
    cylinders, heads, spt = geometry(sectors)
    size = sectors * SECTOR

    def fields(checksum):
        return struct.pack(">8sIIQI4sI4sQQHBBII16sB427x", b"conectix", 2, 0x10000, 0xFFFFFFFFFFFFFFFF,
                           0x2A000000, b"test", 0x10000, b"Wi2k", size, size, cylinders, heads, spt,
                           kind, checksum, identity, 0)

    return fields(~sum(fields(0)) & 0xFFFFFFFF)


def make_fixed(path, sectors, source=None):
    """Turns a raw disk image into a fixed VHD (holes stay holes), or makes an empty one."""
    if source is not None:
        os.replace(source, path)
    with open(path, "r+b" if source is not None else "wb") as file:
        file.truncate(sectors * SECTOR)
        file.seek(sectors * SECTOR)
        file.write(footer(sectors))
