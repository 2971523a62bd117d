# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hive's logs hold: both forms, made by tests/lib/winregistry.py, replayed by mkimage's code (hive_dump), and
read as the hive that they lead to."""
import struct

import pytest

from hive import Key, dword, hive, sz
from tools import BUILD, run
from winregistry import as_left_by_windows, log, log_entry, marvin, old_log, with_sequences


def tree(value, more=0):
    return Key("ROOT", [Key("k%d" % n, values=[dword("v", n if n != 7 else value), sz("s", "x" * 900)])
                        for n in range(40 + more)])


OLD, NEW = hive(tree(1), minor=5), hive(tree(2), minor=5)
LONGER = hive(tree(2, more=9), minor=5)


def dump(folder, data, *logs):
    """Lines: what became of the replay, then the hive."""
    names = []
    for number, content in enumerate((data, *logs)):
        path = folder / f"f{number}"
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)
        names.append(path)
    lines = run(f"{BUILD}/hive/hive_dump", *names, status=None).stdout.decode().splitlines()
    return (lines[0], lines[1:]) if logs else lines


def test_hash():
    """Another program's numbers for these bytes: public logs have that seed, its bytes in this order."""
    assert marvin(bytes(32)) == 0xda91a06ac5359223
    assert marvin(bytes(range(40))) == 0x2366e1bab67b6ea3


@pytest.mark.parametrize("new", [NEW, LONGER], ids=["same", "longer"])
def test_new_form(tmp_path, new):
    wanted = dump(tmp_path, new)
    data, one, two = as_left_by_windows(OLD, new)
    assert dump(tmp_path, data) != wanted
    assert dump(tmp_path, data, one, two) == ("replayed 3", wanted)
    assert dump(tmp_path, data, two, one) == ("replayed 3", wanted), "which of the two is earlier, their numbers say"
    assert dump(tmp_path, data, one, two, b"\0" * 1024) == ("replayed 3", wanted)
    assert dump(tmp_path, data, one, two, b"junk" * 256) == ("replayed 3", wanted), "a .LOG counts where it is alone"
    assert dump(tmp_path, new, one, two) == ("replayed 0", wanted), "a hive that is up to date needs none"
    later = with_sequences(data, 90, 80)
    assert dump(tmp_path, later, one, two)[0] == "stale: no log beside it holds the rest"
    assert dump(tmp_path, data, None, None)[0] == "stale: no log beside it holds the rest"
    assert dump(tmp_path, data, b"", bytes(512))[0] == "stale: no log beside it holds the rest"


def entries(new, sequence, *parts):
    length = len(new) - 4096
    return [log_entry(sequence + n, length, {at: new[4096 + at:8192 + at] for at in part})
            for n, part in enumerate(parts)]


def test_which_log_counts(tmp_path):
    """Numbers: one that is in the hive already; one that follows; a gap between two; a wrap."""
    pages = [at - 4096 for at in range(4096, len(NEW), 4096) if OLD[at:at + 4096] != NEW[at:at + 4096]]
    wanted, was = dump(tmp_path, NEW), dump(tmp_path, OLD)
    data = with_sequences(OLD, 8, 7)
    change = log(OLD, entries(NEW, 7, pages))
    back = log(OLD, entries(OLD, 3, pages))
    assert dump(tmp_path, data, change, back) == ("replayed 1", wanted)
    assert dump(tmp_path, data, back, change) == ("replayed 1", wanted)
    assert dump(tmp_path, data, back, None) == ("stale: no log beside it holds the rest", ["dirty", *was])
    later = log(OLD, entries(NEW, 500, pages))
    assert dump(tmp_path, data, later, None) == ("replayed 1", wanted), "the hive's own number may lag behind"
    gap = log(OLD, entries(NEW, 9, pages))
    assert dump(tmp_path, data, change, gap)[0] == "stale: a change is missing between its two logs"
    both = log(OLD, entries(OLD, 0xffffffff, pages)), log(OLD, entries(NEW, 0, pages))
    assert dump(tmp_path, with_sequences(OLD, 0xffffffff, 0xfffffffe), *both) == ("replayed 2", wanted)
    assert dump(tmp_path, with_sequences(OLD, 0xffffffff, 0xfffffffe), *both[::-1]) == ("replayed 2", wanted)


