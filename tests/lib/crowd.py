# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders with many names, made, thinned out and listed by ntfs-3g's own library and tools; in the current folder."""
import ctypes
import ctypes.util
import stat

from files import read, write
from ntfsdisk import START, cut_out
from tools import run


class Crowd:
    """with Crowd("d.img") as crowd: crowd.add("name"); crowd.removed("name")"""

    def __init__(self, name, folder=""):
        self.name, self.folder = name, folder

    def __enter__(self):
        self.part = cut_out(self.name)
        self.ntfs = ctypes.CDLL(ctypes.util.find_library("ntfs-3g"))
        for function in (self.ntfs.ntfs_mount, self.ntfs.ntfs_pathname_to_inode, self.ntfs.ntfs_create):
            function.restype = ctypes.c_void_p
        self.mounted = ctypes.c_void_p(self.ntfs.ntfs_mount(self.part.encode(), ctypes.c_ulong(0)))
        assert self.mounted.value
        self.ntfs.ntfs_set_ignore_case(self.mounted)
        return self

    def inode(self, path):
        found = self.ntfs.ntfs_pathname_to_inode(self.mounted, None, path.encode())
        assert found, path
        return ctypes.c_void_p(found)

    def add(self, name, kind=stat.S_IFREG):
        folder, units = self.inode(self.folder or "/"), name.encode("utf-16-le")
        made = self.ntfs.ntfs_create(folder, ctypes.c_uint32(0), units, ctypes.c_uint8(len(units) // 2),
                                     ctypes.c_uint32(kind))
        assert made, name
        assert not self.ntfs.ntfs_inode_close(ctypes.c_void_p(made))
        assert not self.ntfs.ntfs_inode_close(folder)

    def add_folder(self, name):
        self.add(name, stat.S_IFDIR)

    def removed(self, name):
        """Removes the name; False where the library fails, as it does with some folders."""
        folder, units = self.inode(self.folder or "/"), name.encode("utf-16-le")
        inode = self.inode(f"{self.folder}/{name}")
        return not self.ntfs.ntfs_delete(self.mounted, None, inode, folder, units, ctypes.c_uint8(len(units) // 2))

    def __exit__(self, *failure):
        assert not self.ntfs.ntfs_umount(self.mounted, False)
        if not failure[0]:
            write(self.name, START, read(self.part))


def random_names(rng, count):
    """All different, of all lengths, and most of them at one of a few places of the alphabet."""
    found = set()
    while len(found) < count:
        start = rng.choice(["a", "m", "t", "vh", "vhdz", "z"])
        found.add(start + "".join(rng.choice("abcdefgh") for _ in range(rng.randrange(3, 60))))
    return sorted(found)


def listed(name, folder=""):
    """As ntfs-3g's readdir has it: what the blocks hold, in order."""
    text = run("ntfsls", "-f", "-p", folder or "/", cut_out(name)).stdout.decode()
    return text.split("\n")[:-1]
