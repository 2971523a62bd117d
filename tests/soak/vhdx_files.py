# SPDX-License-Identifier: GPL-2.0-or-later
"""VHDX files for a soak, of the model's making, and the id that children know one by."""
import os
import struct
import sys
import types
import uuid

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vhdx                                                                             # noqa: E402
from programs import SECTOR, content                                                    # noqa: E402

MIB = 1 << 20


def write(image, path, slack, rng, identity, parent):
    """`slack`: MiB behind all blocks; identity, parent: 16 bytes, parent None where it has none."""
    hints = [hint.replace("/", "\\") for hint in image.hints]
    below = parent and types.SimpleNamespace(data_write_id=uuid.UUID(bytes_le=parent))
    disk = vhdx.Vhdx(image.sectors * SECTOR, image.block * SECTOR or MIB, image.kind == "fixed", below,
                     *[hint if hint.startswith("..") else ".\\" + hint for hint in hints])
    disk.data_write_id = uuid.UUID(bytes_le=identity)
    disk.file_ids = [uuid.UUID(bytes=rng.randbytes(16)) for _ in range(2)]
    disk.metadata_first = rng.random() < 0.5
    disk.sequence = rng.choice(((7, 8), (8, 7), (1, 0)))
    if image.kind == "fixed":
        for block in range(disk.block_count):
            disk.state[block], disk.data[block] = vhdx.FULL, bytearray()
            disk.bits[block] = bytearray(disk.block_size // SECTOR)
    for lba, tag in image.own.items():
        disk.store(lba, content(tag, lba, 1))
    disk.order = list(disk.data)
    rng.shuffle(disk.order)
    image.bitless = image.kind == "differencing" and vhdx.PARTIAL not in disk.state.values()
    disk.write(path)
    with open(path, "ab") as file:
        junk = rng.random() < 0.4
        file.write(vhdx.poison(slack * MIB) if junk else bytes(slack * MIB))


def identity_of(path):
    """The data-write id in the newest header."""
    headers = []
    with open(path, "rb") as file:
        for at in vhdx.HEADERS:
            file.seek(at)
            page = file.read(vhdx.PAGE)
            if vhdx.sealed(page) == page:
                headers.append((struct.unpack_from("<Q", page, 8)[0], page[32:48]))
    return max(headers)[1]