def test_damaged_new_form(tmp_path):
    data, one, two = as_left_by_windows(OLD, NEW)
    was = ["dirty", *dump(tmp_path, OLD)]
    result = dump(tmp_path, data, one[:40] + b"\xee" + one[41:], two)
    assert result == ("stale: a log beside it is damaged", was)
    cut = dump(tmp_path, data, one[:600], two)
    assert cut[0] == "stale: no log beside it holds the rest"
    assert dump(tmp_path, data, one, two[:530] + b"?" + two[531:])[0] == "replayed 2", "a torn entry is the end"
    wild = log(OLD, [log_entry(40, len(OLD) - 4096, {len(OLD): b"x" * 512})])
    assert dump(tmp_path, data, wild, None) == ("stale: one of its logs contradicts itself", was)
    short = log(OLD, [log_entry(40, 4095, {0: b"x" * 512})])
    assert dump(tmp_path, data, short, None) == ("stale: one of its logs contradicts itself", was)
    no_bin = log(OLD, [log_entry(40, len(OLD) - 4096, {0: b"x" * 512})])
    assert dump(tmp_path, data, no_bin, None) == ("stale: one of its logs contradicts itself", was)


@pytest.mark.parametrize("new", [NEW, LONGER], ids=["same", "longer"])
@pytest.mark.parametrize("kind", [1, 2])
def test_old_form(tmp_path, new, kind):
    wanted = dump(tmp_path, new)
    data = with_sequences(new[:40] + OLD[40:44] + new[44:4096] + OLD[4096:], 6, 5)
    one = old_log(data, new, kind=kind)
    assert dump(tmp_path, data, one) == ("replayed 1", wanted)
    assert dump(tmp_path, data, one, b"", b"\0" * 512) == ("replayed 1", wanted)
    assert dump(tmp_path, data, b"", one) == ("replayed 1", wanted)
    assert dump(tmp_path, data, None, bytes(1024), one) == ("replayed 1", wanted), "one log only"
    other = with_sequences(one[:12] + struct.pack("<Q", 77) + one[20:], 6, 6)
    assert dump(tmp_path, data, other)[0] == "stale: no log beside it holds the rest", "another date"
    assert dump(tmp_path, data, other, one) == ("replayed 1", wanted)
    assert dump(tmp_path, data, other, b"", one)[0] == "stale: no log beside it holds the rest", ".LOG is left over"
    assert dump(tmp_path, with_sequences(data, 5, 5), one)[0] == "replayed 0"


def test_damaged_old_form(tmp_path):
    data, was = with_sequences(OLD, 6, 5), ["dirty", *dump(tmp_path, OLD)]
    one = old_log(data, NEW)
    for log1, words in [(with_sequences(one, 6, 5), "a log beside it is damaged"),
                        (one[:508] + b"\0\0\0\0" + one[512:], "a log beside it is damaged"),
                        (one[:512] + b"INVL" + one[516:], "one of its logs contradicts itself"),
                        (one[:-4096], "one of its logs contradicts itself"), (one[:520], "contradicts itself"),
                        (with_sequences(one[:40] + b"\1\2\3\4" + one[44:], 6, 6), "contradicts itself"),
                        (one[:1024] + bytes(512) + one[1536:], "contradicts itself")]:
        first, lines = dump(tmp_path, data, log1)
        assert first.startswith("stale: ") and first.endswith(words) and lines == was


def test_header_lost(tmp_path):
    """The hive's own header is damaged: it comes from the log."""
    data, one, two = as_left_by_windows(OLD, NEW)
    lost = b"regf" + bytes(56) + b"?" + data[61:]
    assert not dump(tmp_path, lost), "it is no hive any more"
    whole = log(OLD, entries(NEW, 41, range(0, len(NEW) - 4096, 4096)))
    assert dump(tmp_path, lost, one, whole) == ("replayed 1", dump(tmp_path, NEW)), "the later log alone counts"
    assert dump(tmp_path, lost, None, b"")[0] == "stale: its header is damaged, and no log beside it holds another"
    bin_dated = OLD[:4116] + struct.pack("<Q", 77) + OLD[4124:]
    new_dated = NEW[:12] + struct.pack("<Q", 77) + NEW[20:4116] + struct.pack("<Q", 77) + NEW[4124:]
    dated = with_sequences(new_dated, 1, 1)
    lost = b"regf" + bytes(56) + b"?" + bin_dated[61:]
    first, lines = dump(tmp_path, lost, old_log(bin_dated, dated))
    assert first == "replayed 1" and lines == dump(tmp_path, dated)
    assert dump(tmp_path, lost[:4116] + bytes(8) + lost[4124:], old_log(bin_dated, dated))[0].startswith("stale: its")
