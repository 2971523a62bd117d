# SPDX-License-Identifier: GPL-2.0-or-later
"""Passwords at the machine: right ones, wrong ones, lines that are bad, computations that take too long."""
import hashlib
import os
import pty
import re
import subprocess
import time

import pytest
from bootdisk import Disk, two
from emulator import Qemu
from flash import tool

SALT = "00112233445566778899aabbccddeeff"


def line(password, iterations=20000):
    """What mkimage password prints, made by Python; with more than a million iterations nothing opens it."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), bytes.fromhex(SALT), min(iterations, 1_000_000))
    return f"password = pbkdf2-sha512:{iterations}:{SALT}:{digest.hex()}\n"


@pytest.fixture
def machine(tmp_path):
    """machine(top, entry): two entries; what stands before the first section, and in the second one."""
    def make(top="", entry="", **more):
        config = f"timeout = none\n{top}[a]\nvhd = \\one.vhd\n[b]\nvhd = \\two.vhd\n{entry}"
        return Qemu(Disk(tmp_path, two(vhdboot_cfg=config.encode())).path, limit=90, **more)
    return make


def test_an_entry_opens_by_its_password_and_by_no_other(machine):
    with machine(entry=line("Open, sesame 1")) as pc:
        pc.wait("1  a")
        pc.send("2")
        pc.wait(r"b: password\? ")
        pc.send("open, sesame 1\r")
        pc.wait("That is not the password")
        pc.wait(r"b: password\? ")
        assert "sesame" not in pc.log, pc.log
        pc.send("Open, sesamee\b 1\r")
        pc.wait("starting b")
        pc.wait("guest: two")


def test_the_default_needs_none_of_the_files_password(machine):
    with machine(top=line("x")) as pc:
        pc.wait("1  a")
        pc.send("1")
        pc.wait("guest: one")


def test_all_others_need_the_files_password_and_esc_leads_back(machine):
    with machine(top=line("x")) as pc:
        pc.wait("1  a")
        pc.send("2")
        pc.wait(r"b: password\? ")
        pc.keys("esc")
        pc.wait("1  a")
        pc.send("2")
        pc.wait(r"b: password\? ")
        pc.send("x\r")
        pc.wait("guest: two")


def test_the_next_boot_device_needs_the_files_password(machine):
    with machine(top=line("x")) as pc:
        pc.wait("1  a")
        pc.keys("esc")
        pc.wait("Enter starts the next boot device")
        pc.keys("ret")
        pc.wait(r"the next boot device: password\? ")
        pc.keys("esc")
        pc.wait("1  a")
        pc.keys("esc", "ret")
        pc.wait(r"the next boot device: password\? ")
        pc.send("x\r")
        pc.wait("(?i)booting from|no bootable device")      # the BIOS goes on


def test_nothing_leads_to_the_next_device_where_the_files_line_is_bad(tmp_path, machine):
    with machine(top="password = x\n") as pc:
        pc.wait("1  a")
        pc.keys("esc", "ret")
        pc.wait("the next boot device: is locked by a password line that is bad")
        pc.wait("1  a")
    single = Disk(tmp_path, two(vhdboot_cfg=b"password = x\n[a]\nvhd = \\none.vhd\n"))
    with Qemu(single.path, limit=60) as pc:
        pc.wait("Esc for the next boot device")
        pc.keys("esc")
        pc.wait("^error: the next boot device: is locked by a password line that is bad")
        pc.wait("Esc for the next boot device")


@pytest.mark.takes(20)
def test_after_three_wrong_ones_there_is_a_wait(machine):
    with machine(entry=line("x")) as pc:
        pc.wait("1  a")
        pc.send("2")
        for _ in range(3):
            pc.wait(r"b: password\? ")
            pc.send("y\r")
        pc.wait("3 wrong passwords: the next one in 10 s")
        began = time.monotonic()
        pc.wait(r"b: password\? ", seconds=30)
        assert time.monotonic() - began > 7
        pc.send("x\r")
        pc.wait("guest: two")


BAD = {
    "4 iterations": line("x", 4),
    "no hash": "password = pbkdf2-sha512:20000:" + SALT + "\n",
    "plain text": "password = x\n",
    "nothing": "password =\n",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_line_keeps_its_entry_locked(machine, bad):
    with machine(entry=bad) as pc:
        pc.wait("1  a")
        pc.send("2")
        pc.wait("^error: b: is locked by a password line that is bad")
        pc.wait("1  a")
        assert "starting b" not in pc.log, pc.log
        pc.send("1")
        pc.wait("guest: one")


def test_a_long_computation_can_be_stopped(machine):
    with machine(entry=line("x", 10_000_000)) as pc:
        pc.wait("1  a")
        pc.send("2")
        pc.wait(r"b: password\? ")
        pc.send("x\r")
        pc.wait("Esc leads back")
        pc.keys("esc")
        pc.wait("1  a", seconds=10)
        pc.send("1")
        pc.wait("guest: one")


@pytest.mark.takes(10)
def test_the_fewest_iterations_take_a_tenth_of_a_second(machine):
    """Of the processor's time; up to two tenths where other programs fight for its caches. Of 100,000."""
    spent = []
    for iterations in (20_000, 120_000):
        with machine(entry=line("x", iterations)) as pc:
            pc.wait("1  a")
            pc.send("2")
            pc.wait(r"b: password\? ")
            pc.send("x")
            pc.wait(r"\*")
            began = pc.cpu_seconds
            pc.send("\r")
            pc.wait("starting b")
            spent.append(pc.cpu_seconds - began)
    seconds = (spent[1] - spent[0]) / 5
    print(f"20,000 iterations: {seconds:.3f} s")
    assert seconds < 0.2, spent


