# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps that change which images a flash has and which entries: add, replace, remove."""
import os

import build
import judge
import programs
import vhdx_files
from pieces import Entry, folder
from promises import harm


def found_parent(model, place):
    """Where the image's own words lead to its parent, on its own volume; None."""
    image = model.files[place]
    for there in model.candidates(*place, image, (), place[0]):
        other = model.files.get(there)
        if there[0] == place[0] and other is not image and other is not None and other.ident == image.parent:
            return there
    return None


def standing(model, place):
    """Images that stand on this one: they name its id, and have not found it in another file."""
    names = [None, *model.names(place)]
    own = model.files[place]
    return [p for p, image in model.images() if image is not own and image.kind == "differencing" and
            image.parent == own.ident and found_parent(model, p) in names]


def family(model, place):
    """All that stand on it, a generation behind the other."""
    out = []
    for parent in iter_growing([place], out):
        out += [p for p in standing(model, parent) if p not in out and p not in model.names(place)]
    return out


def iter_growing(first, more):
    yield from first
    done = 0
    while done < len(more):             # ends: each image is added once
        yield more[done]
        done += 1


def merging(s, places):
    """A refusal that a merge which was cut may, or must, bring."""
    if any(p in s.model.half for p in places):
        return ("a merge of it is half done", True)
    if any(s.model.files[p].merging for p in places if s.model.files.get(p)):
        return ("a merge into it may be half done", False)
    return None


def remove(s, rng):
    picked = s.pick(rng)
    if not picked or rng.random() < 0.3:
        return None
    volume, entry = picked
    keep = rng.random() < 0.2
    arguments = ["remove", s.flash, *s.options(volume, entry)] + ["--keep-image"] * keep
    place = s.model.leaf_of(volume, entry)
    there = s.model.files.get(place) is not None and place[0] == volume and not keep
    others = [(v, e) for v, e in s.model.starters(place) if (v, e.name) != (volume, entry.name)]
    needed, maybe = others, False
    if there and not needed:
        entries, named = s.model.dependents(place)
        needed = entries or standing(s.model, place)
        maybe = bool(named) and not entries
    goes = there and not needed
    outcomes = []
    for gone in {goes, False} if maybe and there else {goes}:
        after, left, first = s.model.copy(), s.model.copy(), s.model.copy()
        written = s.model.menus[volume] or not gone
        if written:
            first.write_menu(volume)
            for model in (after, left):
                model.write_menu(volume)
                model.menus[volume] = [e for e in model.menus[volume] if e.name != entry.name]
        if gone:
            after.remove(place)
        outcomes.append((after, left, first))
    after, left, first = outcomes[0]
    refuse = merging(s, [place]) if goes and there else None
    root = [p for v, p in after.files if v == volume and p.count("/") == 1 and p.endswith((".vhd", ".vhdx"))]
    if not s.model.menu(volume)[1:] and root:
        refuse = ("the menu would be the root folder's", True)
    touched = {(volume, judge.CONFIG)}
    between = [("the menu is written down", first, touched), ("the image is left over", left, touched)]
    other = [("done otherwise", a, touched) for a, _, _ in outcomes[1:]]
    return s.verb(rng, arguments, after, between, refuse, 64 << 10, touched, None, other)


def host_file(s, name):
    where = os.path.join(s.where, f"add{s.tag()}")
    os.mkdir(where)
    return os.path.join(where, name)


def add(s, rng):
    volume = rng.choice([v for v in s.parts if s.model.menus.get(v) is not None or v == 1])
    if len(s.model.files) > 16 or len(s.model.menu(volume)) > 5:
        return None
    image, refuse, parent_id = build.new_image(rng, s.tag, vhdx=rng.random() < 0.3), None, None
    arguments = ["add", s.flash] + (["--partition", str(volume)] if volume != 1 else [])
    bases = [p for p, i in s.model.images() if p[0] == volume and i.kind != "differencing" and not i.merging and
             not i.marked and not i.maybe]
    base = rng.choice(bases) if bases and rng.random() < 0.4 else None
    stem = f"a{s.tag()}"
    name = stem + (s.model.files[base] if base else image).suffix
    path, host = f"/{name}", host_file(s, name)
    if base:                            # a child of what is there; its parent comes along and is known again
        parent = s.model.files[base]
        own = base[1].rsplit("/", 1)[1]
        path = f"{folder(base[1])}/{name}"
        image = build.new_image(rng, s.tag, "differencing", parent.sectors, parent, own, parent.vhdx)
        status, _, errors = programs.run("sh", "-c", 'exec "$0" cat "$1" --partition "$2" > "$3"', programs.MKIMAGE,
                                         f"{s.flash}:{base[1]}", volume, os.path.join(os.path.dirname(host), own))
        if status:
            raise programs.Loss(f"cat: {errors}")
        if parent.vhdx:
            parent_id = vhdx_files.identity_of(os.path.join(os.path.dirname(host), own))
        if s.model.dependents(base)[1] and len({i.ident for _, i in s.model.images()}) < len(s.model.images()):
            return None                 # copies: which one the host's program finds is no question here
    build.write_image(image, host, rng.choice((0, 70 << 10)), rng, parent_id)
    mode = rng.choice(("persistent", "persistent", "discard", "none"))
    arguments += ["--vhd", host, "--name", path.replace("/", "\\"), "--write", mode, "--reserve",
                  rng.choice(("none", "64K", "1M"))]
    after, first, put = s.model.copy(), s.model.copy(), s.model.copy()
    first.write_menu(volume)
    was_empty = not s.model.menu(volume)
    for model in (after, put):
        model.write_menu(volume)
    after.files[volume, path] = image
    after.menus[volume].append(Entry(stem, path, mode))
    if was_empty:
        put.menus[volume].append(Entry(stem, path, mode))
    else:
        put.files[volume, path] = image.copy()
    if base:
        writers = [e for _, e in s.model.starters(base) if e.writes]
        refuse = (f"entry {writers[0].name} writes to its parent", True) if writers else None
    refuse = refuse or harm(s.model, after, set())
    touched = {(volume, judge.CONFIG), (volume, path)}
    room = os.path.getsize(host) + ((9 if image.vhdx else 3) << 20)
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched), ("half done", put, touched)],
                  refuse, room, touched)


