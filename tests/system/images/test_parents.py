# SPDX-License-Identifier: GPL-2.0-or-later
"""Where parents lie: taken along by mkimage flash, in other folders, on another drive. The guest's pattern is
dealt out over the layers, junk lies under sectors that a layer above holds, and the guest reads the whole disk."""
import os
import random
import re
import subprocess

import vhd
from emulator import Qemu
from files import sha256
from flash import MIB, mkimage_json, run, tool
from served import Server
from vhd_dynamic import SECTOR, DynamicVhd

SIZE_MIB = 12
SECTORS = SIZE_MIB * MIB // SECTOR
BASE_ID = b"vhdboot's tests!"           # what vhd.make_fixed gives


def deal(shop, layers, seed):
    """The pattern disk's sectors, dealt to so many layers in runs: a layer number a sector, and the disk."""
    rng = random.Random(seed)
    with open(shop.pattern_disk("pattern", SECTORS, rounds=100), "rb") as file:
        disk = file.read()
    owner = []
    while len(owner) < SECTORS:
        owner += [rng.randrange(layers)] * rng.choice((1, 2, 7, 64, 1000, 5000))
    return owner[:SECTORS], disk


def fill(image, owner, disk, layer):
    """Stores the layer's sectors, and junk in some that a layer above (a lower number) hides."""
    for n in range(SECTORS):
        if owner[n] == layer:
            image.store(n, disk[n * SECTOR:(n + 1) * SECTOR])
        elif owner[n] < layer and n % 3 == 0:
            image.store(n, b"HIDDEN! " * (SECTOR // 8))


def chain_of_three(shop, seed, folder=""):
    """leaf.vhd over middle.vhd over base.vhd (fixed), each leading to the next by a relative path."""
    owner, disk = deal(shop, 3, seed)
    raw = shop.path("base.raw")
    with open(raw, "wb") as file:
        for n in range(SECTORS):
            file.write(disk[n * SECTOR:(n + 1) * SECTOR] if owner[n] == 2
                       else b"HIDDEN! " * (SECTOR // 8))
    os.makedirs(shop.path(folder), exist_ok=True)
    vhd.make_fixed(shop.path(os.path.join(folder, "base.vhd")), SECTORS, source=raw)
    middle = DynamicVhd(SECTORS * SECTOR, 512 << 10, parent=BASE_ID)
    middle.locate("W2ru", ".\\base.vhd")
    fill(middle, owner, disk, 1)
    middle.write(shop.path(os.path.join(folder, "middle.vhd")))
    leaf = DynamicVhd(SECTORS * SECTOR, 2 << 20, parent=middle)
    leaf.locate("W2ru", ".\\" + os.path.join(folder, "middle.vhd").replace("/", "\\"))
    fill(leaf, owner, disk, 0)
    leaf.write(shop.path("leaf.vhd"))
    return shop.path("leaf.vhd"), disk


def same_disk(flash, disk, *options):
    """What mkimage reads through the map is the pattern disk."""
    got = mkimage_raw("read", flash, *options)
    assert len(got) == len(disk), "bytes read"
    for n in range(SECTORS):
        assert got[n * SECTOR:(n + 1) * SECTOR] == disk[n * SECTOR:(n + 1) * SECTOR], (
            f"sector {n} differs: {got[n * SECTOR:n * SECTOR + 16]!r}")


def mkimage_raw(*arguments):
    done = subprocess.run([tool("mkimage"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def refused(flash, *arguments, words, status=1):
    """The verb says so and leaves the flash as it was."""
    before = sha256(flash)
    done = subprocess.run([tool("mkimage"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                          check=False)
    assert done.returncode == status and re.search(words, done.stderr.decode()), done.stderr.decode()
    assert sha256(flash) == before


def boots(flash, said, **options):
    with Qemu(flash, bus="virtio", limit=120, **options) as pc:
        pc.wait(said)
        pc.guest()


def test_a_chain_of_three_taken_along_by_flash(shop):
    leaf, disk = chain_of_three(shop, 1)
    flash = shop.flash(leaf)
    same_disk(flash, disk)
    boots(flash, r"leaf\.vhd: differencing VHD.*\n.*middle\.vhd: .*\n.*base\.vhd: fixed VHD")


def test_a_chain_whose_parents_lie_in_another_folder(shop):
    leaf, disk = chain_of_three(shop, 2, folder="parents")
    flash = shop.flash(leaf)
    same_disk(flash, disk)
    boots(flash, r"base\.vhd: fixed VHD")


def test_a_chain_from_one_flash_to_another(shop):
    leaf, disk = chain_of_three(shop, 6, folder="parents")
    first = shop.flash(leaf, name="first.img")
    second = shop.path("second.img")
    mkimage_raw("flash", second, "--vhd", first + ":/leaf.vhd")
    same_disk(second, disk)
    for name in ("/leaf.vhd", "/parents/middle.vhd", "/parents/base.vhd"):
        same = mkimage_raw("cat", first + ":" + name) == mkimage_raw("cat", second + ":" + name)
        assert same, name


def test_a_parent_that_was_renamed_in_case_only(shop):
    leaf, disk = chain_of_three(shop, 5, folder="parents")
    os.rename(shop.path("parents"), shop.path("PArents"))
    os.rename(shop.path("PArents/middle.vhd"), shop.path("PArents/MIDDLE.VHD"))
    assert mkimage_json("vhd", "info", leaf)["chain"][1] == shop.path("PArents/MIDDLE.VHD"), "parent"
    same_disk(shop.flash(leaf), disk)


def test_parents_on_another_drive_where_the_entry_names_them(shop):
    leaf, disk = chain_of_three(shop, 4)
    lone = shop.path("lone.vhd")
    os.rename(leaf, lone)
    bases = shop.volume(64, name="bases.img")
    run("ntfslabel", bases, "BASES")
    bases = shop.partitioned(bases, name="second.img")
    for name in ("middle.vhd", "base.vhd"):
        run(tool("tools/fragment"), bases, shop.path(name), f"/{name}", 5)
    first = shop.formatted(lone, to="/lone.vhd",
                           config="[a]\nvhd = \\lone.vhd\nparent = bases:\\middle.vhd\n")
    same_disk(first, disk, "--drive", bases)
    answer = mkimage_json("check", first, "--drive", bases)
    assert answer["boots"], answer["error"]
    with Server(shop.folder, "target=" + first, "drive=" + bases, "write=discard") as server:
        served = server.connect()
        assert b"".join(served.pread(MIB, at) for at in range(0, len(disk), MIB)) == disk
    entry = "vhd = \\lone.vhd\nparent = bases:\\middle.vhd\n"
    several = shop.formatted(lone, to="/lone.vhd", config=f"[a]\n{entry}[b]\n{entry}write = none\n[c]\n{entry}",
                             name="several.img")
    answer = mkimage_json("check", several, "--all", "--drive", bases)
    assert [len(e["steps"]) for e in answer["entries"]] == [4, 4, 4], answer
    image = first + ":/lone.vhd"
    assert mkimage_raw("vhd", "read", image, "--drive", bases) == disk
    assert mkimage_raw("vhd", "check", image, "--drive", bases).endswith(b"lone.vhd: differencing VHD, clean\n")
    chain = mkimage_json("vhd", "info", image, "--drive", bases)["chain"]
    assert chain == ["\\lone.vhd", "bases:\\middle.vhd", "bases:\\base.vhd"]
    for verb in "info", "read", "check":
        refused(first, "vhd", verb, image, words="parent .*middle.vhd")
    refused(first, "vhd", "check", shop.path("base.vhd"), "--drive", bases, words="is a file of the host", status=2)
    mkimage_raw("reserve", first, "--entry", "a", "--size", "4M", "--drive", bases)
    mkimage_raw("shrink", image, "--size", "2M", "--drive", bases)
    same_disk(first, disk, "--drive", bases)
    refused(first, "reserve", first, "--size", "8M", "--drive", shop.path("nothing.img"), words="nothing.img")
    elsewhere = shop.formatted(lone, to="/lone.vhd", config="[a]\nvhd = bases:\\base.vhd\n", name="elsewhere.img")
    for verb in "reserve", "shrink":
        refused(elsewhere, verb, elsewhere, "--size", "1M", "--drive", bases, words="lies on another volume")
    boots(first, r"lone\.vhd: differencing.*\nbases:\\middle\.vhd: .*\nbases:\\base\.vhd: fixed",
          extra=[(bases, "virtio")])
    with Qemu(first, bus="virtio") as pc:           # and without that drive
        pc.wait(r"error: .*lone\.vhd: parent .*")
