# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot table in a machine's memory, by a second hand: found and read as docs/MEMORY.md says, not by core's code.

    table = boottable.of_machine(pc)        # None where there is none
    table["files"][0]["path"]
"""
import os
import struct
import zlib

HEAD = struct.Struct("<8sHHIII BxHH2x II QQ")
VOLUME = struct.Struct("<QQIBB2x")
MAP = struct.Struct("<QIIIIIIQBB6xQQQQ")
FLAGS = {"force": 1, "hide": 2, "ram": 4, "write_protected": 8}
WRITES = ("persistent", "discard", "none")
HEAD_BYTES, FILE_BYTES = 0xA0, 32
SIGNATURE = b"$INT13SFGRUB4DOS"
POINTER = 0x1F8                         # in the handler's segment


def make(paths, write=0, flags=0, head_bytes=HEAD_BYTES, file_bytes=FILE_BYTES, entry="lab", volume=(0x1234, 2048, 7),
         sectors=4096):
    """A table's bytes."""
    where = VOLUME.pack(*volume, 0x80, 0)
    strings, at = b"", head_bytes + len(paths) * file_bytes
    offsets = []
    for name in [entry, *paths]:
        offsets.append(at + len(strings))
        strings += name.encode() + b"\0"
    files = b"".join((where + struct.pack("<IB", offset, 1)).ljust(file_bytes, b"\0") for offset in offsets[1:])
    size = at + len(strings)

    def head(crc):
        return (HEAD.pack(b"$VHDBOOT", 1, head_bytes, size, crc, flags, write, len(paths), file_bytes, head_bytes,
                          offsets[0], sectors, 0) + where + MAP.pack(*[0] * 14)).ljust(head_bytes, b"\0")
    whole = head(0) + files + strings
    return head(zlib.crc32(whole)) + whole[head_bytes:]


def machine(table, at=0x200000):
    """The memory of a machine with a handler and this table."""
    data = bytearray(at + 0x10000)
    struct.pack_into("<H", data, 0x413, 631)
    data[631 * 1024 + 0x103:631 * 1024 + 0x113] = SIGNATURE
    struct.pack_into("<I", data, 631 * 1024 + POINTER, at)
    data[at:at + len(table)] = table
    return data


def volume_at(data, at):
    serial, start, signature, bios, index = VOLUME.unpack_from(data, at)
    return {"serial": serial, "start_lba": start, "mbr_signature": signature, "bios_drive": bios, "map_drive": index}


def string_at(data, at):
    return data[at:data.index(b"\0", at)].decode()


def parse(data):
    """A table's fields; `data` starts with it."""
    (magic, revision, head_bytes, size, crc, flags, write, files, file_bytes, files_at, entry, sectors,
     discard_max) = HEAD.unpack_from(data)
    assert magic == b"$VHDBOOT" and revision == 1 and head_bytes >= HEAD_BYTES, data[:16]
    data = data[:size]
    assert zlib.crc32(data[:16] + bytes(4) + data[20:]) == crc, "sum"
    names = ("cells", "cell_count", "page_count", "file_page", "record_first", "record_end", "record_cells",
             "record_next", "growth", "page_shift", "contents", "contents_bytes", "changes", "changes_bytes")
    listed = []
    for at in range(files_at, files_at + files * file_bytes, file_bytes):
        path, named = struct.unpack_from("<IB", data, at + VOLUME.size)
        listed.append({**volume_at(data, at), "path": string_at(data, path), "named": bool(named & 1)})
    return {"entry": string_at(data, entry), "write": WRITES[write], "sectors": sectors, "discard_max": discard_max,
            **{name: bool(flags & bit) for name, bit in FLAGS.items()}, "bytes": size,
            "volume": volume_at(data, HEAD.size), "map": dict(zip(names, MAP.unpack_from(data, 0x50))), "files": listed}


def memory(pc, at, size):
    """Physical memory of a QEMU machine."""
    path = os.path.join(pc.folder, "memory")
    pc.qmp("pmemsave", val=at, size=size, filename=path)
    with open(path, "rb") as dump:
        return dump.read()


def handlers(pc):
    """The addresses of the handlers' segments, the innermost vhdboot's first."""
    low = memory(pc, 0, 0xA0000)
    start = struct.unpack_from("<H", low, 0x413)[0] << 10
    return [at for at in range(start, 0xA0000, 1024) if low[at + 0x103:at + 0x113] == SIGNATURE]


def of_machine(pc, which=0):
    found = handlers(pc)
    if which >= len(found):
        return None
    at = struct.unpack("<I", memory(pc, found[which] + POINTER, 4))[0]
    if not at:
        return None
    assert at % 4096 == 0, hex(at)
    return {**parse(memory(pc, at, 1 << 16)), "address": at, "handler": found[which]}
