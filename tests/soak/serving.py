# SPDX-License-Identifier: GPL-2.0-or-later
"""An operating system of the host writes to an entry's disk, through the engine that serves it (nbdkit), and ends, is
killed, or loses its power: what was flushed is there, of the rest each sector is old or new."""
import os
import signal
import socket
import struct
import subprocess
import time

import judge
import programs
from guest import apply, request
from model import Refuse
from programs import SECTOR, Loss, content
from promises import undermines_none

PLUGIN = os.path.join(programs.BUILD, "nbdkit-vhdboot-plugin.so")
WRITE, END, FLUSH, ZEROES = 1, 2, 3, 6  # requests
READ_ONLY = 2                           # a flag of the disk
FULL = 28                               # ENOSPC


class Gone(Exception):
    """The server is not there any more."""


class Client:
    """The protocol of network block devices, as far as it is needed."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(programs.LIMIT)
        self.socket.connect(path)
        self.receive(18)
        self.socket.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 1, 0))
        self.size, self.flags = struct.unpack(">QH", self.receive(10))

    def receive(self, size):
        data = b""
        while len(data) < size:         # ends: data grows
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError as error:
                raise Gone from error
            if not more:
                raise Gone
            data += more
        return data

    def do(self, kind, offset=0, size=0, data=b""):
        """The error, or 0."""
        try:
            self.socket.sendall(struct.pack(">IHHQQI", 0x25609513, 0, kind, 7, offset, size) + data)
        except ConnectionError as error:
            raise Gone from error
        return struct.unpack(">IIQ", self.receive(16))[1] if kind != END else 0

    def read(self, size):
        """All of a disk, a tag a sector."""
        out = []
        for at in range(0, size, 1 << 20):
            length = min(1 << 20, size - at)
            if self.do(0, at, length):
                return None
            data = self.receive(length)
            out += [tag_of(data, n, (at // SECTOR) + n) for n in range(length // SECTOR)]
        return out


def tag_of(data, index, lba):
    sector = data[index * SECTOR:(index + 1) * SECTOR]
    tag = struct.unpack_from("<I", sector)[0]
    return tag if sector == content(tag, lba, 1) else programs.BROKEN


def start(s, volume, entry, cut):
    path = os.path.join(s.where, "nbd")
    if os.path.exists(path):
        os.unlink(path)
    env = dict(programs.ENVIRONMENT)
    if cut:
        env.update(LD_PRELOAD=programs.CUT, CUT_FILE=s.flash, CUT_AFTER=str(cut[0]), CUT_SECTORS=str(cut[1]),
                   CUT_LOSE=str(cut[2]))
    with open(os.path.join(s.where, "said"), "wb") as said:
        server = subprocess.Popen(["nbdkit", "-f", "-U", path, PLUGIN, "target=" + s.flash, "entry=" + entry.name,
                                   f"partition={volume}", "flush=0"], stdin=subprocess.DEVNULL, stdout=said,
                                  stderr=said, env=env)
    for _ in range(2000):
        if server.poll() is not None:
            return server, None
        try:
            return server, Client(path)
        except (ConnectionError, FileNotFoundError):
            time.sleep(0.005)
        except Gone:
            break
    return server, None


def stop(server, how=signal.SIGTERM):
    if server.poll() is None:
        server.send_signal(how)
    try:
        return server.wait(programs.LIMIT)
    except subprocess.TimeoutExpired as error:
        server.kill()
        raise Loss("nbdkit hangs") from error


def serve(s, rng):
    picked = s.pick(rng, undermines_none(s.model))
    if not picked:
        return None
    volume, entry = picked
    cut = None
    if rng.random() < 0.4:
        cut = (int(1.4 ** rng.uniform(0, 14)) - 1, rng.choice((0, 0, 1, 3)), rng.choice((0, rng.randrange(1 << 30))))
    killed = not cut and rng.random() < 0.3
    s.say(f"serve {volume}/{entry.name}" + (f", cut after {cut}" if cut else ", killed" if killed else ""))
    server, client = start(s, volume, entry, cut)
    try:
        if client:
            return session(s, rng, volume, entry, server, client, killed)
        status = stop(server)
    finally:
        stop(server, signal.SIGKILL)
    with open(os.path.join(s.where, "said"), encoding="utf-8", errors="replace") as file:
        said = file.read()
    if status == 99:                    # what it found undone, it does before it answers
        s.judge([("cut at its start", s.model, {s.model.leaf_of(volume, entry)})], cut=True)
        return True
    if status != 1 or not may_refuse(s.model, volume, entry):
        raise Loss(f"the disk is not served: {status} {said[-300:]}")
    s.log[-1] += ": refused"
    s.judge([("not served", s.model, set())])
    return True


def may_refuse(model, volume, entry):
    try:
        places = model.chain(volume, entry)
    except Refuse:
        return True
    needed = entry.writes and model.dependents(places[0])[1]    # a parent of others by its id
    return needed or model.is_apart(places) or volume in model.dirty or model.asleep(places[0][0])


def session(s, rng, volume, entry, server, client, killed):
    places = s.model.chain(volume, entry)
    leaf = places[0]
    end = s.model.copy()
    image, open_writes = end.files[leaf], []
    kept = s.model.copy()               # what is there for good
    sectors = kept.files[leaf].sectors
    if client.size != sectors * SECTOR:
        raise Loss(f"the disk has {client.size} bytes")
    protected = bool(client.flags & READ_ONLY)
    gone = False
    try:
        for _ in range(0 if protected else rng.choice((1, 3, 8, 20))):
            if rng.random() < 0.2:
                if client.do(FLUSH) == 0:
                    settle(kept.files[leaf], open_writes)
                continue
            lba, count, tag = request(s, rng, sectors)
            s.log[-1] += f" {lba}+{count}={tag}"
            open_writes.append((lba, count, 0, tag))
            error = client.do(ZEROES if not tag else WRITE, lba * SECTOR, count * SECTOR,
                              content(tag, lba, count) if tag else b"")
            if error not in (0, FULL) or error and image.kind == "fixed":
                raise Loss(f"a write to {lba}+{count} ends with {error}")
            open_writes[-1] = (lba, count, 0 if error else count, tag)
            s.log[-1] += " full" if error else ""
            apply(image, *open_writes[-1])
        seen = None if image.maybe else client.read(sectors * SECTOR)
        wrong = seen and judge.disk_difference(end, places, programs.array.array("I", seen))
        if wrong:
            raise Loss(f"the disk that is served: {wrong}")
        if not killed:
            client.do(END)
    except Gone:
        gone = True
    client.socket.close()
    status = stop(server, signal.SIGKILL if killed else signal.SIGTERM)
    if status not in ((99,) if gone else (0, 99, -9)):
        raise Loss(f"nbdkit ends with {status}")
    if status == 0:
        settle(kept.files[leaf], open_writes)
    else:
        may_be_there(kept.files[leaf], open_writes)
        kept.files[leaf].torn = kept.files[leaf].vhdx
        s.log[-1] += ": cut"
    kept.files[leaf].blocks = None
    judge_all(s, leaf, kept, places, protected or not entry.writes, status != 0)
    return True


def judge_all(s, leaf, kept, places, protected, cut):
    renamed = kept.copy()
    renamed.written(leaf)
    if protected:
        s.judge([("served, not written", s.model, set())])
        return
    s.judge([("served", kept, {leaf})] + [("served, with another id", renamed, {leaf})] * kept.files[leaf].vhdx,
            cut=cut)


def settle(image, writes):
    for write in writes:
        apply(image, *write)
    writes.clear()


def may_be_there(image, writes):
    """Written and not flushed: each sector is old, or what any of the writes made it."""
    for lba, count, _, tag in writes:
        apply(image, lba, count, 0, tag)
