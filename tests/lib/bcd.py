# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot stores (\\Boot\\BCD) for tests, made from nothing.

    store([vhd_entry(guid(1), "Windows 7", vhd(r"\\VM\\Win7.vhd", boot()))], default=guid(1), timeout=5)

Device elements are made from the inside out: boot(), mbr(), gpt(), locate() say where a file lies, vhd() and
qualified() that a virtual disk is in it.
"""
import struct

from hive import BINARY, MULTI_SZ, SZ, Key, Value, dword, hive, utf16

MANAGER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
MEMDIAG = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
LOADER, MANAGER_TYPE, MEMTEST = 0x10200003, 0x10100002, 0x10200005
NO_OPTIONS = bytes(16)


def guid(number):
    return "{%08x-1111-2222-3333-%012x}" % (number, number)


def device(kind, body, flags=0):
    return struct.pack("<4I", kind, flags, 16 + len(body), 0) + body


def boot():
    return device(5, bytes(56))


def mbr(signature, offset):
    return device(6, struct.pack("<QQIII12x16x", offset, 0, 0, 1, signature))


def gpt(disk, partition):
    """16 bytes each."""
    return device(6, partition + struct.pack("<II", 0, 0) + disk + bytes(16))


def locate(path="", element=0x12000002):
    return device(8, struct.pack("<III", 1 if path else 0, 0 if path else element, 0) + utf16(path))


def file_record(path, parent):
    tail = parent + utf16(path)
    return struct.pack("<III", 1, 12 + len(tail), 5) + tail


def file(path, parent):
    return device(0, struct.pack("<I", 5) + file_record(path, parent))


def vhd(path, parent, element=0x22000002):
    """As bcdedit writes vhd=[...]PATH."""
    disk = device(0, struct.pack("<I20x", 6) + file(path, parent))
    return NO_OPTIONS + device(8, struct.pack("<III", 0, element, 0x1e) + b"\0\0" + disk)


def vhd_locate(path):
    """vhd=[locate]PATH: wherever it is found."""
    return vhd(path, locate(path))


def qualified(path, parent, signature=0xabcd, offset=0x100000):
    """As Windows writes the partition that it was started from."""
    return NO_OPTIONS + device(6, struct.pack("<QQIII12x", offset, 0, 6, 1, signature) + file(path, parent))


def ram_disk(path, parent):
    body = struct.pack("<IQQI", 3, 0, 0, 0) + file_record(path, parent)
    return bytes(range(16)) + device(0, body, flags=1)


def element(number, kind, data):
    return Key("%08x" % number, values=[Value("Element", kind, data)])


def text(number, string):
    return element(number, SZ, utf16(string))


def texts(number, strings):
    return element(number, MULTI_SZ, b"".join(map(utf16, strings)) + b"\0\0")


def obj(name, kind, elements):
    return Key(name, [Key("Description", values=[dword("Type", kind)]), Key("Elements", elements)])


def vhd_entry(name, title, where, also=()):
    """`where`: the bytes of the device element."""
    elements = [element(0x11000001, BINARY, where), text(0x12000002, r"\Windows\system32\winload.exe"),
                element(0x21000001, BINARY, where), text(0x22000002, r"\Windows")]
    return obj(name, LOADER, elements + ([text(0x12000004, title)] if title is not None else []) + list(also))


def store(entries, default=None, timeout=None, order=None, manager=(), lists="lf", sequences=(1, 1), minor=3):
    """The file. `order`: GUIDs, else the entries as they are; `timeout`: seconds, or the element's bytes."""
    order = [e.name for e in entries if not e.name.startswith(MEMDIAG)] if order is None else order
    elements = [element(0x11000001, BINARY, NO_OPTIONS + boot()), texts(0x24000001, order),
                text(0x12000004, "Boot Manager")]
    if default:
        elements.append(text(0x23000003, default))
    if timeout is not None:
        data = timeout if isinstance(timeout, bytes) else struct.pack("<Q", timeout)
        elements.append(element(0x25000004, BINARY, data))
    objects = list(entries) + [obj(MANAGER, MANAGER_TYPE, elements + list(manager)),
                               obj(MEMDIAG, MEMTEST, [text(0x12000004, "Memory test")])]
    root = Key("NewStoreRoot", [Key("Description", values=[Value("KeyName", SZ, utf16("BCD00000001"))]),
                                Key("Objects", objects)])
    return hive(root, lists, minor, sequences)
