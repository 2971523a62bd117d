# SPDX-License-Identifier: GPL-2.0-or-later
"""reserve, snapshot, rollback and merge, cut off at writes picked at random, on drives without a write cache
and on drives that lose what was not flushed. After each cut the flash boots, the disk holds what it held or
what it shall hold, by mkimage and by 7-Zip, no cluster in use counts as free, and the verb, run again, ends.
Where no name of a file changes, a write may be torn as well.

MKIMAGE_CUTS: cuts a case (default 9; the whole proof: 200). MKIMAGE_SEED: other random numbers."""
import json
import os
import random
import shutil
import subprocess

import pytest

from layers import unmarked
from ntfsdisk import MIB, volume
from tools import ENV, FRAGMENT, MKIMAGE, mkimage, run
from vhd_dynamic import SECTOR, DynamicVhd, flatten
import vhd

CUTS = int(os.environ.get("MKIMAGE_CUTS", "9"))
SEED = os.environ.get("MKIMAGE_SEED", "1")
RANDOM = random.Random()                # each test's own sequence, by its name
SIZE = 5 * MIB + 3 * SECTOR             # the last block is cut by the disk's end
SECTORS = SIZE // SECTOR
BASE_ID = b"vhdboot's tests!"           # what vhd.make_fixed gives

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(6), pytest.mark.timeout(300 + 10 * CUTS)]


@pytest.fixture(autouse=True)
def seeded(request):
    RANDOM.seed(f"{SEED} {request.node.name}")


def scatter(disk, tag, pieces=14):
    """Sectors of this layer at random places, and a boot record."""
    for _ in range(pieces):
        lba = RANDOM.randrange(SECTORS)
        count = min(RANDOM.choice((1, 2, 7, 64, 600)), SECTORS - lba)
        disk.store(lba, b"".join(f"{tag} {n} ".encode().ljust(SECTOR, b"+") for n in range(lba, lba + count)))
    disk.store(0, tag.encode().ljust(510) + b"\x55\xaa")
    return disk


def dynamic(name, block=256 << 10, slack=0):
    disk = scatter(DynamicVhd(SIZE, block), name)
    disk.all_bits = RANDOM.random() < 0.5
    disk.slack = slack
    disk.write(name + ".vhd")
    return disk


def child(name, parent, parent_name, block=512 << 10, slack=0):
    disk = scatter(DynamicVhd(SIZE, block, parent=parent), name)
    disk.locate("W2ru", ".\\" + parent_name + ".vhd")
    disk.slack = slack
    disk.write(name + ".vhd")
    return disk


class Fixed:
    """A fixed VHD, as flatten() sees it."""
    def __init__(self, name):
        self.size = SIZE
        vhd.make_fixed(name + ".vhd", SECTORS)
        with open(name + ".vhd", "r+b") as file:
            file.write(b"".join(f"{name} {n} ".encode().ljust(SECTOR, b"-") for n in range(SECTORS)))
            file.seek(510)
            file.write(b"\x55\xaa")
        with open(name + ".vhd", "rb") as file:
            self.data = file.read(SIZE)

    def content(self, lba, count):
        for n in range(lba, lba + count):
            yield self.data[n * SECTOR:(n + 1) * SECTOR]


def flash(images, folder="\\vhd", config=True, pieces=1, cluster=4096, mib=40, others=0):
    """old.img: a bare volume with the images, the first one the entry's, and so many other files."""
    volume("old.img", mib * MIB, cluster=cluster, start=0)
    with open("other", "wb") as file:
        file.write(b"other")
    for number in range(others):
        run(FRAGMENT, "old.img", "other", f"{folder}\\{number * 7919 % 1000}-{'x' * RANDOM.randrange(60)}", 1)
    for name in images:
        run(FRAGMENT, "old.img", name + ".vhd", f"{folder}\\{name}.vhd", pieces)
    if config:
        with open("cfg", "wb") as file:
            file.write(f"# kept\ntimeout = 3\n[work]\n  vhd = {folder}\\{images[0]}.vhd # this one\n".encode())
        run(FRAGMENT, "old.img", "cfg", "/vhdboot.cfg", 1)
    mkimage("install", "old.img")


