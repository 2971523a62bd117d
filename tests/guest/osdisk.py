#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes disks with a real operating system out of Debian's packages, without root, as fixed VHDs.

usage: osdisk.py KIND KERNEL-PACKAGE OUTPUT.vhd

  grub       GRUB 2 checks the SHA-256 of kernel and initramfs as it reads them by INT 13h, and starts Linux
  extlinux   EXTLINUX starts the same Linux
  memtest    GRUB 2 starts memtest86+
  memdisk    GRUB 2 lists, sums and reads files, shows the memory map and starts MEMDISK with the INT 13h
             conformance program on a disk of its own; sectors SECOND_START on, outside of all partitions, hold
             a pattern that the program looks for under 81h

The disk has an MBR and one ext4 partition at 1 MiB. Linux runs from its initramfs: once its own drivers
work there is no INT 13h any more, and what they would see is the stick, not the virtual disk.
"""
import hashlib
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "int13")]
import disk as int13                                                        # noqa: E402
import emulator                                                             # noqa: E402
import vhd                                                                  # noqa: E402
from initramfs import Cpio, EPOCH, unpack_kernel                            # noqa: E402

SECTORS = 64 << 11
PARTITION = 2048
UUID = "5ec70a57-0b00-4ead-8000-7668646d6775"
GRUB = "/usr/lib/grub/i386-pc"
GRUB_MODULES = ("biosdisk part_msdos ext2 normal configfile linux linux16 hashsum gcry_sha256 echo "
                "serial terminal test halt lsmmap ls sleep testspeed").split()
SECOND_START, SECOND_SCRATCH, SECOND_SEED = 1024, 1500, 0x2d2d
MEMDISK_SECTORS = 16 << 10
FEATURES = "^64bit,^metadata_csum"                      # what all of these boot loaders read
DISK_MODULES = ("virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk "
                "crc16 mbcache jbd2 crc32c_generic ext4").split()

INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin PS1='virtual-disk # '
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
# There is no init that could be asked to end things.
echo "alias poweroff='poweroff -f' reboot='reboot -f'" > /ash
export ENV=/ash
insmod /lib/edd.ko 2>/dev/null
echo
echo "Linux $(uname -r) is running, started from the virtual disk."
bios=/sys/firmware/edd/int13_dev80
if [ -e $bios/sectors ]; then
    echo "BIOS disk 80h as the kernel was told: $(($(cat $bios/sectors))) sectors of 512 bytes," \
        "MBR signature $(cat $bios/mbr_signature 2>/dev/null)."
    echo "Its EDD version: $(cat $bios/version); cylinders, heads, sectors by AH=08h:" \
        "$(($(cat $bios/legacy_max_cylinder) + 1))/$(($(cat $bios/legacy_max_head) + 1))/$((
        $(cat $bios/legacy_sectors_per_track)))."
fi
echo "Memory: $(awk '/MemTotal/ { print $2 }' /proc/meminfo) KiB. This system lives in memory (an initramfs):"
echo "from here on Linux' own drivers would see the stick itself, not the virtual disk."
echo "A shell follows. poweroff ends it; where QEMU runs in a terminal, Ctrl-A X does."
echo
setsid cttyhack sh
poweroff -f
"""

