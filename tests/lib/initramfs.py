# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux that lives in its initramfs: busybox, the kernel of a Debian package and modules of it."""
import glob
import os
import stat
import subprocess
import sys

EPOCH = 1700000000
CACHE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".cache")


class Cpio:
    """An initramfs in the kernel's "newc" format: the same bytes each time."""

    def __init__(self):
        self.data = bytearray()
        self.count = 0
        self.folders = set()

    def add(self, name, mode, data=b""):
        folder = os.path.dirname(name)
        if folder and folder not in self.folders:
            self.folders.add(folder)
            self.add(folder, stat.S_IFDIR | 0o755)
        self.count += 1
        fields = (self.count, mode, 0, 0, 1, EPOCH, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (name.encode() + b"\0", data):
            self.data += part + b"\0" * (-(len(self.data) + len(part)) % 4)

    def file(self, name, path, mode=0o755):
        with open(path, "rb") as source:
            self.add(name, stat.S_IFREG | mode, source.read())

    def system(self, init):
        self.add("init", stat.S_IFREG | 0o755, init.encode())
        self.file("bin/busybox", "/bin/busybox")
        for folder in ("dev", "proc", "sys"):
            self.add(folder, stat.S_IFDIR | 0o755)

    def program(self, name, path):
        """A program with the libraries that it is linked with."""
        self.file(name, path)
        for line in subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines():
            for word in line.split():
                if word.startswith("/") and word[1:] not in self.folders:
                    self.folders.add(word[1:])
                    self.file(word[1:], word)

    def save(self, path):
        self.add("TRAILER!!!", 0)
        with open(path, "wb") as out:
            out.write(self.data)


def kernel_package():
    return sorted(glob.glob(os.path.join(CACHE, "linux-image-*.deb")))[-1]


def unpack_kernel(package, folder, modules):
    """vmlinuz and a few modules out of a Debian kernel package."""
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    wanted = [f"*/{name}.ko" for name in modules]
    subprocess.run(["tar", "-x", "-C", folder, "--wildcards", "--transform", "s,.*/,,", "./boot/vmlinuz-*",
                    *wanted], stdin=tar.stdout, check=True)
    if tar.wait():
        sys.exit(f"{package} cannot be unpacked")
    for name in os.listdir(folder):
        if name.startswith("vmlinuz-"):
            os.rename(os.path.join(folder, name), os.path.join(folder, "vmlinuz"))


if __name__ == "__main__":                              # initramfs.py FOLDER MODULE...
    os.makedirs(sys.argv[1], exist_ok=True)
    unpack_kernel(kernel_package(), sys.argv[1], sys.argv[2:])
    os.utime(os.path.join(sys.argv[1], "vmlinuz"))
