# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader of registry hives, as hive_dump, beside libhivex and reged: what one wrote, all read alike."""
import hashlib
import random

import bcd
import hivex
import pytest
from hive import Key, Value, binary, dword, hive, multi_sz, sz
from tools import BUILD, need, run


def tree():
    services = [Key("svc%d" % n, values=[dword("Start", n % 5), sz("ImagePath", r"system32\drivers\svc%d.sys" % n)])
                for n in range(40)]
    odd = Key("Odd", values=[Value("", 1, b"a\0b\0\0\0"), binary("empty", b""), binary("five", b"12345"),
                             multi_sz("many", ["one", "zwei", "tr\xeas"]), Value("q", 11, bytes(range(8))),
                             binary("long", random.Random(1).randbytes(16344)), Value("strange", 0x4711, b"x")])
    return Key("ROOT", [Key("Select", values=[dword("Current", 1)]),
                        Key("ControlSet001", [Key("Services", services), Key("Control")]),
                        Key("\u4e2d\u6587", [odd]), Key("\xc4rger", values=[sz("\u4e2d", "\u6587")])])


def dump(path, status=0):
    done = run(f"{BUILD}/hive/hive_dump", path, status=status)
    return done.stdout.decode().splitlines()


def by_hivex(path):
    h = hivex.Hivex(str(path))
    lines = []

    def walk(node, name):
        lines.append(name)
        for value in h.node_values(node):
            kind, data = h.value_value(value)
            lines.append(f"{name}\t{h.value_key(value)}\t{kind}\t{data.hex()}")
        for child in h.node_children(node):
            walk(child, f"{name}\\{h.node_name(child)}")

    walk(h.root(), "")
    return lines


@pytest.mark.parametrize("lists", ["lf", "lh", "li", "ri"])
def test_all_read_alike(tmp_path, lists):
    path = tmp_path / "hive"
    path.write_bytes(hive(tree(), lists))
    ours = dump(path)
    assert len(ours) == 8 + 40 * 3 + 9 and ours == by_hivex(path)
    assert r"\ControlSet001\Services\svc7	Start	4	02000000" in ours


def test_what_hivex_wrote(tmp_path):
    path = tmp_path / "hive"
    path.write_bytes(hive(Key("ROOT", [Key("Select")])))
    h = hivex.Hivex(str(path), write=True)
    node = h.node_add_child(h.root(), "ControlSet001")
    for n in range(700):
        child = h.node_add_child(node, "key %d" % n)
        h.node_set_values(child, [{"key": "Start", "t": 4, "value": bytes([n & 255, n >> 8, 0, 0])},
                                  {"key": "Blob", "t": 3, "value": hashlib.sha512(b"%d" % n).digest()}])
    h.node_delete_child(h.node_get_child(node, "key 13"))
    h.commit(None)
    ours = dump(path)
    assert len(ours) == 3 + 699 * 3 and ours == by_hivex(path)
    assert not [line for line in ours if line.startswith(("dirty", "refused"))]


def test_what_reged_wrote(tmp_path):
    """And reged opens what tests/lib/hive.py makes."""
    need("reged")
    path, reg = tmp_path / "hive", tmp_path / "new.reg"
    path.write_bytes(hive(tree()))
    reg.write_bytes("Windows Registry Editor Version 5.00\r\n\r\n[T\\Select]\r\n\"Current\"=dword:00000002\r\n"
                    "\r\n[T\\New]\r\n\"Name\"=\"text\"\r\n\r\n".encode("utf-16"))
    run("reged", "-C", "-I", path, "T", reg, status=None)
    ours = dump(path)
    assert "\\Select\tCurrent\t4\t02000000" in ours and ours == by_hivex(path)


def test_dirty_and_damaged(tmp_path):
    path = tmp_path / "hive"
    path.write_bytes(hive(tree(), sequences=(8, 9)))
    assert dump(path)[0] == "dirty"
    data = bytearray(hive(tree()))
    data[60] ^= 1
    path.write_bytes(data)
    assert dump(path)[0].startswith("refused: its checksum")
    at = data.index(b"nk", 8192 + 2000)
    data[at:at + 2] = b"xx"
    path.write_bytes(data)
    assert len(dump(path, status=1)) > 20


def test_random_bytes_end(tmp_path):
    """Sanitizers watch; whatever is read, it ends soon."""
    path, rng, good = tmp_path / "hive", random.Random(16), hive(tree(), "ri")
    for _ in range(20):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 200)):
            data[rng.randrange(4096, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        done = run(f"{BUILD}/hive/hive_dump", path, status=None)
        assert done.returncode in (0, 1), done.stderr[-2000:]


def test_stores_of_the_tests_open_elsewhere(tmp_path):
    """What tests/lib/bcd.py makes, others read: every key and value of it."""
    path = tmp_path / "BCD"
    path.write_bytes(bcd.store([bcd.vhd_entry(bcd.guid(1), "One", bcd.vhd_locate(r"\a.vhd"))], bcd.guid(1), 5))
    ours = dump(path)
    assert ours == by_hivex(path) and len(ours) == 38
    assert f"\\Objects\\{bcd.MANAGER}\\Elements\\25000004\tElement\t3\t0500000000000000" in ours
    need("reged")
    done = run("reged", "-x", path, "HKEY", "Objects", tmp_path / "out.reg", status=None)
    assert bcd.guid(1) in (tmp_path / "out.reg").read_text(errors="replace"), done.stdout
