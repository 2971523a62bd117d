# SPDX-License-Identifier: GPL-2.0-or-later
"""What other programs know better: clang-format, the compiler, pyflakes, ShellCheck. One that is missing is a finding.

They run beside the rules that are Python's own: start() before these, finish() after.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

from lint_rules.tree import C_ENDS

FREESTANDING = ["-ffreestanding", "-m32"]
HOST = ["-D_FILE_OFFSET_BITS=64", "-D_GNU_SOURCE"]
# How a header of each folder is compiled when it is compiled alone.
FLAGS = {
    "stage2/resident/": [*FREESTANDING, "-Istage2", "-Istage2/resident"],
    "stage2/": [*FREESTANDING, "-Istage2"],
    "mkimage/": [*HOST, "-Istage2", "-Imkimage"],
    "tests/": [*HOST, "-Istage2", "-Imkimage", "-Itests"],
}
# Programs that make parts of documents, where a look at them takes no time; --check says `path:line: sentence`.
MAKERS = ["tests/packages.py"]
PART = 12                               # files a run of clang-format
MESSAGE = re.compile(r"^(\S+?):(\d+):(?:\d+:?)? *(.*)$")


def run(tree, argv):
    try:
        done = subprocess.run(argv, cwd=tree.top, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.returncode, done.stdout + done.stderr


def commands(tree):
    """(name, its command, the files it is about)"""
    sources = tree.ending(*C_ENDS)
    for at in range(0, len(sources), PART):
        part = sources[at:at + PART]
        yield "clang-format", ["clang-format", "--dry-run", "-Werror", "-ferror-limit=1", *part]
    for header in tree.ending(".h"):
        flags = next((flags for start, flags in FLAGS.items() if header.startswith(start)), [])
        yield "header", ["gcc", "-std=gnu2x", "-Werror=implicit", "-fsyntax-only", *flags, "-x", "c", header]
    scripts = sorted(tree.scripts("python", ".py"))
    for half in (scripts[::2], scripts[1::2]):
        if half:
            yield "pyflakes", ["pyflakes3", *half]
    shell = sorted(tree.scripts("(?:ba)?sh", ".sh"))
    if shell:
        yield "shellcheck", ["shellcheck", "-f", "gcc", *shell]
    for maker in MAKERS:
        if maker in tree.known:
            yield "made", [sys.executable, maker, "--check"]


def start(tree):
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    return [(name, argv, pool.submit(run, tree, argv)) for name, argv in commands(tree)]


def finish(tree, started):
    missing = set()
    for name, argv, future in started:
        result = future.result()
        if result is None:
            if argv[0] not in missing:
                tree.find("tests/deps.sh", 1, f"{argv[0]} is not installed: run `make deps`")
            missing.add(argv[0])
        elif result[0] or result[1]:
            report(tree, name, argv, result[1])


def report(tree, name, argv, output):
    matches = [m for m in map(MESSAGE.match, output.splitlines()) if m and m[1] in tree.known]
    if name == "clang-format":
        for path in sorted({m[1] for m in matches}):
            line = next(int(m[2]) for m in matches if m[1] == path)
            tree.find(path, line, f"is not laid out as .clang-format says: run clang-format -i {path}")
    elif name == "header":
        wrong = [m for m in matches if "error" in m[3]]
        text = re.sub(r"^(?:fatal )?error: ", "", wrong[0][3]) if wrong else output.strip().split("\n")[0]
        where = f" ({wrong[0][1]}:{wrong[0][2]})" if wrong and wrong[0][1] != argv[-1] else ""
        tree.find(argv[-1], int(wrong[0][2]) if wrong and not where else 1,
                  f"does not compile by itself: {text}{where}")
    else:
        for m in matches:
            tree.find(m[1], int(m[2]), f"{'' if name == 'made' else name + ': '}{m[3]}")
    if not matches and name != "header":
        tree.find("tests/lint_rules/tools.py", 1, f"{argv[0]} failed: {output.strip()[:300]}")
