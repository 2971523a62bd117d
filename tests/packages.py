#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes tests/packages.txt as a table into docs/PACKAGES.md, between its two markers.

usage: packages.py              rewrites the table
       packages.py --check      says whether it has to be; exit status 1 if so
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(ROOT, "tests", "packages.txt")
DOCUMENT = os.path.join(ROOT, "docs", "PACKAGES.md")
BEGIN, END = "<!-- packages: made by `make packages` -->\n", "<!-- packages end -->"


def table():
    with open(LIST, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    rows = []
    for line in lines:
        package, colon, reason = line.partition(": ")
        if not colon or not reason or " " in package:
            sys.exit(f"tests/packages.txt: not `package: reason`: {line}")
        rows.append(f"| {package} | {reason} |\n")
    return "| package | what it is for |\n|---|---|\n" + "".join(rows)


def main():
    with open(DOCUMENT, encoding="utf-8") as file:
        old = file.read()
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit("docs/PACKAGES.md has no markers for the table")
    new = head + begin + table() + end + tail
    if sys.argv[1:] == ["--check"]:
        if new != old:
            sys.exit("docs/PACKAGES.md:1: is not what tests/packages.txt says: run make packages")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    elif new != old:
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(new)


main()
