# SPDX-License-Identifier: GPL-2.0-or-later
"""What mkimage flash makes a flash of, and where: the file that was there stays until the new one is complete, names
are compared as NTFS compares them, and no two flashes or entries have one name."""
import os
import resource
import signal
import subprocess

import pytest

from files import read, sha256, write
from ntfsdisk import MIB, START, disk, fixed_vhd, volume
from tools import ENV, MKIMAGE, mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")


def bootable(name, size):
    with open(name, "wb") as file:
        file.truncate(size)
    write(name, 0, b"\xeb\xfe")
    write(name, 510, b"\x55\xaa")


def beside():
    return sorted(name for name in os.listdir(".") if "flash" in name)


def test_a_file_is_replaced_by_a_complete_one_with_its_rights():
    fixed_vhd("a.vhd", 4 * MIB)
    with open("flash.img", "w") as file:
        file.write("precious")
    os.chmod("flash.img", 0o640)
    os.chown("flash.img", 1234, 2345)
    os.symlink("flash.img", "link-to-flash")
    mkimage("flash", "link-to-flash", "--vhd", "a.vhd", "--yes")
    st = os.stat("flash.img")
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o640, 1234, 2345)
    assert os.path.islink("link-to-flash")
    mkimage("check", "flash.img")
    assert beside() == ["flash.img", "link-to-flash"]
    os.umask(0o027)
    mkimage("flash", "flash2.img", "--vhd", "a.vhd")
    os.umask(0o022)
    assert os.stat("flash2.img").st_mode & 0o7777 == 0o640


@pytest.mark.parametrize("new", [False, True], ids=["a file is there", "a new one"])
def test_a_flash_that_does_not_fit_leaves_what_was_there(new):
    fixed_vhd("a.vhd", 4 * MIB)
    if not new:
        with open("flash.img", "w") as file:
            file.write("precious")
    done = subprocess.run([MKIMAGE, "flash", "flash.img", "--vhd", "a.vhd", "--yes"], env=ENV, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: (
                              resource.setrlimit(resource.RLIMIT_FSIZE, (70 * MIB, 70 * MIB)),
                              signal.signal(signal.SIGXFSZ, signal.SIG_IGN)))
    assert done.returncode == 1 and b"flash.img" in done.stderr, done.stderr
    assert beside() == ([] if new else ["flash.img"])
    assert new or read("flash.img") == b"precious"


def test_a_source_that_gets_shorter_is_what_is_blamed():
    fixed_vhd("a.vhd", 64 * MIB)
    write("a.vhd", 8 * MIB, b"data" * MIB)
    with open("short.c", "w") as file:
        file.write("""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>
ssize_t pread64(int fd, void *buf, size_t size, off64_t off)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    if (size == 256 << 10) {
        errno = EIO;
        return -1;
    }
    return real(fd, buf, size, off);
}
int ioctl(int fd, unsigned long request, void *argument)
{
    errno = EOPNOTSUPP;
    return -1;
}
""")
    run("gcc", "-shared", "-fPIC", "short.c", "-o", "short.so")
    done = subprocess.run([MKIMAGE, "flash", "flash.img", "--vhd", "a.vhd"], check=False, stderr=subprocess.PIPE,
                          env={**ENV, "LD_PRELOAD": os.path.abspath("short.so")})
    assert done.returncode == 1 and b"mkimage: a.vhd: cannot be read: Input/output error" in done.stderr, done.stderr
    assert not beside()


def test_two_flashes_of_one_second_have_two_serials_and_signatures():
    fixed_vhd("a.vhd", 4 * MIB)
    seen = set()
    for number in range(4):
        mkimage("flash", f"flash{number}.img", "--vhd", "a.vhd")
        serial = read(f"flash{number}.img", START + 72, 8)
        size = os.path.getsize(f"flash{number}.img")
        assert read(f"flash{number}.img", size - 512 + 72, 8) == serial, "the copy of the boot record"
        seen |= {serial, read(f"flash{number}.img", 440, 4)}
    assert len(seen) == 8 and bytes(8) not in seen


@pytest.mark.parametrize("first, second", [("größe.vhd", "GRÖSSE.vhd".replace("SS", "ß")), ("жук.vhd", "ЖУК.vhd"),
                                           ("Ωmega.vhd", "ωmega.vhd"), ("a.vhd", "A.VHD")])
def test_names_that_differ_in_letter_case_are_one_name(first, second):
    os.mkdir("1")
    os.mkdir("2")
    fixed_vhd("1/" + first, 4 * MIB)
    fixed_vhd("2/" + second, 4 * MIB)
    refused("flash", "flash.img", "--vhd", f"1/{first},2/{second}", words="both would be")
    with open("my.cfg", "w", encoding="utf-8") as file:
        file.write(f"[x]\nvhd = \\disks\\{first}\nwrite = none\n")
    mkimage("flash", "flash.img", "--vhd", "2/" + second, "--config", "my.cfg")
    assert first in mkimage("ls", "flash.img:/disks").stdout.decode(), "where the config says"
    mkimage("check", "flash.img")


