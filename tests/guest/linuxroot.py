#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a raw disk with a whole Debian whose root lies in it: GRUB, ext4, the stock initramfs-tools or dracut with
vhdboot-attach's hooks. Needs root, for a chroot.

usage: linuxroot.py ROOT.tar OUTPUT.raw [initramfs-tools|dracut]

ROOT.tar is what mmdebstrap made (`make linux-root`). Nothing in the system names the stick: root=UUID= is the root
file system's own. When it is up, a service runs /test and reports on the second serial port; then it powers off.
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

UUID = "5ec70a57-0b00-4ead-8000-7668646d7275"
PARTITION = 2048
GRUB = "/usr/lib/grub/i386-pc"
GRUB_MODULES = "biosdisk part_msdos ext2 normal configfile linux echo serial terminal test search search_fs_uuid".split()
FEATURES = "^64bit,^metadata_csum_seed"
MIB = 1 << 20

GRUB_CONFIG = """
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
linux /boot/vmlinuz root=UUID={uuid} ro console=ttyS0,115200 systemd.show_status=1 {words}
initrd /boot/initrd.img
boot
"""

SERVICE = """[Unit]
Description=Reports how it is
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /test
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
[Install]
WantedBy=multi-user.target
"""

# What the tests read on the second port. Steps of a test's own lie on the disk's sector 2047 (linuxroot.steps).
TEST = r"""
step() { name=$1; shift; echo "== $name"; "$@" 2>&1; echo "-- $?"; }
step root findmnt -no SOURCE,FSTYPE,OPTIONS /
step where readlink -f /dev/disk/by-id/vhdboot
step part readlink -f /dev/disk/by-id/vhdboot-part1
step info vhdboot-attach info
step claim lsblk -rno NAME,TYPE,RO,FSTYPE
step hibernate readlink /run/systemd/system/hibernate.target
step processes sh -c 'for p in /proc/[0-9]*; do tr "\0" " " < $p/cmdline | grep -a ^@; done'
root=$(findmnt -no SOURCE /)
dd if=/dev/disk/by-id/vhdboot bs=512 skip=2047 count=1 2>/dev/null | tr -d '\0' > /run/steps
. /run/steps
step failed systemctl --failed --no-legend --plain
echo "== end"
poweroff
"""


def run(*command, **options):
    subprocess.run([str(c) for c in command], check=True, **options)


def steps(disk, text, offset=0):
    """Commands that the system runs once it is up, into a raw disk."""
    data = text.encode()
    assert len(data) <= 512, len(data)
    with open(disk, "r+b") as file:
        file.seek(offset + 2047 * 512)
        file.write(data.ljust(512, b"\0"))


def write(root, path, text, mode=0o644):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(path, mode)


def configure(root, words):
    write(root, "etc/fstab", f"UUID={UUID} / ext4 errors=remount-ro 0 1\n")
    write(root, "etc/hostname", "inside\n")
    write(root, "etc/systemd/system/report.service", SERVICE)
    write(root, "test", TEST)
    write(root, "boot/grub/grub.cfg", GRUB_CONFIG.format(uuid=UUID, words=words))
    wants = os.path.join(root, "etc/systemd/system/multi-user.target.wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink("/etc/systemd/system/report.service", os.path.join(wants, "report.service"))
    version = next(name[8:] for name in sorted(os.listdir(os.path.join(root, "boot"))) if name.startswith("vmlinuz-"))
    for link, name in (("vmlinuz", f"vmlinuz-{version}"), ("initrd.img", f"initrd.img-{version}")):
        path = os.path.join(root, "boot", link)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(name, path)
    return version


def make_initramfs(root, version, kind, build):
    run(os.path.join(build, "vhdboot-attach"), "install-hooks", root)
    if kind == "dracut":
        run("chroot", root, "dracut", "--force", "--no-hostonly", f"/boot/initrd.img-{version}", version)
    else:
        run("chroot", root, "update-initramfs", "-u", "-k", version)


def grub(disk, work, sectors):
    core = os.path.join(work, "core.img")
    run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", core, *GRUB_MODULES)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION, sectors - PARTITION)
    with open(os.path.join(GRUB, "boot.img"), "rb") as boot, open(core, "rb") as image, open(disk, "r+b") as out:
        code = image.read()
        assert len(code) < (PARTITION - 2) * 512
        out.write(boot.read()[:440] + struct.pack("<IH", 0x76686472, 0) + entry + bytes(48) + b"\x55\xaa" + code)


def main():
    tar, output, kind = sys.argv[1], sys.argv[2], (sys.argv + ["initramfs-tools"])[3]
    build = os.environ.get("B", "build")
    with tempfile.TemporaryDirectory(prefix="vhdboot-") as work:
        root = os.path.join(work, "root")
        os.mkdir(root)
        run("tar", "-x", "--numeric-owner", "-C", root, "-f", tar, "--exclude=./dev/*")
        version = configure(root, "")
        make_initramfs(root, version, kind, build)
        used = int(subprocess.run(["du", "-sm", root], stdout=subprocess.PIPE, check=True).stdout.split()[0])
        sectors = (used * 5 // 4 + 300) * MIB // 512
        disk = output + ".part"
        with open(disk, "wb") as file:
            file.truncate(sectors * 512)
        run("mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-U", UUID, "-m", "0", "-d", root, "-E",
            f"offset={PARTITION * 512}", disk, f"{(sectors - PARTITION) // 2}k")
        grub(disk, work, sectors)
        os.rename(disk, output)
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
