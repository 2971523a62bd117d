# SPDX-License-Identifier: GPL-2.0-or-later
"""What the built objects and the headers tell: who calls whom, and what core needs from outside.

The arrows are taken from undefined and defined symbols, so no call can hide from them.
"""
import glob
import os
import subprocess

from lint_rules import includes, rooms
from lint_rules.tree import C_ENDS

# Objects' folder in the build, and the sources'.
BUILT = {"core32": "stage2/core", "mkimage.o": "mkimage", "stage2": "stage2",
         "nbdkit/nbdkit": "mkimage/nbdkit", "wim/wim": "mkimage/wim"}
FROM_OUTSIDE = ("memcpy", "memmove", "memset", "memcmp")
WRITABLE = (".data", ".bss", ".tdata", ".tbss")


def sources(tree):
    """{object: source} of what was built, where the source is still there."""
    found = {}
    for folder, top in BUILT.items():
        start = os.path.join(tree.top, tree.build, folder)
        for path in glob.glob(start + "/**/*.o", recursive=True):
            name = top + "/" + os.path.relpath(path, start)[:-2]
            source = next((name + end for end in (".c", ".asm") if name + end in tree.known), None)
            if source:
                found[path] = source
    return found


def symbols(objects):
    """{object: (names it defines, names it needs)}"""
    found = {path: (set(), set()) for path in objects}
    lines = subprocess.run(["nm", "-A", "-g", *objects], capture_output=True, text=True).stdout.splitlines() \
        if objects else []
    for line in lines:
        path, _, rest = line.rpartition(":")
        *_, kind, name = rest.split()
        found[path][kind in "Uw"].add(name)
    return found


def talks_to_libntfs(tree, source):
    return source.endswith(C_ENDS) and any(header == "ntfs/libntfs.h" for _, _, header in tree.includes(source))


def program(source):
    """Which of the builds it belongs to: the same name may mean something else in another."""
    return next(top for top in BUILT.values() if source.startswith(top + "/"))


def calls(tree, built, names):
    """{source: {source it calls: a name}}"""
    defined = {top: {} for top in BUILT.values()}
    for path, source in built.items():
        for name in names[path][0]:
            defined[program(source)][name] = source
    arrows = {source: {} for source in built.values()}
    for path, source in built.items():
        libntfs = talks_to_libntfs(tree, source)
        for name in sorted(names[path][1] - set(FROM_OUTSIDE)):
            other = defined[program(source)].get(name) or defined["stage2/core"].get(name)
            # core has functions of the names of libntfs-3g's; these files see only the library's
            if other and other != source and not (libntfs and name.startswith("ntfs_")):
                arrows[source].setdefault(other, name)
    return arrows


def header_arrows(tree):
    return {path: {other: f"line {line}" for line, other in includes.targets(tree, path)}
            for path in tree.ending(".h")}


def reachable(arrows, start):
    seen, todo = set(), [start]
    while todo:
        for other in arrows.get(todo.pop(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def one_subject(path, other):
    """Is it the assembly that a C file's interrupts come through (trap_stubs.asm, trap.c)? Then two languages are
    the reason for two files."""
    return path.endswith(".asm") and other.endswith(".c") and path.startswith(other[:-2] + "_")


def circles(arrows):
    """Groups of files that all reach each other."""
    arrows = {path: [other for other in others if not one_subject(path, other)] for path, others in arrows.items()}
    reach = {path: reachable(arrows, path) for path in arrows}
    left = {path for path in arrows if path in reach[path]}
    while left:
        first = min(left)
        group = {path for path in left if path in reach[first] and first in reach[path]}
        left -= group
        yield sorted(group)


def shortest(arrows, group):
    """The shortest way from the group's first file back to it."""
    first = group[0]
    ways = [[first]]
    seen = set()
    for way in ways:                    # grows by one file at a time: ends when every file was seen
        for other in sorted(arrows.get(way[-1], ())):
            if other == first:
                return way + [first]
            if other in group and other not in seen:
                seen.add(other)
                ways.append(way + [other])
    return [first, first]


def check_circles(tree, arrows):
    for group in circles(arrows):
        way = shortest(arrows, group)
        text = "".join(f" -> {os.path.basename(b)} ({arrows[a].get(b, '')})" for a, b in zip(way, way[1:]))
        line = tree.line_of(way[0], arrows[way[0]].get(way[1], ""))
        also = sorted(os.path.basename(path) for path in group if path not in way)
        tree.find(way[0], line, f"a circle of files: {os.path.basename(way[0])}{text}" +
                  (f"; in the same knot: {', '.join(also)}" if also else ""))


def check_up(tree, arrows):
    for path, others in sorted(arrows.items()):
        for other, name in sorted(others.items()):
            if not rooms.may_know(path, other):
                tree.find(path, tree.line_of(path, name),
                          f"calls {name} of {other}: {rooms.room_of(path)} may not know it")


def check_built(tree, built):
    have = set(built.values())
    for path in tree.ending(".c", below="stage2/core/") + tree.ending(".c", below="mkimage/"):
        if path not in have:
            tree.find(path, 1, f"has no object in {tree.build}, so its calls are unknown: run `make lint`")


def check_core(tree, built, names):
    core = {path: source for path, source in built.items() if source.startswith("stage2/core/")}
    if not core:
        return
    inside = set().union(*(names[path][0] for path in core), FROM_OUTSIDE)
    for path, source in core.items():
        for name in sorted(names[path][1] - inside):
            tree.find(source, tree.line_of(source, name), f"needs {name} from outside core")
    source = None
    sizes = subprocess.run(["size", "-A", *core], capture_output=True, text=True).stdout
    for line in sizes.splitlines():
        words = line.split()
        if line.endswith(":") and words[0] in core:
            source = core[words[0]]
        elif len(words) == 3 and words[0].startswith(WRITABLE) and "rel.ro" not in words[0] and int(words[1]):
            tree.find(source, 1, f"has {words[1]} bytes of writable data ({words[0]}): core has no globals")


def check(tree):
    built = sources(tree)
    names = symbols(sorted(built))
    arrows = calls(tree, built, names)
    check_built(tree, built)
    check_core(tree, built, names)
    check_up(tree, arrows)
    check_circles(tree, arrows)
    check_circles(tree, header_arrows(tree))
