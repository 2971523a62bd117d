# SPDX-License-Identifier: GPL-2.0-or-later
"""What stage2 says on the machine's screen: menu, config complaints, and a sentence for each failure."""
import os
import struct
import tempfile
import time

import pytest
from bootdisk import FIRST, SECTORS, Disk, build, image, one, two
from emulator import Qemu, read_error
from vhd_dynamic import DynamicVhd


def dynamic_image(name, sectors):
    """A dynamic one, of which only the first block is there."""
    disk = DynamicVhd(sectors * 512, 2 << 20)
    disk.store(0, image(name)[:512])
    with tempfile.TemporaryDirectory() as folder:
        with open(disk.write(os.path.join(folder, "image")), "rb") as out:
            return out.read()


def wait_error(pc, sentence):
    """Waits for the sentence and a line of advice, and sees that the machine neither ends nor restarts."""
    pc.wait("error: " + sentence + r"[^\n]*\n[A-Z][^\n]+\.$")
    time.sleep(2)
    assert pc.running(), "the machine ended:\n" + pc.log
    assert pc.log.count("vhdboot 0.") == 1, "banners"


@pytest.fixture
def disk(tmp_path):
    """disk({name: content, ...}, ...) is a Disk with these files."""
    return lambda files=None, **more: Disk(tmp_path, files or {}, **more)


# --- One image


def test_one_image_without_a_config_starts_at_once(disk):
    with Qemu(disk(one()).path, limit=60) as pc:
        pc.wait(r"^vhdboot \d")
        pc.wait(r"^\\one.vhd: fixed VHD, 2 MiB, 1 fragment$")
        pc.wait(r"^starting one.vhd$")
        pc.wait("guest: one")


def test_boots_with_4_mib_of_memory(disk):
    with Qemu(disk(one()).path, memory="4M", limit=60) as pc:
        pc.wait("guest: one")


def test_what_does_not_unpack_is_refused(disk):
    """The sum is right: what is written there is what was to be written."""
    stage2 = bytearray(build("vhdboot.bin"))
    half = len(stage2) // 2
    stage2[half:] = bytes(len(stage2) - half)
    stage2[12:16] = bytes(4)
    total = sum(struct.unpack(f"<{len(stage2) // 4}I", stage2))
    stage2[12:16] = struct.pack("<I", -total & 0xffffffff)
    with Qemu(disk(one(), stage2=bytes(stage2)).path, limit=60) as pc:
        pc.wait(r"^error: .vhdboot.bin is damaged, or was read from wrong sectors$")
        pc.wait("^Install vhdboot on this drive once more.$")


def test_a_slow_drive_says_what_it_is_doing(disk):
    with Qemu(disk(one()).path, bus="virtio", limit=60, options=["-S"]) as pc:
        pc.qmp("block_set_io_throttle", device="disk0", iops=2, iops_rd=0, iops_wr=0,
               bps=0, bps_rd=0, bps_wr=0)
        pc.qmp("cont")
        pc.wait(r"^reading .* \.\.\.$")
        pc.wait("guest: one")


def test_another_drive_that_is_slow_is_told_of(tmp_path):
    """The own one is quick: nothing of it would ever be told."""
    boot, other = tmp_path / "boot", tmp_path / "other"
    boot.mkdir()
    other.mkdir()
    config = b"[a]\nvhd = NOWHERE:\\one.vhd\n"
    path = Disk(boot, one(vhdboot_cfg=config)).path
    extra = [(Disk(other, {}, label="OTHER").path, "virtio")]
    with Qemu(path, bus="virtio", extra=extra, limit=60, options=["-S"]) as pc:
        pc.qmp("block_set_io_throttle", device="disk1", iops=2, iops_rd=0, iops_wr=0, bps=0, bps_rd=0, bps_wr=0)
        pc.qmp("cont")
        pc.wait(r"^looking for volumes on all drives \.\.\.$")
        pc.wait("^error: .*no NTFS volume has this label or serial number$")


# --- Menus


def test_two_images_without_a_config_make_a_menu_in_name_order(disk):
    with Qemu(disk(two()).path, limit=60) as pc:
        pc.wait(r"^> 1  one.vhd")
        pc.wait(r"^  2  two.vhd")
        pc.wait(r"starts in 8 s")
        pc.send("2")
        pc.wait("starting two.vhd")
        pc.wait("guest: two")


COUNTDOWN = b"timeout = 3\ndefault = b\n[a]\ntitle = First\nvhd = \\one.vhd\n[b]\nvhd = /TWO.VHD\n"


def test_the_countdown_starts_the_default(disk):
    with Qemu(disk(two(vhdboot_cfg=COUNTDOWN)).path, limit=60) as pc:
        pc.wait(r"^  1  First")
        pc.wait(r"^> 2  b ")
        pc.wait("starting b$")
        pc.wait("guest: two")


