# SPDX-License-Identifier: GPL-2.0-or-later
"""The nbdkit plugin's face: what it offers, its parameters, its locks, and other programs' tools on it."""
import fcntl
import json
import os
import struct
import sys
import threading
import time

import nbd
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
import vhdx                                                                     # noqa: E402
from served import KINDS, MIB, Model, PLUGIN, Refused, Server, vhd_chain        # noqa: E402


def test_what_it_offers(tmp_path):
    image = KINDS["dynamic VHDX"](str(tmp_path))
    with Server(tmp_path, "file=" + image.path) as server:
        disk = server.connect()
        for can in ("flush", "fua", "trim", "zero", "multi_conn", "df", "cache"):
            assert getattr(disk, "can_" + can)(), can
        assert not disk.is_read_only()
        assert disk.get_block_size(nbd.SIZE_MINIMUM) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_nbdcopy_and_map(kind, tmp_path):
    image = KINDS[kind](str(tmp_path))
    copy = tmp_path / "copy"
    with Server(tmp_path, "file=" + image.path, "write=none") as server:
        images.run("nbdcopy", server.uri, copy)
        extents = json.loads(images.run("nbdinfo", "--json", "--map", server.uri).stdout)
        assert server.connect().is_read_only()
    assert copy.read_bytes() == image.content
    at = 0
    for extent in extents:
        assert extent["offset"] == at
        at += extent["length"]
        if extent["type"] == 3:
            assert image.content.count(0, extent["offset"], at) == extent["length"]
    assert at == image.size
    assert kind == "fixed VHD" or any(extent["type"] == 3 for extent in extents)