INSTALL = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in MODULES; do insmod /lib/$module.ko; done
sleep 1
mkdir /mnt
mount -t ext4 /dev/vda1 /mnt && mkdir -p /mnt/boot && cp /payload/* /mnt/boot/ &&
    extlinux --install /mnt/boot && umount /mnt && echo "installed: yes"
sync
poweroff -f
"""

GRUB_START = """
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial
echo "GRUB runs from the virtual disk. Reading its files by INT 13h ..."
"""

GRUB_LINUX = GRUB_START + """
if hashsum --hash sha256 --check /boot/SHA256SUMS --prefix /boot; then
    echo "GRUB: the SHA-256 sums are right."
else
    echo "GRUB: a SHA-256 sum is WRONG: the disk was not read correctly."
    sleep 5
    halt
fi
linux16 /boot/vmlinuz console=ttyS0,115200 quiet
initrd16 /boot/initrd
boot
"""

GRUB_MEMTEST = GRUB_START + """
lsmmap
linux16 /boot/memtest console=ttyS0,115200
boot
"""

GRUB_MEMDISK = GRUB_START + """
ls (hd0,msdos1)/boot/
if hashsum --hash sha256 --check /boot/SHA256SUMS --prefix /boot; then
    echo "GRUB: the SHA-256 sums are right."
fi
testspeed /boot/conformance
lsmmap
linux16 /boot/memdisk harddisk
initrd16 /boot/conformance
boot
"""

EXTLINUX = """serial 0 115200
default linux
label linux
  say EXTLINUX runs from the virtual disk.
  kernel vmlinuz
  append initrd=initrd console=ttyS0,115200 quiet
"""


def master_boot_record(code):
    """Boot code and one active Linux partition."""
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION,
                        SECTORS - PARTITION)
    return (code + bytes(440 - len(code)) + struct.pack("<IH", 0x7668646D, 0) + entry + bytes(48) +
            b"\x55\xaa")


def make_filesystem(disk, tree):
    for folder, _, names in os.walk(tree):
        for name in [folder, *(os.path.join(folder, n) for n in names)]:
            os.utime(name, (EPOCH, EPOCH))
    environment = {**os.environ, "E2FSPROGS_FAKE_TIME": str(EPOCH),
                   "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-U", UUID, "-m", "0", "-d", tree,
               "-E", f"offset={PARTITION * 512},hash_seed={UUID},root_owner=0:0", disk,
               f"{(SECTORS - PARTITION) // 2}k"]
    subprocess.run(command, check=True, env=environment)


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def grub_disk(disk, work, files, config):
    """boot.img in LBA 0, core.img from LBA 1, files and grub.cfg on ext4."""
    tree = os.path.join(work, "tree")
    os.makedirs(os.path.join(tree, "boot", "grub"))
    sums = []
    for name, source in files.items():
        shutil.copyfile(source, os.path.join(tree, "boot", name))
        with open(source, "rb") as data:
            sums.append(f"{hashlib.sha256(data.read()).hexdigest()}  {name}\n")
    for name, text in (("SHA256SUMS", "".join(sums)), ("grub/grub.cfg", config)):
        with open(os.path.join(tree, "boot", name), "w", encoding="ascii") as out:
            out.write(text)
    make_filesystem(disk, tree)
    path = os.path.join(work, "core.img")
    subprocess.run(["grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", path,
                    *GRUB_MODULES], check=True)
    with open(os.path.join(GRUB, "boot.img"), "rb") as boot, open(path, "rb") as image:
        write_at(disk, 0, master_boot_record(boot.read()[:440]))
        core = image.read()
        assert len(core) // 512 + 2 < SECOND_START
        write_at(disk, 512, core)


def extlinux_disk(disk, work, files):
    """EXTLINUX installs itself only on a mounted file system: Linux in QEMU mounts it, nobody needs root."""
    os.mkdir(os.path.join(work, "empty"))
    make_filesystem(disk, os.path.join(work, "empty"))
    with open("/usr/lib/EXTLINUX/mbr.bin", "rb") as code:
        write_at(disk, 0, master_boot_record(code.read()))
    installer = Cpio()
    installer.system(INSTALL.replace("MODULES", " ".join(DISK_MODULES)))
    for name in DISK_MODULES:
        installer.file(f"lib/{name}.ko", os.path.join(work, "kernel", f"{name}.ko"))
    for path in ("/usr/bin/extlinux", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
        installer.file(path.removeprefix("/usr")[1:], path)
    for name, source in files.items():
        installer.file(f"payload/{name}", source)
    installer.add("payload/extlinux.conf", stat.S_IFREG | 0o644, EXTLINUX.encode())
    initrd = os.path.join(work, "installer")
    installer.save(initrd)
    with emulator.Qemu(disk, bus="virtio", memory=512, write=True, limit=300,
                       options=["-kernel", files["vmlinuz"], "-initrd", initrd,
                                "-append", "console=ttyS0,115200 quiet"]) as pc:
        pc.wait("installed: yes")
        pc.wait_end(60)


def memdisk_disk(disk, work):
    program = os.path.join(work, "conformance")
    int13.plain(program, os.environ["B"], 0x424d, MEMDISK_SECTORS, modes=int13.REAL | int13.MEMORY, rounds=5,
                scratch=5000, others=[(0x81, SECTORS, SECOND_SEED, SECOND_START, SECOND_SCRATCH)])
    grub_disk(disk, work, {"memdisk": "/usr/lib/syslinux/memdisk", "conformance": program}, GRUB_MEMDISK)
    write_at(disk, SECOND_START * 512,
             b"".join(int13.pattern(lba, SECOND_SEED) for lba in range(SECOND_START, SECOND_SCRATCH)))


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("grub", "extlinux", "memtest", "memdisk"):
        sys.exit("usage: osdisk.py grub|extlinux|memtest|memdisk KERNEL-PACKAGE OUTPUT.vhd")
    kind, package, output = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="vhdboot-") as work:
        disk = output + ".part"
        with open(disk, "wb") as file:
            file.truncate(SECTORS * 512)
        if kind == "memtest":
            grub_disk(disk, work, {"memtest": "/boot/memtest86+x64.bin"}, GRUB_MEMTEST)
        elif kind == "memdisk":
            memdisk_disk(disk, work)
        else:
            kernel = os.path.join(work, "kernel")
            os.mkdir(kernel)
            unpack_kernel(package, kernel, ["edd", *DISK_MODULES])
            initrd = Cpio()
            initrd.system(INIT)
            initrd.file("lib/edd.ko", os.path.join(kernel, "edd.ko"))
            initrd.save(os.path.join(work, "initrd"))
            files = {"vmlinuz": os.path.join(kernel, "vmlinuz"), "initrd": os.path.join(work, "initrd")}
            if kind == "grub":
                grub_disk(disk, work, files, GRUB_LINUX)
            else:
                extlinux_disk(disk, work, files)
        vhd.make_fixed(output, SECTORS, source=disk)


main()
