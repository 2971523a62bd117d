# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks that look like Windows' from outside, in the current folder: the files that our verbs read, made here, and an
NTFS volume around them that wimlib has written. No byte of them is Windows'."""
import os
import shutil
import struct

from files import read
from ntfsdisk import MIB, disk, volume
from tools import mkimage, run

LANGUAGES = ("de-DE", "en-US")


def program(build, size=60000):
    """A file with a version in it, as winload.exe has."""
    info = struct.pack("<IIII", 0xfeef04bd, 0x10000, 6 << 16 | 1, build << 16 | 17514)
    return os.urandom(4096) + info + os.urandom(size - 4096 - len(info))


def boot_files(build):
    """\\Windows\\Boot, by name."""
    tree = {"PCAT/bootmgr": os.urandom(380000), "PCAT/memtest.exe": os.urandom(50000),
            "Fonts/segoe.ttf": os.urandom(70000), "Resources/bootres.dll": os.urandom(9000)}
    if build >= 9200:
        tree["PCAT/bootnxt"] = b"\x01"
    for language in LANGUAGES:
        tree[f"PCAT/{language}/bootmgr.exe.mui"] = os.urandom(7000)
        tree[f"Resources/{language}/bootres.dll.mui"] = os.urandom(3000)
    return {"Windows/Boot/" + name: data for name, data in tree.items()}


def windows_tree(build=7601, **files):
    """path: content. `files`: hives, SYSTEM=... and so on."""
    tree = {"Windows/System32/winload.exe": program(build), **boot_files(build)}
    for name, data in files.items():
        tree["Windows/System32/config/" + name.replace("_", ".")] = data
    return tree


def plant(tree, size=64 * MIB, name="w.ntfs", cluster=4096):
    """A volume with those files."""
    shutil.rmtree("tree", ignore_errors=True)
    for path, data in tree.items():
        path = os.path.join("tree", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    volume(name, size, cluster)
    run("wimcapture", "tree", "tree.wim", "--compress=none")
    run("wimapply", "tree.wim", "1", name)
    return name


def windows_vhd(name, tree, size=64 * MIB, kind="dynamic"):
    """The same as the active partition of a disk in an image."""
    disk("win.img", plant(tree, size))
    mkimage("vhd", "convert", "win.img", name, "--kind", kind)
    os.unlink("win.img")
    return name


def inside(image, path):
    """The file of the image's volume, as ntfs-3g reads it; None where there is none."""
    mkimage("vhd", "convert", image, "inside.raw.vhd", "--kind", "fixed", "--yes")
    data = read("inside.raw.vhd")
    with open("inside.ntfs", "wb") as file:
        file.write(data[2048 * 512:2048 * 512 + int.from_bytes(data[458:462], "little") * 512])
    return peek(path)


def peek(path):
    """One more file of the volume that `inside` has just cut out."""
    done = run("ntfscat", "-f", "inside.ntfs", path, status=None)
    return done.stdout if done.returncode == 0 else None
