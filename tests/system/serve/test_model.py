# SPDX-License-Identifier: GPL-2.0-or-later
"""Random writes, zeros, trims, flushes and restarts through the nbdkit plugin, for every kind of image:
what it holds is compared with a model all the time, and at the end with other programs' readers."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from served import KINDS, Model, Server                                         # noqa: E402

STEPS, RESTARTS = 120, 4


def judge(image, content):
    """What others say of the file, each where it reads right."""
    images.equal(images.read(image.path), content, "mkimage")
    images.mkimage("vhd", "check", image.path)
    if len(image.chain) == 1 and "fixed" not in image.path:     # QEMU goes by that one's geometry
        images.equal(images.by_qemu(image.path, image.form), content, "qemu-img")
    if image.form == "vpc":
        images.equal(images.by_7zz(image.path, "vhd"), content, "7zz")
    else:
        images.equal(images.by_7zz(image.path, "vhdx"), content, "7zz")
        if len(image.chain) == 1:
            images.equal(images.by_libvhdi(*image.chain), content, "libvhdi")
            images.run("qemu-img", "check", "-f", "vhdx", image.path)


@pytest.mark.parametrize("kind", KINDS)
def test_model(kind, tmp_path):
    image = KINDS[kind](str(tmp_path))
    parents = [open(path, "rb").read() for path in image.chain[1:]]
    model = Model(image, kind)
    for _ in range(RESTARTS):
        with Server(tmp_path, "file=" + image.path) as server:
            disk = server.connect()
            assert disk.get_size() == image.size
            model.compare(disk)
            for _ in range(STEPS):
                model.step(disk)
            model.compare(disk)
        judge(image, bytes(model.content))
    assert parents == [open(path, "rb").read() for path in image.chain[1:]], "a parent was written"


def past_the_page_cache(server, path):
    """Has the server the file open with O_DIRECT, for its data?"""
    folder = f"/proc/{server.process.pid}"
    for fd in os.listdir(folder + "/fd"):
        try:
            if os.path.realpath(f"{folder}/fd/{fd}") == os.path.realpath(path):
                with open(f"{folder}/fdinfo/{fd}", encoding="ascii") as info:
                    if int(info.read().split("flags:")[1].split()[0], 8) & os.O_DIRECT:
                        return True
        except FileNotFoundError:
            pass
    return False


@pytest.mark.parametrize("kind", ["fixed VHD", "differencing VHD, depth 3", "dynamic VHDX", "differencing VHDX"])
def test_model_past_the_page_cache(kind, tmp_path):
    image = KINDS[kind](str(tmp_path))
    model = Model(image, kind)
    for _ in range(2):
        with Server(tmp_path, "file=" + image.path, "direct=true") as server:
            assert all(past_the_page_cache(server, path) for path in image.chain)
            disk = server.connect()
            for _ in range(STEPS):
                model.step(disk)
            model.compare(disk)
        judge(image, bytes(model.content))


def test_a_file_that_ends_inside_of_a_sector(tmp_path):
    """A footer of 511 bytes, which cannot be read past the page cache without more than there is."""
    image = KINDS["dynamic VHD"](str(tmp_path))
    os.truncate(image.path, os.path.getsize(image.path) - 1)
    model = Model(image, "short")
    with Server(tmp_path, "file=" + image.path, "direct=true") as server:
        assert past_the_page_cache(server, image.path)
        disk = server.connect()
        for _ in range(STEPS // 4):
            model.step(disk)
        model.compare(disk)
    judge(image, bytes(model.content))


@pytest.mark.parametrize("form, options", [("vpc", "force_size=on"), ("vhdx", "block_size=1M"), ("vhdx", "")])
def test_in_turns_with_qemu(form, options, tmp_path):
    """QEMU and we add blocks to one file in turns."""
    path = str(tmp_path / "disk")
    images.run("qemu-img", "create", "-q", "-f", form, *(["-o", options] if options else []), path, "40M")
    content = bytearray(40 << 20)
    for turn in range(6):
        at = (turn * 7 % 40 << 20) + turn * 4096
        with Server(tmp_path, "file=" + path) as server:
            disk = server.connect()
            disk.pwrite(bytes([turn + 1]) * 70000, at)
        content[at:at + 70000] = bytes([turn + 1]) * 70000
        at = (turn * 5 % 39 << 20) + 512 * 100
        images.run("qemu-io", "-f", form, "-c", f"write -P {turn + 100} {at} 1M", path)
        content[at:at + (1 << 20)] = bytes([turn + 100]) * (1 << 20)
        images.equal(images.by_qemu(path, form), bytes(content), "qemu-img")
        images.equal(images.read(path), bytes(content), "mkimage")
