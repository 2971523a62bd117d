# SPDX-License-Identifier: GPL-2.0-or-later
"""The server behind an attached disk, with a client in the kernel's place: requests as the kernel sends them."""
import contextlib
import os
import subprocess
import sys
import threading
import time

import nbd
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from lines import FUA, LINES, Lines, NO_HOLE, READ, Refused, WRITE              # noqa: E402
from served import KINDS, MIB, Model                                            # noqa: E402


@pytest.mark.parametrize("kind", ["fixed VHD", "dynamic VHD", "differencing VHD, depth 3", "dynamic VHDX"])
def test_random_requests(kind, tmp_path):
    assert (nbd.CMD_FLAG_FUA, nbd.CMD_FLAG_NO_HOLE) == (FUA, NO_HOLE)       # the model's words
    image = KINDS[kind](str(tmp_path))
    model = Model(image, 31)
    for _ in range(2):
        with Lines(image.path, count=3) as lines:
            assert lines.size == image.size
            for i in range(150):
                model.step(lines[i % 3])
            model.compare(lines[0])
    images.equal(images.read(image.path), bytes(model.content), "mkimage")


def test_what_it_offers(tmp_path):
    image = KINDS["dynamic VHD"](str(tmp_path))
    with Lines(image.path) as lines:
        assert not lines.can("read-only")
        assert all(lines.can(what) for what in ("flush", "fua", "trim", "zeroes", "multi-conn"))
    before = open(image.path, "rb").read()
    with Lines(image.path, "none") as lines:
        assert lines.can("read-only") and lines.can("multi-conn")
        assert lines[0].pread(4096, 0) == image.content[:4096]
        with pytest.raises(Refused) as refused:
            lines[0].pwrite(bytes(512), 0)
        assert refused.value.number == 1                                    # EPERM
    assert "the disk is only read" in lines.said
    with Lines(image.path, "discard") as lines:
        assert not lines.can("read-only")
        lines[0].pwrite(b"x" * 4096, 512)
        assert lines[0].pread(4096, 512) == b"x" * 4096
    assert open(image.path, "rb").read() == before


def test_requests_longer_than_its_buffer(tmp_path):
    image = KINDS["dynamic VHD"](str(tmp_path))
    data = os.urandom(9 * MIB + 512)
    with Lines(image.path) as lines:
        lines[0].pwrite(data, MIB + 512, FUA)
        assert lines[0].pread(len(data) + 1024, MIB) == image.content[MIB:MIB + 512] + data + \
            image.content[MIB + 512 + len(data):MIB + 1024 + len(data)]
    assert images.read(image.path)[MIB + 512:][:len(data)] == data


def test_what_is_beyond_the_end_is_refused_and_the_line_goes_on(tmp_path):
    image = KINDS["dynamic VHD"](str(tmp_path))
    with Lines(image.path) as lines:
        line = lines[0]
        for ask in (lambda: line.pread(1024, image.size - 512), lambda: line.pwrite(bytes(8192), image.size),
                    lambda: line.pwrite(bytes(512), (1 << 64) - 512), lambda: line.trim(1024, image.size - 512),
                    lambda: line.zero(512, image.size), lambda: line.answer(line.ask(77))):
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.number == 22                               # EINVAL
            assert line.pread(512, 0) == image.content[:512]


def test_flushed_is_kept_when_it_is_killed(tmp_path):
    image = KINDS["dynamic VHDX"](str(tmp_path))
    lines = Lines(image.path, count=2)
    lines[0].pwrite(b"a" * 4096, 20 * MIB)
    lines[1].flush()                                    # of the other line: one for all
    lines[1].pwrite(b"b" * 4096, 22 * MIB, FUA)
    lines.kill()
    after = images.read(image.path)
    assert after[20 * MIB:][:4096] == b"a" * 4096 and after[22 * MIB:][:4096] == b"b" * 4096


@pytest.mark.parametrize("what", ["magic", "half a request", "half a write", "gone"])
def test_bad_clients_lose_their_line_only(what, tmp_path):
    image = KINDS["dynamic VHD"](str(tmp_path))
    lines = Lines(image.path, count=2)
    bad = lines[0]
    if what == "magic":
        bad.ask(READ, 0, 512, magic=0x12560953)
        with pytest.raises(EOFError):
            bad.receive(1)
    elif what == "half a request":
        bad.end.sendall(b"\x25\x60\x95\x13\0")
    elif what == "half a write":
        bad.ask(WRITE, 0, 8192, b"?" * 4096)
    bad.end.close()
    lines[1].pwrite(b"good" * 128, 4096)
    assert lines[1].pread(512, 4096) == b"good" * 128
    lines.lines = lines.lines[1:]
    assert lines.end() == "badly"                       # one of the two did not say goodbye
    content = images.read(image.path)
    assert content[:4096] == image.content[:4096] and content[4096:4608] == b"good" * 128


def test_lines_at_once(tmp_path):
    image = KINDS["dynamic VHDX"](str(tmp_path))
    failures = []

    def client(line, number):
        try:
            for i in range(200):
                at = i * 37 % 400 * 65536 + number * 16384
                data = b"%08d" % (number * 1000 + i) * 512
                line.pwrite(data, at)
                assert line.pread(len(data), at) == data
                if i % 50 == 0:
                    line.flush()
        except Exception as failure:                    # pylint: disable=broad-except
            failures.append(failure)

    with Lines(image.path, count=4) as lines:
        threads = [threading.Thread(target=client, args=(lines[n], n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    images.run("qemu-img", "check", "-f", "vhdx", image.path)


def test_it_is_static():
    assert b"not a dynamic" in subprocess.run(["ldd", LINES], capture_output=True, check=False).stderr


def test_another_server_goes_on_where_one_rests(tmp_path):
    """Each request is answered, once, and in its order: those before, and those that the first one did not read."""
    image = KINDS["dynamic VHD"](str(tmp_path))
    with Lines(image.path, count=2, keeps=True) as lines:
        for turn in range(4):
            asked = []
            with writer(lines[0], turn, asked):
                assert lines.rest() == "rests"
                lines[1].ask(WRITE, MIB, 512, b"%d" % turn * 512)           # there is nobody
                time.sleep(0.1)
                lines.go_on(image.path)
            lines[1].answer(lines[1].cookie)
            for cookie in asked:
                lines[0].answer(cookie)
            assert lines[0].pread(512, MIB) == b"%d" % turn * 512
            for i in range(len(asked)):
                assert lines[0].pread(4096, i * 4096) == bytes([turn + 1, i]) * 2048
    assert images.read(image.path)[MIB:MIB + 512] == b"3" * 512


@contextlib.contextmanager
def writer(line, turn, asked):
    """Writes without waiting for answers."""
    def write():
        for i in range(128):
            asked.append(line.ask(WRITE, i * 4096, 4096, bytes([turn + 1, i]) * 2048))
    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join()
