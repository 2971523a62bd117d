# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/lint.py itself: a tiny house in which all is well, and each thing done wrong in it, which has to be found.

Files of the tiny house are called A, B, C: lint takes such names for placeholders, here and there.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
LICENCE = "SPDX-License-Identifier: GPL-2.0-or-later"
BASE, NTFS, VHD, VERBS = "stage2/core/base/", "stage2/core/ntfs/", "stage2/core/vhd/", "mkimage/verbs/"
HEADER_A = '#include "core/base/A.h"'


def c(*lines, about="What it is."):
    return f"/* {LICENCE} */\n/* {about} */\n" + "".join(line + "\n" for line in lines)


def h(*lines):
    return c("#ifndef A_H", "#define A_H", "", *lines, "", "#endif")


def py(*lines):
    return f'# {LICENCE}\n"""What it is."""\n' + "".join(line + "\n" for line in lines)


def sh(*lines):
    return f"#!/bin/sh\n# {LICENCE}\n# What it is.\n" + "".join(line + "\n" for line in lines)


def calls(name, returned):
    """A function that calls another, whose declaration is typed by hand."""
    return f"int {returned}(void);", "", f"int {name}(void)", "{", f"    return {returned}();", "}"


HOUSE = {
    "README.md": "# House\n\nIt needs gcc; see [the base](stage2/core/base/A.c), `stage2/core/ntfs/A.c`.\n",
    "Makefile": f"# {LICENCE}\n# Builds it.\nfigures:\n",
    "tests/deps.sh": sh("cat <<END", "gcc: compiles", "END"),
    BASE + "A.h": h("int base(void);"),
    BASE + "A.c": c('#include "core/base/A.h"', "", "int base(void)", "{", "    return 1;", "}"),
    NTFS + "A.h": h("int ntfs(void);"),
    NTFS + "A.c": c('#include "core/ntfs/A.h"', '#include "core/base/A.h"', "", "int ntfs(void)", "{",
                    "    return base();", "}"),
    VERBS + "verbs.h": h("int verb(void);"),
    VERBS + "A.c": c('#include "verbs/verbs.h"', '#include "core/ntfs/A.h"', "", "int verb(void)", "{",
                     "    return ntfs();", "}"),
    "tests/tools/A.py": py("import sys", "", "print(sys.argv)"),
}

LONG_BODY = ["", "int base(void)", "{", "    int a = 0;", "", *["    a++;"] * 60, "    return a;", "}"]
MADE = "<!-- {}: made by `make {}` -->\n"

