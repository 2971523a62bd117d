#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a raw disk with a Linux whose root lies in it: GRUB, ext4, the stock initramfs-tools or dracut with
vhdboot-attach's hooks. Needs root, for a chroot.

usage: linuxroot.py ROOT.tar OUTPUT.raw [initramfs-tools|dracut]    a whole Debian; ROOT.tar is mmdebstrap's
       linuxroot.py small OUTPUT.raw                                busybox behind this computer's initramfs-tools

Nothing in the system names the stick: root=UUID= is the root file system's own. When it is up it runs /test, which
reports on the second serial port; then it powers off.
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from initramfs import kernel_package                                        # noqa: E402

UUID = "5ec70a57-0b00-4ead-8000-7668646d7275"
PARTITION = 2048
GRUB = "/usr/lib/grub/i386-pc"
GRUB_MODULES = "biosdisk part_msdos ext2 normal configfile linux echo serial terminal test loadenv".split()
FEATURES = "^64bit,^metadata_csum_seed"
MIB = 1 << 20

GRUB_CONFIG = """
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
set by=grub
save_env by
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


# The small system's only process.
SMALL_INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -o remount,rw /
sh /test > /dev/ttyS1 2>&1
sync
mount -o remount,ro /
poweroff -f
"""
SMALL_TEST = r"""
step() { name=$1; shift; echo "== $name"; "$@" 2>&1; echo "-- $?"; }
step root grep " / ext4" /proc/mounts
vhdboot-attach info > /run/info
step info cat /run/info
step mount mount -t ext4 -o ro /dev/$(sed -n 's/^drive  .*, //p' /run/info) /mnt
step processes sh -c 'for p in /proc/[0-9]*; do tr "\0" " " < $p/cmdline 2>/dev/null | grep -a ^@; done'
step grubenv grep by= /boot/grub/grubenv
dd if=/dev/nbd0 bs=512 skip=2047 count=1 2>/dev/null | tr -d '\0' > /run/steps
. /run/steps
echo "== end"
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
    run("grub-editenv", os.path.join(root, "boot/grub/grubenv"), "create")
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


def small_modules(folder):
    """The kernel, and the modules that any bus needs; its version."""
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", kernel_package()], stdout=subprocess.PIPE)
    run("tar", "-x", "-C", folder, "--wildcards", "./boot/vmlinuz-*", "./boot/config-*", "./lib/modules/*/modules.*",
        *[f"./lib/modules/*/kernel/{part}/*" for part in (
            "drivers/block", "drivers/md", "drivers/usb", "drivers/ata", "drivers/scsi", "drivers/nvme",
            "drivers/virtio", "block", "fs/ext4", "fs/jbd2", "lib", "crypto", "arch/x86/crypto")],
        "./lib/modules/*/kernel/fs/mbcache.ko", stdin=tar.stdout)
    if tar.wait():
        sys.exit("the kernel's package cannot be unpacked")
    version = os.listdir(os.path.join(folder, "lib/modules"))[0]
    run("depmod", "-b", folder, version)
    return version


# In a mount namespace of its own: this computer's root, what is written to it gone at the end.
SMALL_INITRAMFS = r"""
set -e
mount -t tmpfs none "$WORK/over"
mkdir "$WORK/over/upper" "$WORK/over/work" "$WORK/over/root"
mount -t overlay none -o "lowerdir=/,upperdir=$WORK/over/upper,workdir=$WORK/over/work" "$WORK/over/root"
cd "$WORK/over/root"
for folder in dev proc sys; do mount --rbind /$folder $folder; done
mkdir -p lib/modules
cp -a "$WORK/kernel/lib/modules/$VERSION" lib/modules/
cp "$WORK/kernel/boot/config-$VERSION" boot/
"$ATTACH" install-hooks "$PWD"
printf 'MODULES=list\nCOMPRESS=gzip\nRESUME=none\n' > etc/initramfs-tools/conf.d/test
echo ext4 > etc/initramfs-tools/modules
chroot . mkinitramfs -o /initrd.test "$VERSION"
cp initrd.test "$WORK/initrd"
"""


def small_tree(work, build):
    """The small system's files, ready for mke2fs."""
    kernel, root = os.path.join(work, "kernel"), os.path.join(work, "root")
    for name in ("kernel", "over", "root"):
        os.mkdir(os.path.join(work, name))
    version = small_modules(kernel)
    run("unshare", "-m", "sh", "-c", SMALL_INITRAMFS,
        env={**os.environ, "WORK": work, "VERSION": version, "ATTACH": os.path.join(build, "vhdboot-attach")})
    for folder in ("dev", "proc", "sys", "run", "tmp", "mnt", "bin", "sbin", "boot", "etc"):
        os.mkdir(os.path.join(root, folder))
    write(root, "sbin/init", SMALL_INIT, 0o755)
    write(root, "test", SMALL_TEST)
    write(root, "boot/grub/grub.cfg", GRUB_CONFIG.format(uuid=UUID, words="loglevel=4"))
    run("grub-editenv", os.path.join(root, "boot/grub/grubenv"), "create")
    shutil.copy("/bin/busybox", os.path.join(root, "bin"))
    shutil.copy(os.path.join(build, "vhdboot-attach"), os.path.join(root, "sbin"))
    shutil.copy(os.path.join(kernel, "boot", f"vmlinuz-{version}"), os.path.join(root, "boot/vmlinuz"))
    shutil.copy(os.path.join(work, "initrd"), os.path.join(root, "boot/initrd.img"))
    return root


def debian_tree(work, build, tar, kind):
    root = os.path.join(work, "root")
    os.mkdir(root)
    run("tar", "-x", "--numeric-owner", "-C", root, "-f", tar, "--exclude=./dev/*")
    make_initramfs(root, configure(root, ""), kind, build)
    return root


def main():
    tar, output, kind = sys.argv[1], sys.argv[2], (sys.argv + ["initramfs-tools"])[3]
    build = os.path.abspath(os.environ.get("B", "build"))
    with tempfile.TemporaryDirectory(prefix="vhdboot-") as work:
        root = small_tree(work, build) if tar == "small" else debian_tree(work, build, tar, kind)
        used = int(subprocess.run(["du", "-sm", root], stdout=subprocess.PIPE, check=True).stdout.split()[0])
        sectors = (used * 5 // 4 + (64 if tar == "small" else 300)) * MIB // 512
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
