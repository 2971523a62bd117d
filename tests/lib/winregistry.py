# SPDX-License-Identifier: GPL-2.0-or-later
"""SYSTEM and SOFTWARE hives with the values that public ones of Windows 7, 8.1 and 10 have, as far as a start by USB
and out of a VHD goes, and logs beside them."""
import struct

from hive import Key, dword, hive, multi_sz, sz

SEED = 0x82ef4d887a4e55c5               # of the hash that covers a log's entries


def service(name, start, flags=None, over=None, **values):
    more = [dword(k, v) for k, v in values.items()]
    return Key(name, [Key("StartOverride", values=[dword("0", over)])] if over is not None else [],
               [dword("Start", start), dword("Type", 1)] + ([dword("BootFlags", flags)] if flags is not None else [])
               + more)


def services(build):
    if build < 9200:
        usb, three = 4, []
        disks = [service("msahci", 3), service("atapi", 0), service("pciide", 3), service("intelide", 0),
                 service("iaStorV", 3)]
    else:
        usb, three = 0x14, [service(n, 3, 0x10) for n in ("USBXHCI", "Ucx01000", "USBHUB3")]
        disks = [service("storahci", 0, over=3), service("atapi", 0), service("pciide", 0, over=3),
                 service("intelide", 0, over=0), service("stornvme", 0, over=3), service("iaStorV", 0, over=3)]
    drivers = [service("usbehci", 3, usb), service("usbhub", 3, usb), service("USBSTOR", 3, usb),
               service("usbccgp", 3, usb), service("vhdmp", 3, 2)]
    depends = service("FsDepends", 3, 2)
    depends.keys.append(Key("Parameters", values=[dword("VirtualDiskExpandOnMount", 1)]))
    partmgr = service("partmgr", 0)
    partmgr.keys.append(Key("Parameters", values=[dword("SanPolicy", 1)]))
    return [*drivers, *three, *disks, depends, partmgr, Key("Tcpip", values=[dword("Start", 1)])]


def yesterday(tree):
    """The same hive before a change that touches all of its pages: vhdmp did not start."""
    for key in tree.walk():
        for value in key.values:
            if value.name == "Type":
                value.data = b"\x20\0\0\0"
            if value.name == "Start" and key.name == "vhdmp":
                value.data = b"\4\0\0\0"
    return tree


def system_tree(build, drop=()):
    """As it was installed. `drop`: services that are not there."""
    seven = build < 9200
    memory = Key("Memory Management", values=[multi_sz("PagingFiles", ["?:\\pagefile.sys"]),
                                              multi_sz("ExistingPageFiles", ["\\??\\C:\\pagefile.sys"])])
    manager = Key("Session Manager", [memory, Key("Environment", values=[sz("PROCESSOR_ARCHITECTURE", "AMD64")])])
    control = Key("Control", [Key("PnP", values=[dword("PollBootPartitionTimeout", 0 if seven else 30000)]), manager],
                  [dword("BootDriverFlags", 0 if seven else 0x1c), sz("CurrentUser", "USERNAME")])
    keys = [s for s in services(build) if s.name not in drop]
    sets = [Key("ControlSet001", [control, Key("Services", keys)]),
            Key("ControlSet002", [Key("Control"), Key("Services")])]
    select = Key("Select", values=[dword("Current", 1), dword("Default", 1)])
    root = [*sets, select]
    if not seven:
        root.append(Key("HardwareConfig", [
            Key("{11111111-2222-3333-4444-555555555555}", values=[dword("BootDriverFlags", 0), dword("Id", 0)]),
            Key("{21111111-2222-3333-4444-555555555555}", values=[dword("BootDriverFlags", 0x1c)])],
            [sz("LastConfig", "{11111111-2222-3333-4444-555555555555}")]))
    return Key("ROOT", root)


def system(build, drop=(), **options):
    options.setdefault("minor", 5)
    options.setdefault("lists", "lh")
    return hive(system_tree(build, drop), **options)


