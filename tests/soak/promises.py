# SPDX-License-Identifier: GPL-2.0-or-later
"""What a verb must leave alone, worked out from the model before and after it."""
from model import Refuse


def disks(model):
    """What each entry reads: (volume, name) -> its disk, or None."""
    out = {}
    for volume, entry in model.entries():
        try:
            places = model.chain(volume, entry)
            out[volume, entry.name] = ({k: v for k, v in model.disk(places)[0].items() if v}, places)
        except Refuse:
            out[volume, entry.name] = None
    return out


def undermined(model):
    """Entries that write to an image under a child that another one starts: (entry, that other one)."""
    out = set()
    for volume, entry in model.entries():
        leaf = model.leaf_of(volume, entry)
        if entry.writes and model.files.get(leaf) is not None:
            out |= {((volume, entry.name), (v, e.name)) for v, e in model.dependents(leaf)[0]}
    return out


def undermines_none(model):
    """For Soak.pick(): entries that one may start without damage to what another one starts."""
    writers = {writer for writer, _ in undermined(model)}
    return lambda volume, entry: (volume, entry.name) not in writers


def harm(before, after, allowed):
    """Why a verb must not do what makes `after` of `before`: (reason, True), or None. `allowed` entries may change."""
    old, new = disks(before), disks(after)
    for key, was in old.items():
        now = new.get(key)
        if was is None or key in allowed or (now is not None and now[0] == was[0]):
            continue
        return f"entry {key} would not read what it reads", True
    for writer, victim in undermined(after) - undermined(before):
        return f"entry {writer} would write under the child that {victim} starts", True
    return None


def resolve(model, volume, entry):
    """(chain, refusal): as verbs need it."""
    try:
        places = model.chain(volume, entry)
    except Refuse as why:
        return None, (f"the image cannot be opened: {why}", True)
    if places[0][0] != volume:
        return places, ("lies on another volume", True)
    return places, None


def named_too(model, place, but):
    """A verb may refuse where any image names the id as its parent's, though no entry may start it."""
    return ("named as a parent", False) if model.dependents(place, but)[1] else None


def started_elsewhere(model, volume, place):
    """A verb that removes an image may refuse where another volume's menu has it, though nothing starts there."""
    others = [v for v, _ in model.starters(place) if v != volume]
    return ("another menu starts it", False) if others else None


def depth(model, volume, entry):
    try:
        return len(model.chain(volume, entry))
    except Refuse:
        return 0


def other_size(model, places):
    if model.files[places[0]].sectors != model.files[places[1]].sectors:
        return ("the parent has another size", True)
    return None


def no_parent_here(model, volume, places):
    """Why an image cannot give way to its parent: (reason, True), or None."""
    if len(places) == 1:
        return ("has no parent", True)
    if places[1][0] != volume:
        return ("the parent lies on another volume", True)
    return other_size(model, places)
