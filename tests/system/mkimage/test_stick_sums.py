# SPDX-License-Identifier: GPL-2.0-or-later
"""\\vhdboot.sum: what flash, add and replace keep, what other verbs make of it, and what verify says."""
import hashlib
import json
import os
import random
import subprocess

import pytest

from files import read, sha256, write
from layers import child, dynamic
from ntfsdisk import MIB, disk, fixed_vhd, hard_link, volume
from tools import ENV, FRAGMENT, MKIMAGE, mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")
CONFIG = "[lab]\nvhd = \\leaf.vhd\n[look]\nvhd = \\fixed.vhd\nwrite = none\n"


@pytest.fixture(name="rng")
def _rng(request):
    return random.Random(request.node.name)


@pytest.fixture(name="stick")
def _stick(rng):
    base = dynamic("base", rng)
    child("leaf", base, "base", rng)
    fixed_vhd("fixed.vhd", 2 * MIB)
    with open("cfg", "w", encoding="ascii") as file:
        file.write(CONFIG)
    mkimage("flash", "f.img", "--vhd", "leaf.vhd,fixed.vhd", "--config", "cfg", "--size", "64M", "--reserve", "1M")


def sums(name="f.img"):
    """path -> (sum, is it below the heading of those that may be written), as sha256sum reads them."""
    out, written = {}, False
    for line in mkimage("cat", f"{name}:/vhdboot.sum").stdout.decode().splitlines():
        written |= line == "# Written to since, or it may be:"
        if not line.startswith("#"):
            digest, path = line.split("  ")
            out[path] = digest, written
    return out


def states(name="f.img", status=0):
    answer = json.loads(mkimage("verify", name, "--json", status=status).stdout)
    assert answer["ok"] == (status == 0)
    return {image["path"]: image["state"] for image in answer["images"]}


def spoil_byte(path, name="f.img"):
    extent = json.loads(mkimage("extents", f"{name}:{path}", "--json").stdout)["extents"][0]
    write(name, extent["drive_lba"] * 512 + 1000, bytes([read(name, extent["drive_lba"] * 512 + 1000, 1)[0] ^ 1]))


def test_sums_of_a_flash(stick):
    found = sums()
    assert {path: written for path, (_, written) in found.items()} == {
        "leaf.vhd": True, "base.vhd": False, "fixed.vhd": False}
    os.mkdir("out")
    for path, (digest, _) in found.items():
        data = mkimage("cat", f"f.img:/{path}").stdout
        assert hashlib.sha256(data).hexdigest() == digest, path
        with open(f"out/{path}", "wb") as file:
            file.write(data)
    with open("out/vhdboot.sum", "wb") as file:
        file.write(mkimage("cat", "f.img:/vhdboot.sum").stdout)
    assert run("env", "-C", "out", "sha256sum", "--strict", "-c", "vhdboot.sum").stdout.count(b": OK") == 3
    assert set(states().values()) == {"same"}
    assert mkimage("verify", "f.img").stdout.decode().splitlines()[-1].startswith("3 images: 3 the same")


def test_what_differs(stick):
    spoil_byte("/leaf.vhd")
    assert states() == {"\\leaf.vhd": "changed", "\\base.vhd": "same", "\\fixed.vhd": "same"}
    assert "as expected, entry lab writes to it" in mkimage("verify", "f.img").stdout.decode()
    spoil_byte("/base.vhd")
    assert states(status=1)["\\base.vhd"] == "differs"
    assert refused("verify", "f.img", words="1 of 3 images is not what was written")
    run(FRAGMENT, "f.img", "cfg", "/vhdboot.cfg", 1)
    mkimage("remove", "f.img", "--entry", "look")
    assert "\\fixed.vhd" not in states(status=1)


def test_verbs_that_write_say_so(stick):
    mkimage("snapshot", "f.img", "--entry", "lab", "--size", "1M")
    mkimage("merge", "f.img", "--entry", "lab")
    assert set(states().values()) == {"same"}                           # the child was empty
    mkimage("merge", "f.img", "--entry", "lab")                         # into the base, which nobody wrote before
    assert sums()["base.vhd"][1] and states() == {"\\base.vhd": "changed", "\\fixed.vhd": "same"}


