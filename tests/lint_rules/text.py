# SPDX-License-Identifier: GPL-2.0-or-later
"""What any text of the project keeps to: its first lines, lengths, no foreign paths, nothing unfinished."""
import ast
import os
import re

from lint_rules.tree import ASM_ENDS, C_ENDS, ROOTS

FUNCTION_LINES = 60
FILE_LINES = 500
COLUMNS = {".c": 100, ".h": 100, ".py": 120}
REASON = "Long because"                 # begins the sentence, in the first comment, of a file of more lines

FOREIGN = re.compile(r"(?<![\w.$)}])/(?:tmp|home|work|Users)(?![\w-])")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
# A path of the repository, in a comment or anywhere else: not one below a build folder, nor a pattern.
PATH = re.compile(r"(?<![\w/.$)}*%-])((?:boot|stage2|mkimage|tests|docs)/[\w./-]*\w\."
                  r"(?:c|h|asm|inc|py|sh|mk|ld|md|S))\b(?![\w%*/-])")
PLACEHOLDER = re.compile(r"(?<![A-Za-z])(?:[A-Z]|[A-Z]+(?!\.md))(?![A-Za-z])")  # tests/unit/FOLDER/test_X.c


def check_top(tree, path, lines):
    """The licence, and below it a comment that says what the file is."""
    if path.endswith(".md"):
        return
    start = 1 if lines and lines[0].startswith("#!") else 0
    if "SPDX-License-Identifier: " not in "".join(lines[start:start + 1]):
        tree.find(path, start + 1, "has no line SPDX-License-Identifier at its top")
        start -= 1
    rest = "\n".join(lines[start + 1:start + 6])
    if path.endswith(C_ENDS + (".S", ".ld")):
        said = re.match(r"/\*[\s*\\]*\w", rest)
    elif path.endswith(ASM_ENDS):
        said = re.match(r"(?:;[ \t]*\n)*;[ \t]*\S", rest)
    else:
        said = re.match(r'(?:#[ \t]*\n)*#[ \t]*[\w`(]|r?"""\S', rest)
    if not said:
        tree.find(path, start + 2, "says nowhere at its top what it is")


def check_lines(tree, path, lines):
    limit = COLUMNS.get(os.path.splitext(path)[1]) or (120 if lines and "python" in lines[0] else 0)
    for number, line in enumerate(lines, 1):
        if limit and len(line) > limit:
            tree.find(path, number, f"has {len(line)} columns; {limit} at the most")
        if found := FOREIGN.search(line):
            tree.find(path, number, f"names a path of somebody's computer, {found[0]}: folders come from the harness")
        if found := UNFINISHED.search(line):
            tree.find(path, number, f"has a mark of unfinished work: {found[0]}")
        for found in PATH.finditer(re.sub("`[^`]*`", "", line) if path.endswith(".md") else line):
            there = any(name in tree.known for name in (found[1], *(f"{root}/{found[1]}" for root in ROOTS)))
            if not there and not PLACEHOLDER.search(found[1]):
                tree.find(path, number, f"names {found[1]}, which is not there")


def check_length(tree, path, lines):
    if len(lines) > FILE_LINES and REASON not in "\n".join(lines[:40]):
        tree.find(path, 1, f"has {len(lines)} lines: split it, or let a sentence that begins \"{REASON}\" "
                           "say at its top why one file is better")


def check_function(tree, path, line, name, size):
    if size > FUNCTION_LINES:
        tree.find(path, line, f"{name}() has {size} lines; {FUNCTION_LINES} at the most")


def check_c_functions(tree, path):
    """As clang-format lays functions out: the braces of a body stand alone in column 1."""
    lines = tree.code(path).split("\n")
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            first = start
            while first and lines[first - 1].strip() and lines[first - 1].rstrip()[-1] not in ";}":
                first -= 1
            name = re.search(r"(\w+)\s*\(", "\n".join(lines[first:start]))
            if name:
                check_function(tree, path, first + 1, name[1], number - first + 1)
            start = None


def check_python_functions(tree, path):
    try:
        top = ast.parse(tree.text(path))
    except SyntaxError:
        return                          # pyflakes says it
    for node in ast.walk(top):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            check_function(tree, path, node.lineno, node.name, node.end_lineno - node.lineno + 1)


def check(tree):
    for path in tree.files:
        lines = tree.text(path).splitlines()
        check_top(tree, path, lines)
        check_lines(tree, path, lines)
        check_length(tree, path, lines)
    for path in tree.ending(".c", ".h"):
        check_c_functions(tree, path)
    for path in tree.scripts("python", ".py"):
        check_python_functions(tree, path)
