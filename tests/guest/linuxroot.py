#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a raw disk with a Linux whose root lies in it: GRUB, the stock initramfs-tools or dracut with
vhdboot-attach's hooks. Needs root, for a chroot.

usage: linuxroot.py ROOT.tar OUTPUT.raw [KIND...]       a whole Debian; ROOT.tar is mmdebstrap's
       linuxroot.py small OUTPUT.raw [KIND...]          busybox behind this computer's initramfs-tools or dracut

KIND is dracut, or one of tests/guest/linuxdisk.py's: gpt, xfs, lvm.

Nothing in the system names the stick: root=UUID= is the root file system's own. When it is up it runs /test, which
reports on the second serial port; then it powers off.
"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import linuxdisk                                                            # noqa: E402
from files import write_under                                               # noqa: E402
from initramfs import kernel_package                                        # noqa: E402
from linuxdisk import MIB, run                                              # noqa: E402

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

# What the tests read on the second port. Then come a test's own steps (linuxdisk.steps).
TEST = r"""
step() { name=$1; shift; echo "== $name"; "$@" 2>&1; echo "-- $?"; }
step root findmnt -no SOURCE,FSTYPE,OPTIONS /
step where readlink -f /dev/disk/by-id/vhdboot
step part readlink -f /dev/disk/by-id/vhdboot-part1
step info vhdboot-attach info
step claim lsblk -rno NAME,TYPE,RO,FSTYPE
step hibernate readlink /run/systemd/system.control/hibernate.target
step masked systemctl is-enabled hibernate.target
step processes sh -c 'for p in /proc/[0-9]*; do tr "\0" " " < $p/cmdline | grep -a ^@; done'
disk=/dev/disk/by-id/vhdboot
[ -e $disk ] || disk=/dev/sda
dd if=$disk bs=512 skip=@STEPS_AT@ count=@STEPS_COUNT@ 2>/dev/null > /run/steps
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
step root grep -E " / (ext4|xfs)" /proc/mounts
vhdboot-attach info > /run/info
step info cat /run/info
step mount mount -t ext4 -o ro /dev/$(sed -n 's/^drive  .*, //p' /run/info) /mnt
step processes sh -c 'for p in /proc/[0-9]*; do tr "\0" " " < $p/cmdline 2>/dev/null | grep -a ^@; done'
step grubenv grep by= /boot/grub/grubenv
disk=/dev/nbd0
[ -e /sys/block/nbd0/pid ] || disk=/dev/sda
dd if=$disk bs=512 skip=@STEPS_AT@ count=@STEPS_COUNT@ 2>/dev/null > /run/steps
. /run/steps
echo "== end"
"""


def test_text(text):
    return text.replace("@STEPS_AT@", str(linuxdisk.STEPS_AT)).replace("@STEPS_COUNT@", str(linuxdisk.STEPS_COUNT))


def boot_files(root, kinds):
    write_under(root, "boot/grub/grub.cfg", linuxdisk.grub_config(kinds))
    run("grub-editenv", os.path.join(root, "boot/grub/grubenv"), "create")


def configure(root, kinds):
    write_under(root, "etc/fstab", "{} / {} defaults 0 1\n".format(
        linuxdisk.root_name(kinds), "xfs" if "xfs" in kinds else "ext4"))
    write_under(root, "etc/hostname", "inside\n")
    write_under(root, "etc/systemd/system/report.service", SERVICE)
    write_under(root, "test", test_text(TEST))
    boot_files(root, kinds)
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


def make_initramfs(root, version, kinds, build):
    run(os.path.join(build, "vhdboot-attach"), "install-hooks", root)
    if "dracut" in kinds:
        run("chroot", root, "dracut", "--force", "--no-hostonly", f"/boot/initrd.img-{version}", version)
    else:
        run("chroot", root, "update-initramfs", "-u", "-k", version)


