# SPDX-License-Identifier: GPL-2.0-or-later
"""Images in layers on an NTFS flash, for the verbs that change them: made by models of the tests, judged by what
mkimage, 7-Zip and ntfs-3g's tools read. In the current folder."""
import json
import os
import shutil
import struct

from files import read, write
from ntfsdisk import MIB, consistent, cut_out, disk, volume
from tools import FRAGMENT, mkimage, run
from vhd_dynamic import SECTOR, DynamicVhd, checksum
import vhd

SIZE = 9 * MIB + 5 * SECTOR
SECTORS = SIZE // SECTOR
BASE_ID = b"vhdboot's tests!"           # what vhd.make_fixed gives


def scatter(image, tag, rng, pieces=20):
    for _ in range(pieces):
        lba = rng.randrange(SECTORS)
        count = min(rng.choice((1, 2, 7, 64, 900)), SECTORS - lba)
        image.store(lba, b"".join(f"{tag} {n} ".encode().ljust(SECTOR, b"+") for n in range(lba, lba + count)))
    image.store(0, tag.encode().ljust(510) + b"\x55\xaa")
    return image


def dynamic(name, rng, block=512 << 10, **options):
    image = scatter(DynamicVhd(SIZE, block), name, rng)
    image.__dict__.update(options)
    image.write(name + ".vhd")
    return image


def child(name, parent, parent_name, rng, block=512 << 10, **options):
    image = scatter(DynamicVhd(SIZE, block, parent=parent), name, rng)
    image.locate("W2ru", ".\\" + parent_name + ".vhd")
    image.__dict__.update(options)
    image.write(name + ".vhd")
    return image


class Fixed:
    """A fixed VHD, as flatten() sees it."""
    def __init__(self, name):
        self.size, self.identity = SIZE, BASE_ID
        vhd.make_fixed(name + ".vhd", SECTORS)
        write(name + ".vhd", 0, b"".join(f"{name} {n} ".encode().ljust(SECTOR, b"-") for n in range(SECTORS)))
        write(name + ".vhd", 510, b"\x55\xaa")
        self.data = read(name + ".vhd", 0, SIZE)

    def content(self, lba, count):
        for n in range(lba, lba + count):
            yield self.data[n * SECTOR:(n + 1) * SECTOR]


def flash(images, folder="\\vhd", config=None, mib=48, cluster=4096, name="f.img", pieces=1):
    """A partitioned flash with the images, the first one the only entry's."""
    disk(name, volume("v.ntfs", mib * MIB, cluster=cluster))
    for image in images:
        run(FRAGMENT, name, image + ".vhd", f"{folder}\\{image}.vhd", pieces)
    if config is None:
        config = f"[work]\nvhd = {folder}\\{images[0]}.vhd\n"
    if config:
        with open("cfg", "wb") as file:
            file.write(config.encode() if isinstance(config, str) else config)
        run(FRAGMENT, name, "cfg", "/vhdboot.cfg", 1)
    mkimage("install", name)
    return name


def seven_zip(path):
    return run("7zz", "e", "-so", "-tvhd", path).stdout


def steps(name, which, *options):
    check = json.loads(mkimage("check", name, "--json", *options).stdout)
    return [s["text"] for s in check["steps"] if s["name"] == which]


def chain(name, *options):
    return [text.split(": ")[0] for text in steps(name, "image", *options)]


def unmarked(data):
    """A VHD without the mark that a merge into it has begun: 7-Zip takes no footer with anything in the part that is
    reserved."""
    data = bytearray(data)
    for at in (0, len(data) - SECTOR):
        if data[at:at + 8] == b"conectix" and data[at + 256:at + 264] == b"vhdmerge":
            data[at + 256:at + 288] = bytes(32)
            data[at:at + SECTOR] = checksum(data[at:at + SECTOR], 64)
    return bytes(data)


def exported(name, *options):
    """The entry's disk as 7-Zip reads it, out of copies of the chain's files."""
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")             # all in one folder: on Linux, 7zz does not take a backslash for a separator
    copies = ["out/" + path.rsplit("\\", 1)[1] for path in chain(name, *options)]
    for path, copy in zip(chain(name, *options), copies):
        with open(copy, "wb") as file:
            file.write(unmarked(mkimage("cat", f"{name}:{path}").stdout))
    return seven_zip(copies[0])


def holds(name, content, *options):
    """The flash is sound and the entry's disk is this, by the block map and by 7-Zip."""
    check = json.loads(mkimage("check", name, "--json", *options).stdout)
    assert check["boots"], check
    assert mkimage("read", name, *options).stdout == content, "mkimage read"
    assert exported(name, *options) == content, "7zz"
    sound(name)


def sound(name):
    volume_file = cut_out(name)
    consistent(volume_file)
    said = run("ntfsfix", "-n", volume_file).stdout.decode()
    assert "FAILED" not in said, said


def slack(name, *options):
    return json.loads(mkimage("check", name, "--json", *options).stdout)["slack"]


def extents(name, path):
    return json.loads(mkimage("extents", f"{name}:{path}", "--json").stdout)


def config_of(name):
    return mkimage("cat", f"{name}:/vhdboot.cfg").stdout


def highest(path):
    """The sector behind the highest block of a VHD, and the sectors where blocks' data start."""
    data = read(path)
    bat_at, entries, block = struct.unpack(">Q", data[528:536])[0], *struct.unpack(">II", data[540:548])
    bitmap = -(-block // SECTOR // 4096)
    bat = [e for e in struct.unpack(f">{entries}I", data[bat_at:bat_at + 4 * entries]) if e != 0xFFFFFFFF]
    return max((e + bitmap + block // SECTOR for e in bat), default=0), [e + bitmap for e in bat]
