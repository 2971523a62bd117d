# SPDX-License-Identifier: GPL-2.0-or-later
"""What others do to the files of a flash: by ntfs-3g, as a user would."""
import os

import build
import judge
import programs
from pieces import SLEEP, Entry, folder, split
from programs import Loss
from promises import depth, undermined


def change(s, volume, model, touched, what, *commands):
    s.say(f"outside, volume {volume}: {what}")
    programs.outside(s.flash, s.parts[volume], *commands)
    s.judge([("done outside", model, set(touched))])
    return True


def roomy(s, volume, size):
    """Is there room, and some to spare? ntfs-3g's library finds none for a long file some time before all is used."""
    return s.free[volume] > 2 * size + (1 << 20) + (size > 4 << 20) * (size + (2 << 20))


def put_menu(s, volume, model, what):
    path = os.path.join(s.where, "cfg")
    model.kept[volume] = build.write_menu(path, model.menus[volume], s.by_hand)
    return change(s, volume, model, {(volume, judge.CONFIG)}, what, "put", path, judge.CONFIG)


def replace(s, rng):
    """Another image in an old one's place: a new master, perhaps."""
    images = [(p, i) for p, i in s.model.images() if i.kind != "differencing"]
    if not images:
        return None
    place, old = rng.choice(images)
    image = build.new_image(rng, s.tag, sectors=old.sectors if rng.random() < 0.7 else None, vhdx=old.vhdx)
    path = os.path.join(s.where, "new")
    build.write_image(image, path, rng.choice((0, 300 << 10)), rng)
    if not roomy(s, place[0], os.path.getsize(path)):
        return None
    model = s.model.copy()
    model.put(place, image)
    return change(s, place[0], model, {place}, f"another image in the place of {place[1]}", "put", path, place[1])


def link(s, rng):
    """A second name for an image, and perhaps an entry that starts it by that."""
    images = s.model.images()
    if not images or len(s.model.files) > 16:
        return None
    place, image = rng.choice(images)
    volume = place[0]
    to = f"{rng.choice((folder(place[1]), ''))}/l{s.tag()}{rng.choice((image.suffix, image.suffix, '.img'))}"
    model = s.model.copy()
    model.files[volume, to] = model.files[place]
    change(s, volume, model, (), f"link {place[1]} {to}", "link", place[1], to)
    maybe_an_entry(s, rng, volume, to)
    return True


def maybe_an_entry(s, rng, volume, to):
    if s.model.menus[volume] and len(s.model.menus[volume]) < 6 and rng.random() < 0.6:
        model = s.model.copy()
        mode = rng.choice(("persistent", "persistent", "none", "discard"))
        model.menus[volume].append(Entry(f"n{s.tag()}", to, mode))
        if not undermined(model) - undermined(s.model):
            put_menu(s, volume, model, f"an entry for {to}, {mode}")


def copy(s, rng):
    images = s.model.images()
    if not images:
        return None
    place, image = rng.choice(images)
    volume = place[0]
    if not roomy(s, volume, s.files[place][0]) or len(s.model.files) > 16:
        return None
    to = f"{folder(place[1])}/c{s.tag()}{rng.choice((image.suffix, image.suffix, '.img'))}"
    model = s.model.copy()
    model.files[volume, to] = image.copy()
    change(s, volume, model, (), f"copy {place[1]} {to}", "copy", place[1], to)
    maybe_an_entry(s, rng, volume, to)
    return True


def rename(s, rng):
    images = s.model.images()
    if not images:
        return None
    place, image = rng.choice(images)
    volume = place[0]
    suffixes = image.suffix, image.suffix, ".img", image.suffix.replace(".", ".a")
    to = f"{folder(place[1])}/r{s.tag()}{rng.choice(suffixes)}"
    model = s.model.copy()
    model.files[volume, to] = model.files.pop(place)
    for child, (parent, own) in list(model.half.items()):
        if place in (child, parent):
            del model.half[child]
    change(s, volume, model, (), f"rename {place[1]} {to}", "rename", place[1], to)
    if any(s.model.leaf_of(v, e) == place for v, e in s.model.entries()) and rng.random() < 0.8:
        for v in [v for v, m in s.model.menus.items() if m]:
            model = s.model.copy()
            menu = [e.with_vhd(to if split(e.vhd)[0] is None else e.vhd.split(":")[0] + ":" + to)
                    if model.leaf_of(v, e) == place else e for e in model.menus[v]]
            if menu != model.menus[v]:
                model.menus[v] = menu
                put_menu(s, v, model, f"the menu says {to}")
    return True