def test_sums_of_what_is_added_and_replaced(stick, rng):
    dynamic("new", rng)
    mkimage("add", "f.img", "--vhd", "new.vhd", "--write", "none")
    mkimage("replace", "f.img", "--entry", "look", "--vhd", "new.vhd", "--reserve", "none")
    mkimage("replace", "f.img", "--entry", "lab", "--vhd", "new.vhd")
    found = sums()
    assert not found["new.vhd"][1] and not found["fixed.vhd"][1] and found["leaf.vhd"][1]
    assert found["new.vhd"][0] == found["fixed.vhd"][0] == hashlib.sha256(read("new.vhd")).hexdigest()
    assert found["leaf.vhd"][0] == hashlib.sha256(mkimage("cat", "f.img:/leaf.vhd").stdout).hexdigest()
    assert set(states().values()) == {"same"}


def test_a_merge_says_so_of_both_images(stick, rng):
    """Where no entry writes to either: the mark of the one was lost by that of the other."""
    other = dynamic("other", rng)
    child("still", other, "other", rng)
    mkimage("add", "f.img", "--vhd", "still.vhd", "--write", "discard", "--reserve", "none")
    mkimage("merge", "f.img", "--entry", "still")
    assert sums()["other.vhd"][1] and states()["\\other.vhd"] == "changed"


@pytest.mark.parametrize("verb", [["merge"], ["replace", "--vhd", "new.vhd", "--children", "drop"],
                                  ["reserve", "--size", "64K"]])
def test_a_verb_by_another_name_than_the_sum_has(rng, verb):
    """A file that has two names: its sum is told by the first, and the menu goes by the second."""
    base = dynamic("base", rng)
    child("leaf", base, "base", rng)
    dynamic("new", rng)
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[lab]\nvhd = \\leaf.vhd\nwrite = none\n[base]\nvhd = \\twin.vhd\nwrite = none\n")
    mkimage("flash", "f.img", "--vhd", "leaf.vhd", "--config", "cfg", "--size", "64M", "--reserve", "none")
    hard_link("f.img", "/base.vhd", "/twin.vhd")
    hard_link("f.img", "/leaf.vhd", "/other.vhd")
    mkimage(verb[0], "f.img", "--entry", "lab" if verb[0] == "merge" else "base", *verb[1:])
    assert set(states().values()) <= {"same", "changed"}


def test_flash_verify(stick):
    said = mkimage("flash", "g.img", "--vhd", "leaf.vhd", "--verify").stderr.decode()
    assert "2 images read back" in said
    assert mkimage("flash", "g.img", "--vhd", "leaf.vhd", "--verify", "--no-sums", status=2).stderr
    mkimage("flash", "h.img", "--vhd", "fixed.vhd", "--no-sums")
    refused("verify", "h.img", words="there is no .vhdboot.sum")


def test_a_file_that_is_no_sums(stick):
    with open("odd", "wb") as file:
        file.write(b"hello\n\n# x\n" + b"0" * 64 + b"  gone.vhd\r\n" + b"zz" * 32 + b"  x\n")
    run(FRAGMENT, "f.img", "odd", "/vhdboot.sum", 1)
    done = mkimage("verify", "f.img", status=1)
    assert b"GONE     \\gone.vhd" in done.stdout and done.stderr.count(b"is no sum") == 2


def test_sums_of_more_than_is_on_its_way_at_once(rng):
    fixed_vhd("a.vhd", 24 * MIB)
    for at in 0, 5 * MIB + 512, 11 * MIB, 12 * MIB:                     # holes between, and behind
        write("a.vhd", at, rng.randbytes(2 * MIB + 512))
    fixed_vhd("b.vhd", 2 * MIB)
    mkimage("flash", "f.img", "--vhd", "b.vhd,a.vhd", "--size", "96M")
    mkimage("add", "f.img", "--vhd", "a.vhd", "--name", "\\c.vhd", "--write", "none")
    mkimage("clone", "f.img", "g.img")
    for flash in "f.img", "g.img":
        assert {path: digest for path, (digest, _) in sums(flash).items()} == {
            "a.vhd": sha256("a.vhd"), "b.vhd": sha256("b.vhd"), "c.vhd": sha256("a.vhd")}
        assert set(states(flash).values()) == {"same"}


