# SPDX-License-Identifier: GPL-2.0-or-later
"""The server of mkimage attach with this program in the kernel's place: NBD without a handshake, over socket pairs.

    with Lines(path, "persistent", count=2) as lines:
        lines[0].pwrite(b"...", 512)

    with Lines(path, keeps=True) as lines:
        lines.rest()                    # the server ends between two requests of each socket
        lines.go_on(path)               # and another one goes on with the same sockets
"""
import errno
import os
import socket
import struct
import subprocess

import tools

LINES = os.path.join(tools.BUILD, "attach", "lines")
READ, WRITE, DISCONNECT, FLUSH, TRIM, ZEROES = 0, 1, 2, 3, 4, 6
FUA, NO_HOLE = 1, 2
FLAGS = {"read-only": 2, "flush": 4, "fua": 8, "trim": 32, "zeroes": 64, "multi-conn": 256}


class Refused(Exception):
    """The server's answer is an error: its number."""

    def __init__(self, number):
        super().__init__(errno.errorcode.get(number, number))
        self.number = number


class Line:
    """One socket. The words of requests are as libnbd's, so that served.Model works on it."""

    def __init__(self, end):
        self.end = end
        self.cookie = 0

    def receive(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.end.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def ask(self, kind, at=0, length=0, data=b"", flags=0, magic=0x25609513):
        self.cookie += 1
        self.end.sendall(struct.pack(">IHHQQI", magic, flags, kind, self.cookie, at, length) + data)
        return self.cookie

    def answer(self, cookie, length=0):
        magic, error, came = struct.unpack(">IIQ", self.receive(16))
        assert (magic, came) == (0x67446698, cookie)
        if error:
            raise Refused(error)
        return self.receive(length)

    def pread(self, length, at):
        return self.answer(self.ask(READ, at, length), length)

    def pwrite(self, data, at, flags=0):
        self.answer(self.ask(WRITE, at, len(data), data, flags))

    def zero(self, length, at, flags=0):
        self.answer(self.ask(ZEROES, at, length, flags=flags))

    def trim(self, length, at, flags=0):
        self.answer(self.ask(TRIM, at, length, flags=flags))

    def flush(self):
        self.answer(self.ask(FLUSH))


class Lines:
    def __init__(self, path, mode="persistent", count=1, keeps=False):
        pairs = [socket.socketpair() for _ in range(count)]
        self.lines = [Line(pair[0]) for pair in pairs]
        for line in self.lines:
            line.end.settimeout(60)
        self.theirs = [pair[1] for pair in pairs]
        self.go_on(path, mode)
        if not keeps:
            for end in self.theirs:
                end.close()

    def go_on(self, path, mode="persistent"):
        """Starts a server for these sockets."""
        self.bell, bell = os.pipe()[::-1]
        fds = [bell] + [end.fileno() for end in self.theirs]
        self.process = subprocess.Popen([LINES, str(path), mode, *map(str, fds)], pass_fds=fds,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(bell)
        words = self.process.stdout.readline().split()
        self.flags, self.size = (int(words[1]), int(words[3])) if words else (None, None)
        self.said = None

    def __getitem__(self, index):
        return self.lines[index]

    def can(self, what):
        return bool(self.flags & FLAGS[what])

    def rest(self):
        """What the server says when it has come to rest."""
        os.write(self.bell, b"1")
        os.close(self.bell)
        out, messages = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, messages.decode()
        return out.decode().strip()

    def end(self, goodbye=True):
        """What it says at its end, and its messages."""
        for line in self.lines:
            if goodbye:
                try:
                    line.ask(DISCONNECT)
                except OSError:
                    pass
            line.end.close()
        out, messages = self.process.communicate(timeout=60)
        self.said = messages.decode()
        assert self.process.returncode == 0, self.said
        return out.decode().strip()

    def kill(self):
        self.process.kill()
        self.process.communicate()
        for line in self.lines:
            line.end.close()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if self.process.returncode is None:
            self.kill() if failure else self.end()