def software(build, edition, product="Windows", server=False):
    current = [sz("ProductName", product), sz("EditionID", edition), sz("CurrentBuildNumber", str(build)),
               sz("InstallationType", "Server" if server else "Client")]
    if build >= 10240:
        current += [dword("CurrentMajorVersionNumber", 10), dword("CurrentMinorVersionNumber", 0)]
    else:
        current.append(sz("CurrentVersion", "6.1" if build < 9200 else "6.3"))
    return hive(Key("ROOT", [Key("Microsoft", [Key("Windows NT", [Key("CurrentVersion", values=current)])])]), minor=5)


def marvin(data, seed=SEED):
    lo, hi = seed & 0xffffffff, seed >> 32

    def turn(x, n):
        return (x << n | x >> (32 - n)) & 0xffffffff
    data += b"\x80" + bytes(3 - len(data) % 4) + bytes(4)
    for (word,) in struct.iter_unpack("<I", data):
        lo = (lo + word) & 0xffffffff
        hi ^= lo
        lo = (turn(lo, 20) + hi) & 0xffffffff
        hi = turn(hi, 9) ^ lo
        lo = (turn(lo, 27) + hi) & 0xffffffff
        hi = turn(hi, 19)
    return hi << 32 | lo


def log_entry(sequence, length, pages):
    """`pages`: offset in the bins: bytes."""
    body = b"".join(struct.pack("<II", at, len(data)) for at, data in pages.items()) + b"".join(pages.values())
    size = -(-(40 + len(body)) // 512) * 512
    body = body.ljust(size - 40, b"\xee")
    head = b"HvLE" + struct.pack("<IIIII", size, 0, sequence, length, len(pages))
    head += struct.pack("<Q", marvin(body))
    return head + struct.pack("<Q", marvin(head)) + body


def log(header, entries, sequence=None):
    """A .LOG1: the hive's header, as a log's, and entries; its number is the first one's."""
    sequence = int.from_bytes(entries[0][12:16], "little") if sequence is None else sequence
    head = header[:28] + struct.pack("<I", 6) + header[32:512]
    return with_sequences(head, sequence, sequence) + b"".join(entries)


def old_log(old, new, sequence=None, kind=1):
    """A .LOG1 of Windows 7: the sectors of `new` that `old` has otherwise, in runs of eight."""
    pages = [at for at in range(4096, len(new), 4096) if old[at:at + 4096] != new[at:at + 4096]]
    sectors = bytearray((len(new) - 4096) // 4096)
    for at in pages:
        sectors[(at - 4096) // 4096] = 0xff
    body = b"DIRT" + bytes(sectors)
    head = new[:28] + struct.pack("<I", kind) + new[32:512]
    sequence = int.from_bytes(old[4:8], "little") if sequence is None else sequence
    return (with_sequences(head, sequence, sequence) + body.ljust(-(-len(body) // 512) * 512, b"\xee")
            + b"".join(new[at:at + 4096] for at in pages) + b"\xdd" * 1024)


def with_sequences(data, one, two):
    data = bytearray(data)
    data[4:12] = struct.pack("<II", one, two)
    total = 0
    for (v,) in struct.iter_unpack("<I", bytes(data[:508])):
        total ^= v
    data[508:512] = struct.pack("<I", total)
    return bytes(data)


def as_left_by_windows(old, new, sequence=40):
    """The hive `old`, whose change to `new` waits in two entries of .LOG1 and one of .LOG2: (hive, LOG1, LOG2). Its
    second number is the first entry's: a write of the hive was begun, and cut off."""
    length = len(new) - 4096
    header = new[:40] + old[40:44] + new[44:4096]       # the root stays where it is
    whole, old = old, old.ljust(len(new), b"\0")
    pages = [at for at in range(4096, len(new), 4096) if old[at:at + 4096] != new[at:at + 4096]]
    assert pages
    thirds = [pages[0::3], pages[1::3], pages[2::3]]
    entries = [log_entry(sequence + i, length, {at - 4096: new[at:at + 4096] for at in part})
               for i, part in enumerate(thirds)]
    hive_file = with_sequences(header + whole[4096:], sequence + 1, sequence)
    return (hive_file, log(hive_file, [entries[0], entries[1], log_entry(3, length, {0: b"\xee" * 4096})]),
            log(hive_file, [entries[2], log_entry(sequence + 1, length, {0: b"\xee" * 4096})]))