def remove(s, rng):
    """A file that nothing needs; once in a while, one that something does."""
    needed = {p for v, e in s.model.entries() if depth(s.model, v, e) for p in s.model.chain(v, e)}
    places = [p for p in s.model.files if p[1] not in ("/vhdboot.bin", judge.CONFIG) and
              (p not in needed or rng.random() < 0.02)]
    if not places:
        return None
    place = rng.choice(places)
    model = s.model.copy()
    model.remove(place)
    return change(s, place[0], model, (), f"remove {place[1]}", "remove", place[1])


def noise(s, rng):
    volume = rng.choice(list(s.parts))
    size = rng.choice((5, 700, 5000, 300 << 10, 2 << 20))
    if not roomy(s, volume, size) or len(s.model.files) > 20:
        return None
    path = s.host(rng.randbytes(size))
    name = rng.choice((f"/x{s.tag()}", f"/x{s.tag()}.txt", "/same"))
    model = s.model.copy()
    model.files[volume, name] = None
    return change(s, volume, model, {(volume, name)}, f"{size} bytes in {name}", "put", path, name)


def scatter(s, rng):
    """Free space in pieces: files, and every second one goes."""
    volume = rng.choice(list(s.parts))
    size = rng.choice((4096, 30000, 70000, 200000))
    count = min(24, (s.free[volume] - (1 << 20)) // (2 * size))
    if count < 2 or len(s.model.files) > 16 or (volume, "/p1") in s.model.files:
        return None
    path = s.host(rng.randbytes(size))
    model = s.model.copy()
    commands = []
    for n in range(2 * count):
        commands += ["put", path, f"/p{n}"]
    for n in range(0, 2 * count, 2):
        commands += ["remove", f"/p{n}"]
    left = rng.choice((0, count))       # else all go, and the free space is what it was
    for n in range(1, 2 * count, 2):
        if left:
            model.files[volume, f"/p{n}"] = None
        else:
            commands += ["remove", f"/p{n}"]
    return change(s, volume, model, (), f"{count} holes of {size} bytes", *commands)


def fill(s, rng):
    """Nearly no room is left."""
    volume = rng.choice(list(s.parts))
    size = s.free[volume] - rng.choice((100, 400, 1100, 2300)) * 1024
    if size < 4096 or (volume, "/full") in s.model.files:
        return None
    model = s.model.copy()
    model.files[volume, "/full"] = None
    try:
        return change(s, volume, model, (), f"{size} bytes in /full", "put", s.host(bytes(size)), "/full")
    except Loss as loss:                # NTFS needed some room for itself
        if "No space left" not in str(loss):
            raise
        return change(s, volume, s.model, (), "no room for them", "remove", "/full")


def mark(s, rng):
    """The volume is marked dirty, or not any more."""
    volume = rng.choice(list(s.parts))
    model = s.model.copy()
    model.dirty ^= {volume}
    return change(s, volume, model, (), f"dirty: {volume in model.dirty}",
                  "dirty" if volume in model.dirty else "clean")


def hibernate(s, rng):
    """Windows is hibernated on the volume, or was shut down."""
    volume = rng.choice([v for v in s.parts if s.model.asleep(v)] or list(s.parts))
    model = s.model.copy()
    if model.asleep(volume):
        del model.files[volume, SLEEP]
        return change(s, volume, model, (), "Windows is shut down", "remove", SLEEP)
    model.files[volume, SLEEP] = None
    path = s.host(b"hibr" + bytes(8188))
    return roomy(s, volume, 8192) and change(s, volume, model, (), "Windows sleeps", "put", path, SLEEP)


def menu(s, rng):
    """An entry more, one less, or another mode."""
    volume = rng.choice(list(s.parts))
    model = s.model.copy()
    model.write_menu(volume)
    entries = model.menus[volume]
    what = rng.randrange(3)
    if what == 0 and len(entries) < 6:
        place = rng.choice([p for p, _ in s.model.images()] or [(1, "/none.vhd")])
        far = place[0] != volume
        mode = rng.choice(("persistent", "none", "none", "discard"))
        path = ("DATA:" if place[0] == 2 else "VHDBOOT:") + place[1] if far else place[1]
        entries.append(Entry(f"n{s.tag()}", path, mode))
    elif what == 1 and len(entries) > 1:
        entries.remove(rng.choice(entries))
    elif entries:
        n = rng.randrange(len(entries))
        e = entries[n]
        entries[n] = Entry(e.name, e.vhd, *rng.choice((("persistent", False), ("none", False), ("discard", False),
                                                       ("persistent", True))), e.parents, rng.random() < 0.3)
    if undermined(model) - undermined(s.model):
        return None
    return put_menu(s, volume, model, "the menu: " + ", ".join(f"{e.name}={e.vhd} {e.mode}" for e in entries))