def new_master(s, rng, place):
    """(image, host's file): what an image is replaced by; once in a while one that has its id, or another format."""
    old = s.model.files[place]
    vhdx = old.vhdx != (rng.random() < 0.25)
    image = build.new_image(rng, s.tag, sectors=old.sectors if rng.random() < 0.7 else None, vhdx=vhdx)
    if rng.random() < 0.15 and old.known and vhdx == old.vhdx:
        image.ident = old.ident
    host = host_file(s, "new." + place[1].rsplit(".", 1)[1])
    build.write_image(image, host, rng.choice((0, 300 << 10)), rng)
    return image, host


def replace(s, rng):
    images = [p for p, _ in s.model.images() if "." in p[1].rsplit("/", 1)[1]]
    if not images:
        return None
    place = rng.choice(images)
    volume = place[0]
    arguments = ["replace", s.flash] + (["--partition", str(volume)] if volume != 1 else [])
    starters = [e for v, e in s.model.starters(place) if v == volume]
    if starters and rng.random() < 0.6:
        entry = rng.choice(starters)
        place = s.model.leaf_of(volume, entry)      # by that name, perhaps
        arguments += ["--entry", entry.name]
    else:
        arguments += ["--file", place[1]]
    image, host = new_master(s, rng, place)
    arguments += ["--vhd", host, "--reserve", rng.choice(("none", "64K", "1M"))]
    children = family(s.model, place)
    choice = rng.choice(("keep", "drop", "drop", None))
    arguments += ["--children", choice] if choice else []
    refuse = merging(s, [place])
    if children and not choice:
        refuse = ("has children", True)
    stages, after, allowed, refuse = replaced(s, place, image, children if choice == "drop" else [], refuse)
    if choice == "keep" and children:
        same = image.ident == s.model.files[place].ident
        refuse = ("they would read it", True) if same else refuse
        allowed |= {(v, e.name) for v, e in s.model.entries()}
    refuse = refuse or harm(s.model, after, allowed)
    touched = {(volume, judge.CONFIG), place}
    return s.verb(rng, arguments, after, [(f"stage {n}", m, touched) for n, m in enumerate(stages)], refuse,
                  os.path.getsize(host) + ((9 if image.vhdx else 3) << 20), touched)


def replaced(s, place, image, dropped, refuse):
    """What lies between, what is then, which entries read something else then, and why it may not be."""
    volume = place[0]
    allowed = {(v, e.name) for p in [place, *dropped] for v, e in s.model.starters(p)}
    stages, model = [], s.model.copy()
    turned = [(v, e) for p in dropped for v, e in s.model.starters(p)]
    if any(p[0] != volume for p in dropped) or any(v != volume for v, _ in turned):
        refuse = refuse or ("a child lies on, or is started from, another volume", True)
    if any(p in s.model.half for p in dropped):
        refuse = refuse or ("a merge is half done", False)
    if any(name not in dropped for p in dropped for name in s.model.names(p)):
        refuse = refuse or ("one of them has another parent by another name", True)
    if turned and not (refuse and refuse[1]):
        model.write_menu(volume)
        stages.append(model.copy())
        for child in dropped:
            model.turn_all(volume, child, place[1])
        stages.append(model.copy())
    for child in reversed(dropped):
        model.remove(child)
        stages.append(model.copy())
    model.put(place, image)
    for child, (parent, _) in list(model.half.items()):
        if place in (child, parent):
            del model.half[child]
    return stages, model, allowed, refuse
