# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage vhd create, convert, compare, resize, compact, rebase, merge: what comes out holds what it must, for
us and for other readers, and who is killed leaves the old image."""
import fcntl
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from images import mkimage                                                      # noqa: E402
from served import KINDS, MIB, Refused, Server, vhd_chain, vhdx_chain                    # noqa: E402

MKIMAGE = os.path.join(os.path.abspath(os.environ.get("B", "build")), "mkimage")
GIB, TIB = 1 << 30, 1 << 40
PART = 24 * MIB


def stored(path):
    return os.stat(path).st_blocks * 512


def write(path, data, at, folder):
    with Server(folder, "file=" + str(path)) as server:
        server.connect().pwrite(data, at)


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
@pytest.mark.parametrize("kind", ["fixed", "dynamic"])
@pytest.mark.parametrize("size", [10 * MIB, 10 * MIB + 512 * 8, 100 * GIB])
def test_create(form, kind, size, tmp_path):
    path = tmp_path / ("disk." + form)
    mkimage("vhd", "create", path, "--size", size, "--kind", kind)
    info = images.info(path)
    assert (info["format"], info["kind"], info["size"], info["warnings"]) == (form, kind, size, [])
    mkimage("vhd", "check", path)
    said = images.run("qemu-img", "info", "--output=json", "-f", "vpc" if form == "vhd" else "vhdx", path)
    assert b'"virtual-size": %d' % size in said.stdout
    if form == "vhdx":
        images.run("qemu-img", "check", "-f", "vhdx", path)
    assert stored(path) < 4 * MIB
    write(path, b"content!" * 1000, size - 8192, tmp_path)
    assert images.read(path, (size - 8192) // 512, 16) == (b"content!" * 1000).ljust(8192, b"\0")


def test_create_the_largest(tmp_path):
    """64 TiB, and 2040 GiB: written at both ends, in bounded memory."""
    for name, size, more in (("a.vhdx", 64 * TIB, []), ("b.vhd", 2040 * GIB, []),
                             ("c.vhdx", 64 * TIB, ["--block-size", "1M"])):
        path = tmp_path / name
        mkimage("vhd", "create", path, "--size", size, *more)
        with Server(tmp_path, "file=" + str(path)) as server:
            disk = server.connect()
            for at in (0, size // 2, size - 4096):
                disk.pwrite(b"far away" * 512, at)
            disk.flush()
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
            assert peak < 256 << 10
        assert images.read(path, (size - 4096) // 512, 8) == b"far away" * 512
    assert mkimage("vhd", "create", tmp_path / "d.vhd", "--size", 2041 * GIB, status=1).stderr.count(b"2040 GiB")


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_children(form, tmp_path):
    base, child = tmp_path / f"base.{form}", tmp_path / f"child.{form}"
    mkimage("vhd", "create", base, "--size", "20M")
    write(base, b"base" * 5000, MIB, tmp_path)
    mkimage("vhd", "create", child, "--parent", base)
    below = tmp_path / "sub" / f"below.{form}"
    below.parent.mkdir()
    mkimage("vhd", "create", below, "--parent", child)
    assert [os.path.basename(p) for p in images.info(below)["chain"]] == [p.name for p in (below, child, base)]
    write(below, b"leaf" * 5000, 5 * MIB + 512, tmp_path)
    content = bytearray(20 * MIB)
    content[MIB:MIB + 20000] = b"base" * 5000
    content[5 * MIB + 512:5 * MIB + 20512] = b"leaf" * 5000
    images.equal(images.read(below), bytes(content), "mkimage")
    content[5 * MIB + 512:5 * MIB + 20512] = bytes(20000)
    images.equal(images.by_7zz(child, form), bytes(content), "7zz")
    assert mkimage("vhd", "create", base, "--size", "20M", status=1).stderr.count(b"is there already")


@pytest.mark.parametrize("to", ["fixed.vhd", "dynamic.vhd", "fixed.vhdx", "dynamic.vhdx"])
@pytest.mark.parametrize("kind", ["raw", "dynamic VHD", "differencing VHD, depth 3", "differencing VHDX"])
def test_convert(kind, to, tmp_path):
    if kind == "raw":
        source = str(tmp_path / "raw.img")
        content = random.Random(1).randbytes(3 * MIB + 1536) + bytes(9 * MIB) + b"end " * 128
        with open(source, "wb") as f:
            f.write(content[:3 * MIB + 1536])
            f.seek(12 * MIB + 1536)
            f.write(b"end " * 128)
    else:
        image = KINDS[kind](str(tmp_path))
        source, content = image.path, image.content
    path = str(tmp_path / to)
    mkimage("vhd", "convert", source, path, "--kind", to.split(".")[0])
    images.equal(images.read(path), content, "mkimage")
    mkimage("vhd", "check", path)
    images.equal(images.by_qemu(path, "vpc" if to.endswith("vhd") else "vhdx"), content, "qemu-img")
    assert stored(path) < stored(source) + 12 * MIB
    assert mkimage("vhd", "compare", source, path).stdout
    write(path, b"X", 700, tmp_path)
    different = mkimage("vhd", "compare", source, path, status=1).stdout.decode()
    assert "sector 1, byte 700" in different
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("kind", ["dynamic VHD", "dynamic VHD, slack of junk", "differencing VHD, depth 3",
                                  "dynamic VHDX", "differencing VHDX", "differencing VHDX, depth 3"])
def test_compact(kind, tmp_path):
    image = KINDS[kind](str(tmp_path))
    content = bytearray(image.content)
    with Server(tmp_path, "file=" + image.path) as server:
        disk = server.connect()
        disk.pwrite(random.Random(3).randbytes(6 * MIB), 0)
        disk.pwrite(bytes(6 * MIB), 0)
        disk.pwrite(b"kept" * 128, MIB)
    content[:6 * MIB] = bytes(6 * MIB)
    content[MIB:MIB + 512] = b"kept" * 128
    before, ids = os.path.getsize(image.path), images.info(image.path)["ids"]
    mkimage("vhd", "compact", image.path)
    images.equal(images.read(image.path), bytes(content), "mkimage")
    images.equal(images.by_7zz(image.path, "vhd" if image.form == "vpc" else "vhdx"), bytes(content), "7zz")
    assert os.path.getsize(image.path) < before or len(image.chain) > 1
    assert images.info(image.path)["ids"] == ids
    mkimage("vhd", "check", image.path)


def used_junk(folder):
    """A raw disk of junk with an NTFS partition and a file in it, and which of its sectors are in use."""
    raw, part = folder / "raw", folder / "part"
    junk = random.Random(12).randbytes(PART)
    part.write_bytes(junk)
    images.run("mkntfs", "-q", "-Q", "-F", "-p", "2048", "-H", "16", "-S", "63", "-c", "2048", part)
    (folder / "file").write_bytes(random.Random(13).randbytes(3 * MIB))
    images.run("ntfscp", part, folder / "file", "file")
    bits = images.run("ntfscat", part, "$Bitmap").stdout
    used = {2048 + cluster * 4 + i for cluster in range(PART // 2048)
            if bits[cluster // 8] >> cluster % 8 & 1 for i in range(4)}
    used |= {*range(2048), *range(25 * 2048 - 1, 25 * 2048 + 2048)}     # outside of it, and its last sector
    raw.write_bytes(junk[:MIB] + part.read_bytes() + junk[MIB:2 * MIB])
    subprocess.run(["/usr/sbin/sfdisk", "-q", raw], input=b"2048,49152,7\n", check=True)
    return raw, part, used


@pytest.mark.parametrize("name", ["disk.vhd", "disk.vhdx", "child.vhd"])
def test_compact_of_what_ntfs_does_not_use(name, tmp_path):
    raw, _, used = used_junk(tmp_path)
    path, content = tmp_path / name, raw.read_bytes()
    if name == "child.vhd":
        mkimage("vhd", "create", tmp_path / "base.vhd", "--size", len(content))
        mkimage("vhd", "create", path, "--parent", tmp_path / "base.vhd")
        write(path, content, 0, tmp_path)
    else:
        mkimage("vhd", "convert", raw, path, "--block-size", "2M" if name == "disk.vhd" else "1M")
    mkimage("vhd", "compact", path)
    before = os.path.getsize(path)
    assert before > PART
    done = mkimage("vhd", "compact", path, "--free")
    assert os.path.getsize(path) < before - 8 * MIB, done.stderr
    now = images.read(path)
    assert all(now[n * 512:n * 512 + 512] == content[n * 512:n * 512 + 512] for n in used)
    (tmp_path / "part").write_bytes(now[MIB:MIB + PART])
    assert images.run("ntfscat", tmp_path / "part", "file").stdout == (tmp_path / "file").read_bytes()
    images.run("ntfsfix", "-n", tmp_path / "part")
    mkimage("vhd", "check", path)


def test_compact_leaves_a_dirty_volume_alone(tmp_path):
    raw, part, _ = used_junk(tmp_path)
    images.run("ntfsfix", part)                         # marks it
    content = bytearray(raw.read_bytes())
    content[MIB:MIB + PART] = part.read_bytes()
    raw.write_bytes(content)
    path = tmp_path / "disk.vhd"
    mkimage("vhd", "convert", raw, path)
    said = mkimage("vhd", "compact", path, "--free").stderr.decode()
    assert "partition 1 keeps its free space: " in said and "no clean NTFS volume" in said, said
    images.equal(images.read(path)[:len(content)], bytes(content), "mkimage")


def shadows(part, *_):
    """Restore points: volsnap's way to its catalog, in $Boot."""
    part[0x1e00:0x1e10] = bytes.fromhex("6b87083876c1484eb7ae04046e6cc752")
    part[0x1e30:0x1e38] = (1 << 20).to_bytes(8, "little")


