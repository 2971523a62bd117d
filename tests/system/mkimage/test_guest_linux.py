# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage guest: vhdboot-attach into a Linux in an image, from outside; what it refuses, and cut off at its writes.

Needs root: it mounts. Where this kernel has NBD it goes that way, else by FUSE and a loop device.
"""
import filecmp
import os
import shutil
import signal
import struct
import subprocess
import time

import inside
import pytest
from files import write_under
from flash import MIB, tool
from ntfsdisk import spoil
from tools import mkimage, need, refused, run

pytestmark = pytest.mark.takes(4)


@pytest.fixture(scope="module", name="system")
def small_system(tmp_path_factory):
    """A file system with a small Linux."""
    assert os.geteuid() == 0, "mounting needs root"
    need("mke2fs", "sfdisk", "busybox")
    folder = tmp_path_factory.mktemp("small")
    return inside.ext4(str(folder / "root.raw"), 24, root=inside.tree(str(folder / "root")))


@pytest.fixture(name="image")
def small_image(shop, system):
    return inside.image(shop, [system])


def changed(tmp_path, fstab="", alter=lambda root: None, mib=24):
    """Another file system, with something else in it."""
    root = inside.tree(str(tmp_path / "changed"), fstab)
    alter(root)
    return inside.ext4(str(tmp_path / "changed.raw"), mib, root=root)


def check_inside(shop, image, **where):
    """The image and what is in it are whole, and it has the new initramfs; what its maker has seen."""
    mkimage("vhd", "check", image)
    part = inside.extract(shop, image, **where)
    run("e2fsck", "-fn", part)
    words = inside.content(part, f"/boot/initrd.img-{inside.VERSION}")
    for name in ("usr/sbin/vhdboot-attach", "hooks/vhdboot", "scripts/local-top/vhdboot",
                 "scripts/local-block/vhdboot"):
        assert name in words, words[:300]
    for name in ("vhdboot-attach", "vhdboot-grow"):
        run("debugfs", "-R", f"dump /usr/sbin/{name} {shop.path('dumped')}", part)
        assert filecmp.cmp(shop.path("dumped"), tool(name), shallow=False)
    return inside.content(part, "/boot/seen").split("\n")


def test_puts_it_in_and_shows_nothing_of_this_computer(shop, image):
    said = mkimage("guest", image).stderr.decode()
    assert said == f"{image}: Small Linux 1, partition 1, kernel {inside.VERSION}: vhdboot-attach is in its initramfs\n"
    seen = check_inside(shop, image)
    disks = [name for name in seen if name.startswith(("sd", "vd", "nvme", "mapper", "disk"))]
    assert not disks and "lo" in seen and "eth0" not in seen, seen
    assert int(seen[-2]) < 9, "it sees the processes of this computer"
    mkimage("guest", image)                                             # again: as an upgrade
    check_inside(shop, image)
    assert "loop" not in run("losetup", "-j", image).stdout.decode()


def test_dry_run_writes_nothing(shop, image):
    shutil.copy(image, shop.path("before"))
    said = mkimage("guest", image, "--dry-run").stderr.decode()
    assert "vhdboot-attach would be put in its initramfs" in said
    assert filecmp.cmp(image, shop.path("before"), shallow=False)


def test_an_entry_of_a_stick(shop, image):
    flash = shop.flash(image, options=["--reserve", "2M"])
    refused("guest", flash, "--entry", "disk", words="has room for only .* of new data, .*mkimage reserve")
    mkimage("reserve", flash, "--size", "24M")
    mkimage("guest", flash, "--entry", "disk")
    part = inside.extract(shop, None, flash=flash)
    run("e2fsck", "-fn", part)
    assert "vhdboot-attach" in inside.content(part, f"/boot/initrd.img-{inside.VERSION}")
    mkimage("vhd", "check", f"{flash}:/disk.vhd")


def test_the_sum_of_an_image_that_no_entry_writes_to(shop, image):
    with open(shop.path("cfg"), "w", encoding="ascii") as file:
        file.write("[disk]\nvhd = \\disk.vhd\nwrite = discard\n")
    os.rename(image, shop.path("dynamic.vhd"))
    mkimage("vhd", "convert", shop.path("dynamic.vhd"), image, "--kind", "fixed")
    mkimage("flash", shop.path("f.img"), "--vhd", image, "--config", shop.path("cfg"))
    mkimage("guest", shop.path("f.img"), "--dry-run")
    assert mkimage("verify", shop.path("f.img")).stdout.startswith(b"ok ")
    mkimage("guest", shop.path("f.img"))
    assert b"as expected, it was written to since" in mkimage("verify", shop.path("f.img")).stdout


@pytest.mark.parametrize("what, words", [("dirty", "the volume is marked dirty"), ("full", "the volume is full")])
def test_a_stick_whose_sums_cannot_be_marked(shop, image, monkeypatch, what, words):
    """The image is changed in place; NTFS and the sums stay as they are, and that is said."""
    os.rename(image, shop.path("dynamic.vhd"))
    mkimage("vhd", "convert", shop.path("dynamic.vhd"), image, "--kind", "fixed")
    flash = shop.flash(image)
    monkeypatch.chdir(shop.folder)
    spoil(flash, what)
    before = mkimage("cat", f"{flash}:/vhdboot.sum").stdout
    said = mkimage("guest", f"{flash}:/disk.vhd").stderr.decode()
    assert words + ", so \\vhdboot.sum stays as it is" in said
    assert mkimage("cat", f"{flash}:/vhdboot.sum").stdout == before


def test_a_boot_partition_of_its_own(shop, tmp_path):
    root = changed(tmp_path, f"UUID={inside.BOOT_UUID} /boot ext4 defaults 0 2\n",
                   lambda root: shutil.move(os.path.join(root, "boot"), tmp_path / "boot") and
                   os.mkdir(os.path.join(root, "boot")))
    boot = inside.ext4(shop.path("boot.raw"), 12, inside.BOOT_UUID, root=tmp_path / "boot")
    image = inside.image(shop, [root, boot])
    mkimage("guest", image)
    part = inside.extract(shop, image, part=2)
    run("e2fsck", "-fn", part)
    assert "vhdboot-attach" in inside.content(part, f"/initrd.img-{inside.VERSION}")


def test_several_and_none(shop, system, image):
    two = inside.image(shop, [system, system], "two.vhd")
    refused("guest", two, words="partitions 1 and 2 both hold a Linux. Choose one with --root")
    mkimage("guest", two, "--root", "2")
    assert "the old one" in inside.content(inside.extract(shop, two, part=1), f"/boot/initrd.img-{inside.VERSION}")
    refused("guest", two, "--root", "3", words="no Linux is on partition 3")
    refused("guest", inside.image(shop, [inside.ext4(shop.path("empty"), 4)], "empty.vhd"), words="no Linux is on it")
    refused("guest", inside.image(shop, [inside.luks(shop.path("luks"))], "luks.vhd"), words="encrypted .LUKS.")
    refused("guest", inside.image(shop, [inside.lvm(shop.path("lvm"))], "lvm.vhd"), words="LVM, which is not active")
    mkimage("vhd", "create", shop.path("blank.vhd"), "--size", "4M")
    refused("guest", shop.path("blank.vhd"), words="no Linux is on it")


def test_states_that_forbid_it(shop, system, tmp_path):
    asleep = inside.image(shop, [system, inside.hibernated(shop.path("swap"))], "asleep.vhd")
    before = shop.path("before")
    shutil.copy(asleep, before)
    refused("guest", asleep, words="the system is hibernated")
    assert filecmp.cmp(asleep, before, shallow=False)
    damaged = shop.path("damaged.raw")
    shutil.copy(system, damaged)
    with open(damaged, "r+b") as file:
        file.seek(1024 + 0x3a)
        file.write(struct.pack("<H", 3))                                # as the kernel leaves it that met damage
    refused("guest", inside.image(shop, [damaged], "damaged.vhd"), words="is damaged. Repair it")
    missing = changed(tmp_path, "UUID=11111111-2222-3333-4444-555555555555 /boot ext4 defaults 0 2\n")
    refused("guest", inside.image(shop, [missing], "missing.vhd"), words="its /boot lies on UUID=1+-.*no partition")


def other_machine(root):
    os.unlink(os.path.join(root, "bin/sh"))
    with open(os.path.join(root, "bin/sh"), "wb") as out:
        out.write(b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HH", 2, 40) + bytes(64))


@pytest.mark.parametrize("alter, words", [
    (other_machine, "not x86-64's .machine 40."),
    (lambda root: os.unlink(os.path.join(root, f"lib/modules/{inside.VERSION}/kernel/drivers/block/nbd.ko")),
     f"its kernel {inside.VERSION} lacks the module nbd"),
    (lambda root: os.unlink(os.path.join(root, "usr/sbin/update-initramfs")), "nothing that makes an initramfs"),
    (lambda root: write_under(root, "usr/sbin/update-initramfs", "#!/bin/sh\necho no luck here\nexit 3\n", 0o755),
     "update-initramfs inside it failed: no luck here. The system inside starts as before"),
    (lambda root: write_under(root, "usr/sbin/update-initramfs", "#!/bin/sh\n", 0o755),
     "did not get into its /boot/initrd.img-"),
    (lambda root: write_under(root, "filler", "x" * (12 << 20)), "are free in its /boot"),
], ids=["processor", "module", "maker", "failure", "nothing", "room"])
def test_systems_that_cannot_have_it(shop, tmp_path, alter, words):
    image = inside.image(shop, [changed(tmp_path, alter=alter)])
    refused("guest", image, words=words)
    part = inside.extract(shop, image)
    run("e2fsck", "-fn", part)
    assert inside.content(part, f"/boot/initrd.img-{inside.VERSION}") == "the old one\n"


GRUB = {
    "dpkg-query": "echo 'install ok installed'",
    "findmnt": "echo /dev/root",
    "lsblk": "for disk in /dev/loop? /dev/loop?? /dev/nbd?; do [ -b $disk ] && echo $disk disk; done",
    "blkid": "echo 0badcafe",
    "debconf-communicate": "echo 0 /dev/sda, /dev/sdb",
    "debconf-set-selections": "cat >> /var/told",
}


def with_grub(root):
    os.makedirs(os.path.join(root, "var/lib"))
    for name, script in GRUB.items():
        write_under(root, f"usr/bin/{name}", "#!/bin/sh\n" + script + "\n", 0o755)
    for name in ("sed", "tail", "mkdir", "cat", "rm"):
        os.symlink("/bin/busybox", os.path.join(root, "bin", name))


def test_grub_is_told_of_the_disk_by_a_name_that_is_right_everywhere(shop, tmp_path):
    image = inside.image(shop, [changed(tmp_path, alter=with_grub)])
    said = mkimage("guest", image).stderr.decode()
    assert len(said.splitlines()) == 1, said
    part = inside.extract(shop, image)
    assert inside.content(part, "/var/told") == \
        "grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/vhdboot\n"
    assert inside.content(part, "/var/lib/vhdboot/grub-devices") == "/dev/sda, /dev/sdb\n"
    rules = inside.content(part, "/etc/udev/rules.d/61-vhdboot-disk.rules")
    assert rules.count('ENV{ID_PART_TABLE_UUID}=="0badcafe"') == 2 and 'SYMLINK+="disk/by-id/vhdboot"' in rules


def test_links_do_not_lead_out_of_the_image(shop, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()

    def alter(root):
        os.rmdir(os.path.join(root, "etc/initramfs-tools"))
        os.symlink(outside, os.path.join(root, "etc/initramfs-tools"))
        os.rmdir(os.path.join(root, "run"))
        os.symlink(outside, os.path.join(root, "run"))

    image = inside.image(shop, [changed(tmp_path, alter=alter)])
    run(tool("mkimage"), "guest", image, status=1)
    assert not list(outside.iterdir())


def test_names_of_drives_are_warned_of(shop, tmp_path):
    line = "  linux /boot/vmlinuz root=/dev/sda1 ro quiet\n"
    part = changed(tmp_path, "/dev/sda2 none swap sw 0 0\n",
                   lambda root: write_under(root, "boot/grub/grub.cfg", line))
    said = mkimage("guest", inside.image(shop, [part]), "--dry-run").stderr.decode()
    assert "its fstab names /dev/sda2 for none" in said and "its grub.cfg says root=/dev/sda1" in said


def test_an_image_in_use_and_a_parent(shop, image):
    mkimage("vhd", "create", shop.path("child.vhd"), "--parent", image)
    refused("guest", image, words="child.vhd")
    os.unlink(shop.path("child.vhd"))
    need("qemu-nbd")
    server = subprocess.Popen(["qemu-nbd", "-k", shop.path("socket"), "-f", "vpc", "-t", image])
    try:
        for _ in range(100):
            if os.path.exists(shop.path("socket")):
                break
            time.sleep(0.1)
        refused("guest", image, words="in use by another program")
    finally:
        server.terminate()
        server.wait()
    mkimage("guest", image)
    assert b"no NTFS partition" in run(tool("mkimage"), "guest", shop.path("disk.raw"), status=1).stderr


def recover(shop, image):
    """The file system, after its journal alone; its initramfs."""
    mkimage("vhd", "check", image)
    part = inside.extract(shop, image)
    run("e2fsck", "-E", "journal_only", "-p", part, status=None)
    run("e2fsck", "-fn", part)
    return inside.content(part, f"/boot/initrd.img-{inside.VERSION}")


@pytest.mark.takes(20)
def test_power_cut_at_its_writes(shop, image, cut_library):
    """The old initramfs or the new one, whole, and the verb run again ends well."""
    whole, total = shop.path("whole.vhd"), shop.path("total")
    shutil.copy(image, whole)
    env = {**os.environ, "LD_PRELOAD": str(cut_library), "CUT_FILE": image, "CUT_AFTER": "1000000", "CUT_TOTAL": total}
    subprocess.run([tool("mkimage"), "guest", image], env=env, check=True)
    with open(total, encoding="ascii") as file:
        writes = int(file.read())
    seen = set()
    for i in range(8):
        shutil.copy(whole, image)
        env.update({"CUT_AFTER": str(max(1, writes * (i + 1) // 8 - i % 3)), "CUT_SECTORS": str(i % 2),
                    "CUT_LOSE": str(i % 4)})
        subprocess.run([tool("mkimage"), "guest", image], env=env, stderr=subprocess.DEVNULL, check=False, timeout=60)
        words = recover(shop, image)
        assert words == "the old one\n" or "vhdboot-attach" in words, words[:200]
        seen.add(words == "the old one\n")
    assert seen == {True, False} or seen == {True}
    mkimage("guest", image)
    check_inside(shop, image)


def test_interrupted_or_killed_leaves_nothing_mounted(shop, tmp_path):
    slow = inside.UPDATE.replace("set -e", "set -e\necho begun > /boot/begun\n/bin/busybox sleep 60")
    image = inside.image(shop, [changed(
        tmp_path, alter=lambda root: write_under(root, "usr/sbin/update-initramfs", slow, 0o755))])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        job = subprocess.Popen([tool("mkimage"), "guest", image], stderr=subprocess.PIPE)
        for _ in range(200):
            running = subprocess.run(["pgrep", "-f", "busybox sleep 60"], stdout=subprocess.PIPE, check=False).stdout
            if running:
                break
            time.sleep(0.05)
        assert running, "it never came to the initramfs"
        job.send_signal(number)
        said = job.communicate(timeout=30)[1].decode()
        assert job.returncode == (1 if number != signal.SIGKILL else -9), said
        assert number == signal.SIGKILL or "update-initramfs inside it was ended" in said or "failed" in said, said
        assert recover(shop, image) == "the old one\n"
    assert MIB and str(tmp_path) not in open("/proc/mounts", encoding="ascii").read()
