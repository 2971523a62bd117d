# SPDX-License-Identifier: GPL-2.0-or-later
"""What another program has in use is not written, by whatever name it is called; what mkimage writes, others leave
alone meanwhile. What is under /dev and no block device is a mistake."""
import os
import signal
import subprocess
import time

import pytest

from files import sha256
from ntfsdisk import MIB, disk, fixed_vhd, volume
from tools import ENV, MKIMAGE, mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def flash(folder):
    fixed_vhd("a.vhd", 4 * MIB)
    mkimage("flash", "flash.img", "--vhd", "a.vhd")
    return "flash.img"


def all_writing_verbs(target):
    return [("flash", target, "--vhd", "a.vhd", "--yes"), ("install", target), ("snapshot", target),
            ("install", target, "--dry-run")]


@pytest.mark.parametrize("link", [False, True], ids=["its own name", "a hard link"])
def test_a_loop_device_over_the_file(flash, link):
    os.link(flash, "link.img")
    loop = run("losetup", "--find", "--show", "link.img" if link else flash).stdout.decode().strip()
    try:
        before = sha256(flash)
        for command in all_writing_verbs(flash):
            refused(*command, words=f"in use by {loop}")
        assert sha256(flash) == before
        mkimage("check", flash)
    finally:
        run("losetup", "--detach", loop)


@pytest.fixture
def in_qemu(flash):
    """in_qemu(program, ...) opens the flash with a program of QEMU's, which keeps it open."""
    started = []

    def start(*command):
        started.append(subprocess.Popen([*command], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT))
        assert started[-1].stdout.read(1)       # the prompt: it is open
    yield start
    for one in started:
        one.kill()
        one.wait(timeout=30)


MACHINE = ["qemu-system-i386", "-accel", "tcg", "-S", "-display", "none", "-monitor", "stdio", "-nodefaults"]


@pytest.mark.parametrize("program, words", [
    pytest.param(["qemu-io", "-f", "raw", "flash.img"], "writes to it", id="qemu-io"),
    pytest.param(["qemu-io", "-r", "-f", "raw", "flash.img"], "reads it", id="qemu-io that only reads"),
    pytest.param([*MACHINE, "-drive", "file=flash.img,format=raw,if=ide"], "writes to it", id="machine"),
    pytest.param([*MACHINE, "-drive", "file=flash.img,format=raw,if=none,readonly=on,id=d", "-device",
                  "virtio-blk-pci,drive=d"], "relies on its content", id="machine that only reads")])
def test_qemu_has_the_file_open(flash, in_qemu, program, words):
    in_qemu(*program)
    before = sha256(flash)
    for command in all_writing_verbs(flash):
        refused(*command, words=words)
    mkimage("check", flash)
    mkimage("ls", f"{flash}:/")
    assert sha256(flash) == before


