# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that are verbs of an image's children. Each step that is a verb says what it promises, when it must refuse
and when it may, and what a cut may leave."""
import judge
from model import Refuse
from pieces import folder
from promises import depth, harm, named_too, no_parent_here, other_size, resolve, started_elsewhere


def snapshot(s, rng):
    picked = s.pick(rng)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["snapshot", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, half, first = s.model.copy(), s.model.copy(), s.model.copy()
    room, key = 64 << 10, None
    if not refuse:
        key = (volume, new_name(s, rng, places[0], arguments))
        after.snapshot(volume, entry, key[1])
        first.write_menu(volume)
        half.write_menu(volume)
        half.files[key] = after.files[key].copy()
        if rng.random() < 0.4:
            size = rng.choice((100 << 10, 2 << 20, 5 << 20))
            arguments += ["--size", str(size)]
            room += (size // (2 << 20) + 2) * (2100 << 10)
        room += s.model.files[places[0]].vhdx * (8 << 20)
        refuse = harm(s.model, after, set())
        if not refuse and not entry.writes:     # of one that is write-protected it makes no difference
            refuse = ("an entry that keeps no changes", entry.write != "none")
        others = [e for v, e in s.model.starters(places[0]) if (v, e.name) != (volume, entry.name) and e.writes]
        if others and not refuse:       # an entry of a child would be damaged if there were one
            refuse = (f"entry {others[0].name} writes to it", True)
        if not refuse and places[0] in s.model.half:
            refuse = ("the merge is half done", False)
    touched = {key, (volume, judge.CONFIG)}
    if not refuse and (s.model.files[places[0]].merging or s.model.files[places[0]].marked):
        after.files[places[0]].merging, after.files[places[0]].marked = None, False     # the child is gone
        touched |= {places[0]}
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("made, and not in the menu", half, touched)], refuse, room, touched)


def new_name(s, rng, place, arguments):
    """Of a snapshot: given, or what it is said to be by itself."""
    volume, path = place
    if rng.random() < 0.6:
        suffix = s.model.files[place].suffix
        name = f"s{s.tag()}{rng.choice((suffix, suffix, suffix.replace('.', '.a')))}"
        where = folder(path)
        if rng.random() < 0.25 and any(p.startswith("/vhd/") for v, p in s.model.files if v == volume):
            where = rng.choice(("", "/vhd"))
            arguments += ["--name", where.replace("/", "\\") + "\\" + name]
        else:
            arguments += ["--name", name]
        return where + "/" + name
    stem, dot, suffix = path.rpartition(".")
    base, dash, number = stem.rpartition("-")
    count = 0
    if dash and number.isdigit() and len(number) < 5 and base and not base.endswith("/"):
        stem, count = base, int(number)
    while True:                         # ends: a number that no file has
        count += 1
        if (volume, f"{stem}-{count}{dot}{suffix}") not in s.model.files:
            return f"{stem}-{count}{dot}{suffix}"


def rollback(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) != 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["rollback", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after = s.model.copy()
    touched = {}
    if not refuse and len(places) == 1:
        refuse = ("has no parent", True)
    refuse = refuse or other_size(s.model, places)
    if not refuse:
        after.rollback(volume, entry)
        touched = {places[0]}
        allowed = {(v, e.name) for v, e in s.model.starters(places[0])}
        refuse = unfinished(s, places) or harm(s.model, after, allowed) or \
            named_too(s.model, places[0], ())
    room = max((s.files[place][0] for place in touched if s.model.files[place].vhdx), default=0)
    return s.verb(rng, arguments, after, (), refuse, room + (64 << 10), touched)


def unfinished(s, places):
    if places[0] in s.model.half:
        return ("the merge is half done", True)
    if any(p in s.model.half or p in [h[0] for h in s.model.half.values()] for p in places):
        return ("a merge of its parents is half done", False)
    return None


def drop(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) != 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["rollback", s.flash, "--drop", *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, left, first = (s.model.copy() for _ in range(3))
    touched, some = {(volume, judge.CONFIG)}, []
    below = None if places else below_broken(s.model, volume, entry)
    if below:
        return broken_drop(s, rng, volume, entry, below, arguments)
    refuse = refuse or no_parent_here(s.model, volume, places)
    if not refuse:
        first.write_menu(volume)
        left.turn_all(volume, places[0], places[1][1])
        after.turn_all(volume, places[0], places[1][1])
        some = after.remove_all(places[0])
        allowed = {(v, e.name) for v, e in s.model.starters(places[0]) if v == volume}
        refuse = unfinished(s, places) or harm(s.model, after, allowed) or \
            named_too(s.model, places[0], ()) or named_too(s.model, places[1], places[:1]) or \
            started_elsewhere(s.model, volume, places[0])
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("the child is left over", left, touched),
                                          *names_left(some, touched)], refuse, 64 << 10, touched)


def names_left(models, touched):
    return [("some of its names are left", model, touched) for model in models]


def below_broken(model, volume, entry):
    """What an entry's leaf can be dropped for, where its chain is broken: its parent, or what lies in that one's
    place; None."""
    leaf = model.leaf_of(volume, entry)
    image = model.files.get(leaf)
    if image is None or leaf[0] != volume or image.kind != "differencing":
        return None
    found = [place for place in model.candidates(*leaf, image, entry.parents, volume)
             if model.files.get(place) is not None and place != leaf]
    for place in found:
        if model.files[place].ident == image.parent:
            return place
    return next((place for place in found if opens(model, place, entry, volume)), None)


def opens(model, place, entry, volume):
    try:
        return bool(model.chain_of(*place, entry.parents, volume))
    except Refuse:
        return False


def broken_drop(s, rng, volume, entry, place, arguments):
    """Nothing but dropping the child helps, and that needs nothing of the parent."""
    leaf = s.model.leaf_of(volume, entry)
    after, left = s.model.copy(), s.model.copy()
    first = s.model.copy()
    first.write_menu(volume)
    left.turn_all(volume, leaf, place[1])
    after.turn_all(volume, leaf, place[1])
    some = after.remove_all(leaf)
    allowed = {(v, e.name) for v, e in s.model.starters(leaf) if v == volume}
    refuse = harm(s.model, after, allowed) or named_too(s.model, leaf, ()) or named_too(s.model, place, [leaf])
    if place[0] != volume:
        refuse = ("the parent lies on another volume", True)
    elif s.model.files[place].ident == s.model.files[leaf].parent and not refuse:
        refuse = other_size(s.model, (leaf, place))
    if not refuse and len(allowed) < len(s.model.starters(leaf)):
        refuse = ("an entry of another volume starts it", False)
    touched = {(volume, judge.CONFIG)}
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("the child is left over", left, touched),
                                          *names_left(some, touched)], refuse, 64 << 10, touched)