def test_a_processor_without_64_bits_opens_as_well(machine):
    with machine(entry=line("x"), options=["-cpu", "486"]) as pc:
        pc.wait("1  a")
        pc.send("2")
        pc.wait(r"b: password\? ")
        pc.send("x\r")
        pc.wait("starting b")


def test_mkimage_makes_the_line_that_opens(machine):
    made = subprocess.run([tool("mkimage"), "password"], input="a b:c\n", capture_output=True, text=True, check=True)
    assert re.fullmatch(r"password = pbkdf2-sha512:[0-9]{5,}:[0-9a-f]{32}:[0-9a-f]{128}\n", made.stdout)
    with machine(entry=made.stdout) as pc:
        pc.wait("1  a")
        pc.send("2")
        pc.wait(r"b: password\? ")
        began = time.monotonic()
        pc.send("a b:c\r")
        pc.wait("starting b")
        print(f"{time.monotonic() - began:.1f} s")


def test_check_names_a_bad_line_and_not_its_text(tmp_path):
    config = b"speed = 9\n[a]\nvhd = \\one.vhd\n[b]\nvhd = \\two.vhd\npassword = secret\n"
    disk = Disk(tmp_path, two(vhdboot_cfg=config))
    said = subprocess.run([tool("mkimage"), "check", disk.path], capture_output=True, text=True, check=False).stdout
    assert re.search(r"^warn config  line 1: .*\nwarn config  line 6: a password begins with .*stays locked$", said,
                     re.MULTILINE), said
    assert "secret" not in said


@pytest.mark.parametrize("second, status", [("a b:c", 0), ("other", 1)])
def test_mkimage_asks_twice_on_a_terminal_that_shows_nothing(second, status):
    ours, its = pty.openpty()
    child = subprocess.Popen([tool("mkimage"), "password"], stdin=its, stdout=subprocess.PIPE, stderr=its)
    os.close(its)
    shown = b""
    for prompt, answer in ((b"Password: ", "a b:c"), (b"Once more: ", second)):
        while prompt not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, answer.encode() + b"\n")
    made = child.stdout.read()
    assert child.wait(10) == status
    shown += os.read(ours, 1000)
    os.close(ours)
    assert b"a b:c" not in shown and b"other" not in shown, shown
    assert made.startswith(b"password = pbkdf2-sha512:") == (status == 0)