def small_modules(folder):
    """The kernel, and the modules that any bus needs; its version."""
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", kernel_package()], stdout=subprocess.PIPE)
    run("tar", "-x", "-C", folder, "--wildcards", "./boot/vmlinuz-*", "./boot/config-*", "./lib/modules/*/modules.*",
        *[f"./lib/modules/*/kernel/{part}/*" for part in (
            "drivers/block", "drivers/md", "drivers/usb", "drivers/ata", "drivers/scsi", "drivers/nvme",
            "drivers/virtio", "block", "fs/ext4", "fs/jbd2", "fs/xfs", "lib", "crypto", "arch/x86/crypto")],
        "./lib/modules/*/kernel/fs/mbcache.ko", stdin=tar.stdout)
    if tar.wait():
        sys.exit("the kernel's package cannot be unpacked")
    version = os.listdir(os.path.join(folder, "lib/modules"))[0]
    run("depmod", "-b", folder, version)
    return version


# The small system has no systemd, and needs none of these.
DRACUT_WITHOUT = ("systemd systemd-initrd dracut-systemd systemd-udevd plymouth network i18n dbus dbus-daemon"
                  " multipath mdraid crypt dmraid btrfs")
XFS_LEAST = 400                         # MiB: mkfs.xfs makes none below 300

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
printf 'ext4\nxfs\n' > etc/initramfs-tools/modules
case $KIND in
dracut) chroot . dracut --quiet --force --no-hostonly --gzip --omit "$OMIT" /initrd.test "$VERSION";;
*) chroot . mkinitramfs -o /initrd.test "$VERSION";;
esac
cp initrd.test "$WORK/initrd"
"""


def small_tree(work, build, kinds):
    """The small system's files, ready for mke2fs."""
    kernel, root = os.path.join(work, "kernel"), os.path.join(work, "root")
    for name in ("kernel", "over", "root"):
        os.mkdir(os.path.join(work, name))
    version = small_modules(kernel)
    run("unshare", "-m", "sh", "-c", SMALL_INITRAMFS,
        env={**os.environ, "WORK": work, "VERSION": version, "ATTACH": os.path.join(build, "vhdboot-attach"),
             "KIND": "dracut" if "dracut" in kinds else "", "OMIT": DRACUT_WITHOUT})
    for folder in ("dev", "proc", "sys", "run", "tmp", "mnt", "bin", "sbin", "boot", "etc"):
        os.mkdir(os.path.join(root, folder))
    write_under(root, "sbin/init", SMALL_INIT, 0o755)
    write_under(root, "test", test_text(SMALL_TEST))
    boot_files(root, kinds)
    shutil.copy("/bin/busybox", os.path.join(root, "bin"))
    shutil.copy(os.path.join(build, "vhdboot-attach"), os.path.join(root, "sbin"))
    shutil.copy(os.path.join(kernel, "boot", f"vmlinuz-{version}"), os.path.join(root, "boot/vmlinuz"))
    shutil.copy(os.path.join(work, "initrd"), os.path.join(root, "boot/initrd.img"))
    return root


def debian_tree(work, build, tar, kinds):
    root = os.path.join(work, "root")
    os.mkdir(root)
    run("tar", "-x", "--numeric-owner", "-C", root, "-f", tar, "--exclude=./dev/*")
    make_initramfs(root, configure(root, kinds), kinds, build)
    return root


def main():
    tar, output, kinds = sys.argv[1], sys.argv[2], sys.argv[3:]
    build = os.path.abspath(os.environ.get("B", "build"))
    with tempfile.TemporaryDirectory(prefix="vhdboot-") as work:
        root = small_tree(work, build, kinds) if tar == "small" else debian_tree(work, build, tar, kinds)
        used = int(subprocess.run(["du", "-sm", root], stdout=subprocess.PIPE, check=True).stdout.split()[0])
        free = 64 if tar == "small" else 900
        size = max(used * 5 // 4 + free, XFS_LEAST if "xfs" in kinds else 0)
        linuxdisk.make(output + ".part", root, kinds, size * MIB // 512, work)
        os.rename(output + ".part", output)
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
