# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with a very small Linux: what `mkimage guest` looks for, with busybox and scripts for an initramfs-tools."""
import os
import shutil
import struct
import subprocess
import zlib

from files import write_under
from flash import MIB, mkimage, run, tool

UUID = "5ec70a57-0b00-4ead-8000-7668646d7275"
BOOT_UUID = "5ec70a57-0b00-4ead-8000-7668646d0000"
VERSION = "6.1.0-1-small"

# Beside its work it notes what it sees of the computer that it runs on.
UPDATE = r"""#!/bin/sh
set -e
[ "$*" = "-u -k all" ]
/bin/busybox ls /dev > /boot/seen
/bin/busybox ls /sys/class/net >> /boot/seen
/bin/busybox ls /proc | /bin/busybox grep -c '^[0-9]' >> /boot/seen
for kernel in /boot/vmlinuz-*; do
    to=/boot/initrd.img-${kernel#/boot/vmlinuz-}
    (cd /; /bin/busybox find usr/sbin/vhdboot-attach etc/initramfs-tools -type f) > $to.new
    /bin/busybox cat /usr/sbin/vhdboot-attach >> $to.new
    /bin/busybox mv $to.new $to
done
"""


def tree(root, fstab=""):
    """The files of a system that has an initramfs-tools."""
    for folder in ("bin", "dev", "proc", "sys", "run", "tmp", "usr/share/initramfs-tools", "etc/initramfs-tools"):
        os.makedirs(os.path.join(root, folder))
    shutil.copy("/bin/busybox", os.path.join(root, "bin/busybox"))
    os.symlink("/bin/busybox", os.path.join(root, "bin/sh"))            # where a link must not lead out of it
    os.symlink("/bin/busybox", os.path.join(root, "bin/grep"))
    write_under(root, "etc/os-release", 'NAME=Small\nPRETTY_NAME="Small Linux 1"\n')
    write_under(root, "etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    write_under(root, "etc/fstab", f"# a comment\nUUID={UUID} / ext4 errors=remount-ro 0 1\n" + fstab)
    write_under(root, "usr/sbin/update-initramfs", UPDATE, 0o755)
    write_under(root, "usr/bin/lsinitramfs", '#!/bin/sh\n/bin/busybox cat "$1"\n', 0o755)
    write_under(root, f"boot/vmlinuz-{VERSION}", "kernel")
    write_under(root, f"boot/initrd.img-{VERSION}", "the old one\n")
    for module in ("drivers/block/nbd.ko", "drivers/usb/storage/usb-storage.ko.xz"):
        write_under(root, f"lib/modules/{VERSION}/kernel/{module}", "module")
    return root


def ext4(path, mib, uuid=UUID, root=None):
    """A file with a file system."""
    with open(path, "wb") as out:
        out.truncate(mib * MIB)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-U", uuid, "-m", "0",
        *(("-d", root) if root else ()), path)
    return path


def disk(path, parts):
    """A raw disk of these files, a partition each, and 2 MiB more."""
    sizes = [os.path.getsize(part) for part in parts]
    start, lines = MIB, []
    with open(path, "wb") as out:
        out.truncate(MIB + sum(sizes) + 2 * MIB)
    for part, size in zip(parts, sizes):
        lines.append(f"{start // 512},{size // 512},L\n")
        run("dd", f"if={part}", f"of={path}", "bs=1M", f"seek={start // MIB}", "conv=notrunc,sparse", "status=none")
        start += size
    with open(path + ".table", "w", encoding="ascii") as out:
        out.write("".join(lines))
    with open(path + ".table", "rb") as table:
        run("sfdisk", "-q", path, stdin=table)
    return path


def image(shop, parts, name="disk.vhd"):
    """The same as an image."""
    raw = disk(shop.path("disk.raw"), parts)
    mkimage("vhd", "convert", raw, shop.path(name))
    return shop.path(name)


def extract(shop, path, part=1, flash=None):
    """A partition of an image, as a file."""
    raw, out = shop.path("read.raw"), shop.path("part.raw")
    read = (tool("mkimage"), "read", flash) if flash else (tool("mkimage"), "vhd", "read", path)
    with open(raw, "wb") as file:
        subprocess.run(read, stdout=file, check=True)
    with open(raw, "rb") as file:
        file.seek(446 + 16 * (part - 1) + 8)
        start, count = struct.unpack("<II", file.read(8))
        file.seek(start * 512)
        with open(out, "wb") as to:
            to.write(file.read(count * 512))
    return out


def content(part, path):
    return run("debugfs", "-R", f"cat {path}", part)


# --- Partitions that are in the way

def luks(path):
    with open(path, "wb") as out:
        out.write(b"LUKS\xba\xbe" + struct.pack(">H32s32s32s", 1, b"aes", b"xts-plain64", b"sha256"))
        out.truncate(4 * MIB)
    return path


def lvm(path):
    label = bytearray(512)
    label[0:8] = b"LABELONE"
    struct.pack_into("<QII8s", label, 8, 1, 0, 32, b"LVM2 001")
    label[32:64] = b"0123456789abcdefghijABCDEFGHIJ01"
    struct.pack_into("<I", label, 16, zlib.crc32(label[20:], 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff)
    with open(path, "wb") as out:
        out.write(bytes(512) + label)
        out.truncate(4 * MIB)
    return path


def hibernated(path):
    with open(path, "wb") as out:
        out.truncate(4 * MIB)
    os.chmod(path, 0o600)
    run("mkswap", path)
    with open(path, "r+b") as out:
        out.seek(4096 - 10)
        out.write(b"S1SUSPEND\0")
    return path
