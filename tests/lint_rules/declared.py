# SPDX-License-Identifier: GPL-2.0-or-later
"""Which names a C header gives to those who include it. No parser of C: enough for how this project declares."""
import re

WORDS_OF_C = set("""_Noreturn _Static_assert alignas auto bool break case char const continue default do double
    else enum extern float for goto if inline int long register restrict return short signed sizeof static struct
    switch typedef typeof union unsigned void volatile while __attribute__ defined""".split())
DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
DIRECTIVE = re.compile(r"^[ \t]*#(?:.*\\\n)*.*$", re.M)
FILE, STRUCT, ENUM, OTHER = range(4)    # where a token stands; OTHER: bodies of functions, values


def block_kind(before, since):
    """What a `{` begins: `before` is the token before it, `since` those of its declaration."""
    if before in (")", "="):
        return OTHER
    if "enum" in since:
        return ENUM
    return STRUCT if "struct" in since or "union" in since else OTHER


def declared(code):
    """(names at file level, names of members of structs and unions) of a header's code without comments."""
    names = set(DEFINED.findall(code))
    guard = re.search(r"^#ifndef (\w+)", code, re.M)
    given = {FILE: names, ENUM: names, STRUCT: set(), OTHER: set()}
    blocks, parens, before, since = [FILE], 0, "", []
    for token in re.findall(r"\w+|[^\w\s]", DIRECTIVE.sub("", code)):
        kind = blocks[-1]
        pointer = parens and since[-2:-1] == ["*"] and since[-3:-2] == ["("]  # (*name)(...)
        if re.match(r"[A-Za-z_]", before) and token in "(;[=,:})" and (not parens or pointer and token in ")["):
            if token != "(" or since[-2:-1] not in (["struct"], ["union"], ["enum"]):
                given[kind].add(before)
        if token in "()":
            parens += 1 if token == "(" else -1
        if token == "{":
            if since[-2:-1] and since[-2] in ("struct", "union", "enum"):
                names.add(before)
            blocks.append(OTHER if kind == OTHER else block_kind(before, since))
        elif token == "}" and len(blocks) > 1:
            blocks.pop()
        since = [] if token in ";{}" and not parens else since + [token]
        before = token
    return names - WORDS_OF_C - ({guard[1]} if guard else set()), given[STRUCT] - WORDS_OF_C
