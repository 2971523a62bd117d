#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of the house that a machine can check: a line a finding, `path:line: sentence`; the last line counts.

usage: lint.py [FOLDER]      the repository (default: the one this file lies in); B names its build folder (build)

Each rule, and its reason (the code is in tests/lint_rules):
  includes   #include names a path from stage2/, mkimage/ or tests/: a reader finds the file without the Makefile
             and points down in the table of rooms: what is below can be read, tested and used without what is above
             once, and only where something of it is used: an include says what a file stands on
  objects    no circle of files: of two that need each other neither can be understood first
             no call up between rooms, by the symbols: a declaration typed by hand would get around the includes
             core needs nothing but four mem functions and has no globals: so loader, tools and fuzzers all share it
  tools      clang-format decides the layout: nobody else has to
             each header compiles by itself: the order of includes must not matter
             pyflakes and ShellCheck find nothing: an unused or misspelt name is a mistake or hides one
  text       a licence and what it is, at the top of each file: that is where a reader decides whether to read on
             functions of 60 lines, lines of 100 columns (Python, documents: 120): what fits on one screen is read;
             files above 500 lines say why
             no path of somebody's computer, no file named that is not there, no mark of unfinished work
  documents  links and named files exist, README.md has 150 lines, what programs make is whole and new:
             nobody can follow a document that is wrong
"""
import os
import sys

from lint_rules import documents, includes, objects, text, tools
from lint_rules.tree import Tree


def main():
    top = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), ".."))
    tree = Tree(top, os.environ.get("B", "build"))
    started = tools.start(tree)
    for rules in (includes, objects, text, documents):
        rules.check(tree)
    tools.finish(tree, started)
    findings = sorted(set(tree.findings))
    for path, line, sentence in findings:
        print(f"{path}:{line}: {sentence}")
    if findings:
        print(f"not ok lint: {len(findings)} findings in {len(tree.files)} files")
    else:
        print(f"ok lint: {len(tree.files)} files looked at")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
