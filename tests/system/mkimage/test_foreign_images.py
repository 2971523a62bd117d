# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of other kinds are called what they are, with the command that makes a VHD of them: and that one does."""
import re

import pytest

from files import write
from ntfsdisk import MIB
from tools import mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("kind, words", [("qcow2", "QCOW2"), ("vmdk", "VMDK"),
                                         ("vdi", "VDI"), ("iso", "ISO image")])
def test_what_it_is_and_the_command_that_helps(kind, words):
    with open("disk.raw", "wb") as file:
        file.truncate(4 * MIB)
    write("disk.raw", 0, b"\xeb\xfe")
    write("disk.raw", *((0x8001, b"CD001") if kind == "iso" else (510, b"\x55\xaa")))
    name = "disk." + kind
    if kind != "iso":
        run("qemu-img", "convert", "-f", "raw", "-O", kind, "disk.raw", name)
    else:
        run("cp", "disk.raw", name)
    said = {refused("flash", "flash.img", "--vhd", name, words=words),
            refused("vhd", "info", name, words=words), refused("vhd", "check", name, words=words)}
    command = re.search(r"\(qemu-img (.*) OLD NEW.vhd\)", said.pop()).group(1)
    run("qemu-img", *command.split(), name, "new.vhd")
    mkimage("flash", "flash.img", "--vhd", "new.vhd")
    mkimage("check", "flash.img", status=1 if kind == "iso" else 0)         # a CD has no boot record at sector 0


def test_an_empty_file():
    open("empty.vhd", "w", encoding="utf-8").close()
    refused("flash", "flash.img", "--vhd", "empty.vhd", words="empty.vhd: the file is empty")
    refused("vhd", "info", "empty.vhd", words="the file is empty")
