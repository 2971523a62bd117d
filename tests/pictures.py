#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents' pictures of the tool in a terminal: docs/help.png, docs/list.png, docs/check.png. What is in them is
what the tool prints, of a stick with the demonstration's Linux that is made for it.
usage: tests/pictures.py MKIMAGE DEMO_VHD FOLDER"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from picture import terminal                                    # pylint: disable=wrong-import-position

CONFIG = """timeout = 5
[lab]
title = Debian, our laboratory
vhd = \\lab.vhd
[kiosk]
title = The same, changes gone at power off
vhd = \\lab.vhd
write = discard
[disk]
title = The machine's own disk
boot = disk 1
"""


def main(mkimage, demo, folder):
    mkimage, demo, folder = map(os.path.abspath, (mkimage, demo, folder))
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        os.symlink(mkimage, "vhdboot")
        os.symlink(demo, "lab.vhd")
        with open("menu.cfg", "w", encoding="ascii") as file:
            file.write(CONFIG)

        def shown(*words):
            done = subprocess.run(["./vhdboot", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return ["$ vhdboot " + " ".join(words), *done.stdout.decode().splitlines()]

        shown("flash", "stick.img", "--vhd", "lab.vhd", "--config", "menu.cfg", "--size", "2G", "--reserve", "256M")
        shown("snapshot", "stick.img", "--entry", "lab")
        for name, words in (("help", ["help"]), ("list", ["list", "stick.img"]), ("check", ["check", "stick.img"])):
            terminal(os.path.join(folder, name + ".png"), shown(*words))


if __name__ == "__main__":
    main(*sys.argv[1:])
