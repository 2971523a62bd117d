# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents: links lead somewhere, the files they name are there, what a program makes is marked and whole."""
import fnmatch
import os
import re

from lint_rules.text import PLACEHOLDER

README_LINES = 150
COLUMNS = 120
LINK = re.compile(r"\[[^\]\n]*\]\(<?([^)\s>]+)>?\)")
NAMED = re.compile(r"`([^`\s]+/[^`\s]*)`")
MADE = re.compile(r"<!-- ([\w-]+): made by `make ([\w-]+)` -->")
ENDED = re.compile(r"<!-- ([\w-]+) end -->")


def prose(tree, path):
    """[(line number, line)] without what stands in fences or is indented as code."""
    fence = False
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        if line.lstrip().startswith("```"):
            fence = not fence
        elif not fence and not line.startswith("    "):
            yield number, line


def slugs(tree, path):
    """The anchors that GitHub makes of a document's headings."""
    found = set()
    for _, line in prose(tree, path):
        if line.startswith("#"):
            title = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(title.replace(" ", "-"))
    return found


def check_link(tree, path, number, link):
    if re.match(r"[a-z]+:", link):
        return
    target, _, anchor = link.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
    if not os.path.exists(os.path.join(tree.top, file)):
        tree.find(path, number, f"links to {link}, which is not there")
    elif anchor and file.endswith(".md") and anchor not in slugs(tree, file):
        tree.find(path, number, f"links to {link}, but {file} has no such heading")


def choices(name):
    """`a{b,c}d` as `abd` and `acd`; each round opens one pair of braces."""
    names = [name]
    while all(re.search(r"\{[^{}]*\}", name) for name in names):
        names = [re.sub(r"\{[^{}]*\}", part, name, count=1) for name in names
                 for part in re.search(r"\{([^{}]*)\}", name)[1].split(",")]
    return names


def check_named(tree, path, number, name):
    """A path in backticks, if it begins with a folder of the repository's, wherever that lies, and ends as a file
    does if it is not at the top: `ntfs/attr.c` will do where the room is clear."""
    first = name.split("/")[0]
    if re.search(r"[^\w./*{},-]", name) or PLACEHOLDER.search(name):
        return
    if first not in tree.folders and not (first in tree.rooms and re.search(r"\.(?:\w+|\{[^{}]*\})$", name)):
        return
    for pattern in choices(name):
        bare = pattern.rstrip("/")
        if not any(fnmatch.fnmatchcase("/" + there, "*/" + bare) for there in tree.all | tree.folders):
            tree.find(path, number, f"names `{pattern}`, which is not there")


def check_made(tree, path):
    """Each part that a program makes has a begin, an end, and a target that makes it."""
    rules = "\n".join(tree.text(file) for file in tree.files if file.endswith((".mk", "Makefile")))
    open_part = None
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        if found := MADE.search(line):
            if open_part:
                tree.find(path, number, f"begins the made part {found[1]} inside {open_part[0]}")
            if not re.search(rf"^[\w -]*\b{re.escape(found[2])}\b[\w -]*:", rules, re.M):
                tree.find(path, number, f"says made by `make {found[2]}`, which is no target")
            open_part = found[1], number
        elif found := ENDED.search(line):
            if not open_part or open_part[0] != found[1]:
                tree.find(path, number, f"ends the made part {found[1]}, which does not begin above")
            open_part = None
    if open_part:
        tree.find(path, open_part[1], f"begins the made part {open_part[0]} and does not end it")


def check(tree):
    documents = tree.ending(".md")
    for path in documents:
        for number, line in prose(tree, path):
            if len(line) > COLUMNS and " " in line.strip() and not line.startswith("|"):
                tree.find(path, number, f"has {len(line)} columns; {COLUMNS} at the most")
            for link in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                check_link(tree, path, number, link)
            for name in NAMED.findall(line):
                check_named(tree, path, number, name)
        check_made(tree, path)
    lines = len(tree.text("README.md").splitlines()) if "README.md" in tree.known else 0
    if lines > README_LINES:
        tree.find("README.md", README_LINES + 1, f"has {lines} lines; {README_LINES} at the most: docs/ has room")
