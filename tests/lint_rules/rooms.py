# SPDX-License-Identifier: GPL-2.0-or-later
"""The rooms of the house: which folder may know which. This table is the only place that says so.

A room is a folder, or a single file where one file of a folder has rules of its own. It may include, and call,
itself, what its entry names, and what those may. A folder with sources and without an entry is a finding.
"""
import os

BASE, CHAIN, MAP = "stage2/core/base", "stage2/core/chain", "stage2/core/map"
FORMATS = ("stage2/core/part", "stage2/core/ntfs", "stage2/core/vhd", "stage2/core/vhdx",
           "stage2/core/raw")
BYTES = (BASE + "/bounds.h", BASE + "/endian.h")

BELOW = {
    # core: bytes, not machines. The formats never know of each other.
    BASE: (),
    **{room: (BASE,) for room in FORMATS},
    CHAIN: FORMATS,
    MAP: (CHAIN,),
    "stage2/core/hive": (BASE,),
    "stage2/core/bcd": ("stage2/core/hive",),
    "stage2/core/entry": (MAP, "stage2/core/bcd"),

    # The handler that stays: of all others only headers that say where bytes lie.
    "stage2/layout.h": (),
    "stage2/pc/bda.h": (),
    "stage2/pc/int13_format.h": BYTES,
    "stage2/resident/frame.h": BYTES,
    "stage2/resident/resident_abi.h": (*BYTES, MAP + "/format.h", "stage2/layout.h", "stage2/pc/int13_format.h"),
    "stage2/resident/machine": ("stage2/resident/frame.h",),
    "stage2/resident": ("stage2/resident/machine", "stage2/resident/resident_abi.h", "stage2/pc/bda.h"),

    # The loader, above the machine.
    "stage2/pc": (BASE, "stage2/layout.h"),
    "stage2/stage2_format.h": BYTES,
    "stage2": ("stage2/core/entry", "stage2/pc", "stage2/layout.h", "stage2/stage2_format.h",
               "stage2/resident/resident_abi.h"),

    # The host tool, above core.
    "mkimage/cli": ("stage2/core/entry",),
    "mkimage/host": ("mkimage/cli",),
    "mkimage/image": ("mkimage/host",),
    "mkimage/ntfs": ("mkimage/host",),
    "mkimage/flash": ("mkimage/image", "mkimage/ntfs", "stage2/layout.h", "stage2/stage2_format.h"),
    "mkimage/serve": ("mkimage/flash",),
    "mkimage/attach": ("mkimage/serve",),
    "mkimage/inside": ("mkimage/attach",),
    "mkimage/nbdkit": ("mkimage/serve",),
    "mkimage/guest": ("mkimage/attach",),
    "mkimage/guest/grow": ("mkimage/guest",),
    "mkimage/windows": ("mkimage/serve", "mkimage/wim/wim.h"),
    "mkimage/wim/wim.h": (),
    "mkimage/wim": ("mkimage/ntfs", "mkimage/wim/wim.h"),
    "mkimage/verbs": ("mkimage/flash", "mkimage/attach", "mkimage/inside", "mkimage/guest",
                      "mkimage/windows"),
    "mkimage": ("mkimage/verbs",),

    # No C here, or of no layer.
    "": (),
    ".ci": (),
    "boot": (FORMATS[0], FORMATS[1], "stage2/stage2_format.h"),    # offsets.c: for the assembler
    "docs": (),
    "package": (),
    "mkimage/guest/hooks": (),                                     # scripts for an initramfs
    "tests": ("stage2", "stage2/resident", "mkimage"),
}
OPEN = ("tests", "docs", "package")                # their own folders need no entries

# Rooms whose files do not know each other either: each one includes its own header and this one.
APART = {"mkimage/verbs": "mkimage/verbs/verbs.h"}

# Headers that stay inside few rooms, whoever is above them: a beginning of the name, and the rooms. Tests have a second
# hand, which uses ntfs-3g and nothing of ours.
INSIDE = {"ntfs/libntfs.h": ("mkimage/ntfs", "mkimage/wim"), "ntfs-3g/": ("mkimage/ntfs", "tests")}

# The one header with two bodies: unit tests put a simulated machine in its place, found by -I alone.
SEAMS = {"machine/machine.h": "stage2/resident/machine/machine.h"}


def room_of(path):
    if path in BELOW:
        return path
    folder = os.path.dirname(path)
    top = folder.split("/")[0]
    return top if top in OPEN else folder


def reach(room, seen=None):
    """All that the room may know."""
    seen = set() if seen is None else seen
    if room not in seen:
        seen.add(room)
        for other in BELOW.get(room, ()):
            reach(other, seen)
    return seen


REACH = {room: frozenset(reach(room)) for room in BELOW}


def may_know(path, other):
    """May the file at `path` include or call what is in the file `other`?"""
    mine = REACH.get(room_of(path), frozenset())
    return other in mine or room_of(other) in mine or os.path.dirname(other) in mine