# What is wrong, the files that make it so (None: taken away), where lint finds it, and what it says.
WRONG = {
    "up": ({BASE + "B.c": c('#include "core/ntfs/A.h"', "", "int b(void)", "{", "    return ntfs();", "}")},
           BASE + "B.c:3", "stage2/core/base may not know it"),
    "other format": ({VHD + "B.c": c('#include "core/ntfs/A.h"', "", "int b(void);", "int b(void)", "{",
                                     "    return ntfs();", "}")}, VHD + "B.c:3", "stage2/core/vhd may not know it"),
    "core in the handler": ({"stage2/resident/B.c": c(HEADER_A, "", "int b(void)", "{", "    return base();", "}")},
                            "stage2/resident/B.c:3", "stage2/resident may not know it"),
    "tool in core": ({NTFS + "B.c": c('#include "verbs/verbs.h"', "", "int b(void)", "{", "    return verb();", "}")},
                     NTFS + "B.c:3", "includes mkimage/verbs/verbs.h: stage2/core/ntfs may not know it"),
    "two verbs": ({VERBS + "B.h": h("int b(void);"),
                   VERBS + "C.c": c('#include "verbs/B.h"', "", "int d(void)", "{", "    return b();", "}")},
                  VERBS + "C.c:3", "do not know each other"),
    "new folder": ({"stage2/core/cellar/A.h": h("int a(void);")}, "stage2/core/cellar/A.h:1", "is no room"),
    "no root": ({BASE + "B.c": c('#include "A.h"', "", "int b(void)", "{", "    return base();", "}")},
                BASE + "B.c:3", "is no path from stage2, mkimage, tests"),
    "two roots": ({"tests/core/base/A.h": h("int base(void);")}, BASE + "A.c:3", "which may mean"),
    "angles": ({BASE + "B.c": c("#include <core/base/A.h>", "", "int b(void)", "{", "    return base();", "}")},
               BASE + "B.c:3", 'write "core/base/A.h"'),
    "libntfs": ({VERBS + "B.c": c("#include <ntfs-3g/volume.h>")},
                VERBS + "B.c:3", "which is for mkimage/ntfs and tests alone"),
    "host in core": ({BASE + "B.h": h("#include <stdarg.h>")}, BASE + "B.h:6", "core has only stdint.h"),
    "twice": ({BASE + "A.c": c(HEADER_A, HEADER_A, "", "int base(void)", "{", "    return 1;", "}")},
              BASE + "A.c:4", "includes core/base/A.h twice"),
    "unused": ({NTFS + "B.c": c(HEADER_A, "", "int b;")}, NTFS + "B.c:3", "uses nothing that it declares"),
    "unused but in a comment": ({NTFS + "B.h": h(HEADER_A + " /* base() */", "", "/* base() */", "int b(void);")},
                                NTFS + "B.h:6", "uses nothing that it declares"),
    "outside": ({BASE + "B.c": c(*calls("b", "malloc_it"))}, BASE + "B.c:3", "needs malloc_it from outside core"),
    "global": ({BASE + "B.c": c("int b = 5;")}, BASE + "B.c:1", "4 bytes of writable data (.data)"),
    "global of zeros": ({BASE + "B.c": c("int b[4];")}, BASE + "B.c:1", "16 bytes of writable data (.bss)"),
    "call up": ({BASE + "B.c": c(*calls("b", "ntfs"))}, BASE + "B.c:3", "calls ntfs of stage2/core/ntfs/A.c"),
    "not built": ({NTFS + "B.c": c("int unbuilt;")}, NTFS + "B.c:1", "has no object in build"),
    "format": ({BASE + "B.h": h("int  b(void);")}, BASE + "B.h:6", "is not laid out as .clang-format says"),
    "header alone": ({BASE + "B.h": h("uint32_t b(void);")}, BASE + "B.h:6", "does not compile by itself: unknown"),
    "unused name": ({"tests/tools/B.py": py("import os")}, "tests/tools/B.py:3", "pyflakes: 'os' imported but unused"),
    "no Python": ({"tests/tools/B.py": py("def f(:")}, "tests/tools/B.py:3", "pyflakes: invalid syntax"),
    "shell": ({"tests/B.sh": sh("rm $1")}, "tests/B.sh:4", "shellcheck: note: Double quote"),
    "shell without ending": ({"tests/B": sh("rm $1")}, "tests/B:4", "shellcheck: note: Double quote"),
    "no licence": ({BASE + "B.h": h("int b(void);").split("\n", 1)[1]}, BASE + "B.h:1", "no line SPDX"),
    "nothing said": ({BASE + "B.c": f"/* {LICENCE} */\nextern int b;\n"}, BASE + "B.c:2", "says nowhere at its top"),
    "nothing said in assembly": ({"boot/B.asm": f"; {LICENCE}\n\nbits 16\n"},
                                 "boot/B.asm:2", "says nowhere at its top"),
    "nothing said in Python": ({"tests/B.py": f"# {LICENCE}\nprint(1)\n"}, "tests/B.py:2", "says nowhere at its top"),
    "long function": ({BASE + "A.c": c(HEADER_A, *LONG_BODY)}, BASE + "A.c:5", "base() has 66 lines; 60 at the most"),
    "long function in Python": ({"tests/B.py": py("", "", "def f():", *["    print(1)"] * 60)},
                                "tests/B.py:5", "f() has 61 lines"),
    "long file": ({"tests/B.py": py(*["print(1)"] * 499)}, "tests/B.py:1", "has 501 lines: split it"),
    "wide C": ({BASE + "B.h": h("/* " + "x" * 100 + " */")}, BASE + "B.h:6", "has 106 columns; 100 at the most"),
    "wide Python": ({"tests/B.py": py("print('" + "x" * 120 + "')")}, "tests/B.py:3", "has 129 columns; 120"),
    "wide document": ({"docs/B.md": "word " * 25 + "\n"}, "docs/B.md:1", "has 125 columns; 120"),
    "foreign path": ({"tests/B.py": py("print('/" "tmp/b')")}, "tests/B.py:3", "names a path of somebody's computer"),
    "foreign path in a document": ({"docs/B.md": "See /" "home/me.\n"}, "docs/B.md:1", "a path of somebody's computer"),
    "unfinished": ({BASE + "B.h": h("/* TO" "DO */")}, BASE + "B.h:6", "a mark of unfinished work"),
    "stale path": ({BASE + "B.h": h("/* See tests/" "gone.c */")},
                   BASE + "B.h:6", "gone.c, which is not there"),
    "stale link": ({"docs/B.md": "See [it](gone.md).\n"}, "docs/B.md:1", "links to gone.md, which is not there"),
    "stale heading": ({"docs/B.md": "See [it](../README.md#garden).\n"}, "docs/B.md:1", "has no such heading"),
    "stale name": ({"docs/B.md": "See `tests/gone/`.\n"}, "docs/B.md:1", "names `tests/gone/`, which is not there"),
    "stale pattern": ({"docs/B.md": "See `core/gone*.c`.\n"}, "docs/B.md:1", "names `core/gone*.c`"),
    "stale choice": ({"docs/B.md": "See `stage2/core/{base,gone}`.\n"}, "docs/B.md:1", "names `stage2/core/gone`"),
    "long README": ({"README.md": HOUSE["README.md"] + "\n" * 150}, "README.md:151", "has 153 lines; 150 at the most"),
    "made without end": ({"docs/B.md": MADE.format("x", "figures")}, "docs/B.md:1", "does not end it"),
    "end of nothing": ({"docs/B.md": "<!-- x end -->\n"}, "docs/B.md:1", "does not begin above"),
    "made by nobody": ({"docs/B.md": MADE.format("x", "nothing") + "<!-- x end -->\n"},
                       "docs/B.md:1", "which is no target"),
    "made long ago": ({"docs/B.md": "Old.\n",
                       "tests/packages.py": py("print('docs/B.md:1: is old')", "raise SystemExit(1)")},
                      "docs/B.md:1", "is old"),
}


