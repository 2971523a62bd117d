# SPDX-License-Identifier: GPL-2.0-or-later
"""#include lines: that they point down, name the path from a root, and are there once and for a reason."""
import os
import re

from lint_rules import rooms
from lint_rules.declared import declared
from lint_rules.tree import C_ENDS, ROOTS

FREESTANDING = ("stdint.h", "stddef.h", "stdbool.h")


def resolve(tree, path, kind, header):
    """The project's files that the line may mean."""
    if kind == "<":
        return [rooms.SEAMS[header]] if rooms.SEAMS.get(header) in tree.known else []
    return [f"{root}/{header}" for root in ROOTS if f"{root}/{header}" in tree.known]


def targets(tree, path):
    """[(line, file of the project)] of what the file includes, where it can be told."""
    found = [(line, resolve(tree, path, kind, header)) for line, kind, header in tree.includes(path)]
    return [(line, files[0]) for line, files in found if len(files) == 1]


def check_folders(tree):
    for folder in sorted(tree.folders):
        if folder not in rooms.BELOW and folder.split("/")[0] not in rooms.OPEN:
            inside = [path for path in tree.files if os.path.dirname(path) == folder]
            if inside:
                tree.find(inside[0], 1, f"{folder} is no room of tests/lint_rules/rooms.py: say there what it may know")


def check_line(tree, path, line, kind, header):
    for start, inside in rooms.INSIDE.items():
        if header.startswith(start) and rooms.room_of(path) not in inside:
            tree.find(path, line, f"includes {header}, which is for {' and '.join(inside)} alone")
            return
    files = resolve(tree, path, kind, header)
    if kind == "<":
        if not files and any(f"{root}/{header}" in tree.known for root in ROOTS):
            tree.find(path, line, f"includes <{header}>, a file of this project: write \"{header}\"")
        if not files and path.startswith("stage2/core/") and header not in FREESTANDING:
            tree.find(path, line, f"includes <{header}>: core has only {', '.join(FREESTANDING)}")
        return
    if len(files) != 1:
        what = f"may mean {' and '.join(files)}" if files else f"is no path from {', '.join(ROOTS)}"
        tree.find(path, line, f"includes \"{header}\", which {what}")
        return
    if not rooms.may_know(path, files[0]):
        tree.find(path, line, f"includes {files[0]}: {rooms.room_of(path)} may not know it")
    check_apart(tree, path, line, files[0])


def check_apart(tree, path, line, other):
    room = rooms.room_of(path)
    common = rooms.APART.get(room)
    if not common or rooms.room_of(other) != room or other == common:
        return
    mine, its = os.path.splitext(path)[0], os.path.splitext(other)[0]
    if mine != its and not its.startswith(mine + "_"):
        tree.find(path, line, f"includes {other}: files of {room} do not know each other")


def check_twice(tree, path):
    seen = set()
    for line, _, header in tree.includes(path):
        if header in seen:
            tree.find(path, line, f"includes {header} twice")
        seen.add(header)


def check_use(tree, path, cache):
    """A header of which no name and no member is used here, whatever it includes itself."""
    code = re.sub(r"^[ \t]*#[ \t]*include.*$", "", tree.code(path), flags=re.M)
    words = set(re.findall(r"\w+", code))
    reached = words if "offsetof" in words else set(re.findall(r"(?:\.|->)\s*(\w+)", code))
    for line, header in targets(tree, path):
        own = os.path.splitext(header)[0] == os.path.splitext(path)[0]
        if own or not header.endswith(".h") or any(header.endswith("/" + name) for name in rooms.INSIDE):
            continue
        if header not in cache:
            cache[header] = declared(tree.code(header))
        names, members = cache[header]
        if not names & words and not members & reached:
            tree.find(path, line, f"includes {header} and uses nothing that it declares")


def check(tree):
    check_folders(tree)
    cache = {}
    for path in tree.ending(*C_ENDS):
        for line, kind, header in tree.includes(path):
            check_line(tree, path, line, kind, header)
        check_twice(tree, path)
        check_use(tree, path, cache)
