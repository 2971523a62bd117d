# SPDX-License-Identifier: GPL-2.0-or-later
"""What a flash must hold: the soak's own idea of it. It knows what each image stores, who is whose parent, what
the menus say, and what each verb promises; of files' insides, clusters and tables it knows nothing, and it shares
no line with the project.

A disk is a dict from lba to tag; what is not in it is zeros, or the parent's. Paths are "/dir/x.vhd" on a volume,
which has the number of its partition."""
import itertools

from pieces import BLOCK_OF_SNAPSHOT, Entry, Image, MISPLACED, SLEEP, folder, normal, relative, split


class Refuse(Exception):
    """The entry does not start, and why."""


class Model:
    """files: (volume, path) -> Image, the same one under each of a file's names, or None for any other file.
    menus: volume -> entries, or None where there is no config. half: (volume, path) of children whose merge was
    cut -> the parent's place, and what that stored before. kept: volume -> lines of its config
    that verbs leave alone, with the entries that they belong to. dirty: volumes that are marked so."""

    def __init__(self):
        self.files = {}
        self.menus = {}
        self.half = {}
        self.kept = {}
        self.dirty = frozenset()

    def copy(self):
        other = Model()
        copies = {id(image): image and image.copy() for image in self.files.values()}
        other.files = {place: copies[id(image)] for place, image in self.files.items()}
        other.menus = {k: v if v is None else list(v) for k, v in self.menus.items()}
        other.half, other.kept, other.dirty = dict(self.half), dict(self.kept), self.dirty
        return other

    def menu(self, volume):
        """The entries; where a config names none, the images of the root folder: to be read only, if a line of it is
        not understood."""
        if self.menus[volume]:
            return self.menus[volume]
        names = sorted(path[1:] for on, path in self.files if on == volume and path.count("/") == 1 and
                       path.endswith((".vhd", ".vhdx")))
        odd = (None, MISPLACED) in self.kept.get(volume, ()) and (volume, "/vhdboot.cfg") in self.files
        return [Entry(name, "/" + name, "none" if odd else "persistent") for name in names]

    def write_menu(self, volume):
        """A verb that changes an entry writes down the menu that there was without a config."""
        self.menus[volume] = list(self.menu(volume))
        self.files[volume, "/vhdboot.cfg"] = None

    def asleep(self, volume):
        """Is Windows hibernated on it?"""
        return (volume, SLEEP) in self.files

    # --- Who leads to whom

    def candidates(self, volume, path, image, parents, home):
        """Where the loader looks for the parent, in its order."""
        for hint in image.hints:
            yield volume, normal(folder(path) + "/" + hint)
        for hint in image.hints:
            yield volume, normal(folder(path) + "/" + hint.replace("\\", "/").rsplit("/", 1)[-1])
        for line in parents:
            on, place = split(line)
            yield on or home, place

    def chain_of(self, volume, path, parents=(), home=None):
        """Places, leaf first. Refuse: it cannot be opened."""
        home = home or volume
        places = [(volume, path)]
        if self.files.get(places[0]) is None:
            raise Refuse("missing")
        while True:
            image = self.files[places[-1]]
            if image.kind != "differencing":
                return places
            for place in self.candidates(*places[-1], image, parents, home):
                found = self.files.get(place)
                if found is not None and found.ident == image.parent:
                    break
            else:
                raise Refuse("parent")
            if found.ident in [self.files[p].ident for p in places]:
                raise Refuse("loop")
            places.append(place)

    def leaf_of(self, volume, entry):
        on, path = split(entry.vhd)
        return on or volume, path

    def chain(self, volume, entry):
        return self.chain_of(*self.leaf_of(volume, entry), entry.parents, volume)

    def is_apart(self, places):
        """Does the chain go through an image that a merge was cut in, by another way than the merged child? It may
        be refused."""
        images = [self.files[place] for place in places]
        return any(image.merging and (not n or images[n - 1].ident != image.merging)
                   for n, image in enumerate(images))

    def disk(self, places):
        """What the chain's disk holds; the sectors that may hold several things apart."""
        seen, maybe = {}, {}
        for place in reversed(places):
            image = self.files[place]
            for below in (seen, maybe):  # a layer ends what lies under it
                for lba in [n for n in below if n >= image.sectors]:
                    del below[lba]
            for lba in image.own:
                maybe.pop(lba, None)
            seen.update(image.own)
            for lba, tags in image.maybe.items():
                below = maybe.get(lba) or {seen.get(lba, 0)}
                maybe[lba] = {t for tag in tags for t in ({tag} if tag is not None else below)}
        return seen, maybe

    def entries(self):
        for volume in self.menus:
            for entry in self.menu(volume):
                yield volume, entry

    def images(self):
        return [(place, image) for place, image in self.files.items() if image is not None]

    def dependents(self, place, but=()):
        """How an image is depended on: entries whose chain goes through it, as (volume, entry), and whether any
        image at all names its id as the parent's. Those that start from a place in `but` do not count."""
        ident = self.files[place].ident
        entries = []
        for volume, entry in self.entries():
            try:
                chain = self.chain(volume, entry)
            except Refuse:
                continue
            under = [n for n, p in enumerate(chain) if n and self.files[p] is self.files[place]]
            if under and not set(but) & set(chain[:under[0]]):
                entries.append((volume, entry))
        named = [p for p, image in self.images() if image.parent == ident and p not in but]
        return entries, named

    def names(self, place):
        """All names of the file."""
        image = self.files.get(place)
        return [p for p, other in self.files.items() if p == place or (image is not None and other is image)]

    def starters(self, place):
        """Entries whose leaf it is."""
        names = [place, *self.names(place)]
        return [(v, e) for v, e in self.entries() if self.leaf_of(v, e) in names]

    def written(self, place):
        """A VHDX that was written to has another id; a merge that was cut knows it all the same."""
        image = self.files[place]
        old = image.ident
        image.renew()
        for _, other in self.images():
            if other.merging == old:
                other.merging = image.ident

    def put(self, place, image):
        """Other content in a file."""
        for name in self.names(place):
            self.files[name] = image

    def starts(self, volume, entry):
        """Raises Refuse where the machine does not start it; its chain."""
        places = self.chain(volume, entry)
        disk, maybe = self.disk(places)
        if not disk.get(0) and 0 not in maybe:
            raise Refuse("system")
        return places

    def may_be_blank(self, places):
        """A cut left it open whether the first sector holds anything."""
        return not all(self.disk(places)[1].get(0, {1}))

    # --- What verbs promise; each changes the model as if all went well

    def snapshot(self, volume, entry, name):
        leaf = self.leaf_of(volume, entry)
        image = self.files[leaf]
        child = Image("differencing", image.sectors, BLOCK_OF_SNAPSHOT, parent=image.ident,
                      hints=[relative(name, leaf[1])], vhdx=image.vhdx)
        self.turn(volume, entry, name)
        self.files[(volume, name)] = child

    def turn(self, volume, entry, path):
        """One entry starts another image of its volume."""
        self.write_menu(volume)
        self.menus[volume] = [e.with_vhd(path) if e.name == entry.name else e for e in self.menus[volume]]

    def turn_all(self, volume, old, path):
        """Every entry of the menu that starts the image `old`."""
        names = [old, *self.names(old)]
        for entry in self.menu(volume):
            if self.leaf_of(volume, entry) in names:
                self.turn(volume, entry, path)

    def rollback(self, volume, entry):
        image = self.files[self.leaf_of(volume, entry)]
        image.own, image.blocks, image.torn = {}, set(), False
        image.renew()
        image.merging, image.marked = None, False

    def fold(self, places):
        """The child's content in its parent; what a cut left open in the child is open there."""
        child, parent = self.files[places[0]], self.files[places[1]]
        for lba, tags in child.maybe.items():
            below = parent.maybe.get(lba) or {parent.stored(lba)}
            parent.maybe[lba] = {t for tag in tags for t in ({tag} if tag is not None else below)}
        for lba in child.own:
            if lba not in child.maybe:
                parent.maybe.pop(lba, None)
        parent.own.update(child.own)
        parent.blocks = None

    def remove(self, place):
        del self.files[place]
        self.half.pop(place, None)

    def remove_all(self, place):
        """By all its names. The models that lie between, if there is more than one: some are gone."""
        names, between = self.names(place), []
        for some in itertools.chain(*(itertools.combinations(names, n) for n in range(1, len(names)))):
            between.append(self.copy())
            for name in some:
                between[-1].remove(name)
        for name in names:
            self.remove(name)
        return between
