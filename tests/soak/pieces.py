# SPDX-License-Identifier: GPL-2.0-or-later
"""What the model of a flash (model.py) is made of: images, entries of a menu, and paths."""
import itertools

MISPLACED = "quiet = yes"               # a line at the top of a config that only an entry may have
BLOCK_OF_SNAPSHOT = 4096                # sectors
SLEEP = "/hiberfil.sys"
LABELS = {1: "VHDBOOT", 2: "DATA"}
NUMBERS = {label: number for number, label in LABELS.items()}


class Image:
    """An image file. `maybe`: sectors that a cut left open, lba -> tags (None: not stored)."""
    fresh = itertools.count(1)

    def __init__(self, kind, sectors, block=0, ident=None, parent=None, hints=(), vhdx=False):
        self.kind = kind
        self.sectors = sectors
        self.block = block
        self.ident = ident or next(Image.fresh)
        self.parent = parent                    # ident
        self.hints = tuple(hints)               # ways from the own folder
        self.vhdx = vhdx
        self.known = False                      # a file of build.py's: its id's bytes follow from ident
        self.own = {}
        self.maybe = {}
        self.blocks = set()                     # that are there; None: nobody knows
        self.torn = False                       # its log may hold what a server that was cut left there
        self.bitless = False                    # a VHDX child that may lack the sectors of bits new blocks need
        self.merging = None                     # ident of a child whose merge into it was cut
        self.marked = False                     # a mark of a merge that is through may have been left on it

    def copy(self):
        other = Image.__new__(Image)
        other.__dict__.update(self.__dict__)
        other.own, other.maybe = dict(self.own), dict(self.maybe)
        other.blocks = None if self.blocks is None else set(self.blocks)
        return other

    @property
    def suffix(self):
        return ".vhdx" if self.vhdx else ".vhd"

    @property
    def grows(self):
        return self.kind != "fixed"

    def renew(self):
        """Nobody's parent any more: it has another id."""
        self.ident, self.known = next(Image.fresh), False

    def stored(self, lba):
        """Its tag; None: it stores nothing there, and its parent's shows."""
        return self.own.get(lba, None if self.kind == "differencing" else 0)

    def put(self, lba, count, tag):
        for n in range(lba, lba + count):
            self.own[n] = tag
        if self.block and self.blocks is not None:
            self.blocks |= {n // self.block for n in range(lba, lba + count)}


class Entry:
    def __init__(self, name, vhd, write="persistent", ram=False, parents=(), force=False):
        self.name, self.vhd, self.write, self.ram, self.parents = name, vhd, write, ram, tuple(parents)
        self.force = force              # it is written to though Windows sleeps there

    def with_vhd(self, vhd):
        return Entry(self.name, vhd, self.write, self.ram, self.parents, self.force)

    @property
    def writes(self):
        return self.write == "persistent" and not self.ram

    @property
    def mode(self):
        return self.write + ("+ram" if self.ram else "")


def split(path):
    """The volume that a path of a menu names, or None, and the path there."""
    label, colon, rest = path.partition(":")
    if not colon:
        return None, normal(path)
    return NUMBERS[label.upper()], normal(rest)


def normal(path):
    parts = []
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts).lower()


def folder(path):
    return path.rsplit("/", 1)[0]


def relative(path, parent):
    """From the file's folder to the parent."""
    here, there = folder(path).split("/")[1:], folder(parent).split("/")[1:]
    while here and there and here[0] == there[0]:
        here, there = here[1:], there[1:]
    return "/".join([".."] * len(here) + there + [parent.rsplit("/", 1)[1]])
