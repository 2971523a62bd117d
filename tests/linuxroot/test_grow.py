# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot-attach grow in the small Linux whose root lies in the image: its server gives way and comes back."""
import json
import re

import pytest
from flash import mkimage, run, tool
from rootdisk import add_program, boot, check_outside, copy_disk, make_flash

MIB = 1 << 20

STEPS = """
dd if=/dev/urandom of=/a bs=1M count=12; sync
i=0
while [ $i -lt 24 ] && ! vhdboot-attach info | grep -q '^room   2 MiB'; do i=$((i+1))
dd if=/dev/urandom of=/a$i bs=1M count=1; sync; done
sleep 6
step warned sh -c 'dmesg | grep vhdboot:'
dd if=/dev/urandom of=/b bs=64k count=240 &
step grown vhdboot-attach grow 70M
wait; sync
step data md5sum /a /b
step room vhdboot-attach info --json
"""


@pytest.mark.takes(70)
@pytest.mark.timeout(600)
def test_grows_under_a_running_root_while_it_writes(shop, qemu):
    """It warns at a tenth, gets room while its disk is written to, and all of it is there afterwards."""
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), STEPS)
    add_program(raw, "vhdboot-grow", "/sbin/vhdboot-grow")
    flash = make_flash(shop, raw, size="24M")
    run("truncate", "-s", "+300M", flash)
    mkimage("grow", flash)
    report = boot(shop, qemu, flash, "ahci", 280)
    assert re.search(r"vhdboot: root: only 2 MiB are left for new blocks of the image\. vhdboot-attach grow",
                     report["warned"]), report.text
    assert "got slack for" in report["grown"] and report.step["grown"][1] == 0, report["grown"]
    assert json.loads(report["room"])["room"] >= 16 * MIB
    sums = dict(re.findall(r"^([0-9a-f]{32})  /(\w)", report["data"], re.MULTILINE))
    check_outside(shop, flash, {name: total for total, name in sums.items()})
