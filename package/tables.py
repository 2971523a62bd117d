#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills what the tool says of its verbs and options (`help --table`) into a page of the manual or a completion.

usage: tables.py TOOL VERSION TEMPLATE      to standard output

A line of the template that holds nothing but @NAME@ is replaced: @VERBS@ (the manual's), @BASH@, @ZSH@; @VERSION@
anywhere.
"""
import re
import subprocess
import sys


def read_table(tool):
    """[(group, [(verb, arguments, brief, about, [(option, value, text), ...]), ...]), ...], those with verbs"""
    groups = []
    for line in subprocess.run([tool, "help", "--table"], stdout=subprocess.PIPE, check=True,
                               text=True).stdout.splitlines():
        kind, *fields = line.split("\t")
        if kind == "group":
            groups.append((fields[0], []))
        elif kind == "verb":
            groups[-1][1].append([*fields, "", []])
        elif kind == "about":
            groups[-1][1][-1][3] = fields[0]
        elif kind == "option":
            groups[-1][1][-1][4].append(tuple(fields))
    return [group for group in groups if group[1]]


def kind_of(option, value):
    """What completes a value: `files`, `entries`, words of a choice, or nothing."""
    if re.match(r"FILE|DEVICE|TARGET|PATH|FOLDER|DIR", value) and option not in ("file", "name"):
        return "files"
    if option == "entry":
        return "entries"
    return " ".join(word for word in value.split("|") if word.islower()) if "|" in value else ""


# --- The manual


def roff(text):
    """A text of the table as a line of the manual's."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def arguments_roff(text):
    """Options and names as they are typed, what stands for something else in italics."""
    return " ".join(("\\fB" + roff(word) + "\\fR") if word.startswith("-") else ("\\fI" + roff(word) + "\\fR")
                    for word in text.split())


def manual(groups):
    for group, verbs in groups:
        yield f".SS {roff(group)}"
        for verb, arguments, _, about, options in verbs:
            yield ".TP"
            yield f"\\fBvhdboot {roff(verb)}\\fR {arguments_roff(arguments)}"
            yield roff(about)
            if not options:
                continue
            yield ".RS"
            for option, value, text in options:
                yield ".TP"
                yield f"\\fB\\-\\-{roff(option)}\\fR" + (f" \\fI{roff(value)}\\fR" if value else "")
                yield roff(text[0].upper() + text[1:] + ("" if text.endswith(".") else "."))
            yield ".RE"


# --- Completions


def shell(text):
    return "'" + text.replace("'", "'\\''") + "'"


def bash(groups):
    yield "_vhdboot_verbs=" + shell("\n".join(verb[0] for _, verbs in groups for verb in verbs))
    yield "declare -A _vhdboot_options=("
    for _, verbs in groups:
        for verb, _, _, _, options in verbs:
            yield f"    [{shell(verb)}]=" + shell(" ".join(f"--{option[0]}" for option in options) + " --help")
    yield ")"
    yield "declare -A _vhdboot_values=("
    for _, verbs in groups:
        for verb, _, _, _, options in verbs:
            for option, value, _ in options:
                if value:
                    yield f"    [{shell(verb + ' --' + option)}]=" + shell(kind_of(option, value) or "none")
    yield ")"


def described(word, text):
    return shell(word.replace(":", "\\:") + ":" + text)


def zsh_option(option, value, text):
    spec = "--" + option + ("=" if value else "") + "[" + re.sub(r"([\[\]\\:])", r"\\\1", text) + "]"
    if value:
        kind = kind_of(option, value)
        action = {"files": "_files", "entries": "_vhdboot_entries", "": " "}.get(kind, f"({kind})")
        spec += ":" + value.replace(":", "\\:").split("[")[0] + ":" + action
    return shell(("*" if "given again" in text else "") + spec)


def zsh(groups):
    families = {}
    for _, verbs in groups:
        for verb, _, brief, _, _ in verbs:
            first, _, second = verb.partition(" ")
            families.setdefault(first, []).append((second, brief))
    yield "_vhdboot_first=("
    for first, members in families.items():
        yield "    " + described(first, members[0][1] if members[0][0] == "" else
                                 "one of: " + ", ".join(second for second, _ in members if second))
    yield "    " + described("help", "what a verb does, and its options")
    yield ")"
    yield "typeset -A _vhdboot_second=("
    for first, members in families.items():
        if any(second for second, _ in members):
            yield f"    {first} " + shell("\n".join(f"{second}:{brief}" for second, brief in members if second))
    yield ")"
    yield "_vhdboot_options() {"
    yield "    case $1 in"
    for _, verbs in groups:
        for verb, _, _, _, options in verbs:
            yield f"    {shell(verb)})"
            yield "        specs=(" + " ".join(zsh_option(*option) for option in options) + ") ;;"
    yield "    esac"
    yield "}"


def main():
    tool, version, template = sys.argv[1:]
    groups = read_table(tool)
    made = {"@VERBS@": manual, "@BASH@": bash, "@ZSH@": zsh}
    with open(template, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line in made:
                print("\n".join(made[line](groups)))
            else:
                print(line.replace("@VERSION@", version))


main()
