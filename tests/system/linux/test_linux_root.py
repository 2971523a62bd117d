# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux whose root lies in the virtual disk: GRUB, the stock initramfs, root=UUID=; and vhdboot-attach by itself.

A small system on one bus; `make linux-root` (tests/linuxroot) has whole Debians, the other buses and images.
"""
import gzip
import os
import re
import shutil
import struct
import subprocess
import time

import boottable
import pytest
from flash import extents, outside, run, tool
from rootdisk import WRITE, boot, check_outside, copy_disk, make_flash

ATTACH = tool("vhdboot-attach")

# The server dies under load, and nothing of what was written is lost.
KILL = """
step write sh -c 'dd if=/dev/urandom of=/a bs=1M count=6; sync; md5sum /a'
server() { for p in /proc/[0-9]*; do grep -aqs ^@ $p/cmdline && echo ${p#/proc/}; done | sort -n | tail -1; }
old=$(server)
dd if=/dev/urandom of=/b bs=64k count=96 & kill -9 $old; wait
sync
step killed sh -c 'md5sum /b'
step other test "$(server)" != $old
"""


@pytest.mark.takes(60)
@pytest.mark.timeout(600)
def test_small_root_comes_up_survives_its_server_and_ends_clean(shop, qemu):
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), KILL))
    image = extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, "ahci", 280)
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert "by=grub" in report["grubenv"]
    assert "entry  linux, write = persistent" in report["info"]
    assert re.search(r"^drive  /dev/sda, sda1$", report["info"], re.MULTILINE)
    assert re.search(r"^room   32 MiB for new blocks \(16\)$", report["info"], re.MULTILINE)
    assert "Device or resource busy" in report["mount"], "the volume is not claimed"
    assert report["processes"].count("@") == 2
    assert report.step["other"][1] == 0, "the server did not die"
    assert outside(flash, image) == before, "the flash outside the image"
    check_outside(shop, flash, {"a": report.sum("write"), "b": report.sum("killed")})


@pytest.mark.takes(30)
@pytest.mark.timeout(600)
def test_discard_goes_on_with_the_changes_in_memory(shop, qemu):
    """Where the loader has put them, those of GRUB among them; the flash stays as it was."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), KILL), "write = discard\n")
    before = outside(flash, [])
    report = boot(shop, qemu, flash, "ahci", 280, memory=1024)
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert "by=grub" in report["grubenv"]
    assert report.step["other"][1] == 0, "the server did not die"
    assert report.sum("write") and report.sum("killed")
    assert "Device or resource busy" in report["mount"]
    assert outside(flash, []) == before, "the flash"


@pytest.mark.takes(40)
@pytest.mark.timeout(600)
def test_dracut_brings_up_new_blocks_of_a_vhdx_on_usb_3(shop, qemu):
    """A GPT with a BIOS boot partition in it."""
    raw = copy_disk(shop, tool("tests/linuxroot-dracut-gpt.raw"), WRITE)
    flash = make_flash(shop, raw, image="disk.vhdx", options=("--block-size", "2M"))
    image = extents(flash, "/disk.vhdx")
    before = outside(flash, image)
    report = boot(shop, qemu, flash, "usb-xhci", 280)
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert "by=grub" in report["grubenv"]
    assert "Device or resource busy" in report["mount"], "the volume is not claimed"
    assert outside(flash, image) == before, "the flash outside the image"
    check_outside(shop, flash, {"a": report.sum("write")}, "disk.vhdx")


@pytest.mark.takes(30)
@pytest.mark.timeout(400)
def test_two_identical_sticks_are_refused_by_name(shop, qemu):
    flash = make_flash(shop, tool("tests/linuxroot.raw"), "")
    twin = shop.path("twin.img")
    shutil.copyfile(flash, twin)
    pc = qemu(flash, extra=[(twin, "ahci")], bus="ahci", memory=512, limit=240)
    pc.wait(r"/dev/sd[ab] and /dev/sd[ab]: both hold the volume that was started from: pull one of them out")


# --- By itself


def test_says_nothing_where_vhdboot_has_not_started(tmp_path):
    memory = tmp_path / "memory"
    memory.write_bytes(bytes(1 << 20))
    start = time.monotonic()
    done = subprocess.run([ATTACH, "attach", "--memory", memory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert time.monotonic() - start < 0.5
    done = subprocess.run([ATTACH, "info", "--memory", memory], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (1, b"This system was not started by vhdboot.\n")


def test_is_small_enough_for_an_initramfs():
    assert os.path.getsize(ATTACH) <= 1 << 20
    with open(ATTACH, "rb") as file:
        assert len(gzip.compress(file.read())) <= 500 << 10


def memory_with(path, table):
    path.write_bytes(boottable.machine(table))
    return path


def info(memory, *options):
    done = subprocess.run([ATTACH, "info", "--memory", memory, *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=20)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_info_of_a_crafted_memory_and_bad_ones(shop, tmp_path):
    flash = shop.formatted(shop.pattern_vhd("first", 4))
    with open(flash, "rb") as file:
        file.seek(2048 * 512 + 0x48)
        serial = struct.unpack("<Q", file.read(8))[0]
    signature = struct.unpack("<I", b"test")[0]

    def table(path="\\disk.vhd", serial=serial, signature=signature, sectors=4 * 2048):
        return boottable.make([path], volume=(serial, 2048, signature), sectors=sectors)

    memory = tmp_path / "memory"
    status, said, _ = info(memory_with(memory, table()), "--drive", flash)
    assert status == 0 and "image  \\disk.vhd on volume %016X" % serial in said
    for bad, words in ((table(path="\\other.vhd"), "other.vhd"), (table(sectors=77), "is not what was started"),
                       (table(serial=1), "no drive holds"), (table(signature=1), "no drive holds"),
                       (table()[:-1] + b"x", "sum"), (b"$VHDBOOT\2" + table()[9:], "revision 2")):
        status, _, said = info(memory_with(memory, bad), "--drive", flash)
        assert status == 1 and words in said and said.count("\n") == 1, said
    for nothing in (b"", b"GRUB4DOS" + table()[8:]):
        assert info(memory_with(memory, nothing))[:2] == (1, "This system was not started by vhdboot.\n")


def test_info_where_nobody_may_look_into_memory(shop, tmp_path):
    """What the root was attached by is kept below /run, for a kernel that is locked down."""
    flash = shop.formatted(shop.pattern_vhd("first", 4))
    with open(flash, "rb") as file:
        file.seek(2048 * 512 + 0x48)
        serial = struct.unpack("<Q", file.read(8))[0]
    table = boottable.make(["\\disk.vhd"], volume=(serial, 2048, struct.unpack("<I", b"test")[0]), sectors=4 * 2048)
    (tmp_path / "table").write_bytes(table)
    alone = 'mount -t tmpfs none /run && mkdir /run/vhdboot && cat > /run/vhdboot/table && exec "$@"'
    with open(tmp_path / "table", "rb") as file:
        said = run("unshare", "-m", "sh", "-c", alone, "sh", ATTACH, "info", "--memory", "/none", "--drive", flash,
                   stdin=file)
    assert "image  \\disk.vhd" in said and "a copy in the initramfs" in said


def test_hooks_are_installed_for_what_is_there(tmp_path):
    (tmp_path / "usr/share/initramfs-tools").mkdir(parents=True)
    run(ATTACH, "install-hooks", tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"usr/sbin/vhdboot-attach", "usr/sbin/vhdboot-grow", "usr/lib/vhdboot/grub-devices",
                     *("etc/initramfs-tools/" + name for name in (
        "hooks/vhdboot", "scripts/local-top/vhdboot", "scripts/local-block/vhdboot"))}
    for path in files - {"usr/sbin/vhdboot-attach", "usr/sbin/vhdboot-grow"}:
        run("sh", "-n", tmp_path / path)
        assert "@MODULES@" not in (tmp_path / path).read_text()
    (tmp_path / "none").mkdir()
    done = subprocess.run([ATTACH, "install-hooks", tmp_path / "none"], stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"nothing that makes an initramfs" in done.stderr