def test_esc_stops_the_countdown_arrows_and_enter_choose(disk):
    with Qemu(disk(two(vhdboot_cfg=COUNTDOWN)).path, limit=60) as pc:
        pc.wait("starts in 2 s")
        pc.keys("esc")
        time.sleep(5)
        assert "starting" not in pc.log, pc.log
        pc.keys("up", "ret")
        pc.wait("starting First")
        pc.wait("guest: one")


def test_timeout_0_starts_at_once(disk):
    config = b"timeout = 0\n[a]\nvhd = \\one.vhd\n[b]\nvhd = \\two.vhd\n"
    with Qemu(disk(two(vhdboot_cfg=config)).path, limit=60) as pc:
        pc.wait("guest: one")
        assert "starts in" not in pc.log, pc.log


def test_after_a_failure_the_menu_comes_again(disk):
    config = b"timeout = none\n[a]\nvhd = \\none.vhd\n[b]\nvhd = \\two.vhd\n"
    with Qemu(disk(two(vhdboot_cfg=config)).path, limit=60) as pc:
        pc.wait("^> 1  a")
        pc.keys("ret")
        pc.wait(r"^error: \\none.vhd: ")
        pc.wait("^> 1  a")
        pc.keys("down", "ret")
        pc.wait("guest: two")


# --- What is wrong


def test_bad_lines_are_named_the_rest_counts(disk):
    config = b"timeout = soon\nspeed = 9\n[a]\nvhd = \\one.vhd\nwrite = maybe\n"
    with Qemu(disk(one(vhdboot_cfg=config)).path, limit=60) as pc:
        pc.wait(r"^warning: \\vhdboot.cfg, line 1: .*soon")
        pc.wait(r"^warning: \\vhdboot.cfg, line 2: .*speed")
        pc.wait(r"^warning: \\vhdboot.cfg, line 5: [^:]*:\s+maybe")
        pc.wait("guest: one")


def damaged(data, at):
    data = bytearray(data)
    data[at] ^= 0x10
    return bytes(data)


