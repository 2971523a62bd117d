# SPDX-License-Identifier: GPL-2.0-or-later
"""The volumes that the NTFS tests start from: made by mkntfs, filled through ntfs-3g."""
import os
import struct

from ntfsedit import Mounted, mkntfs, pattern

COMPRESSED = 0x800
LONG = "n" * 251 + ".txt"
TEXT = b"".join(b"line %06d of a text that compresses well\n" % i for i in range(5000))
MIXED = pattern(70000, 5) + os.urandom(70000) + bytes(100000) + b"end"
NAMES = ["\u00e4.txt", "Stra\u00dfe.txt", "\u03a9mega.txt", "\U0001f600.txt", "\ud55c\uae00.txt", LONG]


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def fragment(root, sizes):
    """Writes files of so many clusters of 4 KiB, every cluster a fragment of its own: takes all
    space away, gives back every other cluster, and writes into those."""
    os.mkdir(root + "/fill")
    total = sum(sizes.values()) + 200
    for i in range(2 * total):
        write(root + "/fill/%d" % i, bytes(4096))
    try:
        with open(root + "/fill/rest", "wb", buffering=0) as f:
            while True:
                f.write(bytes(65536))
    except OSError:
        pass
    for i in range(0, 2 * total, 2):
        os.remove(root + "/fill/%d" % i)
    for name, count in sizes.items():
        write(root + name, pattern(count * 4096 - 100, count))
    for name in os.listdir(root + "/fill"):
        os.remove(root + "/fill/" + name)
    os.rmdir(root + "/fill")


def small_tree(root):
    """What every volume has."""
    os.makedirs(root + "/a/b")
    write(root + "/a/b/c.vhd", pattern(65536 + 100, 1))
    write(root + "/small.txt", b"a few bytes\n")
    os.setxattr(root + "/small.txt", "user.stream", b"bytes of a named stream")
    write(root + "/hole.bin", b"")
    with open(root + "/hole.bin", "r+b") as f:
        f.truncate(400000)
        f.seek(200000)
        f.write(pattern(5000, 3))
    write(root + "/\u00e4.txt", b"umlaut")
    write(root + "/empty.bin", b"")


def compressed_tree(root):
    os.makedirs(root + "/comp")
    os.setxattr(root + "/comp", "system.ntfs_attrib", struct.pack("<I", COMPRESSED | 0x10))
    write(root + "/comp/c.txt", TEXT)
    write(root + "/comp/mixed.bin", MIXED)
    write(root + "/comp/short.txt", b"x" * 10)


def make_small(path, *options, size=8 << 20, compressed=False):
    """A volume for fuzz seeds and for geometry cases. Returns MFT record numbers by path."""
    mkntfs(path, size, *options)
    with Mounted(path) as root:
        small_tree(root)
        if compressed:
            compressed_tree(root)
        return numbers(root)


def make_base(path):
    """The volume that most cases edit."""
    mkntfs(path, 48 << 20, "-c", "4096")
    with Mounted(path) as root:
        small_tree(root)
        compressed_tree(root)
        fragment(root, {"/few.vhd": 20, "/frag.vhd": 200, "/frag2.vhd": 1200})
        os.mkdir(root + "/many")
        for i in range(3000):
            write(root + "/many/file%05d.txt" % i, b"")
        os.mkdir(root + "/names")
        for name in NAMES + ["Twin", "tWIN", "longer file name.txt"]:
            write(root + "/names/" + name, name.encode())
        os.setxattr(root + "/names/longer file name.txt", "system.ntfs_dos_name", b"LONGER~1.TXT")
        os.link(root + "/a/b/c.vhd", root + "/names/link.vhd")
        os.mkdir(root + "/reparse")
        for name in ("symlink", "wof", "dedup", "cloud", "other"):
            write(root + "/reparse/" + name, pattern(10000))
        os.mkdir(root + "/reparse/junction")
        write(root + "/plain.vhd", pattern(1 << 20, 9))
        return numbers(root)


def numbers(root):
    """MFT record numbers of everything below `root`."""
    out = {"/": 5}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            out[path[len(root):]] = os.lstat(path).st_ino
    return out
