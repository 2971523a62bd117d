# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage check gives the machine's answer: for one entry or all, in lines or as JSON, whatever goes wrong."""
import json
import os
import random

import pytest

from layers import Fixed, dynamic
from ntfsdisk import MIB
from tools import FRAGMENT, mkimage, refused, run
import vhd

pytestmark = pytest.mark.usefixtures("folder")
KEYS = {"boots", "error", "advice", "sectors_read", "reads", "steps"}


def check(*arguments, status=0):
    done = mkimage("check", *arguments, "--json", status=status)
    answer = json.loads(done.stdout)
    assert KEYS <= answer.keys() and answer["boots"] == (status == 0) == (answer["error"] is None), answer
    assert len(done.stderr.splitlines()) == (status != 0), done.stderr
    return answer


def gpt_for_uefi(name):
    """A disk with a GPT and nothing for a BIOS, as sfdisk makes it."""
    with open("raw", "wb") as file:
        file.truncate(4 * MIB)
    with open("script", "w+", encoding="ascii") as script:
        script.write("label: gpt\nsize=1MiB, type=U\n")
        script.seek(0)
        run("sfdisk", "-q", "raw", stdin=script)
    vhd.make_fixed(name, 4 * MIB // 512, source="raw")


def flash(config, *images):
    """f.img with these images and this config."""
    with open("cfg", "w", encoding="utf-8") as file:
        file.write(config)
    return mkimage("flash", "f.img", "--vhd", ",".join(images), "--config", "cfg", "--yes").stderr.decode()


@pytest.mark.parametrize("make, word", [
    pytest.param(gpt_for_uefi, "no boot code", id="for UEFI"),
    pytest.param(lambda name: vhd.make_fixed(name, 4 * MIB // 512), "lacks 55AAh", id="blank")])
def test_a_disk_without_a_system_does_not_boot_and_flash_warns(make, word):
    make("x.vhd")
    ahead = mkimage("flash", "f.img", "--vhd", "x.vhd", "--dry-run").stderr.decode()
    done = mkimage("flash", "f.img", "--vhd", "x.vhd")
    warnings = [line for line in done.stderr.decode().splitlines() if "warning" in line]
    assert len(warnings) == 1 and "\\x.vhd: the disk has no boot" in warnings[0], done.stderr
    assert "install a system" in warnings[0], warnings
    assert [line for line in ahead.splitlines() if "warning" in line] == warnings
    answer = check("f.img", status=1)
    assert answer["system"] is False and "\\x.vhd: the disk has no boot" in answer["error"], answer
    assert word in answer["error"]
    refused("check", "f.img", words=word)
    assert b"would not boot, " in mkimage("check", "f.img", status=1).stdout


def test_flash_warns_of_each_entry_without_a_system():
    Fixed("good")
    for name in ("x.vhd", "y.vhd"):
        vhd.make_fixed(name, 4 * MIB // 512)
    said = mkimage("flash", "f.img", "--vhd", "x.vhd,good.vhd,y.vhd").stderr.decode()
    warned = [name for name in ("x", "good", "y") if f"warning: \\{name}.vhd: " in said]
    assert warned == ["x", "y"], said


def test_all_entries_each_with_its_mode_and_answer():
    Fixed("good")
    vhd.make_fixed("empty.vhd", 4 * MIB // 512)
    flash("default = keep\n[gone]\nvhd = \\gone.vhd\n[keep]\ntitle = Good one\nvhd = \\good.vhd\n"
          "[drop]\nvhd = \\good.vhd\nwrite = discard\n[look]\nvhd = \\good.vhd\nwrite = none\n"
          "[memory]\nvhd = \\good.vhd\nram = yes\n[empty]\nvhd = \\empty.vhd\n", "good.vhd", "empty.vhd")
    answer = check("f.img", "--all", status=1)
    assert [(e["entry"], e["write"], e["ram"], e["boots"]) for e in answer["entries"]] == [
        ("gone", "persistent", False, False), ("keep", "persistent", False, True),
        ("drop", "discard", False, True), ("look", "none", False, True), ("memory", "persistent", True, True),
        ("empty", "persistent", False, False)], answer
    assert "\\gone.vhd" in answer["error"] == answer["entries"][0]["error"]
    assert answer["entries"][3]["write_protected"] and not answer["entries"][1]["write_protected"]
    assert all({"image", "map"} == {s["name"] for s in e["steps"]} for e in answer["entries"] if e["boots"])
    assert [s["name"] for s in answer["steps"]] == ["mbr", "vbr", "stage2", "config", "volume"], answer["steps"]

    done = mkimage("check", "f.img", "--all", status=1)
    blocks = done.stdout.decode().split("\n\n")
    assert len(blocks) == 8 and len(done.stderr.splitlines()) == 1, done
    assert blocks[2].startswith("keep: Good one, write = persistent, the default\n"), blocks[2]
    assert blocks[2].endswith("\nwould boot") and blocks[1].endswith("\nwould not boot"), blocks
    assert blocks[3].startswith("drop: drop, write = discard\n"), blocks[3]
    assert blocks[5].startswith("memory: memory, write = persistent, ram = yes\n"), blocks[5]
    assert blocks[7].startswith("4 of 6 entries would boot, "), blocks[7]

    assert check("f.img")["entry"] == "keep"
    config = [s["text"] for s in check("f.img", "--entry", "drop")["steps"] if s["name"] == "config"]
    assert config == ["\\vhdboot.cfg, 6 entries, drop, write = discard"], config
    mkimage("check", "f.img", "--all", "--entry", "keep", status=2)


def test_all_entries_boot():
    Fixed("a")
    Fixed("b")
    mkimage("flash", "f.img", "--vhd", "a.vhd,b.vhd")
    answer = check("f.img", "--all")
    assert [e["boots"] for e in answer["entries"]] == [True, True], answer
    assert b"2 of 2 entries would boot" in mkimage("check", "f.img", "--all").stdout
    run("dd", "if=/dev/zero", "of=f.img", "bs=440", "count=1", "conv=notrunc")
    answer = check("f.img", "--all", status=1)          # without boot code, none of them does
    assert [(e["boots"], e["error"]) for e in answer["entries"]] == [(False, answer["error"])] * 2, answer


def test_every_line_of_the_config_that_is_not_understood_is_told():
    Fixed("a")
    lines = [f"bogus{n} = 1" for n in range(3, 43)]
    said = flash("[a]\nvhd = \\a.vhd\n" + "\n".join(lines) + "\n", "a.vhd")
    assert all(f"line {n}: unknown key: bogus{n}\n" in said for n in range(3, 43)), said
    config = [s for s in check("f.img")["steps"] if s["name"] == "config"][0]
    assert config["warnings"] == [f"line {n}: unknown key: bogus{n}" for n in range(3, 43)], config
    out = mkimage("check", "f.img").stdout.decode().splitlines()
    assert [line.split(None, 2)[2] for line in out if line.startswith("warn config")] == config["warnings"], out
    plain = check("f.img")
    flash("[a]\nvhd = \\a.vhd\n" + "#" * (len("\n".join(lines))) + "\n", "a.vhd")
    assert plain["sectors_read"] == check("f.img")["sectors_read"], "looking for all of them counts"


def test_a_further_drive_that_is_not_there_is_one_line():
    dynamic("d", random.Random(30))
    flash("[a]\nvhd = \\d.vhd\n[b]\nvhd = \\d.vhd\nparent = far:\\b.vhd\n", "d.vhd")
    for entry in ("a", "b"):
        answer = check("f.img", "--entry", entry, "--drive", "nothing.img", status=1)
        assert "nothing.img" in answer["error"], answer
        refused("check", "f.img", "--entry", entry, "--drive", "nothing.img", words="nothing.img")
        refused("read", "f.img", "--entry", entry, "--drive", "nothing.img", words="nothing.img")
    refused("snapshot", "f.img", "--entry", "a", "--drive", "nothing.img", words="nothing.img")


def test_what_the_volume_warns_of_is_said_once():
    dynamic("d", random.Random(31))
    flash("[a]\nvhd = \\d.vhd\n", "d.vhd")
    with open("hiberfil.sys", "wb") as file:
        file.write(b"hibr" + bytes(1 << 20))
    run(FRAGMENT, "f.img", "hiberfil.sys", "/hiberfil.sys", 1)
    said = mkimage("check", "f.img").stdout.decode()
    assert [line for line in said.splitlines() if "volume" in line and "hibernated" in line and
            "write-protected" not in line] and said.count("Windows is hibernated on this volume") == 2, said
    assert "hibernated on it" not in said


@pytest.mark.parametrize("mode", ["write = discard", "write = none", "ram = yes", "write = persistent"])
def test_reserve_is_advised_only_where_changes_go_into_the_file(mode):
    dynamic("d", random.Random(3))
    with open("cfg", "w", encoding="ascii") as file:
        file.write(f"[a]\nvhd = \\d.vhd\n{mode}\n")
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--reserve", "none", "--config", "cfg")
    said = mkimage("check", "f.img").stdout.decode()
    assert ("reserve" in said) == (mode == "write = persistent"), said


def test_an_image_of_which_nothing_can_be_written_is_write_protected():
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=64M", "d.vhdx", 64 * MIB)   # gets no new blocks
    mkimage("flash", "f.img", "--vhd", "d.vhdx")
    answer = check("f.img", status=1)                   # it holds no system either
    assert answer["write_protected"] is True and any("write-protected" in s["text"] for s in answer["steps"]), answer
    Fixed("good")
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[a]\nvhd = \\good.vhd\nwrite = discard\ndiscard_max = 1M\n")
    mkimage("flash", "g.img", "--vhd", "good.vhd", "--config", "cfg")
    assert check("g.img")["write_protected"] is False


@pytest.mark.parametrize("kind", ["fixed", "dynamic"])
def test_large_blocks_are_no_matter_where_all_are_there(kind):
    with open("d.raw", "wb") as file:
        file.write(random.Random(9).randbytes(MIB) * 128)
    mkimage("vhd", "convert", "d.raw", "d.vhdx", "--kind", kind, "--block-size", "64M")
    mkimage("flash", "f.img", "--vhd", "d.vhdx")
    said = mkimage("check", "f.img", status=None).stdout.decode()
    assert "sectors, 1 run" in said and "new block" not in said and "write-protected" not in said, said


@pytest.mark.parametrize("verb", ["map missing", "extents missing:/a", "vhd info missing"])
def test_json_for_other_verbs_failures(verb):
    done = mkimage(*verb.split(), "--json", status=1)
    answer = json.loads(done.stdout)
    assert "missing" in answer["error"], answer
    assert done.stderr.decode() == f"mkimage: {answer['error']}. {answer['advice']}\n", done.stderr
    assert not mkimage(*verb.split(), status=1).stdout


def damaged():
    with open("f.img", "wb") as file:
        file.truncate(8 * MIB)
    return ["f.img"]


def with_flash(*options):
    Fixed("a")
    mkimage("flash", "f.img", "--vhd", "a.vhd")
    return ["f.img", *options]


@pytest.mark.parametrize("arguments, words", [
    pytest.param(lambda: ["missing.img"], "missing.img", id="no file"),
    pytest.param(lambda: ["."], "", id="a folder"),
    pytest.param(lambda: [os.devnull], "", id="no disk"),
    pytest.param(damaged, "", id="nothing on it"),
    pytest.param(lambda: with_flash("--entry", "z"), "z", id="no such entry"),
    pytest.param(lambda: with_flash("--partition", "3"), "", id="no such partition")])
@pytest.mark.parametrize("all_entries", [False, True], ids=["one", "all"])
def test_json_for_every_failure(arguments, words, all_entries):
    arguments = arguments()
    if all_entries and "--entry" in arguments:
        return
    answer = check(*arguments, *["--all"] * all_entries, status=1)
    assert words in answer["error"] and answer["advice"], answer
    assert answer.get("entries", []) == [], answer
    sentence = mkimage("check", *arguments, status=1).stderr.decode()
    assert sentence == f"mkimage: {answer['error']}. {answer['advice']}\n", sentence
