# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot-attach grow in the small Linux whose root lies in the image: its server gives way and comes back."""
import json
import re

import pytest
from cuts import no_cluster_lost_to_two
from flash import mkimage, run, tool
from ntfsdisk import cut_out
from rootdisk import add_program, boot, check_outside, copy_disk, make_flash

MIB = 1 << 20
WAIT_SECONDS = 25                       # the kernel sends a request again after 30

STEPS = """
dd if=/dev/urandom of=/a bs=1M count=12; sync
i=0
while [ $i -lt 24 ] && ! vhdboot-attach info | grep -q '^room   2 MiB'; do i=$((i+1))
dd if=/dev/urandom of=/a$i bs=1M count=1; sync; done
sleep 6
step warned sh -c 'dmesg | grep vhdboot:'
now() { sed "s/\\.\\(..\\).*/\\1/" /proc/uptime; }
waits() {
most=0
while [ ! -e /run/grown ]; do
began=$(now); dd if=/dev/urandom of=/c bs=64k count=8 conv=fsync,notrunc 2>/dev/null; took=$(($(now) - began))
[ $took -gt $most ] && most=$took; echo $most > /run/most; done
}
waits &
dd if=/dev/urandom of=/b bs=64k count=240 &
step grown vhdboot-attach grow 70M
touch /run/grown; wait; sync
step waited cat /run/most
step data md5sum /a /b
step room vhdboot-attach info --json
"""


def with_room_beside(shop, steps):
    """A flash whose system has the program and hardly any slack, on a volume that has room for more."""
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), steps)
    add_program(raw, "vhdboot-grow", "/sbin/vhdboot-grow")
    flash = make_flash(shop, raw, size="24M")
    run("truncate", "-s", "+300M", flash)
    mkimage("grow", flash)
    return flash


@pytest.mark.takes(70)
@pytest.mark.timeout(600)
def test_grow(shop, qemu):
    """It warns at a tenth, gets room while its disk is written to, and all of it is there afterwards."""
    flash = with_room_beside(shop, STEPS)
    report = boot(shop, qemu, flash, "ahci", 280)
    assert re.search(r"vhdboot: root: only 2 MiB are left for new blocks of the image\. vhdboot-attach grow",
                     report["warned"]), report.text
    assert "got slack for" in report["grown"] and report.step["grown"][1] == 0, report["grown"]
    assert 0 < int(report["waited"]) < 100 * WAIT_SECONDS, "a write waited for too long"
    assert json.loads(report["room"])["room"] >= 16 * MIB
    sums = dict(re.findall(r"^([0-9a-f]{32})  /(\w)", report["data"], re.MULTILINE))
    check_outside(shop, flash, {name: total for total, name in sums.items()})


# It ends in the middle of a step, with the server gone; the next one finds what it left.
KILLED = r"""
for i in 1 2 3 4 5 6 7 8; do
dd if=/dev/urandom of=/a$i bs=256k count=4 2>/dev/null &
vhdboot-attach grow 6M & usleep $((i * 150000)); killall -9 vhdboot-grow && echo killed; wait
done > /run/killed 2>&1
step killed cat /run/killed
step grown vhdboot-attach grow 6M
sync; echo 3 > /proc/sys/vm/drop_caches
step data sh -c 'md5sum /a[1-8]'
"""


@pytest.mark.takes(100)
@pytest.mark.timeout(900)
def test_grow_killed(shop, qemu):
    flash = with_room_beside(shop, KILLED)
    report = boot(shop, qemu, flash, "ahci", 500)
    assert report["killed"].count("killed") > 2, report["killed"]
    assert report.status("grown") == 0 and "got slack for 6 MiB" in report["grown"], report["grown"]
    sums = re.findall(r"^([0-9a-f]{32})  /(\w+)", report["data"], re.MULTILINE)
    check_outside(shop, flash, {name: total for total, name in sums})
    assert len(sums) == 8
    no_cluster_lost_to_two(cut_out(flash, shop.path("cut.ntfs")))