def test_map_as_long_as_a_request_can_ask_for(tmp_path):
    """More than that made nbdkit abort, with what was not flushed."""
    path, size, longest = tmp_path / "disk.vhdx", 20 << 30, (1 << 32) - 1
    images.mkimage("vhd", "create", path, "--size", size)
    with Server(tmp_path, "file=" + str(path)) as server:
        disk = server.connect()
        disk.pwrite(b"data" * 128, size // 2)
        for start in (0, 512, size // 2, size - longest):
            found = []
            disk.block_status(longest, start,
                              lambda _context, _at, entries, _error, found=found: found.extend(entries) or 0)
            assert 1 << 31 < sum(found[::2]) <= size - start
        assert json.loads(images.run("nbdinfo", "--json", "--map", server.uri).stdout)[0]["offset"] == 0
        assert disk.pread(4, size // 2) == b"data"


def test_map_of_a_child_shows_the_parents_data(tmp_path):
    image = KINDS["differencing VHD"](str(tmp_path))
    stored = [i for i in range(0, image.size, 512) if image.content.count(0, i, i + 512) != 512]
    with Server(tmp_path, "file=" + image.path, "write=none") as server:
        extents = json.loads(images.run("nbdinfo", "--json", "--map", server.uri).stdout)
    data = [(e["offset"], e["offset"] + e["length"]) for e in extents if e["type"] == 0]
    assert all(any(low <= at < high for low, high in data) for at in stored)


@pytest.mark.parametrize("kind", ["dynamic VHD", "differencing VHDX"])
def test_discard_keeps_nothing(kind, tmp_path):
    image = KINDS[kind](str(tmp_path))
    before = [open(path, "rb").read() for path in image.chain]
    model = Model(image, 5)
    with Server(tmp_path, "file=" + image.path, "write=discard") as server:
        disk = server.connect()
        for _ in range(200):
            model.step(disk)
        model.compare(disk)
        json.loads(images.run("nbdinfo", "--json", "--map", server.uri).stdout)
    assert before == [open(path, "rb").read() for path in image.chain]


@pytest.mark.parametrize("parameters, words", [
    ((), "name an image"),
    (("file=missing.vhd",), "no such file"),
    (("file=image", "write=often"), "choose persistent, discard or none"),
    (("file=image", "colour=blue"), "no such parameter"),
    (("file=image", "entry=linux"), "entry= is one of a disk with a boot menu"),
    (("file=junk",), "no VHD"),
    (("target=junk",), "cannot be opened"),
])
def test_refusals(parameters, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.rename(KINDS["dynamic VHD"](str(tmp_path)).path, "image")
    (tmp_path / "junk").write_bytes(bytes(100000))
    with pytest.raises(Refused) as refused:
        Server(tmp_path, *parameters)
    assert words in str(refused.value)


def test_image_that_should_not_be_written(tmp_path):
    """One that a suspended virtual machine goes on with."""
    image = vhd_chain(str(tmp_path), depth=0, size=4 * MIB, block_size=512 << 10, seed=1, saved_state=1)
    with pytest.raises(Refused) as refused:
        Server(tmp_path, "file=" + image.path)
    assert "should not be written" in str(refused.value) and "write=none" in str(refused.value)
    with Server(tmp_path, "file=" + image.path, "write=none") as server:
        assert server.connect().pread(512, 0) == image.content[:512]


def test_sectors_of_4096_bytes(tmp_path):
    """Refused when it is opened, and not at each request; so is a child, which would have others."""
    path, child = str(tmp_path / "disk.vhdx"), tmp_path / "child.vhdx"
    disk = vhdx.Vhdx(4 * MIB, block_size=MIB)
    disk.sector_size = 4096
    disk.write(path)
    for mode in ("persistent", "none", "discard"):
        with pytest.raises(Refused) as refused:
            Server(tmp_path, "file=" + path, "write=" + mode)
        assert "has sectors of 4096 bytes: only 512 are served" in str(refused.value)
    assert b"has sectors of 4096 bytes" in images.mkimage("vhd", "create", child, "--parent", path, status=1).stderr
    assert not child.exists()


def test_two_writers_are_refused(tmp_path):
    image = KINDS["dynamic VHDX"](str(tmp_path))
    with Server(tmp_path, "file=" + image.path) as server:
        for mode in ("persistent", "none", "discard"):
            with pytest.raises(Refused) as refused:
                Server(tmp_path, "file=" + image.path, "write=" + mode)
            assert "is in use by another program" in str(refused.value)
        done = images.run("qemu-img", "info", "-f", "vhdx", image.path, status=1)
        assert "lock" in done.stderr.decode()
        done = images.run("qemu-io", "-f", "vhdx", "-c", "write 0 512", image.path, status=1)
        assert server.connect().pread(512, 0) == image.content[:512]


def test_nothing_is_read_of_what_is_being_written(tmp_path):
    """Whoever has the lock may have written half of it: that is not told as damage, or believed."""
    path = tmp_path / "disk.vhd"
    path.write_bytes(bytes(1 << 20))                    # as it is before its footer is there
    with open(path, "r+b") as writer:
        for at in (101, 201):                           # QEMU's bytes: writes, and nobody else may
            fcntl.fcntl(writer, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, at, 1, 0))
        for mode in ("persistent", "none"):
            with pytest.raises(Refused) as refused:
                Server(tmp_path, "file=" + str(path), "write=" + mode)
            assert "is in use by another program" in str(refused.value)


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_no_child_of_what_is_being_written(form, tmp_path):
    """It would be a child of content that goes on changing."""
    base, child = tmp_path / f"base.{form}", tmp_path / f"child.{form}"
    images.mkimage("vhd", "create", base, "--size", "4M")
    with Server(tmp_path, "file=" + str(base)):
        done = images.mkimage("vhd", "create", child, "--parent", base, status=1)
        assert b"is in use by another program, which writes to it" in done.stderr and not child.exists()
    with Server(tmp_path, "file=" + str(base), "write=none"):
        images.mkimage("vhd", "create", child, "--parent", base)


def test_readers_share_and_keep_writers_away(tmp_path):
    image = KINDS["differencing VHD"](str(tmp_path))
    with Server(tmp_path, "file=" + image.path, "write=none"):
        with Server(tmp_path, "file=" + image.path, "write=none"):
            images.run("qemu-img", "info", "-f", "vpc", image.path)
        with pytest.raises(Refused):
            Server(tmp_path, "file=" + image.path)
        with pytest.raises(Refused):                    # its parent neither
            Server(tmp_path, "file=" + image.chain[1])


@pytest.mark.parametrize("kind", ["dynamic VHD", "differencing VHD, depth 3", "dynamic VHDX", "differencing VHDX"])
def test_killed_server_keeps_what_was_flushed(kind, tmp_path):
    image = KINDS[kind](str(tmp_path))
    model = Model(image, 11)
    for _ in range(5):
        server = Server(tmp_path, "file=" + image.path)
        disk = server.connect()
        model.compare(disk)
        for _ in range(40):
            model.step(disk)
        disk.flush()
        disk.pwrite(b"not flushed" * 512, 4096)
        model.content[4096:4096 + 11 * 512] = b"not flushed" * 512
        server.kill()
        after = images.read(image.path)
        sectors = range(4096, 4096 + 11 * 512, 512)
        for at in sectors:                              # any of them: what is there now counts
            model.content[at:at + 512] = after[at:at + 512]
        images.equal(after, bytes(model.content), "mkimage")


@pytest.mark.parametrize("seconds, kept", [(1, True), (0, False)])
def test_killed_server_keeps_what_is_some_seconds_old(seconds, kept, tmp_path):
    """A new block is named by tables that only a flush writes: here nobody but the server itself flushes."""
    image = KINDS["dynamic VHDX"](str(tmp_path))
    at = next(at for at in range(0, image.size, MIB) if image.content.count(0, at, at + MIB) == MIB)
    server = Server(tmp_path, "file=" + image.path, f"flush={seconds}")
    server.connect().pwrite(b"some seconds old" * 256, at)
    time.sleep(2.5 if kept else 1.5)
    server.kill()
    expected = b"some seconds old" * 256 if kept else bytes(4096)
    assert images.read(image.path)[at:at + 4096] == expected


@pytest.mark.parametrize("kind", ["dynamic VHD", "differencing VHD", "dynamic VHDX", "differencing VHDX"])
def test_connections_at_once(kind, tmp_path):
    """Four clients, each in places of its own within the same blocks, while a fifth flushes."""
    image = KINDS[kind](str(tmp_path))
    content = bytearray(image.content)
    failures = []

    def client(server, number):
        try:
            disk = server.connect()
            for i in range(300):
                at = ((i * 37 % 4000) * 4 + number) * 512
                data = bytes([number + 1, i & 255]) * 256
                if i % 11 == 10:
                    disk.zero(512, at)
                    data = bytes(512)
                else:
                    disk.pwrite(data, at)
                content[at:at + 512] = data
                assert disk.pread(512, at) == data
        except Exception as why:                        # pylint: disable=broad-except
            failures.append(why)

    with Server(tmp_path, "file=" + image.path) as server:
        threads = [threading.Thread(target=client, args=(server, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        flusher = server.connect()
        while any(thread.is_alive() for thread in threads):
            flusher.flush()
        assert not failures
    images.equal(images.read(image.path), bytes(content), "mkimage")


def test_full_disk(tmp_path):
    """The file may not become longer: told, and what was flushed stays."""
    image = KINDS["dynamic VHD"](str(tmp_path))
    limit = os.path.getsize(image.path) + MIB
    requests = 'qemu-io -f raw -c "write -P 1 0 64k" -c flush -c "write -P 2 2M 20M" -c flush $uri'
    done = images.run("prlimit", f"--fsize={limit}", "nbdkit", "-U", "-", PLUGIN, "file=" + image.path, "--run",
                      requests, status=None)
    assert done.returncode == 1, "20 MiB were written where one fits"
    assert b"No space left on device" in done.stdout + done.stderr, done
    assert b"the file cannot become that long" in done.stderr, done
    after = images.read(image.path)
    assert after[:65536] == b"\1" * 65536


class TestVolume:
    """An image on an NTFS volume: written in its own clusters."""

    @pytest.fixture
    def stick(self, tmp_path):
        image = vhd_chain(str(tmp_path), depth=0, size=64 * MIB, block_size=2 * MIB, seed=20)
        path = str(tmp_path / "stick.img")
        config = tmp_path / "vhdboot.cfg"
        config.write_text("[linux]\nvhd = \\level0.vhd\n[test]\nvhd = \\level0.vhd\nwrite = discard\n"
                          "[memory]\nvhd = \\level0.vhd\nram = yes\n")
        images.mkimage("flash", path, "--vhd", image.path, "--config", str(config), "--reserve", "8M", "--size", "192M")
        return path, image

    @pytest.mark.parametrize("how", ["path", "entry"])
    def test_only_its_clusters_change(self, stick, how, tmp_path):
        path, image = stick
        with open(path, "rb") as f:
            before = f.read()
        name = ["file=" + path + ":/level0.vhd"] if how == "path" else ["target=" + path, "entry=linux"]
        content = bytearray(image.content)
        with Server(tmp_path, *name) as server:
            disk = server.connect()
            for at in (0, 5 * MIB, 63 * MIB):
                disk.pwrite(b"on the stick" * 4096, at)
                content[at:at + 49152] = b"on the stick" * 4096
            disk.flush()
        with open(path, "rb") as f:
            after = f.read()
        extents = json.loads(images.mkimage("extents", path + ":/level0.vhd", "--json").stdout)
        extents = extents["extents"] if isinstance(extents, dict) else extents
        own = {s for e in extents for s in range(e["drive_lba"], e["drive_lba"] + e["count"])}
        changed = [i // 512 for i in range(0, len(before), 512) if before[i:i + 512] != after[i:i + 512]]
        assert changed and set(changed) <= own
        images.equal(images.read(path + ":/level0.vhd"), bytes(content), "mkimage")

    def test_a_parent_on_it_is_not_written(self, tmp_path):
        image = vhd_chain(str(tmp_path), depth=1, size=12 * MIB, block_size=2 * MIB, seed=21)
        path = str(tmp_path / "stick.img")
        images.mkimage("flash", path, "--vhd", image.path, "--reserve", "none", "--size", "96M")
        with open(path, "rb") as file:
            before = file.read()
        name = "file=" + path + ":/" + os.path.basename(image.chain[1])
        with pytest.raises(Refused) as refused:
            Server(tmp_path, name)
        assert "is a child of" in str(refused.value)
        for mode in ("none", "discard"):
            with Server(tmp_path, name, "write=" + mode) as server:
                server.connect().pread(512, 0)
        with Server(tmp_path, "target=" + path) as server:      # the child itself
            server.connect().pread(512, 0)
        with open(path, "rb") as file:
            assert file.read() == before

    def test_what_nobody_knows_in_a_vhdx_is_spared(self, tmp_path):
        """A region of another program's, of an odd length, and the place of a block that is not mapped."""
        path, disk = str(tmp_path / "disk.vhdx"), str(tmp_path / "stick.img")
        images.mkimage("vhd", "create", path, "--size", "16M", "--block-size", "1M")
        with open(path, "rb") as file:
            content = bytearray(file.read())
        region, place = len(content), len(content) + 2 * MIB
        content += (b"R" * 0x101234).ljust(2 * MIB, b"\0") + b"U" * MIB
        bat = next(int.from_bytes(content[at + 16:at + 24], "little") for at in (0x30010, 0x30030)
                   if content[at:at + 4] == bytes.fromhex("6677c22d"))
        content[bat + 8:bat + 16] = (place | 3).to_bytes(8, "little")       # block 1 is unmapped
        for table in (0x30000, 0x40000):
            content[table + 8:table + 12] = (3).to_bytes(4, "little")
            content[table + 80:table + 112] = b"another program!" + struct.pack("<QII", region, 0x101234, 0)
            content[table + 4:table + 8] = bytes(4)
            content[table + 4:table + 8] = vhdx.crc32c(bytes(content[table:table + 65536])).to_bytes(4, "little")
        with open(path, "wb") as file:
            file.write(content)
        images.mkimage("flash", disk, "--vhd", path, "--reserve", "8M", "--size", "96M")
        with Server(tmp_path, "file=" + disk + ":/disk.vhdx") as server:
            server.connect().pwrite(b"new " * (3 * MIB // 4), 0)
        now = images.mkimage("cat", disk + ":/disk.vhdx").stdout
        assert now[region:region + 0x101234] == content[region:region + 0x101234]
        assert now[place:place + MIB] == b"U" * MIB
        assert images.read(disk + ":/disk.vhdx", 0, 6 * 2048 // 2) == b"new " * (3 * MIB // 4)
        images.mkimage("vhd", "check", disk + ":/disk.vhdx")

    def test_past_the_page_cache(self, stick, tmp_path):
        path, image = stick
        content = bytearray(image.content)
        with Server(tmp_path, "target=" + path, "entry=linux", "direct=true") as server:
            disk = server.connect()
            for at in (512, 5 * MIB, 63 * MIB):
                disk.pwrite(b"on the stick" * 4096, at)
                content[at:at + 49152] = b"on the stick" * 4096
            assert disk.pread(MIB, 0) == content[:MIB]
        images.equal(images.read(path + ":/level0.vhd"), bytes(content), "mkimage")

    def test_slack_used_up(self, stick, tmp_path):
        path, _image = stick
        with Server(tmp_path, "file=" + path + ":/level0.vhd") as server:
            disk = server.connect()
            with pytest.raises(nbd.Error) as full:
                for at in range(0, 64 * MIB, MIB):
                    disk.pwrite(b"x" * MIB, at)
            assert full.value.errno == "ENOSPC"
            disk.flush()
        images.mkimage("vhd", "check", path + ":/level0.vhd")

    @pytest.mark.parametrize("entry", ["test", "memory"])
    def test_entry_that_discards(self, stick, entry, tmp_path):
        path, image = stick
        with open(path, "rb") as f:
            before = f.read()
        with Server(tmp_path, "target=" + path, "entry=" + entry) as server:
            disk = server.connect()
            disk.pwrite(b"gone" * 128, 0)
            assert disk.pread(512, 0) == b"gone" * 128
            assert disk.pread(512, 512) == image.content[512:1024]
        with open(path, "rb") as f:
            assert before == f.read()


def test_flush_of_more_pages_than_an_entry_of_the_log_takes(tmp_path):
    """A page of sector bitmaps each, and of the BAT: several entries, and round the ring."""
    base, child = tmp_path / "base.vhdx", tmp_path / "child.vhdx"
    images.mkimage("vhd", "create", base, "--size", "16G", "--block-size", "1M")
    images.mkimage("vhd", "create", child, "--parent", base, "--block-size", "1M")
    for turn in range(3):
        server = Server(tmp_path, "file=" + str(child))
        disk = server.connect()
        places = [(i << 24) + turn * 65536 + i * 512 for i in range(1000)]
        for at in places:
            disk.pwrite(b"%8d" % (at >> 9) * 64, at)
        disk.flush()
        server.kill()
        said = images.info(child)["warnings"]
        assert any("was not closed" in text for text in said), said
        for at in places[::37]:
            assert images.read(child, at >> 9, 2) == b"%8d" % (at >> 9) * 64 + bytes(512)
    with Server(tmp_path, "file=" + str(child)) as server:
        disk = server.connect()
        for turn in range(3):
            for i in range(1000):
                at = (i << 24) + turn * 65536 + i * 512
                assert disk.pread(1024, at) == b"%8d" % (at >> 9) * 64 + bytes(512)
        disk.pwrite(b"x" * 512, 0)
    assert images.info(child)["warnings"] == []
    images.mkimage("vhd", "check", child)
