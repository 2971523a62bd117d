# SPDX-License-Identifier: GPL-2.0-or-later
"""Small disks for tests of stage2: a volume, vhdboot, a config, images.

They are made with ntfs-3g's own tools, so that nothing of mkimage is needed. The guest is one boot sector that
says "guest: NAME".
"""
import functools
import os
import subprocess
import tempfile

import vhd
from flash import tool

FIRST = 2048                            # LBA of the partition
CLUSTER = 8                             # sectors
SECTORS = 4096                          # of each image

GUEST = """
        bits 16
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov si, text
next:   lodsb
        test al, al
        jz $
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp next
text:   db 13, 10, "guest: NAME", 13, 10, 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
"""


def build(name):
    with open(tool(name), "rb") as file:
        return file.read()


class Disk:
    """A partitioned disk with one NTFS volume, boot code, vhdboot.bin and `files` in its root."""

    def __init__(self, folder, files, size=48, stage2=None, label=""):
        self.path = os.path.join(folder, "disk.img")
        self.part = os.path.join(folder, "part.img")
        self.folder = folder
        with open(self.part, "wb") as part:
            part.truncate((size - 1) << 20)
        self._run("mkntfs", "-q", "-F", "-Q", "-c", "4096", "-p", str(FIRST), "-H", "255", "-S", "63", "-L", label,
                  self.part)
        self._copy("vhdboot.bin", build("vhdboot.bin") if stage2 is None else stage2)
        for name, content in files.items():
            self._copy(name, content)
        self._boot_code(size)

    @staticmethod
    def _run(*command, **more):
        return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout

    def _copy(self, name, content):
        source = os.path.join(self.folder, "source")
        with open(source, "wb") as file:
            file.write(content)
        self._run("ntfscp", "-q", "-f", self.part, source, name)

    def _boot_code(self, size):
        with open(self.part, "r+b") as part:
            record = bytearray(build("vbr.bin"))
            record[3:84] = part.read(84)[3:]
            part.seek(0)
            part.write(record)
        with open(self.path, "wb") as disk:
            disk.truncate(size << 20)
        self._run("sfdisk", "-q", self.path, input=f"{FIRST},,7,*\n")
        self._run("dd", f"if={self.part}", f"of={self.path}", "bs=1M", "seek=1", "conv=notrunc,sparse")
        with open(self.path, "r+b") as disk:
            disk.write(build("mbr.bin"))

    def mft(self):
        """Where $MFT starts on the disk."""
        with open(self.part, "rb") as part:
            part.seek(0x30)
            return FIRST + int.from_bytes(part.read(8), "little") * CLUSTER

    def lba(self, name, sector=0):
        """Where a sector of the file lies on the disk, as ntfs-3g sees it."""
        lines = self._run("ntfscluster", "-f", "-F", name, self.part).splitlines()
        at = next(n for n, line in enumerate(lines) if line.split() == ["VCN", "LCN", "Length"])
        for line in lines[at + 1:]:
            vcn, lcn, length = (int(word) for word in line.split())
            if vcn <= sector // CLUSTER < vcn + length:
                return FIRST + lcn * CLUSTER + sector - vcn * CLUSTER
        raise ValueError(f"{name} has no sector {sector}")


@functools.cache
def image(name, guest=GUEST):
    """A fixed VHD whose boot sector says its name, or is another program."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "guest.asm")
        with open(source, "w", encoding="ascii") as file:
            file.write(guest.replace("NAME", name))
        subprocess.run(["nasm", "-f", "bin", "-o", os.path.join(folder, "guest"), source], check=True)
        path = os.path.join(folder, "image.vhd")
        vhd.make_fixed(path, SECTORS)
        with open(path, "r+b") as out, open(os.path.join(folder, "guest"), "rb") as guest:
            out.write(guest.read())
        with open(path, "rb") as out:
            return out.read()


def one(**files):
    """Files of a disk: the image one.vhd, and these; a _ in a name is a dot."""
    return {"one.vhd": image("one"), **{name.replace("_", "."): content for name, content in files.items()}}


def two(**files):
    return {"two.vhd": image("two"), **one(**files)}
