# SPDX-License-Identifier: GPL-2.0-or-later
"""Before a device is overwritten: what it is, and is it the one that is meant? On loop devices; what a drive is called
comes from folders that stand in for sysfs. And what somebody at a terminal sees: the question, progress, Ctrl-C."""
import os
import re
import subprocess

import pexpect
import pytest

from files import read
from ntfsdisk import MIB, fixed_vhd
from tools import ENV, MKIMAGE, mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(name="loop")
def _loop():
    """A device of 48 MiB with a file system that has a label."""
    fixed_vhd("a.vhd", 4 * MIB)
    with open("device.img", "wb") as file:
        file.truncate(48 * MIB)
    run("sfdisk", "-q", "device.img", stdin=subprocess.Popen(["printf", "2048,40960,83\n45056,8192,83\n"],
                                                             stdout=subprocess.PIPE).stdout)
    run("mke2fs", "-q", "-F", "-L", "HOLIDAYS", "-E", "offset=1048576", "device.img", "20M")
    loop = run("losetup", "--find", "--show", "device.img").stdout.decode().strip()
    yield loop
    run("losetup", "--detach", loop)


@pytest.fixture(name="slow")
def _slow(pytestconfig, monkeypatch):
    """What makes every write slow."""
    run("gcc", "-shared", "-fPIC", "-O1", pytestconfig.rootpath / "tests" / "tools" / "slow.c", "-o", "slow.so")
    return {**ENV, "LD_PRELOAD": os.path.abspath("slow.so")}


def terminal(*arguments, env=ENV):
    return pexpect.spawn(MKIMAGE, [str(a) for a in arguments], env=dict(env), timeout=60, encoding="utf-8",
                         dimensions=(24, 200))


def drive(loop, path, **files):
    """A command in front of mkimage: sysfs tells of the loop device what it would tell of a drive at that path."""
    number = os.stat(loop).st_rdev
    folder = os.path.join("sys", path)
    os.makedirs(os.path.join(folder, "device"), exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(folder, name.replace("__", "/")), "w", encoding="ascii") as file:
            file.write(text + "\n")
    link = f"sys/{os.major(number)}:{os.minor(number)}"
    if not os.path.lexists(link):
        os.symlink(path, link)
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /sys/dev/block && exec "$@"', os.path.abspath("sys")]


def test_a_dry_run_tells_what_is_there(loop):
    before = read("device.img")
    said = mkimage("flash", loop, "--vhd", "a.vhd", "--dry-run").stderr.decode().splitlines()
    assert said[0] == f"{loop}: a block device, 48 MiB, loop"
    assert said[1:3] == ["  partition 1: 20 MiB, ext2, HOLIDAYS", "  partition 2: 4 MiB, nothing that is known"]
    assert "would become" in said[3] and read("device.img") == before


def test_scripts_say_yes(loop):
    refused("flash", loop, "--vhd", "a.vhd", words="Say --yes if you mean it")
    mkimage("flash", loop, "--vhd", "a.vhd", "--yes")
    assert mkimage("check", loop).returncode == 0
    refused("remove", loop, "--entry", "a", words="is a block device. Say --yes")


def test_somebody_at_a_terminal_is_asked(loop):
    before = read("device.img")
    child = terminal("flash", loop, "--vhd", "a.vhd")
    child.expect_exact(f"{loop}: a block device, 48 MiB, loop")
    child.expect_exact("partition 1: 20 MiB, ext2, HOLIDAYS")
    child.expect_exact("All that is on it will be lost. Type yes: ")
    child.sendline("y")
    child.expect_exact("the answer was not yes. Nothing was written.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and read("device.img") == before
    child = terminal("flash", loop, "--vhd", "a.vhd")
    child.expect_exact("Type yes: ")
    child.sendeof()
    child.expect_exact("the answer was not yes")
    child.expect(pexpect.EOF)
    child = terminal("flash", loop, "--vhd", "a.vhd")
    child.expect_exact("Type yes: ")
    child.sendline("yes")
    child.expect_exact("one NTFS partition of")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    child = terminal("remove", loop, "--entry", "a")
    child.expect_exact("It will be changed; what is said above stays. Type yes: ")
    child.sendline("yes")
    child.expect_exact("entry a is removed")
    child.expect(pexpect.EOF)


def test_what_is_built_in_needs_force(loop):
    inside = drive(loop, "pci0000:00/ata1/host0/target0:0:0/block/sda", removable="0", device__vendor="ATA",
                   device__model="Disk 9000", device__serial="S123")
    command = [*inside, MKIMAGE, "flash", loop, "--vhd", "a.vhd"]
    before = read("device.img")
    for more in (["--yes"], ["--dry-run"]):
        said = run(*command, *more, status=1).stderr.decode()
        assert "cannot be taken out of this machine (ATA Disk 9000, ATA)" in said and "--force" in said
    assert read("device.img") == before
    said = run(*command, "--dry-run", "--force").stderr.decode().splitlines()
    assert said[0] == f"{loop}: ATA Disk 9000, 48 MiB, ATA, serial number S123"
    run(*command, "--yes", "--force")
    assert mkimage("check", loop).returncode == 0


def test_what_can_be_taken_out(loop):
    os.makedirs("sys/pci0000:00/usb1/1-2/1-2:1.0/host6/block/sdb/device")
    for name, text in (("idVendor", "0781"), ("serial", "4C53")):
        with open(f"sys/pci0000:00/usb1/1-2/{name}", "w", encoding="ascii") as file:
            file.write(text + "\n")
    usb = drive(loop, "pci0000:00/usb1/1-2/1-2:1.0/host6/block/sdb", removable="0", device__vendor="SanDisk ",
                device__model="Ultra")
    said = run(*usb, MKIMAGE, "flash", loop, "--vhd", "a.vhd", "--dry-run").stderr.decode().splitlines()
    assert said[0] == f"{loop}: SanDisk Ultra, 48 MiB, USB, serial number 4C53"


@pytest.mark.takes(8)
def test_progress_in_a_log(slow):
    fixed_vhd("b.vhd", 20 * MIB, pattern=False)
    with open("b.vhd", "r+b") as file:
        file.write(os.urandom(20 * MIB))
    env = {**slow, "SLOW_MICROSECONDS": "90000"}
    done = subprocess.run([MKIMAGE, "flash", "f.img", "--vhd", "b.vhd"], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=True)
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("copying: ")]
    assert lines and all(re.fullmatch(r"copying: \d+ %, \S+ MiB of 20 MiB, \S+ [KM]iB/s, \d+ s left", x) for x in lines)
    assert b"\r" not in done.stderr


@pytest.mark.takes(4)
def test_progress_and_ctrl_c_on_a_terminal(loop, slow):
    with open("a.vhd", "r+b") as file:
        file.write(os.urandom(4 * MIB))
    child = terminal("flash", loop, "--vhd", "a.vhd", "--yes", env={**slow, "SLOW_MICROSECONDS": "300000"})
    child.expect(r"copying: \d+ %, [^\r]* of 4 MiB, [^\r]*/s, \d+ s left")
    child.sendintr()
    child.expect_exact("interrupted: its old content is gone and the new one is not complete")
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == 2
