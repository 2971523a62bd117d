# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts a program of our own into a running QEMU machine, by its GDB stub.

    run_real(pc, {0x7C00: program, 0x8000: table}, start=0x7C00)

stops the machine whatever mode it is in, writes to physical memory, and lets it go on in real mode. Interrupt vectors
and hardware stay as they are.
"""
import os
import re
import socket
import time

# QEMU's numbers of the registers of an x86-64 processor.
RIP, RFLAGS, CS, SS, DS, ES, FS, GS = range(16, 24)
CR0, CR4, EFER = 27, 30, 32
REAL_MODE = 0x10                        # of CR0: nothing but "there is a coprocessor"
FLAGS = 2                               # of RFLAGS: interrupts are off
CHUNK = 1024


class Gdb:
    """The stub's protocol, as much as is needed."""

    def __init__(self, pc):
        path = os.path.join(pc.folder, "gdb")
        pc.qmp("human-monitor-command", **{"command-line": f"gdbserver unix:{path},server=on,wait=off"})
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(30)
        for _ in range(200):
            try:
                self.connection.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.received = b""

    def send(self, text):
        data = text.encode("ascii")
        self.connection.sendall(b"$" + data + b"#%02x" % (sum(data) & 255))

    def ask(self, text, wanted=rb"OK"):
        """Sends a command; its answer must match."""
        self.send(text)
        while not (answer := re.search(rb"\$((?!T)[^#]*)#..", self.received)):      # $T...: it has stopped
            data = self.connection.recv(4096)
            if not data:
                raise EOFError("QEMU's GDB stub closed")
            self.received += data
        self.received = b""
        self.connection.sendall(b"+")
        if not re.match(wanted, answer.group(1)):
            raise RuntimeError(f"GDB stub: {text[:40]}: {answer.group(1).decode()}")

    def set(self, register, value, size=8):
        self.ask(f"P{register:x}={value.to_bytes(size, 'little').hex()}")


def run_real(pc, memory, start):
    """memory: {physical address: bytes}. Registers but CS:IP, the segments and FLAGS hold anything; interrupts
    are off."""
    stub = Gdb(pc)
    # It takes single registers only from those who have asked what there are.
    stub.ask("qXfer:features:read:target.xml:0,ffb", rb"[lm]")
    stub.ask("Qqemu.PhyMemMode:1")
    for address, data in memory.items():
        for i in range(0, len(data), CHUNK):
            part = data[i:i + CHUNK]
            stub.ask(f"M{address + i:x},{len(part):x}:{part.hex()}")
    stub.set(CR0, REAL_MODE)
    stub.set(CR4, 0)
    stub.set(EFER, 0)
    for register in (CS, SS, DS, ES, FS, GS):
        stub.set(register, 0, 4)
    stub.set(RFLAGS, FLAGS, 4)
    stub.set(RIP, start)
    stub.send("D")                      # the machine goes on
    stub.connection.close()