def test_letters_that_ntfs_keeps_apart_are_two_names():
    fixed_vhd("straße.vhd", 4 * MIB)
    fixed_vhd("strasse.vhd", 4 * MIB)
    mkimage("flash", "flash.img", "--vhd", "straße.vhd,strasse.vhd")
    names = mkimage("ls", "flash.img:/").stdout.decode()
    assert "straße.vhd" in names and "strasse.vhd" in names


def test_a_config_that_names_an_image_in_other_letters_gives_it_slack():
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "größe.vhd", 64 * MIB)
    with open("my.cfg", "w", encoding="utf-8") as file:
        file.write("[x]\nvhd = \\GRÖßE.VHD\n")
    assert b"slack for" in mkimage("flash", "flash.img", "--vhd", "größe.vhd", "--config", "my.cfg").stderr


def sections(config):
    return [line[1:-1] for line in config.decode().split("\r\n") if line.startswith("[")]


@pytest.mark.parametrize("names, expected, renamed", [
    (("server.vhd", "server.vhdx"), ["server", "server-2"], 1), (("b .vhd", "b.vhd"), ["b", "b-2"], 1),
    (("x/c.vhd", "C.vhdx", "c-2.vhd"), ["c", "C-3", "c-2"], 1)])
def test_entries_of_one_name_get_two(names, expected, renamed):
    os.mkdir("x")
    for name in names:
        if name.endswith("x"):
            bootable("raw", 8 * MIB)
            run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "raw", name)
        else:
            fixed_vhd(name, 4 * MIB)
    done = mkimage("flash", "flash.img", "--vhd", ",".join(names))
    assert sections(mkimage("cat", "flash.img:/vhdboot.cfg").stdout) == expected
    said = done.stderr.decode()
    assert said.count("is entry") == 1 and f"\\{names[renamed]}: is entry {expected[renamed]}," in said, said
    for name in expected:
        mkimage("check", "flash.img", "--entry", name)


@pytest.mark.parametrize("size, bytes_", [
    ("64m", 64 << 20), ("64MiB", 64 << 20), ("64mib", 64 << 20), ("64MB", 64 * 10**6), ("65536K", 64 << 20),
    ("0.1G", None), ("64MX", None), ("64iB", None), ("64MBB", None), ("99999999T", None), ("67108864B", 64 << 20)])
def test_sizes(size, bytes_):
    fixed_vhd("a.vhd", 4 * MIB)
    if bytes_ is None:
        done = mkimage("flash", "flash.img", "--vhd", "a.vhd", "--size", size, status=2)
        assert b"64GB" in done.stderr
        return
    mkimage("flash", "flash.img", "--vhd", "a.vhd", "--size", size)
    assert os.path.getsize("flash.img") == bytes_


def limited(kib, *command):
    return subprocess.run(["sh", "-c", f'ulimit -v {kib}; exec "$@"', "sh", MKIMAGE, *command], env=ENV, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_little_address_space():
    fixed_vhd("a.vhd", 4 * MIB)
    for name in ("one.img", "two.img"):
        mkimage("flash", name, "--vhd", "a.vhd")
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "d.vhd", 200 * MIB)
    disk("d.img", volume("v.ntfs"))
    for command in (("flash", "flash.img", "--vhd", "one.img:/a.vhd,d.vhd"), ("install", "d.img"),
                    ("check", "flash.img"), ("snapshot", "flash.img"), ("merge", "flash.img"),
                    ("vhd", "check", "flash.img:/d.vhd"), ("reserve", "d.vhd", "--size", "10M"),
                    ("read", "flash.img", "--count", "5")):
        done = limited(200000, *command)
        assert not done.returncode, done.stderr.decode()
    done = limited(20000, "check", "flash.img")
    assert done.returncode == 1 and b"out of memory" in done.stderr, done
    done = limited(55000, "vhd", "convert", "d.vhd", "d.vhdx")          # the tables of the new image are too much
    assert done.returncode == 1 and b"Free some memory" in done.stderr, done


def test_one_of_a_kind():
    fixed_vhd("a.vhd", 4 * MIB)
    mkimage("flash", "flash.img", "--vhd", "a.vhd")
    text = mkimage("check", "flash.img").stdout.decode()
    assert " 1 reads" not in text and " 1 sectors" not in text, text
    digest = sha256("flash.img")
    text = mkimage("install", "flash.img", "--dry-run").stderr.decode()
    assert "0 sectors" in text and sha256("flash.img") == digest


def test_no_disk_stands_in_for_a_closed_stream():
    """Else messages go into it, as the first file that is opened gets the number of the stream."""
    fixed_vhd("a.vhd", 4 * MIB)
    fixed_vhd("b.vhd", 4 * MIB)
    mkimage("flash", "flash.img", "--vhd", "a.vhd", "--size", 80 * MIB)
    size = os.path.getsize("flash.img")
    done = subprocess.run([MKIMAGE, "add", "flash.img", "--vhd", "b.vhd"], env=ENV, check=False, timeout=60,
                          preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
    assert done.returncode == 0
    assert os.path.getsize("flash.img") == size
    mkimage("check", "flash.img", "--all")
