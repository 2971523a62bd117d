# SPDX-License-Identifier: GPL-2.0-or-later
"""Images for a soak, of the model's making: each is built from what the model says that it stores."""
import os
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from model import Model                                         # noqa: E402
from pieces import LABELS, MISPLACED, Entry, Image, relative                                         # noqa: E402
from programs import SECTOR, content, mkimage, outside, partitions, run, Loss              # noqa: E402
from vhd_dynamic import DynamicVhd                                                      # noqa: E402
import vhd                                                                              # noqa: E402
import vhdx_files                                                                       # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
PASSWORD = "password = pbkdf2-sha512:20000:" + "5a" * 16 + ":" + "c3" * 64
START = 2048                            # sectors: where flash puts its partition


def ident_bytes(ident):
    return struct.pack("<4I", 0x736F616B, ident, ident * 2654435761 & 0xFFFFFFFF, 1)


def write_image(image, path, slack, rng, parent=None):
    """A file of the host, as the model's image is. `parent`: the parent's id, where it does not follow from ident."""
    if image.parent:
        parent = parent or ident_bytes(image.parent)
    if image.vhdx:
        vhdx_files.write(image, path, -(-slack * 10 // MIB), rng, ident_bytes(image.ident), parent)
        return
    if image.kind == "fixed":
        with open(path, "wb") as file:
            for lba, tag in image.own.items():
                file.seek(lba * SECTOR)
                file.write(content(tag, lba, 1))
        vhd_footer = vhd.footer(image.sectors, ident_bytes(image.ident))
        with open(path, "r+b") as file:
            file.truncate(image.sectors * SECTOR)
            file.seek(image.sectors * SECTOR)
            file.write(vhd_footer)
        return
    disk = DynamicVhd(image.sectors * SECTOR, image.block * SECTOR, identity=ident_bytes(image.ident), parent=parent)
    for hint in image.hints:
        disk.locate("W2ru", (hint if hint.startswith("..") else "./" + hint).replace("/", "\\"))
    for lba, tag in image.own.items():
        disk.store(lba, content(tag, lba, 1))
    disk.all_bits = rng.random() < 0.5
    disk.junk = rng.random() < 0.4
    disk.slack = slack
    disk.align = rng.choice((512, 4096))
    disk.gap = rng.choice((0, 0, 0, 512, 4096))
    disk.spare = rng.choice((0, 0, 1, 200))
    disk.order = list(disk.blocks)
    rng.shuffle(disk.order)
    disk.write(path)


def new_image(rng, tag, kind=None, sectors=None, parent=None, hint=None, vhdx=False):
    """An image with some data; `tag` gives numbers."""
    kind = kind or rng.choice(("fixed", "dynamic", "dynamic"))
    sectors = sectors or rng.choice((2048 + 3, 4096, 4096 + 5, 6144 + 1, 8192))
    sizes = (1024, 1024, 2048, 4096) if vhdx else (4, 16, 64, 128, 256, 512)
    block = 0 if kind == "fixed" else rng.choice(sizes) * KIB // SECTOR
    image = Image(kind, sectors, block, parent=parent and parent.ident, hints=[hint] if hint else (), vhdx=vhdx)
    image.known = True
    if rng.random() < (0.5 if kind == "differencing" else 0.92):
        image.put(0, 1, tag())          # else nothing that a BIOS could start
    for _ in range(rng.randrange(8)):
        lba = rng.randrange(1, sectors)
        image.put(lba, min(rng.choice((1, 2, 7, 30, 200)), sectors - lba), tag())
    return image


class Factory:
    """The first state: a flash in `folder`, and its model."""

    def __init__(self, folder, rng, tag):
        self.folder, self.rng, self.tag = folder, rng, tag
        self.flash = os.path.join(folder, "f.img")
        self.model = Model()
        self.names = iter("abcdefghijklmn")

    def host(self, path):
        return os.path.join(self.folder, "host" + path)

    def add(self, volume, path, image):
        host = self.host(path)
        os.makedirs(os.path.dirname(host), exist_ok=True)
        write_image(image, host, self.rng.choice((0, 0, 70 * KIB, 300 * KIB)), self.rng)
        self.model.files[volume, path] = image

    def chain(self, volume, folder):
        """A base, and perhaps children one on the other; their paths, base first."""
        rng = self.rng
        image = new_image(rng, self.tag, vhdx=rng.random() < 0.3)
        path = f"{folder}/{next(self.names)}{image.suffix}"
        self.add(volume, path, image)
        paths = [path]
        for n in range(rng.choice((0, 0, 0, 1, 1, 2, 3)[:6 if image.vhdx else 7])):
            below = self.model.files[volume, rng.choice(paths[-1:] * 3 + paths)]
            parent = next(p for v, p in self.model.files if self.model.files[v, p] is below)
            path = f"{folder}/{path[len(folder) + 1]}{n}{image.suffix}"
            sectors = below.sectors + (rng.choice((-9, 9, 700)) if rng.random() < 0.1 else 0)
            self.add(volume, path, new_image(rng, self.tag, "differencing", sectors, below, relative(path, parent),
                                             image.vhdx))
            paths.append(path)
        return paths

    def menu(self, volume, paths):
        """Entries: what nobody depends on is written; a base perhaps not."""
        entries = []
        for path in paths:
            image = self.model.files[volume, path]
            is_parent = any(i.parent == image.ident for _, i in self.model.images())
            mode = ("persistent", False)
            if is_parent or self.rng.random() < 0.1:
                if self.rng.random() < 0.6 and is_parent and (entries or path != paths[-1]):
                    continue
                mode = self.rng.choice((("none", False), ("discard", False), ("persistent", True)))
            entries.append(Entry(f"e{len(entries)}-{volume}", self.written(volume, path), *mode,
                                 force=self.rng.random() < 0.15))
        return entries

    def written(self, volume, path):
        """A path as somebody may write it into a menu."""
        kind = self.rng.randrange(10)
        if kind == 0:
            return path[1:]
        if kind == 1 and volume == 2:   # flash would name the file so
            return path.upper()
        if kind == 2 and volume == 2:
            return LABELS[volume] + ":" + path
        return path

    def prepare(self):
        """The images and the menu; what flash is called with."""
        rng = self.rng
        paths = []
        folder = rng.choice(("", "", "/vhd"))
        for _ in range(rng.choice((1, 1, 2))):
            paths += self.chain(1, folder)
        self.model.menus[1] = self.menu(1, paths)
        config = os.path.join(self.folder, "cfg")
        self.model.kept[1] = write_menu(config, self.model.menus[1])
        for name in ("/vhdboot.bin", "/vhdboot.cfg"):
            self.model.files[1, name] = None
        room = sum(8 + image.sectors * SECTOR // MIB for _, image in self.model.images() if image.vhdx)
        return ["flash", self.flash, "--vhd", ",".join(self.host(p) for p in reversed(paths)), "--config", config,
                "--size", f"{rng.choice((24, 28, 40)) + room}M", "--reserve", rng.choice(("none", "64K", "1M"))]

    def make(self):
        status, _, errors = mkimage(*self.prepare())
        if status:
            raise Loss(f"flash: {errors}")
        if self.rng.random() < 0.4:
            self.second_volume()
        elif self.rng.random() < 0.2 and all(path.count("/") == 1 for _, path in self.model.files):
            outside(self.flash, partitions(self.flash)[1], "remove", "/vhdboot.cfg")
            del self.model.files[1, "/vhdboot.cfg"]
            self.model.menus[1] = None
            self.model.kept.pop(1)
        return self.flash, self.model

    def second_volume(self):
        """A partition behind the first one, with images and a menu of its own."""
        rng = self.rng
        paths = self.chain(2, "")
        size = (16 + sum(14 for path in paths if path.endswith("x"))) * MIB
        end = os.path.getsize(self.flash)
        bare = os.path.join(self.folder, "second")
        with open(bare, "wb") as file:
            file.truncate(size)
        status, out, errors = run("mkntfs", "-q", "-F", "-Q", "-c", rng.choice((512, 1024, 4096)), "-L", "DATA",
                                  "-p", end // SECTOR, "-H", 255, "-S", 63, bare)
        if status:
            raise Loss(f"mkntfs: {out} {errors}")
        with open(bare, "rb") as source, open(self.flash, "r+b") as file:
            file.seek(446 + 16)
            file.write(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 7, b"\xfe\xff\xff", end // SECTOR,
                                   size // SECTOR))
            file.truncate(end + size)
            at = 0
            while True:                 # ends: at grows
                try:
                    at = os.lseek(source.fileno(), at, os.SEEK_DATA)
                except OSError:
                    break
                hole = os.lseek(source.fileno(), at, os.SEEK_HOLE)
                file.seek(end + at)
                source.seek(at)
                file.write(source.read(hole - at))
                at = hole
        os.unlink(bare)
        if len(self.model.menus[1]) < 4 and rng.random() < 0.5:
            base = self.model.files[2, paths[0]]
            path = "/over" + base.suffix    # a child here of a base there
            self.add(1, path, new_image(rng, self.tag, "differencing", base.sectors, base, "nowhere" + base.suffix,
                                        base.vhdx))
            self.model.menus[1].append(Entry("over", path, parents=["DATA:" + paths[0]]))
            self.put(1, path)
        if rng.random() < 0.3:
            self.model.menus[1].append(Entry("far", "DATA:" + paths[-1], "none"))
        self.model.menus[2] = self.menu(2, paths)
        for path in paths:
            self.put(2, path)
        for volume in (1, 2):
            self.model.kept[volume] = write_menu(self.host("/cfg"), self.model.menus[volume])
            outside(self.flash, partitions(self.flash)[volume], "put", self.host("/cfg"), "/vhdboot.cfg")
            self.model.files[volume, "/vhdboot.cfg"] = None

    def put(self, volume, path):
        outside(self.flash, partitions(self.flash)[volume], "put", self.host(path), path)


def write_menu(path, entries, rng=None):
    """With rng as somebody writes it by hand. Lines that every verb must leave as they are: (entry's name or None,
    line)."""
    kept = [(None, "timeout = 3")]
    lines = ["# a menu", "timeout = 3", ""]
    if rng:
        lines, kept = by_hand(rng, entries)
    for e in entries:
        lines += [f"[{e.name}]", "vhd = " + e.vhd.replace("/", "\\"), f"write = {e.write}"]
        lines += ["ram = yes"] * e.ram + ["force = yes"] * e.force
        lines += [f"parent = {p}".replace("/", "\\") for p in e.parents]
        if rng:
            some = rng.sample(("\tTitle=The one of %d" % rng.randrange(100), "  # a word on it", PASSWORD,
                               "hidden = yes", "discard_max = 1M"), rng.choice((0, 1, 2)))
            kept += [(e.name, line) for line in some]
            lines += some
        lines += [""]
    with open(path, "w", encoding="ascii") as file:
        file.write(rng.choice(("\n", "\r\n")).join(lines) if rng else "\r\n".join(lines))
    return kept


def by_hand(rng, entries):
    """The lines at the top."""
    kept = ["timeout = 3", f"# by hand, {rng.randrange(1000)}", MISPLACED, PASSWORD, "console = both"]
    kept = rng.sample(kept, rng.randrange(1, 5))
    default = [f"default = {entry.name}" for entry in rng.sample(entries, min(1, len(entries)))]
    return kept + default * rng.randrange(2) + [""] * rng.randrange(2), [(None, line) for line in kept]
