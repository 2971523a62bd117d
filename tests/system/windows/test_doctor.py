# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage windows doctor: what it says of registries with the values of public hives."""
import json

import pytest

from ntfsdisk import disk, spoil
from tools import mkimage, refused
from winimage import plant, windows_tree, windows_vhd
from winregistry import as_left_by_windows, software, system, system_tree, with_sequences, yesterday
from hive import hive

DRIVERS = ("usbehci usbhub USBSTOR usbccgp vhdmp msahci atapi pciide intelide iaStorV storahci stornvme USBXHCI "
           "Ucx01000 USBHUB3 FsDepends").split()


def tree(build, edition, system_hive=None, **more):
    files = windows_tree(build, SYSTEM=system_hive or system(build), SOFTWARE=software(build, edition, **more))
    for name in DRIVERS:
        files[f"Windows/System32/drivers/{name}.sys"] = b"MZ"
    return files


def doctor(*where, status=0):
    done = mkimage("windows", "doctor", *where, "--json", status=status)
    answer = json.loads(done.stdout)
    assert status is None or answer["starts"] == (status == 0)
    assert list(answer["buses"]) == ["usb2", "usb3", "ahci", "ide", "nvme", "hyperv"]
    return answer


def starts(answer):
    return {bus for bus, verdict in answer["buses"].items() if verdict["starts"]}


def said(answer, words):
    return any(words in finding for finding in answer["findings"])


def test_seven(folder):
    """As installed: no USB, no AHCI; IDE as Hyper-V has it."""
    del folder
    image = windows_vhd("a.vhd", tree(7601, "Enterprise", product="Windows 7 Enterprise"), 48 << 20)
    answer = doctor(image)
    assert (answer["version"], answer["edition"], answer["architecture"]) == ("6.1.7601", "Enterprise", "AMD64")
    assert answer["native_vhd_boot"] and starts(answer) == {"ide", "hyperv"}
    assert "BootDriverFlags" in answer["buses"]["usb2"]["why"]
    assert "Windows 7 brings no driver" in answer["buses"]["usb3"]["why"]
    assert "msahci" in answer["buses"]["ahci"]["why"]
    for words in ("PollBootPartitionTimeout is 0", "expands to its full size", "paging file", "--inside"):
        assert said(answer, words), words
    mkimage("flash", "s.img", "--vhd", image, "--size", "160M", "--reserve", "none")
    answer = doctor("s.img", status=1)
    assert said(answer, "needs") and said(answer, "has no \\Boot\\BCD")
    mkimage("windows", "boot", "s.img")
    assert said(doctor("s.img", status=1), "has entry {")
    text = mkimage("windows", "doctor", "s.img", status=1)
    assert b"no   USB 2" in text.stdout and text.stderr.count(b"\n") == 1


@pytest.mark.parametrize("build, edition", [(9600, "Professional"), (19045, "Core")])
def test_eight_and_ten(folder, build, edition):
    """As left: its changes in the logs, StartOverride for controllers that machine lacked."""
    del folder
    new = hive(system_tree(build), minor=5, lists="lh")
    old = hive(yesterday(system_tree(build)), minor=5, lists="lh")
    dirty, log1, log2 = as_left_by_windows(old, new)
    files = tree(build, edition, dirty)
    files["Windows/System32/config/SYSTEM.LOG1"] = log1
    files["Windows/System32/config/SYSTEM.LOG2"] = log2
    answer = doctor(windows_vhd("a.vhdx", files, 48 << 20))
    assert answer["native_vhd_boot"], "vhdmp is in the log"
    assert starts(answer) == {"usb2", "usb3", "ide", "hyperv"}
    assert "StartOverride keeps storahci" in answer["buses"]["ahci"]["why"]
    assert said(answer, "3 changes of") and said(answer, "1 of 2 keys of HardwareConfig")
    files["Windows/System32/config/SYSTEM.LOG2"] = log2[:700] + b"?" + log2[701:]
    answer = doctor(windows_vhd("b.vhdx", files, 48 << 20))
    assert said(answer, "2 changes of"), "an entry that is damaged ends the replay"
    del files["Windows/System32/config/SYSTEM.LOG1"], files["Windows/System32/config/SYSTEM.LOG2"]
    answer = doctor(windows_vhd("c.vhdx", files, 48 << 20))
    assert not answer["native_vhd_boot"] and starts(answer) == {"hyperv"}
    assert said(answer, "is not up to date") and "vhdmp" in answer["buses"]["usb2"]["why"]


@pytest.mark.parametrize("build, edition, kind, words", [
    (7601, "Professional", "vhd", "only Enterprise and Ultimate"), (7601, "Ultimate", "vhdx", "knows no VHDX"),
    (6002, "Enterprise", "vhd", "with 7 and Server 2008 R2")])
def test_not_native(folder, build, edition, kind, words):
    del folder
    answer = doctor(windows_vhd("a." + kind, tree(build, edition), 48 << 20))
    assert not answer["native_vhd_boot"] and words in answer["buses"]["usb2"]["why"]
    assert starts(answer) == {"hyperv"}, "as a machine's own disk it starts all the same"


def test_odd_registries(folder):
    """Damage is a sentence, or a driver that is not there; never a crash."""
    del folder
    good = tree(7601, "ServerHyper", server=True)
    name = "Windows/System32/config/SYSTEM"
    assert doctor(windows_vhd("a.vhd", good, 48 << 20))["native_vhd_boot"], "a server of 2008 R2"
    no_software = dict(good)
    del no_software["Windows/System32/config/SOFTWARE"]
    answer = doctor(windows_vhd("b.vhd", no_software, 48 << 20))
    assert answer["version"] == "7601" and said(answer, "the edition is not known")
    for number, (data, words) in enumerate([(b"regf", "no registry hive"), (good[name][:5000], "."),
                                            (with_sequences(good[name], 3, 2)[:4096] + bytes(9000), "."),
                                            (hive(system_tree(7601).keys[1]), "control set")]):
        image = windows_vhd(f"c{number}.vhd", {**good, name: data}, 48 << 20)
        refused("windows", "doctor", image, words=words)
        failure = json.loads(mkimage("windows", "doctor", image, "--json", status=1).stdout)
        assert failure["error"]
    at = good[name].index(b"vk", 4096)
    holed = good[name][:at] + b"??" + good[name][at + 2:]
    assert said(doctor(windows_vhd("h.vhd", {**good, name: holed}, 48 << 20), status=None), "1 of its keys and values")
    wrong_sum = good[name][:60] + b"?" + good[name][61:]
    answer = doctor(windows_vhd("w.vhd", {**good, name: wrong_sum}, 48 << 20), status=None)
    assert said(answer, "its header is damaged, and no log beside it holds another")
    empty = windows_vhd("e.vhd", {"x": b"y"}, 32 << 20)
    refused("windows", "doctor", empty, words="no Windows on it")
    refused("windows", "doctor", "missing.vhd")
    gone = dict(good)
    del gone["Windows/System32/drivers/atapi.sys"]
    answer = doctor(windows_vhd("g.vhd", gone, 48 << 20), status=1)
    assert "the file of atapi is not there" in answer["buses"]["ide"]["why"]
    disk("raw.img", plant(good, 48 << 20))
    answer = doctor("raw.img")
    assert starts(answer) == {"ide", "hyperv"} and not said(answer, "expands")
    spoil("raw.img", "hibernated")
    assert said(doctor("raw.img"), "hibernated")
