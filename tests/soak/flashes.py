# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that put boot code, or all of a flash, there."""
import glob
import os

import build
import programs
from model import Refuse
from programs import Loss

CODE, MENU = (1, "/vhdboot.bin"), (1, "/vhdboot.cfg")


def install(s, rng):
    arguments = ["install", s.flash]
    if rng.random() < 0.3:              # there was something else
        path = s.host(b"old code" * rng.randrange(8, 20000))
        s.say("another vhdboot.bin")
        programs.outside(s.flash, s.parts[1], "put", path, CODE[1])
        model = s.model.copy()
        model.files[CODE] = None
        s.judge([("put", model, {CODE})])
    if rng.random() < 0.7:
        s.backup = os.path.join(s.where, f"backup{s.tag()}")
        arguments += ["--backup", s.backup]
    return with_code(s, rng, arguments, None)


def with_code(s, rng, arguments, refuse):
    """Nothing changes but that vhdboot.bin is there."""
    after = s.model.copy()
    after.files[CODE] = None
    return s.verb(rng, arguments, after, (), refuse, 200 << 10, {CODE})


def update(s, rng):
    refuse = None
    if CODE not in s.model.files:       # there may be boot code of ours all the same
        refuse = ("vhdboot is not installed", False)
    return with_code(s, rng, ["update", s.flash], refuse)


def uninstall(s, rng):
    """Boot code and files go; the menu is what the images of the root folder make it."""
    after, kept, bare = s.model.copy(), s.model.copy(), s.model.copy()
    for model, gone in ((after, (CODE, MENU)), (kept, (CODE,)), (bare, (MENU,))):
        for place in gone:
            model.files.pop(place, None)
        if MENU in gone:
            model.menus[1] = None
            model.kept.pop(1, None)
    refuse = None if CODE in s.model.files else ("vhdboot is not installed", False)
    return s.verb(rng, ["uninstall", s.flash], after, [("the menu is there", kept, set()),
                                                       ("the code is there", bare, set())], refuse, 200 << 10)


def flash(s, rng):
    """Another flash over the old one. It fails where the file gets too large for a limit: then the old one stays."""
    where = os.path.join(s.where, f"again{s.tag()}")
    os.mkdir(where)
    factory = build.Factory(where, rng, s.tag)
    arguments = factory.prepare()
    limit = rng.choice((None, 100, 2000, 8000, 20000))
    arguments[1] = s.flash
    s.say(f"flash over it, with files of at most {limit} KiB: " + " ".join(arguments[2:]).replace(where, ""))
    shell = f"trap '' XFSZ; ulimit -f {limit}; exec \"$@\"" if limit else "exec \"$@\""
    status, _, errors = programs.run("sh", "-c", shell, "sh", programs.MKIMAGE, *arguments, "--yes")
    if status not in (0, 1) or status == 1 and not limit:
        raise Loss(f"flash ends with {status}: {errors}")
    if not os.path.exists(s.flash):
        raise Loss("flash removed the old file and made no new one")
    s.log[-1] += f": {status}"
    if status == 0:
        s.parts, s.files, s.backup = programs.partitions(s.flash), {}, None
        s.judge([("flashed", factory.model, set())])
    else:
        s.judge([("as before", s.model, set())])
    return True


def clone(s, rng):
    """Another flash with all files of the first volume, each in a file of its own, perhaps over the other one. Then
    either lives on."""
    if rng.random() < (0.6 if s.other else 0.3):
        return None
    path = s.other[0] if s.other else os.path.join(s.where, f"clone{s.tag()}")
    arguments = ["clone", s.flash, path] + (["--size", f"{rng.choice((40, 64, 90))}M"] if rng.random() < 0.4 else [])
    cut = (int(1.35 ** rng.uniform(0, 20)) - 1, 0, 0) if rng.random() < 0.5 else None
    s.say(" ".join(arguments).replace(s.where + "/", "") + (f", cut after {cut[0]} writes" if cut else ""))
    status, _, errors = programs.mkimage(*arguments, "--yes", cut=cut, flash=unfinished(path) + "*")
    s.ends["clone", {0: "done", 1: "refused", 99: "cut"}.get(status, "failed")] += 1
    if status == 1 and not may_fail(s, errors) or status not in (0, 1, 99):
        raise Loss(f"clone ends with {status}: {errors}")
    s.log[-1] += {1: f": refused: {errors.strip()}", 99: ": cut"}.get(status, "")
    s.judge([("cloned", s.model, set())])
    if status == 0 or status == 99 and complete(s, path):
        s.other = path, cloned(s.model), {}, None
    if s.other:                         # it is what it was, or the new clone
        s.turn()
        if rng.random() < 0.5:
            s.turn()
    return True


def unfinished(path):
    """What a file's name begins with until all of it is there."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.")


def complete(s, path):
    """Of a clone that was cut: what was written either starts nothing, or is all there and becomes the clone."""
    left = glob.glob(unfinished(path) + "*")
    if len(left) != 1 or not s.other and os.path.exists(path):
        raise Loss(f"a clone that was cut leaves {left}, {os.listdir(s.where)}")
    with open(left[0], "rb") as file:
        bootable = file.read(512).endswith(b"\x55\xaa")
    if bootable:                        # as on a device, which has no name to get in the end
        os.rename(left[0], path)
        return True
    if programs.mkimage("check", left[0])[0] != 1:
        raise Loss("a clone that was cut has no boot record, and check says that it starts")
    os.unlink(left[0])
    return False


def cloned(model):
    """What a clone holds."""
    model = model.copy()
    model.files = {place: image and image.copy() for place, image in model.files.items() if place[0] == 1}
    model.files[CODE] = None
    model.menus, model.dirty = {1: model.menus[1]}, frozenset()
    model.half = {}
    return model


def may_fail(s, errors):
    """It refuses what would not start, and where there is no room."""
    model = s.model
    started = []
    for entry in model.menu(1):
        try:
            model.starts(1, entry)
            started.append(entry)
        except Refuse:
            pass
    if 1 in model.dirty or model.asleep(1) or "room" in errors or "too small" in errors:
        return True
    return not started or len(started) < len(model.menu(1))


def turn(s, _):
    if not s.other:
        return None
    s.say("the other flash")
    s.turn()
    return True


def restore(s, rng):
    if not s.backup or not os.path.exists(s.backup):
        return None
    gone, there = s.model.copy(), s.model.copy()        # the install may have made the file, or removed one
    gone.files.pop(CODE, None)
    there.files[CODE] = None
    return s.verb(rng, ["restore", s.flash, s.backup], s.model.copy(), (), None, 200 << 10, {CODE}, None,
                  [("without code", gone, {CODE}), ("with code", there, {CODE})])
