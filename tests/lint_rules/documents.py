# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents: their links lead somewhere, the files they name are there, what is made by a program is marked and whole."""
import glob
import os
import re

from lint_rules.tree import ROOTS

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


def check_named(tree, path, number, name):
    """A path in backticks, if it begins with a folder of the repository or of one of the roots."""
    first = name.split("/")[0]
    tops = {folder.split("/")[0] for folder in tree.folders} - {""}
    below = [root for root in ROOTS if f"{root}/{first}" in tree.folders]
    if re.search(r"[^\w./*{},-]", name) or first not in tops and not (below and re.search(r"\.\w+$", name)):
        return
    patterns = [name]
    while any("{" in pattern for pattern in patterns):  # each round opens one pair of braces
        patterns = [re.sub(r"\{([^{}]*)\}", part, pattern, count=1) for pattern in patterns
                    for part in (re.search(r"\{([^{}]*)\}", pattern) or [""] * 2)[1].split(",")]
        if any("{" in pattern and "}" not in pattern for pattern in patterns):
            return
    for pattern in patterns:
        if not any(glob.glob(os.path.join(tree.top, top, pattern)) for top in ("", *below)):
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


def check_packages(tree, documents):
    """Every package that tests/deps.sh installs is in a document."""
    if "tests/deps.sh" not in tree.known or not documents:
        return
    text = "\n".join(tree.text(path) for path in documents)
    for number, line in enumerate(tree.text("tests/deps.sh").splitlines(), 1):
        found = re.match(r"([a-z0-9][a-z0-9.+-]+): \w", line)
        if found and not re.search(rf"(?<![\w+-]){re.escape(found[1])}(?![\w+-])", text):
            tree.find("tests/deps.sh", number, f"installs {found[1]}, which no document names")


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
    check_packages(tree, documents)
    if "README.md" in tree.known and (lines := len(tree.text("README.md").splitlines())) > README_LINES:
        tree.find("README.md", README_LINES + 1, f"has {lines} lines; {README_LINES} at the most, the rest is for docs/")