def bitmap_is_wrong(part, file, bitmap):
    """The clusters of a file, of its second half only, called free."""
    lcn = part.find(file[:2048]) // 2048
    at = part.find(bitmap)
    assert lcn > 0 and at > 0
    for cluster in range(lcn + 700, lcn + 708):
        part[at + cluster // 8] &= ~(1 << cluster % 8)


def bitmap_was_not_written(part, *_):
    """All but its first bytes read as zeros: clusters that are free."""
    record = next(at for at in range(0, len(part), 1024)
                  if part[at:at + 4] == b"FILE" and part[at + 0x2c:at + 0x30] == b"\6\0\0\0")
    at = record + int.from_bytes(part[record + 0x14:record + 0x16], "little")
    while part[at] != 0x80:
        at += int.from_bytes(part[at + 4:at + 8], "little")
    part[at + 0x38:at + 0x40] = (512).to_bytes(8, "little")


@pytest.mark.parametrize("damage, words", [
    (shadows, "shadow copies"), (bitmap_is_wrong, "calls clusters free"),
    (bitmap_was_not_written, "never wholly written")])
def test_compact_does_not_believe(damage, words, tmp_path):
    """A bitmap that does not count what files or shadow copies have: nothing is given away by it."""
    raw, part, _ = used_junk(tmp_path)
    bitmap = images.run("ntfscat", part, "$Bitmap").stdout
    content = bytearray(part.read_bytes())
    damage(content, (tmp_path / "file").read_bytes(), bitmap)
    disk = bytearray(raw.read_bytes())
    disk[MIB:MIB + PART] = content
    raw.write_bytes(disk)
    path = tmp_path / "disk.vhd"
    mkimage("vhd", "convert", raw, path)
    said = mkimage("vhd", "compact", path, "--free").stderr.decode()
    assert "partition 1 keeps its free space: " in said and words in said, said
    images.equal(images.read(path)[:len(disk)], bytes(disk), "mkimage")


def test_compact_of_partitions_that_overlap(tmp_path):
    """What one calls free may be the other's."""
    raw, _, _ = used_junk(tmp_path)
    disk = bytearray(raw.read_bytes())
    disk[446 + 16:446 + 32] = bytes((0, 0, 0, 0, 0x83, 0, 0, 0)) + (30000).to_bytes(4, "little") + \
        (4096).to_bytes(4, "little")
    raw.write_bytes(disk)
    path = tmp_path / "disk.vhd"
    mkimage("vhd", "convert", raw, path)
    said = mkimage("vhd", "compact", path, "--free").stderr.decode()
    assert "overlaps partition 2" in said, said
    images.equal(images.read(path)[:len(disk)], bytes(disk), "mkimage")


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_a_parent_is_left_as_its_children_know_it(form, tmp_path):
    base, child = tmp_path / f"base.{form}", tmp_path / "below" / "deep" / f"child.{form}"
    mkimage("vhd", "create", base, "--size", "4M")
    child.parent.mkdir(parents=True)
    mkimage("vhd", "create", child, "--parent", base)
    (tmp_path / f"name.{form}").symlink_to(base)
    link = tmp_path / "elsewhere" / f"name.{form}"
    link.parent.mkdir()
    link.symlink_to(base)
    before = base.read_bytes()
    for words in (["resize", base, "--size", "5M"], ["compact", base, "--free"], ["convert", child, base, "--yes"],
                  ["convert", base, link, "--yes", "--kind", "fixed"]):
        said = mkimage("vhd", *words, status=1).stderr.decode()
        assert f"child.{form}: is a child of " in said, said
    with pytest.raises(Refused) as refused:
        Server(tmp_path, "file=" + str(base))
    assert "is a child of" in str(refused.value)
    for mode in ("none", "discard"):
        with Server(tmp_path, "file=" + str(base), "write=" + mode) as server:
            server.connect().pread(512, 0)
    assert base.read_bytes() == before
    mkimage("vhd", "compact", base)
    with Server(tmp_path, "file=" + str(child)) as server:
        server.connect().pwrite(b"new " * 128, 0)
    other = tmp_path / "below" / f"other.{form}"
    mkimage("vhd", "create", other, "--parent", base)
    assert f"other.{form}: is a child of" in mkimage("vhd", "merge", child, status=1).stderr.decode()
    os.remove(other)
    grandchild = tmp_path / f"grandchild.{form}"        # not below its parent, but beside that one's parent
    mkimage("vhd", "create", grandchild, "--parent", child)
    said = mkimage("vhd", "merge", child, status=1).stderr.decode()
    assert f"{grandchild}: is a child of {child}." in said, said
    os.remove(grandchild)
    said = mkimage("vhd", "merge", child).stderr.decode()
    assert "no other child of it in" in said and "one elsewhere would be damaged" in said, said
    assert images.read(base, 0, 1) == b"new " * 128


def test_what_a_killed_run_left_is_removed(tmp_path):
    path, other = tmp_path / "disk.vhd", tmp_path / "disk.vhd.x.part"
    mkimage("vhd", "create", path, "--size", "4M")
    left, busy = tmp_path / "disk.vhd.1.part", tmp_path / "disk.vhd.2.part"
    for name in (other, left, busy):
        name.write_bytes(b"part")
    with open(busy, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = mkimage("vhd", "compact", path).stderr.decode()
    assert "disk.vhd.1.part: removed" in said
    assert (left.exists(), busy.exists(), other.exists()) == (False, True, True)


@pytest.mark.parametrize("make", [vhd_chain, vhdx_chain])
def test_rebase(make, tmp_path):
    image = make(str(tmp_path), depth=2, size=12 * MIB, block_size=MIB, seed=4)
    moved = tmp_path / "moved"
    moved.mkdir()
    suffix = os.path.splitext(image.path)[1]
    for path in image.chain[1:]:
        shutil.move(path, moved / os.path.basename(path))
    mkimage("vhd", "read", image.path, status=1)
    mkimage("vhd", "rebase", image.path, "--parent", moved / ("level1" + suffix))
    images.equal(images.read(image.path), image.content, "mkimage")

    same = tmp_path / ("same" + suffix)                 # another image with the parent's content
    mkimage("vhd", "convert", moved / ("level1" + suffix), same)
    mkimage("vhd", "rebase", image.path, "--parent", same)
    images.equal(images.read(image.path), image.content, "mkimage")
    assert len(images.info(image.path)["chain"]) == 2
    other = tmp_path / ("other" + suffix)
    mkimage("vhd", "create", other, "--size", 12 * MIB)
    assert b"does not hold" in mkimage("vhd", "rebase", image.path, "--parent", other, status=1).stderr
    images.equal(images.read(image.path), image.content, "mkimage")


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_rebase_makes_no_loop(form, tmp_path):
    """Nobody changed the descendants, so they hold what the parent so far holds."""
    base, child, grandchild, last = (tmp_path / f"{i}.{form}" for i in range(4))
    mkimage("vhd", "create", base, "--size", "4M")
    for one, parent in ((child, base), (grandchild, child), (last, grandchild)):
        mkimage("vhd", "create", one, "--parent", parent)
    before = child.read_bytes()
    for parent in (grandchild, last):
        said = mkimage("vhd", "rebase", child, "--parent", parent, status=1).stderr.decode()
        assert f"{parent}: was made from {child} itself." in said, said
    assert "cannot be its own parent" in mkimage("vhd", "rebase", child, "--parent", child, status=1).stderr.decode()
    assert child.read_bytes() == before and not list(tmp_path.glob("*.part"))
    assert len(images.info(last)["chain"]) == 4


@pytest.mark.parametrize("make", [vhd_chain, vhdx_chain])
def test_merge(make, tmp_path):
    image = make(str(tmp_path), depth=3, size=12 * MIB, block_size=MIB, seed=5)
    form = "vhd" if image.form == "vpc" else "vhdx"
    ids = images.info(image.path)["ids"]
    other = tmp_path / ("other." + form)
    mkimage("vhd", "create", other, "--parent", image.chain[1])
    assert b"is a child of" in mkimage("vhd", "merge", image.path, status=1).stderr
    os.remove(other)
    said = mkimage("vhd", "merge", image.chain[1], status=1).stderr.decode()
    assert f"{image.path}: is a child of {image.chain[1]}." in said, said
    images.equal(images.read(image.path), image.content, "refused")
    for depth in (2, 1, 0):
        mkimage("vhd", "merge", image.chain[2 - depth])
        path = image.chain[3 - depth]
        assert not os.path.exists(image.chain[2 - depth])
        images.equal(images.read(path), image.content, f"depth {depth}")
        images.equal(images.by_7zz(path, form), image.content, "7zz")
        assert images.info(path)["ids"] == ids[3 - depth:]
        mkimage("vhd", "check", path)


@pytest.mark.parametrize("verb", ["compact", "resize", "merge", "rebase"])
def test_killed(verb, tmp_path):
    """At whatever moment: what was there can still be read, and holds what it held."""
    image = (vhd_chain if verb in ("compact", "merge") else vhdx_chain)(
        str(tmp_path), depth=0 if verb in ("compact", "resize") else 1, size=40 * MIB, block_size=MIB, seed=6)
    data = random.Random(7).randbytes(30 * MIB)
    write(image.path, data, MIB, tmp_path)
    content = bytearray(image.content)
    content[MIB:31 * MIB] = data
    more = {"resize": ["--size", str(44 * MIB)], "rebase": ["--parent", image.chain[-1]]}.get(verb, [])
    content = bytes(content)
    killed, took = 0, 0.0
    for i in range(14):
        for part in tmp_path.glob("*.part"):
            part.unlink()
        process = subprocess.Popen([MKIMAGE, "vhd", verb, image.path, *more], stderr=subprocess.DEVNULL)
        start = time.monotonic()
        try:                            # at fourteen moments of as long as the verb was seen to take
            process.wait(0.004 + i * (took or 0.17) / 14)
        except subprocess.TimeoutExpired:
            process.kill()
        ended = process.wait() == 0
        killed += not ended
        took = time.monotonic() - start if ended else took
        path = image.path if os.path.exists(image.path) else image.chain[1]
        images.equal(images.read(path)[:len(content)], content, f"kill {i}")
        mkimage("vhd", "check", path)
        if path != image.path:
            break
    assert killed > 3


@pytest.mark.parametrize("verb", ["compact", "resize", "rebase", "merge"])
def test_a_vhdx_whose_program_was_killed(verb, tmp_path):
    """What was flushed stands in its log, and counts."""
    base, child = tmp_path / "base.vhdx", tmp_path / "child.vhdx"
    mkimage("vhd", "create", base, "--size", "6M", "--block-size", "1M")
    path = base
    if verb in ("rebase", "merge"):
        path = child
        mkimage("vhd", "create", child, "--parent", base)
    with Server(tmp_path, "file=" + str(path)) as server:
        disk = server.connect()
        disk.pwrite(b"lasting " * 512, MIB - 2048)
        disk.flush()
        server.kill()
    assert "was not closed" in images.info(path)["warnings"][0]
    content = images.read(path)
    mkimage("vhd", verb, path, *{"resize": ["--size", "7M"], "rebase": ["--parent", base]}.get(verb, []))
    now = base if verb == "merge" else path
    images.equal(images.read(now)[:6 * MIB], content, verb)
    assert content.count(b"lasting") and not images.info(now)["warnings"]


def test_what_is_replaced_keeps_its_owner_and_mode(tmp_path):
    path = tmp_path / "disk.vhd"
    mkimage("vhd", "create", path, "--size", "4M")
    if not os.geteuid():
        os.chown(path, 1000, 1001)
    os.chmod(path, 0o664)
    link = tmp_path / "link.vhd"
    link.symlink_to("disk.vhd")
    before = os.stat(path)
    for words in (["compact", link], ["resize", path, "--size", "5M"], ["convert", path, link, "--yes"]):
        subprocess.run(["sh", "-c", 'umask 077; exec "$@"', "sh", MKIMAGE, "vhd", *words], check=True)
        now = os.stat(path)
        assert (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid), words
        assert link.is_symlink()
        assert now.st_ino != before.st_ino
        before = now


def test_what_is_not_replaced(tmp_path):
    """A file with another name, one that is in use, what is no file."""
    path, other = tmp_path / "disk.vhd", tmp_path / "other.vhd"
    mkimage("vhd", "create", path, "--size", "4M")
    shutil.copy(path, other)
    with Server(tmp_path, "file=" + str(other)):
        said = mkimage("vhd", "convert", path, other, "--yes", status=1).stderr.decode()
    assert "is in use by another program" in said
    os.link(other, tmp_path / "name.vhd")
    for words in (["resize", other, "--size", "5M"], ["compact", other], ["convert", path, other, "--yes"]):
        assert "other names (hard links)" in mkimage("vhd", *words, status=1).stderr.decode()
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe", "/dev/null"):
        said = mkimage("vhd", "convert", path, name, "--yes", "--format", "vhd", status=1).stderr.decode()
        assert "is no file" in said, said
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_a_parent_that_is_a_pipe_is_not_waited_for(form, tmp_path):
    base, child = tmp_path / f"base.{form}", tmp_path / f"child.{form}"
    mkimage("vhd", "create", base, "--size", "4M")
    mkimage("vhd", "create", child, "--parent", base)
    os.remove(base)
    os.mkfifo(base)
    done = subprocess.run([MKIMAGE, "vhd", "info", child], timeout=20, capture_output=True, check=False)
    assert done.returncode == 1 and b"is not there" in done.stderr, done
