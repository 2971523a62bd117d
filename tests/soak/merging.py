# SPDX-License-Identifier: GPL-2.0-or-later
"""The step that merges a child into its parent, and what one that was cut leaves."""
import judge
from children import names_left
from programs import BROKEN
from promises import depth, harm, named_too, no_parent_here, resolve, started_elsewhere


def merge(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) > 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["merge", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, left, half, first, begun = (s.model.copy() for _ in range(5))
    other = finished(s, places)
    if not refuse and len(places) == 1 and other:
        return s.verb(rng, arguments, other[0][1], (), ("there is no parent", False), 64 << 10, other[0][2])
    touched, room, some = {(volume, judge.CONFIG)}, 64 << 10, []
    refuse = refuse or no_parent_here(s.model, volume, places)
    if not refuse:
        touched |= {places[1]} if not s.model.files[places[0]].vhdx else {*places[:2]}  # it gets an id for this
        room += merge_room(s.model, places)
        half_merge(half, places)
        first.half[places[0]] = half.half[places[0]]
        for model in (begun, half, first, left):
            model.files[places[1]].merging = model.files[places[0]].ident
        after.files[places[1]].merging, after.files[places[1]].marked = None, True
        for model in (left, after, first):
            model.fold(places)
        first.write_menu(volume)
        for model in (left, after):
            model.turn_all(volume, places[0], places[1][1])
        some = after.remove_all(places[0])
        left.half.pop(places[0], None)
        allowed = {(v, e.name) for v, e in s.model.starters(places[1])}
        refuse = harm(s.model, after, allowed) or named_too(s.model, places[0], ()) or \
            named_too(s.model, places[1], places[:1]) or started_elsewhere(s.model, volume, places[0])
        if not refuse and s.model.files[places[1]].vhdx and not judge.is_ours(s.flash, s.seen):
            refuse = ("the boot code may be an older one, which does not know a merge that was cut", False)
    return s.verb(rng, arguments, after, [("half done", half, touched), ("the menu is written down", first, touched),
                                          ("the child is left over", left, touched),
                                          *names_left(some, touched)], refuse, room, touched, begun,
                  other)


def finished(s, places):
    """A merge into the leaf was cut at its end; its child is left over, was removed by somebody, or is gone and only
    the mark is there: merge may put an end to that instead."""
    leaf = places and s.model.files[places[0]]
    if not leaf or not (leaf.merging or leaf.marked):
        return []
    found = [place for place, image in s.model.images() if leaf.merging and image.ident == leaf.merging and
             place[0] == places[0][0] and not s.model.starters(place)]
    model = s.model.copy()
    model.files[places[0]].merging, model.files[places[0]].marked = None, False
    for place in found[:1]:
        model.remove_all(place)
    return [("the cut merge is finished", model, {places[0]})]


def merge_room(model, places):
    parent, child = model.files[places[1]], model.files[places[0]]
    if not parent.block:
        return 0
    blocks = {lba // parent.block for lba in child.own} - (parent.blocks or set())
    return len(blocks) * (parent.block * 512 + 12288) + parent.vhdx * (2 << 20)


def half_merge(model, places):
    """Any sector that the child stores may be in the parent."""
    child, parent = model.files[places[0]], model.files[places[1]]
    if places[0] not in model.half:
        model.half[places[0]] = (places[1], dict(parent.own))
    for lba, tag in child.own.items():
        old = parent.stored(lba)
        if old != tag:                  # where a cache was lost, readers may differ here; the child hides it
            parent.maybe[lba] = {old, tag, BROKEN} | parent.maybe.get(lba, set())
    for lba, tags in child.maybe.items():
        parent.maybe[lba] = {parent.stored(lba), BROKEN} | tags - {None} | parent.maybe.get(lba, set())
    parent.blocks = None
