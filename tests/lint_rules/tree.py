# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree that is looked at: its files, their text, and what was found in them. Reads, never writes."""
import os
import re

ROOTS = ("stage2", "mkimage", "tests")  # `#include "X"` means one of these folders' X
C_ENDS = (".c", ".h")
ASM_ENDS = (".asm", ".inc")
TEXT_ENDS = C_ENDS + ASM_ENDS + (".S", ".ld", ".py", ".sh", ".mk", ".md")

# In a C file: comments, strings and characters. What is blanked keeps its line breaks.
OPAQUE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def blanked(match):
    return re.sub(r"[^\n]", " ", match[0])


class Tree:
    def __init__(self, top, build):
        self.top = top                  # absolute path of the repository
        self.build = build              # build folder, relative to it
        self.findings = []
        self.texts = {}
        self.codes = {}
        self.all = set(self.walk())
        self.files = sorted(path for path in self.all if self.is_ours(path))
        self.known = set(self.files)
        self.folders = {os.path.dirname(path) for path in self.files}
        for folder in list(self.folders):
            while folder := os.path.dirname(folder):
                self.folders.add(folder)
        self.folders.discard("")
        self.rooms = {os.path.basename(folder) for folder in self.folders}

    def walk(self):
        """Paths of all files; dot-folders (but .ci), builds and caches are left out."""
        for folder, below, names in os.walk(self.top):
            here = os.path.relpath(folder, self.top)
            here = "" if here == "." else here + "/"
            below[:] = [name for name in below if name == ".ci" or
                        not (name.startswith(".") or name == "__pycache__" or here + name == self.build or
                             not here and name.startswith("build"))]
            yield from (here + name for name in names)

    def is_ours(self, path):
        """Is it a text that rules speak of?"""
        if path.endswith(TEXT_ENDS) or os.path.basename(path) == "Makefile":
            return True
        if "." in os.path.basename(path):
            return False
        with open(os.path.join(self.top, path), "rb") as file:
            return file.read(2) == b"#!"    # a script without an ending

    def text(self, path):
        if path not in self.texts:
            with open(os.path.join(self.top, path), encoding="utf-8", errors="replace") as file:
                self.texts[path] = file.read()
        return self.texts[path]

    def code(self, path):
        """A C file's text with comments, strings and characters blanked; #include lines stay."""
        if path not in self.codes:
            text = self.text(path)
            kept = {m.start(2) - 1: m for m in INCLUDE.finditer(text) if m[1] == '"'}
            self.codes[path] = OPAQUE.sub(lambda m: m[0] if m.start() in kept else blanked(m), text)
        return self.codes[path]

    def ending(self, *ends, below=""):
        return [path for path in self.files if path.endswith(ends) and path.startswith(below)]

    def scripts(self, word, end):
        """Files that end so, or whose first line names the program `word`."""
        for path in self.files:
            first = self.text(path).split("\n", 1)[0]
            if path.endswith(end) or first.startswith("#!") and re.search(rf"\b{word}\d?\b", first):
                yield path

    def includes(self, path):
        """[(line, "<" or '"', header as written)]"""
        code = self.code(path)
        return [(code.count("\n", 0, m.start(1)) + 1, m[1], m[2]) for m in INCLUDE.finditer(code)]

    def line_of(self, path, word):
        """The first line of the code that has the word; 1 where none has."""
        code = self.code(path) if path.endswith(C_ENDS) else self.text(path)
        match = re.search(rf"\b{re.escape(word)}\b", code)
        return code.count("\n", 0, match.start()) + 1 if match else 1

    def find(self, path, line, sentence):
        self.findings.append((path, line, sentence))
