# SPDX-License-Identifier: GPL-2.0-or-later
"""`make install`: the tool under its own name, the manual, the completions; `make uninstall` takes all of it away."""
import os
import re
import subprocess

import pexpect
import pytest

from flash import run as said_by
from tools import BUILD, mkimage, run

pytestmark = pytest.mark.xdist_group("install")


def make(root, *arguments, status=0):
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "--no-print-directory", "-C", root, f"B={os.path.relpath(BUILD, root)}", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False)
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(pytestconfig, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    make(pytestconfig.rootpath, "install", f"DESTDIR={folder}", "PREFIX=/usr")
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_what_is_installed_and_that_uninstall_takes_it_away(pytestconfig, tmp_path):
    make(pytestconfig.rootpath, "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/x")
    there = files(tmp_path)
    for name in ("bin/vhdboot", "share/man/man1/vhdboot.1", "share/man/man5/vhdboot.cfg.5",
                 "share/bash-completion/completions/vhdboot", "share/zsh/site-functions/_vhdboot",
                 "lib/nbdkit/plugins/nbdkit-vhdboot-plugin.so", "share/man/man1/nbdkit-vhdboot-plugin.1",
                 "sbin/vhdboot-attach", "share/man/man8/vhdboot-attach.8", "share/doc/vhdboot/README.md",
                 "share/doc/vhdboot/docs/WRITES.md"):
        assert f"opt/x/{name}" in there
    assert all(name.startswith("opt/x/") for name in there)
    make(pytestconfig.rootpath, "uninstall", f"DESTDIR={tmp_path}", "PREFIX=/opt/x")
    assert not files(tmp_path)


def test_the_tool_runs_by_its_name(installed, shop):
    tool = installed / "usr/bin/vhdboot"
    assert run(tool, "--version").stdout.startswith(b"vhdboot ")
    mkimage("vhd", "create", shop.path("disk.vhd"), "--size", "4M", "--kind", "fixed")
    run(tool, "flash", shop.path("flash.img"), "--vhd", shop.path("disk.vhd"))
    assert b"disk.vhd" in run(tool, "ls", shop.path("flash.img") + ":/").stdout


def test_nbdkit_finds_the_plugin_in_its_own_folder(installed):
    folder = said_by("nbdkit", "--dump-config").split("plugindir=")[1].split("\n")[0]
    assert (installed / folder[1:] / "nbdkit-vhdboot-plugin.so").exists()


def test_manual_is_well_formed_and_tells_every_verb_and_option(installed):
    pages = sorted((installed / "usr/share/man").rglob("*.[158]"))
    assert len(pages) >= 3
    for page in pages:
        warnings = run("mandoc", "-T", "lint", "-W", "warning", page, status=None).stdout.decode()
        assert all("missing date" in line for line in warnings.splitlines()), warnings
    text = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=1000", installed / "usr/share/man/man1/vhdboot.1"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    text = re.sub(r".\x08", "", text)
    verb = None
    for line in mkimage("help", "--table").stdout.decode().splitlines():
        kind, *fields = line.split("\t")
        if kind == "verb":
            verb = fields[0]
            assert f"\n       vhdboot {verb} {fields[1]}".rstrip() + "\n" in text
        elif kind == "about":
            assert fields[0].replace("  ", " ") in re.sub(r" +", " ", text)
        elif kind == "option":
            section = re.split(rf"\n       vhdboot {verb}[ \n]", text)[1].split("\n       vhdboot ")[0]
            option = re.escape(f"--{fields[0]} {fields[1]}".rstrip())
            assert re.search(rf"^ +{option}(?:\n| )", section, re.M), (verb, fields[0])


def test_the_config_s_page_tells_every_key(pytestconfig):
    source = (pytestconfig.rootpath / "stage2/core/entry/config.c").read_text()
    keys = set(re.findall(r'word_is\(key, "(\w+)"\)', source))
    page = (pytestconfig.rootpath / "package/man/vhdboot.cfg.5").read_text()
    assert keys and not {key for key in keys if not re.search(rf"^\.BR {key} ", page, re.M)}


# --- Completions


@pytest.fixture
def flash(shop, folder):
    """flash.img in the test's folder, with two entries, and one more file."""
    mkimage("vhd", "create", folder / "disk.vhd", "--size", "4M", "--kind", "fixed")
    (folder / "menu.cfg").write_text("[one]\nvhd = \\disk.vhd\n[one more]\nvhd = \\disk.vhd\nwrite = none\n")
    return shop.flash("disk.vhd", options=("--config", "menu.cfg"))


BASH = r"""
. /usr/share/bash-completion/bash_completion
. "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=() word=
while read -r word; do COMP_WORDS+=("$word"); done <<<"$3"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_vhdboot
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("line, offered", [
    ("vhdboot che", ["check"]), ("vhdboot ", ["flash", "vhd", "help", "extents"]),
    ("vhdboot vhd com", ["compact", "compare"]),
    ("vhdboot help vhd comp", ["compact", "compare"]), ("vhdboot flash --vh", ["--vhd"]),
    ("vhdboot check flash.img --j", ["--json"]), ("vhdboot vhd create x.vhd --format ", ["vhd", "vhdx"]),
    ("vhdboot check fla", ["flash.img"]), ("vhdboot flash x --vhd dis", ["disk.vhd"]),
    ("vhdboot check flash.img --entry ", ["one", "one more"]), ("vhdboot cat flash.img:/vhdboot.c", ["/vhdboot.cfg"])])
def test_bash_offers(installed, flash, folder, line, offered):
    words = re.sub(r"(:)", r" \1 ", line) if ":" in line else line
    script = installed / "usr/share/bash-completion/completions/vhdboot"
    done = subprocess.run(["bash", "-c", BASH, "bash", script, line, "\n".join(words.split(" "))],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, "PATH": f"{installed}/usr/bin:{os.environ['PATH']}"})
    assert not done.stderr
    got = done.stdout.split("\n")
    assert not set(offered) - set(got), got
    if len(offered) < 4:
        assert sorted(filter(None, got)) == sorted(offered)


@pytest.fixture(scope="module")
def zsh(installed, tmp_path_factory):
    shell = pexpect.spawn("zsh", ["-f"], encoding="utf-8", dimensions=(40, 160), timeout=20,
                          env={**os.environ, "TERM": "dumb", "ZDOTDIR": str(tmp_path_factory.mktemp("zsh")),
                               "PATH": f"{installed}/usr/bin:{os.environ['PATH']}"})
    shell.sendline(f"fpath=({installed}/usr/share/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D; "
                   "PS1='rea''dy> '; unsetopt zle_bracketed_paste; setopt no_beep")
    shell.expect("ready> ")
    yield shell
    shell.close(force=True)


@pytest.mark.parametrize("typed, there", [
    ("vhdboot che\t", "ck "), ("vhdboot vhd comp\t\t", "gives back what is stored of zeros"),
    ("vhdboot flash x --con\t", "fig="), ("vhdboot vhd create x --format \t\t", "vhdx"),
    ("vhdboot check fla\t", "flash.img"), ("vhdboot check flash.img --entry one\t\t", r"one\ more"),
    ("vhdboot help vhd reb\t", "rebase")])
def test_zsh_offers(zsh, flash, folder, typed, there):
    zsh.sendline(f"cd {folder}")
    zsh.expect("ready> ")
    zsh.send(typed)
    zsh.expect_exact(there)
    zsh.send("\x15\r")                  # that line is given up
    zsh.expect("ready> ")


def test_make_help_tells_the_targets(pytestconfig):
    said = make(pytestconfig.rootpath, "help")
    for target in ("deps", "demo", "check", "install", "uninstall", "dist", "deb", "lint"):
        assert re.search(rf"^make {target} ", said, re.M), target


@pytest.mark.parametrize("setting, missing", [
    ("NASM=no-nasm", "the program no-nasm"),
    ("CC=gcc -nostdinc", "the header zopfli/zopfli.h, the header ntfs-3g/volume.h")])
def test_what_is_missing_is_named_before_anything_is_built(pytestconfig, folder, setting, missing):
    said = make(pytestconfig.rootpath, f"B={folder}/b", setting, status=2)
    assert re.search(rf"missing: {re.escape(missing)}.*; `make deps` installs what is needed\.", said)
    assert not os.path.exists("b")
    make(pytestconfig.rootpath, f"B={folder}/b", setting, "help")