BAD = {                                 # name: (what is said, the image made of a good one)
    "the image is missing": (r"\\one.vhd: ", None),
    "a disk without boot code": (r"\\one.vhd: the disk has no boot code",
                                 lambda good: bytes(510) + b"\x55\xaa" + good[512:]),
    "the image is empty": (r"\\one.vhd: the file is empty", lambda good: b""),
    "the image is cut": (r"\\one.vhd: ", lambda good: good[:len(good) // 2]),
    "the footer is damaged": (r"\\one.vhd: ", lambda good: damaged(good, -400)),
}


@pytest.mark.parametrize("sentence, bend", BAD.values(), ids=BAD)
def test_says_so_when(disk, sentence, bend):
    files = {"one.vhd": bend(image("one"))} if bend else {}
    with Qemu(disk({**files, "vhdboot.cfg": b"[a]\nvhd = \\one.vhd\n"}).path, limit=60) as pc:
        wait_error(pc, sentence)


def test_a_stick_smaller_than_the_one_it_was_copied_from(disk):
    path = disk(one()).path
    os.truncate(path, 40 << 20)
    with Qemu(path, limit=60) as pc:
        wait_error(pc, r"drive 80h: the drive ends after 81920 sectors, the volume needs 98303:\s+the\s+stick\s+"
                       r"is\s+smaller\s+than\s+the\s+one\s+the\s+copy\s+came\s+from")


def test_warnings_hold_up_the_start(disk):
    """A key goes on; Esc leads to the menu, of a single entry too."""
    config = b"speed = 9\n[a]\nvhd = \\one.vhd\n"
    with Qemu(disk(one(vhdboot_cfg=config)).path, limit=60) as pc:
        pc.wait("^Goes on in 3 s, with a key at once; Esc leads to the menu$")
        pc.keys("esc")
        pc.wait("^> 1  a")
        time.sleep(4)
        assert "starting" not in pc.log, pc.log
        pc.keys("ret")
        pc.wait("^starting a$")         # they were read
        pc.wait("guest: one")


def test_warnings_hold_up_the_start_for_three_seconds(disk):
    config = b"speed = 9\n[a]\nvhd = \\one.vhd\n"
    with Qemu(disk(one(vhdboot_cfg=config)).path, limit=60) as pc:
        pc.wait("^Goes on in 3 s")
        start = time.monotonic()
        pc.wait("guest: one")
        assert time.monotonic() - start > 2.5


def test_a_step_that_is_over_is_not_told_after_the_hold(tmp_path):
    """The boot table asks the parent's drive for its signature, three seconds after the last step began."""
    boot, other = tmp_path / "boot", tmp_path / "other"
    boot.mkdir()
    other.mkdir()
    base = DynamicVhd(4 << 20, 2 << 20)
    base.store(0, image("base")[:512])
    child = DynamicVhd(4 << 20, 2 << 20, parent=base)
    child.slack = 3 * ((2 << 20) + 512)
    child.locate("W2ku", "\\base.vhd")
    base.write(boot / "base.vhd")
    child.write(boot / "child.vhd")
    config = b"speed = 9\n[a]\nvhd = \\child.vhd\nparent = OTHER:\\base.vhd\n"
    path = Disk(boot, {"child.vhd": (boot / "child.vhd").read_bytes(), "vhdboot.cfg": config}, size=32).path
    extra = [(Disk(other, {"base.vhd": (boot / "base.vhd").read_bytes()}, label="OTHER").path, "ide")]
    with Qemu(path, extra=extra, limit=60) as pc:
        pc.wait("^Goes on in 3 s")
        pc.wait("guest: base")
        assert " ...\n" not in pc.log, pc.log


def test_a_quiet_entry_starts_at_once(disk):
    config = b"speed = 9\n[a]\nvhd = \\one.vhd\nquiet = yes\n"
    with Qemu(disk(one(vhdboot_cfg=config)).path, limit=60) as pc:
        pc.wait("^warning: ")
        pc.wait("guest: one")
        assert "Goes on" not in pc.log, pc.log


def test_more_memory_for_changes_than_there_is(disk):
    config = b"[a]\nvhd = \\one.vhd\nwrite = discard\ndiscard_max = 1G\n[b]\nvhd = \\big.vhd\nwrite = discard\n" \
        b"discard_max = 1G\nquiet = yes\n"
    files = one(vhdboot_cfg=config)
    files["big.vhd"] = dynamic_image("big", 1 << 21)
    with Qemu(disk(files).path, memory=128, limit=60) as pc:
        pc.wait("^> 1  a")
        pc.keys("down", "ret")
        pc.wait(r"^warning: this machine's memory has room for \d\d MiB of changes only")
        pc.wait(r"^changes are kept in memory, up to \d\d MiB, and gone at power off;")
        pc.wait("guest: big")


def test_no_config_and_no_image(disk):
    with Qemu(disk().path, limit=60) as pc:
        wait_error(pc, "neither ")


def test_a_key_tries_again_nothing_else_does(disk):
    with Qemu(disk().path, limit=60) as pc:
        pc.wait("error: neither ")
        pc.wait("Press a key")
        time.sleep(3)
        assert pc.log.count("error: ") == 1, "errors"
        pc.keys("spc")
        pc.wait("error: neither ")


def test_a_damaged_vhdboot_bin_is_named_not_run(disk):
    with Qemu(disk(one(), stage2=damaged(build("vhdboot.bin"), -100)).path, limit=60) as pc:
        pc.wait(r"error: \\vhdboot.bin is damaged")
        time.sleep(2)
        assert pc.running(), "the machine ended"
        assert pc.log.count("Booting from") == 1, "starts of the machine"


# --- Read errors


@pytest.fixture
def configured(disk):
    """A disk whose files have clusters of their own."""
    config = b"# long enough to have clusters of its own\n" * 40 + b"[a]\nvhd = \\one.vhd\n"
    return disk(one(vhdboot_cfg=config))


def test_an_unreadable_volume_record_is_taken_from_the_mirror_with_a_warning(configured):
    with Qemu(configured.path, limit=60, blkdebug=read_error(configured.mft() + 3 * 2)) as pc:
        pc.wait("^warning: .*MFTMirr")
        pc.wait("guest: one")


STAGES = {                              # where the sector is that cannot be read
    "the boot record's first sector": lambda disk: FIRST,
    "the boot record's rest": lambda disk: FIRST + 1,
    "$MFT": lambda disk: disk.mft(),
    "vhdboot.bin": lambda disk: disk.lba("vhdboot.bin", 5),
    "vhdboot.cfg": lambda disk: disk.lba("vhdboot.cfg"),
    "the image's footer": lambda disk: disk.lba("one.vhd", SECTORS),
    "the guest's MBR": lambda disk: disk.lba("one.vhd"),
}


@pytest.mark.parametrize("place", STAGES.values(), ids=STAGES)
def test_read_error_in(configured, place):
    with Qemu(configured.path, limit=60, blkdebug=read_error(place(configured))) as pc:
        pc.wait("(?i)(error|cannot|read)")
        time.sleep(4)
        assert pc.running(), "the machine ended:\n" + pc.log
        assert pc.log.count("Booting from") == 1, "starts of the machine"
        assert "guest:" not in pc.log, pc.log
        print(pc.log.split("Booting from", 1)[1].strip())