def test_qemu_has_a_host_s_image_open(flash):
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "d.vhd", 8 * MIB)
    with subprocess.Popen(["qemu-io", "-f", "vpc", "d.vhd"], env=ENV, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        other.stdin.write(b"length\n")
        other.stdin.flush()
        other.stdout.readline()
        refused("reserve", "d.vhd", "--size", "2M", words="writes to it")
        other.stdin.close()
    mkimage("reserve", "d.vhd", "--size", "2M")


@pytest.mark.parametrize("command", [
    ("flash", "new.img", "--vhd", "d.vhd"), ("add", "flash.img", "--vhd", "d.vhd"),
    ("replace", "flash.img", "--entry", "a", "--vhd", "d.vhd")], ids=lambda command: command[0])
def test_an_image_that_somebody_writes_to_is_no_source(flash, in_qemu, command):
    fixed_vhd("d.vhd", 4 * MIB)
    in_qemu("qemu-io", "-f", "vpc", "d.vhd")
    before = sha256(flash)
    refused(*command, words="d.vhd: is in use by another program, which writes to it")
    assert sha256(flash) == before and not os.path.exists("new.img")


def test_a_raw_disk_that_somebody_writes_to_is_not_converted(in_qemu):
    with open("d.raw", "wb") as file:
        file.truncate(4 * MIB)
    in_qemu("qemu-io", "-f", "raw", "d.raw")
    refused("vhd", "convert", "d.raw", "new.vhd", words="d.raw: is in use by another program, which writes to it")
    assert not os.path.exists("new.vhd")


def test_a_flash_that_somebody_writes_to_is_no_master(flash, in_qemu):
    in_qemu("qemu-io", "-f", "raw", flash)
    refused("clone", flash, "new.img", words="writes to it")
    refused("flash", "new.img", "--vhd", f"{flash}:/a.vhd", words="writes to it")
    assert not os.path.exists("new.img")


def stopped(*command, after="d.img"):
    """mkimage, stopped at its first write to the file."""
    library = os.path.abspath("stop.so")
    with open("stop.c", "w") as file:
        file.write("""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    struct stat a, b;
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    if (!fstat(fd, &a) && !stat(getenv("STOP_FILE"), &b) && a.st_ino == b.st_ino)
        raise(SIGSTOP);
    return real(fd, buf, size, off);
}
""")
    run("gcc", "-shared", "-fPIC", "stop.c", "-o", library)
    one = subprocess.Popen([MKIMAGE, *command], stderr=subprocess.PIPE,
                           env={**ENV, "LD_PRELOAD": library, "STOP_FILE": after})
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with open(f"/proc/{one.pid}/stat") as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "T":
                return one
        time.sleep(0.05)
    one.kill()
    raise AssertionError("it did not write")


def test_a_second_mkimage_and_qemu_find_the_first_one_at_work(flash):
    disk("d.img", volume("v.ntfs"))
    first = stopped("install", "d.img")
    try:
        refused("install", "d.img", words="in use by another program")
        refused("flash", "d.img", "--vhd", "a.vhd", "--yes", words="in use by another program")
        for only in ([], ["-r"]):
            assert b"lock" in run("qemu-io", *only, "-f", "raw", "-c", "length", "d.img", status=1).stderr
        run("qemu-img", "info", "-U", "d.img")
        mkimage("ls", "d.img:/")
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    mkimage("install", "d.img")


@pytest.mark.parametrize("name, shown", [("d.img", "d.img"), ("d\x1b[2J.img", "d<U+001B>[2J.img")])
def test_interrupted_in_the_middle_of_a_change(flash, name, shown):
    disk(name, volume("v.ntfs"))
    first = stopped("install", name, after=name)
    os.kill(first.pid, signal.SIGINT)
    os.kill(first.pid, signal.SIGCONT)
    said = first.communicate(timeout=30)[1].decode().strip().splitlines()
    assert first.returncode == -signal.SIGINT
    assert f"{shown}: interrupted: in the middle of a change" in said[-1], said
    mkimage("install", name)


@pytest.fixture
def device(folder):
    """An empty block device of 64 MiB."""
    with open("device.img", "wb") as file:
        file.truncate(64 * MIB)
    loop = run("losetup", "--find", "--show", "device.img").stdout.decode().strip()
    yield loop
    run("losetup", "--detach", loop)


def test_flash_to_a_device_interrupted(device):
    fixed_vhd("a.vhd", 4 * MIB)
    first = stopped("flash", device, "--vhd", "a.vhd", "--yes", after=device)
    os.kill(first.pid, signal.SIGINT)
    os.kill(first.pid, signal.SIGCONT)
    said = first.communicate(timeout=30)[1].decode().strip().splitlines()
    assert first.returncode == -signal.SIGINT
    assert f"{device}: interrupted: its old content is gone" in said[-1], said
    mkimage("flash", device, "--vhd", "a.vhd", "--yes")
    mkimage("check", device)


@pytest.mark.parametrize("through", ["partition", "second loop"])
def test_flash_to_the_drive_that_it_reads_from(flash, through):
    loop = run("losetup", "--find", "--show", flash).stdout.decode().strip()
    other = None
    try:
        if through == "partition":
            run("partx", "--add", loop)
            source = loop + "p1"
        else:
            other = run("losetup", "--find", "--show", "--offset", MIB, loop).stdout.decode().strip()
            source = other
        before = sha256(flash)
        refused("flash", loop, "--vhd", f"{source}:/a.vhd", "--yes", "--dry-run",
                words=f"{loop}: is the drive that {source}:/a.vhd lies on")
        refused("flash", loop, "--vhd", f"{source}:/a.vhd", "--yes")
        assert sha256(flash) == before
    finally:
        if other:
            run("losetup", "--detach", other)
        run("partx", "--delete", loop, status=None)
        run("losetup", "--detach", loop)


def test_a_source_on_the_same_host_drive_is_none_of_the_device_s(device):
    fixed_vhd("a.vhd", 4 * MIB)
    mkimage("flash", device, "--vhd", "a.vhd", "--yes")
    mkimage("check", device)


def test_a_drive_with_sectors_of_4096_bytes(folder):
    fixed_vhd("a.vhd", 4 * MIB)
    with open("device.img", "wb") as file:
        file.truncate(64 * MIB)
    loop = run("losetup", "--find", "--show", "--sector-size", 4096, "device.img").stdout.decode().strip()
    try:
        before = sha256("device.img")
        words = "sectors have 4096 bytes, and no BIOS starts"
        refused("flash", loop, "--vhd", "a.vhd", "--yes", words=words)
        refused("flash", loop, "--vhd", "a.vhd", "--yes", "--dry-run", words=words)
        refused("install", loop, "--yes", words=words)
        refused("snapshot", loop, "--yes", words=words)
        refused("list", loop, words=words)
        done = mkimage("check", loop, status=1)
        assert b"sectors have 4096 bytes" in done.stdout and b"would not boot" in done.stdout
        assert sha256("device.img") == before
    finally:
        run("losetup", "--detach", loop)


@pytest.mark.parametrize("there", [False, True], ids=["nothing there", "a file there"])
def test_a_name_under_dev_that_is_no_block_device(flash, there):
    typo = f"/dev/vhdboot-typo-{os.getpid()}"
    words = "no block device, but lies under /dev"
    try:
        if there:
            with open(flash, "rb") as source, open(typo, "wb") as file:
                file.write(source.read())
        for command in (("flash", typo, "--vhd", "a.vhd", "--yes"), ("install", typo), ("check", typo),
                        ("restore", typo, "a.vhd"), ("reserve", typo, "--size", "1M"), ("snapshot", typo),
                        ("rollback", typo), ("merge", typo), ("map", typo), ("read", typo), ("vhd", "info", typo),
                        ("vhd", "check", typo), ("vhd", "read", typo), ("ls", typo + ":/"), ("cat", typo + ":/a.vhd"),
                        ("extents", typo + ":/a.vhd"), ("flash", "new.img", "--vhd", typo),
                        ("flash", "new.img", "--vhd", typo + ":/a.vhd"), ("install", flash, "--backup", typo)):
            if command[0] == "restore":
                continue # its backup is looked at first
            if typo + ":/" in " ".join(command) and not there and command[0] == "flash":
                continue
            refused(*command, words=words)
        assert os.path.exists(typo) == there and not os.path.exists("new.img")
    finally:
        if os.path.exists(typo):
            os.unlink(typo)