def write(top, files):
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


def build(top, without=()):
    """Objects where make puts them; a source that does not compile has none."""
    for folder, sources in (("core32", "stage2/core"), ("mkimage.o", "mkimage")):
        for source in sorted((top / sources).rglob("*.c")):
            if source.name in without:
                continue
            target = top / "build" / folder / source.relative_to(top / sources).with_suffix(".o")
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["gcc", "-w", "-c", "-Istage2", "-Imkimage", "-ffreestanding", "-o", target, source],
                           cwd=top, capture_output=True)


def lint(top):
    done = subprocess.run([REPOSITORY / "tests/lint.py", top], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "B": "build"})
    *findings, last = done.stdout.splitlines()
    assert not done.stderr
    assert re.fullmatch(r"ok lint: \d+ files looked at|not ok lint: \d+ findings in \d+ files", last)
    assert (done.returncode == 0) == last.startswith("ok") == (not findings)
    return findings


@pytest.fixture
def house(tmp_path):
    shutil.copy(REPOSITORY / ".clang-format", tmp_path)
    write(tmp_path, HOUSE)
    return tmp_path


def test_nothing_is_found_where_all_is_well(house):
    build(house)
    assert lint(house) == []


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found(house, wrong):
    files, place, sentence = WRONG[wrong]
    write(house, files)
    build(house, without=("B.c",) if wrong == "not built" else ())
    found = [line for line in lint(house) if line.startswith(place + ": ")]
    assert any(sentence in line for line in found), lint(house)


def test_a_circle_of_calls_is_told_with_its_way(house):
    write(house, {NTFS + "B.c": c(*calls("b", "d")), NTFS + "C.c": c(*calls("d", "b"))})
    build(house)
    assert [line for line in lint(house) if "circle" in line] == \
        [NTFS + "B.c:3: a circle of files: B.c -> C.c (d) -> B.c (b)"]


def test_stubs_in_assembly_and_their_c_are_one_subject(house):
    code = {"B.c": c(*calls("trap", "stub")), "B_stubs.asm": c(*calls("stub", "trap")), "C.asm": c(*calls("d", "e")),
            "D.c": c(*calls("e", "d"))}
    write(house, {f"stage2/pc/{name}": text for name, text in code.items()})
    (house / "build/stage2/pc").mkdir(parents=True)
    for name in code:
        target = f"build/stage2/pc/{Path(name).stem}.o"
        subprocess.run(["gcc", "-w", "-x", "c", "-c", "-o", target, f"stage2/pc/{name}"], cwd=house, check=True)
    build(house)
    assert [line for line in lint(house) if "circle" in line] == \
        ["stage2/pc/C.asm:3: a circle of files: C.asm -> D.c (e) -> C.asm (d)"]


def test_a_circle_of_headers_is_found(house):
    write(house, {NTFS + "B.h": h('#include "core/ntfs/C.h"'), NTFS + "C.h": h('#include "core/ntfs/B.h"')})
    build(house)
    assert any("a circle of files: B.h -> C.h" in line for line in lint(house))


def test_names_of_libntfs_are_not_core_s(house):
    talks = c('#include "ntfs/libntfs.h"', "", *calls("volume", "ntfs_open"))
    write(house, {"mkimage/ntfs/libntfs.h": h("#include <ntfs-3g/volume.h>"), "mkimage/ntfs/B.c": talks,
                  NTFS + "C.c": c(*calls("ntfs_open", "ntfs")), "stage2/core/entry/C.c": c(*calls("entry", "volume"))})
    build(house)
    assert not any("circle" in line or "ntfs_open" in line for line in lint(house))


def test_a_reason_excuses_a_long_file(house):
    write(house, {"tests/B.py": py("# Long because it counts.", *["print(1)"] * 499)})
    build(house)
    assert lint(house) == []


def test_a_missing_tool_is_a_finding(house, monkeypatch):
    programs = house / "build/programs"
    programs.mkdir(parents=True)
    for name in ("gcc", "nm", "size", "pyflakes3", "clang-format"):
        (programs / name).symlink_to(shutil.which(name))
    build(house)
    monkeypatch.setenv("PATH", str(programs))
    assert lint(house) == ["tests/deps.sh:1: shellcheck is not installed: run `make deps`"]