def leave_holes(cluster):
    """Fills old.img up, but for 4 MiB in holes of one cluster."""
    with open("pieces", "wb") as file:
        file.write(b"x" * 4 * MIB)
    run(FRAGMENT, "old.img", "pieces", "/pieces", 4 * MIB // cluster)
    size, number = 16 * MIB, 0
    while size >= 16 << 10:             # in one piece each, so that holes stay
        with open("rest", "wb") as file:
            file.write(b"x" * size)
        number += 1
        if run(FRAGMENT, "old.img", "rest", f"/rest{number}", 1, status=None).returncode:
            size //= 2


def cut(count, sectors, lose, target, command):
    """False when the command was through before the cut."""
    env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": target,
           "CUT_AFTER": str(count), "CUT_SECTORS": str(sectors), "CUT_LOSE": str(lose), "CUT_TOTAL": "total"}
    done = subprocess.run([MKIMAGE, *command], env=env, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode in (0, 99), done.stderr.decode()
    return done.returncode == 99


def seven_zip(target):
    """The disk as 7-Zip reads it, from copies of all images."""
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")
    check = json.loads(mkimage("check", target, "--json").stdout)
    chain = [s["text"].split(": ")[0] for s in check["steps"] if s["name"] == "image"]
    for path in chain:
        with open(os.path.join("out", path.rsplit("\\", 1)[1]), "wb") as file:
            file.write(unmarked(mkimage("cat", f"{target}:{path}").stdout))
    leaf = os.path.join("out", chain[0].rsplit("\\", 1)[1])
    return run("7zz", "e", "-so", "-tvhd", leaf).stdout


def judge(target, contents):
    """Which of the contents the flash holds now."""
    check = json.loads(mkimage("check", target, "--json").stdout)
    assert check["boots"] and check["system"], check
    data = mkimage("read", target).stdout
    assert data in contents, "the disk holds neither the old nor the new content"
    assert seven_zip(target) == data, "7-Zip reads something else"
    text = subprocess.run(["ntfsresize", "-i", "-f", target], env=ENV,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()
    assert "missing" not in text and "Corrupt" not in text, text
    return contents.index(data)


def judge_host(target, contents):
    data = mkimage("vhd", "read", target).stdout
    assert data in contents
    mkimage("vhd", "check", target)
    assert run("7zz", "e", "-so", "-tvhd", target).stdout == data
    return contents.index(data)


def cuts_of(command, contents, again, original="old.img", target="d.img", look=judge, torn=False):
    """Cuts the command at random writes, with `torn` also inside one; `again` ends what it began, and shows the
    new content."""
    shutil.copy(original, target)
    assert not cut(-1, 0, 0, target, command)
    with open("total", encoding="ascii") as file:
        total = int(file.read())
    assert look(target, contents[-1:]) == 0
    shutil.copy(original, target)
    assert not cut(-1, 0, 1, target, command)           # zeros are written one by one there
    with open("total", encoding="ascii") as file:
        total_lose = int(file.read())
    seen = set()
    for number in range(CUTS):
        lose = RANDOM.randrange(1, 1 << 30) if number % 2 else 0
        count = RANDOM.randrange(total_lose if lose else total)
        shutil.copy(original, target)
        sectors = RANDOM.choice((0, 1, 3)) if torn else 0
        where = f"cut at write {count} of {total_lose if lose else total}, {sectors} sectors of it, lose {lose}"
        assert cut(count, sectors, lose, target, command), where
        try:
            seen.add(look(target, contents))
            if number % 4 < 2:
                again(target)
                look(target, contents[-1:])
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error
    print(f"{CUTS} cuts, {total} and {total_lose} writes, old and new seen: {sorted(seen)}")


def test_reserve():
    images = [dynamic("a", slack=100 * SECTOR)]
    flash(["a"], pieces=9)
    command = ["reserve", "d.img", "--size", "3M"]
    cuts_of(command, [flatten(images, SECTORS)], lambda target: mkimage(*command), torn=True)


def test_reserve_many_fragments():
    images = [dynamic("a", 64 << 10)]
    flash(["a"], pieces=RANDOM.randrange(60, 900), cluster=512, mib=16)
    command = ["reserve", "d.img", "--size", "1M"]
    cuts_of(command, [flatten(images, SECTORS)], lambda target: mkimage(*command))


def test_reserve_in_holes():
    images = [dynamic("a", 64 << 10)]
    cluster = RANDOM.choice((512, 1024, 4096))
    flash(["a"], pieces=RANDOM.choice((1, 30)), cluster=cluster)
    leave_holes(cluster)
    command = ["reserve", "d.img", "--size", RANDOM.choice(("64K", "300K"))]
    cuts_of(command, [flatten(images, SECTORS)], lambda target: mkimage(*command))


def test_reserve_on_the_host():
    images = [dynamic("a")]
    command = ["reserve", "h.vhd", "--size", "3M"]
    cuts_of(command, [flatten(images, SECTORS)], lambda target: mkimage(*command), "a.vhd", "h.vhd",
            judge_host)


def test_snapshot():
    images = [dynamic("a")]
    flash(["a"])
    command = ["snapshot", "d.img"]
    cuts_of(command, [flatten(images, SECTORS)], lambda target: mkimage(*command))


def test_snapshot_without_a_config():
    images = [dynamic("a")]
    flash(["a"], folder="", config=False)
    command = ["snapshot", "d.img", "--size", "3M"]
    cuts_of(command, [flatten(images, SECTORS)], lambda target: mkimage(*command))


def test_snapshot_in_a_full_folder():
    images = [dynamic("a")]
    flash(["a"], others=RANDOM.randrange(10, 120), mib=48, cluster=RANDOM.choice((512, 4096)))
    command = ["snapshot", "d.img", "--size", "3M", "--name", RANDOM.choice(("5", "a", "zz")) + "y" * 99 + ".vhd"]
    cuts_of(command, [flatten(images, SECTORS)],
            lambda target: mkimage(*command[:-2], "--name", "b.vhd"))


def test_rollback():
    base = dynamic("base")
    leaf = child("leaf", base, "base")
    flash(["leaf", "base"])
    command = ["rollback", "d.img"]
    cuts_of(command, [flatten([leaf, base], SECTORS), flatten([base], SECTORS)],
            lambda target: mkimage(*command), torn=True)


def test_rollback_in_holes():
    base = dynamic("base")
    leaf = child("leaf", base, "base", 64 << 10)
    flash(["leaf", "base"], mib=48)
    leave_holes(4096)
    command = ["rollback", "d.img", "--size", "1M"]
    cuts_of(command, [flatten([leaf, base], SECTORS), flatten([base], SECTORS)],
            lambda target: mkimage(*command, status=None))


def test_rollback_drop():
    base = dynamic("base")
    leaf = child("leaf", base, "base")
    flash(["leaf", "base"])
    command = ["rollback", "d.img", "--drop"]
    cuts_of(command, [flatten([leaf, base], SECTORS), flatten([base], SECTORS)],
            lambda target: mkimage(*command, status=None))


def merge(base, layers, **options):
    names = ["base"]
    chain = [base]
    for i, block in enumerate(layers):
        name = f"a{9 - i}"              # so that the leaf is the first by name, where there is no config
        chain.insert(0, child(name, BASE_ID if isinstance(chain[0], Fixed) else chain[0], names[0], block))
        names.insert(0, name)
    flash(names, **options)
    command = ["merge", "d.img"]
    content = flatten(chain, SECTORS)

    def again(target):
        left = json.loads(mkimage("check", target, "--json").stdout)
        if sum(s["name"] == "image" for s in left["steps"]) == len(chain):  # else it is through
            mkimage(*command)
    cuts_of(command, [content], again)


def test_merge_into_fixed():
    merge(Fixed("base"), [256 << 10])


def test_merge_into_dynamic():
    merge(dynamic("base", 128 << 10), [512 << 10], pieces=5)


def test_merge_into_child():
    merge(dynamic("base"), [512 << 10, 64 << 10])


def test_merge_three_deep_without_a_config():
    merge(Fixed("base"), [512 << 10, 64 << 10, 1 << 20], folder="", config=False)