MEDDLE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    const char *victim = getenv("VICTIM");
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    if (size == 256 << 10 && victim) {
        int other = open(victim, O_WRONLY);
        real(other, "!", 1, 70000);
        close(other);
    }
    return real(fd, buf, size, off);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (write(2, "a thread\\n", 9) < 0)
        return 1;
    return real(thread, attributes, run, ctx);
}
"""


@pytest.fixture(name="meddle")
def _meddle():
    with open("meddle.c", "w", encoding="ascii") as file:
        file.write(MEDDLE)
    run("gcc", "-shared", "-fPIC", "meddle.c", "-o", "meddle.so")

    def start(*arguments, **more):
        return subprocess.run([MKIMAGE, *arguments], env={**ENV, "LD_PRELOAD": os.path.abspath("meddle.so"), **more},
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return start


def test_a_source_that_changes_meanwhile(stick, rng, meddle):
    fixed_vhd("new.vhd", 2 * MIB)
    write("new.vhd", 1024, rng.randbytes(MIB))
    entries = json.loads(mkimage("list", "f.img", "--json").stdout)["entries"]
    for arguments in (("flash", "g.img", "--vhd", "new.vhd"), ("add", "f.img", "--vhd", "new.vhd"),
                      ("replace", "f.img", "--entry", "look", "--vhd", "new.vhd")):
        done = meddle(*arguments, VICTIM="new.vhd")
        assert done.returncode == 1 and b"new.vhd: was changed while it was copied" in done.stderr, done.stderr
        assert b"End what writes to it" in done.stderr
        assert not os.path.exists("g.img")
        assert json.loads(mkimage("list", "f.img", "--json").stdout)["entries"] == entries
    assert mkimage("cat", "f.img:/fixed.vhd").stdout == read("fixed.vhd")
    assert set(states().values()) == {"same"}


def test_several_flashes_are_summed_once(meddle, rng):
    dynamic("a", rng)
    done = meddle("flash", "f.img", "g.img", "h.img", "--vhd", "a.vhd", "--size", "64M", "--reserve", "1M")
    assert done.returncode == 0 and done.stderr.count(b"a thread\n") == 1, done.stderr
    assert sums("f.img") == sums("g.img") == sums("h.img")
    for flash in "f.img", "g.img", "h.img":
        assert set(states(flash).values()) == {"same"}


def test_remove_after_somebody_has_deleted_the_image(stick):
    text = mkimage("cat", "f.img:/vhdboot.sum").stdout
    with open("sums", "wb") as file:
        file.write(text + b"0" * 64 + b"  nowhere.vhd\n")
    with open("cfg", "a", encoding="ascii") as file:
        file.write("[old]\nvhd = \\nowhere.vhd\n")
    for host, path in (("sums", "/vhdboot.sum"), ("cfg", "/vhdboot.cfg")):
        run(FRAGMENT, "f.img", host, path, 1)
    assert states(status=1)["\\nowhere.vhd"] == "gone"
    mkimage("remove", "f.img", "--entry", "old")
    assert mkimage("cat", "f.img:/vhdboot.sum").stdout == text and "\\nowhere.vhd" not in states()


def fill_up(name, clusters):
    """As many are free from now on; the others count as used."""
    bitmap = json.loads(mkimage("extents", f"{name}:/$Bitmap", "--json").stdout)
    at = bitmap["extents"][0]["drive_lba"] * 512
    used = int.from_bytes(read(name, at, bitmap["size"]), "little")
    free = [bit for bit in range(8 * bitmap["size"]) if not used >> bit & 1][:clusters]
    used = (1 << 8 * bitmap["size"]) - 1 - sum(1 << bit for bit in free)
    write(name, at, used.to_bytes(bitmap["size"], "little"))


def test_a_volume_with_no_room_for_the_sums(rng):
    """It is found out before anything is changed: by --dry-run as well."""
    dynamic("one", rng)
    dynamic("two", rng)
    with open("vhdboot.cfg", "w", encoding="ascii") as file:
        file.write("[one]\nvhd = \\one.vhd\n[two]\nvhd = \\two.vhd\n")
    part = volume("v.ntfs", 64 * MIB)
    run("ntfscp", "-q", part, "vhdboot.cfg", "vhdboot.cfg")     # inside its MFT record: a new one takes a cluster
    disk("f.img", part)
    for name in ("one.vhd", "two.vhd"):
        run(FRAGMENT, "f.img", name, "/" + name, 1)
    mkimage("install", "f.img")
    mkimage("add", "f.img", "--vhd", "one.vhd")                         # is there: its sum is what is new
    fill_up("f.img", 1)
    digest = sha256("f.img")
    refused("remove", "f.img", "--entry", "one", "--dry-run", words="no room")
    refused("remove", "f.img", "--entry", "one", words="no room")
    assert sha256("f.img") == digest
