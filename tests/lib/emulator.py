# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines for boot tests: QEMU (software emulation only) and Bochs.

    with Qemu("flash.img", bus="usb-ehci", memory=64) as pc:
        pc.wait(r"starting .*")             # a regular expression, found after the last match
        pc.send("2\\r")                      # keys, by way of the serial console
        pc.wait("guest: done")
        reads = pc.stats("disk0")["rd_operations"]
    print(pc.log)

What the machine says on COM1 is the log; QEMU's BIOS copies its text screen there as well (mirror=True),
escape sequences removed. A wait that finds nothing in time raises NotSeen with the end of the log.
Disks are never changed unless write=True. Every machine has a time limit in seconds from its start; the
environment variable PATIENCE multiplies all of them, for slow computers. What a machine waits for a processor that
other programs have does not count.

It ends only processes that it started, and leaves no file behind.
"""
import contextlib
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

PATIENCE = float(os.environ.get("PATIENCE", "1"))
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|c)|[\r\0]")


class NotSeen(Exception):
    """What was waited for did not come: in time, or before the machine ended."""


class Emulator:
    """A running machine: its log, and waiting for something in it."""

    def __init__(self, limit):
        self.folder = tempfile.mkdtemp(prefix="vhdboot-")
        self.started = time.monotonic()
        self.limit = limit * PATIENCE
        self.position = 0
        self.most_starved = 0.0
        self.child = None
        self.errors = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def raw(self):
        raise NotImplementedError

    @property
    def log(self):
        """All that came so far, escape sequences removed."""
        return ESCAPES.sub("", self.raw().decode("latin-1"))

    @property
    def seconds(self):
        return time.monotonic() - self.started

    @property
    def cpu_seconds(self):
        """Processor time used so far: unlike the clock, what other programs do hardly changes it."""
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def running(self):
        return self.child is not None and self.child.poll() is None

    def starved(self):
        """Seconds that one of its threads was ready to run and others had the processors: of the thread that waited
        most. Where the kernel does not count that, 0."""
        for path in glob.glob(f"/proc/{self.child.pid}/task/*/schedstat"):
            with contextlib.suppress(OSError, IndexError), open(path, encoding="ascii") as stat:
                self.most_starved = max(self.most_starved, int(stat.read().split()[1]) / 1e9)
        return self.most_starved

    def clock(self):
        """Seconds for time limits."""
        return time.monotonic() - self.starved()

    def wait(self, pattern, seconds=None):
        """Waits for a regular expression behind the last match; returns the match object."""
        end = self.started + self.limit
        if seconds is not None:
            end = min(end, self.clock() + seconds * PATIENCE)
        wanted = re.compile(pattern, re.MULTILINE)
        while True:
            alive = self.running()
            log = self.log
            match = wanted.search(log, self.position)
            if match:
                self.position = match.end()
                return match
            if not alive or self.clock() > end:
                why = f"not seen after {self.seconds:.0f} s" if alive else "machine ended without"
                tail = "\n".join("    | " + line for line in log[-3000:].splitlines())
                raise NotSeen(f"{why}: {pattern!r}\n{tail}\n{self.errors.decode(errors='replace')}")
            time.sleep(0.05)

    def guest(self):
        """Waits for the end of one of tests/guest/'s programs, and that it is a good one."""
        if self.wait(r"guest: (done|failed)|^error: .*").group(1) != "done":
            raise NotSeen("the guest did not succeed:\n" + self.log[-2000:])

    def wait_end(self, seconds=None):
        """Waits until the machine ends by itself."""
        end = None if seconds is None else self.clock() + seconds * PATIENCE
        while self.running():
            if end is not None and self.clock() > end:
                raise NotSeen("the machine did not end:\n" + self.log[-2000:])
            time.sleep(0.05)

    def close(self):
        if self.running():
            self.child.kill()
        if self.child is not None:
            self.child.wait()
        self.final = self.raw()
        self.raw = lambda: self.final
        shutil.rmtree(self.folder, ignore_errors=True)


class Qemu(Emulator):
    """QEMU's PC with SeaBIOS.

    disk     the image file that it boots from (node name disk0), raw unless format= says otherwise
    bus      ide | ahci | nvme | virtio | usb-uhci | usb-ehci | usb-xhci
    extra    further disks: (file, bus) pairs, named disk1, disk2, ...
    memory   MiB (or "4M" and the like)
    write    True: the disks' files are changed; else changes are dropped at the end
    record   a file that gets all writes to disk0 in their order (blklogwrites: the format of Linux's
             dm-log-writes); wants write=True
    blkdebug lines of a QEMU blkdebug configuration for disk0 (see read_error())
    zeroes   True: QEMU looks for zeros in what is written (and then qcow2 need not touch its file)
    icount   True: one instruction is one nanosecond of the machine's clock, in every run alike; a number:
             two to the power of it. A BIOS that polls a device for milliseconds is done sooner with a larger one
    mirror   True: SeaBIOS copies its text screen to COM1 and takes keys from there
    options  further QEMU arguments
    """

    CONTROLLERS = {
        "ahci": "ahci,id=ahci{n}", "usb-uhci": "piix3-usb-uhci,id=usb{n}",
        "usb-ehci": "usb-ehci,id=usb{n}", "usb-xhci": "qemu-xhci,id=usb{n}",
    }
    DISKS = {
        "ide": "ide-hd,bus=ide.{ide},unit={unit},drive=disk{n},bootindex={order}",
        "ahci": "ide-hd,bus=ahci{n}.0,drive=disk{n},bootindex={order}",
        "nvme": "nvme,serial=disk{n},drive=disk{n},bootindex={order}",
        "virtio": "virtio-blk-pci,drive=disk{n},bootindex={order}",
        "usb": "usb-storage,bus=usb{n}.0,drive=disk{n},bootindex={order}",
    }

    def __init__(self, disk, bus="ide", extra=(), memory=256, limit=120, write=False, blkdebug=None,
                 record=None, zeroes=False, icount=False, mirror=True, format="raw", options=()):
        super().__init__(limit)
        self.received = bytearray()
        self.monitor = None
        command = ["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-no-user-config",
                   "-machine", "pc,graphics=" + ("off" if mirror else "on"), "-vga", "std",
                   "-display", "none", "-m", str(memory), "-no-reboot",
                   "-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1",
                   "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]
        self.zeroes = zeroes
        if icount:
            command += ["-icount", f"shift={0 if icount is True else icount},sleep=off"]
        for n, (file, where) in enumerate([(disk, bus), *extra]):
            command += self._drive(n, file, where, write, blkdebug if n == 0 else None, format,
                                   record if n == 0 else None)
        self.child = subprocess.Popen(command + list(options), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self._collect, daemon=True),
                        threading.Thread(target=self._collect_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _drive(self, n, file, bus, write, blkdebug, format, record):
        place = f"file.driver=file,file.filename={file}"
        if record:
            with open(record, "wb"):
                pass
            place = (f"file.driver=blklogwrites,file.file.driver=file,file.file.filename={file},"
                     f"file.log.driver=file,file.log.filename={record},"
                     "file.log-super-update-interval=1")
        if blkdebug:
            config = os.path.join(self.folder, "blkdebug")
            with open(config, "w", encoding="ascii") as out:
                out.write(blkdebug)
            place = (f"file.driver=blkdebug,file.config={config},"
                     f"file.image.driver=file,file.image.filename={file}")
        drive = (f"if=none,id=disk{n},driver={format},{place},cache.direct=off,"
                 f"snapshot={'off' if write else 'on'}"
                 + (",detect-zeroes=on" if self.zeroes else ""))
        arguments = ["-drive", drive]
        if bus in self.CONTROLLERS:
            arguments += ["-device", self.CONTROLLERS[bus].format(n=n)]
        kind = "usb" if bus.startswith("usb") else bus
        return arguments + ["-device", self.DISKS[kind].format(n=n, order=n + 1, ide=n // 2, unit=n % 2)]

    def _collect(self):
        while data := os.read(self.child.stdout.fileno(), 65536):
            self.received += data

    def _collect_errors(self):
        self.errors = self.child.stderr.read()

    def raw(self):
        return bytes(self.received)

    def send(self, text):
        """Types text on COM1: the serial console's keyboard, or what the guest reads there."""
        self.child.stdin.write(text.encode("latin-1"))
        self.child.stdin.flush()

    def keys(self, *names):
        """Presses keys of the machine's keyboard by QEMU's names: "ret", "down", "esc", "a"."""
        for name in names:
            self.qmp("human-monitor-command", **{"command-line": f"sendkey {name}"})
            time.sleep(0.2)

    def qmp(self, execute, **arguments):
        """One QMP command; returns its answer."""
        if self.monitor is None:
            self._connect()
        request = {"execute": execute}
        if arguments:
            request["arguments"] = arguments
        self.monitor.write(json.dumps(request) + "\n")
        self.monitor.flush()
        while True:
            line = self.monitor.readline()
            if not line:
                raise NotSeen("QEMU's monitor closed")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{execute}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        for _ in range(200):
            try:
                connection.connect(os.path.join(self.folder, "qmp"))
                break
            except OSError:
                time.sleep(0.05)
        self.monitor = connection.makefile("rw", encoding="utf-8")
        self.monitor.readline()
        self.qmp("qmp_capabilities")

    def stats(self, disk="disk0"):
        """QEMU's block statistics of a disk: rd_operations, rd_bytes, wr_operations, wr_bytes ..."""
        for entry in self.qmp("query-blockstats"):
            if entry.get("device") == disk:
                return entry["stats"]
        raise KeyError(disk)

    def cells(self, at=0xB8000, columns=80):
        """The 25 rows of the text screen as QEMU's memory holds them: characters and attributes in turn."""
        path = os.path.join(self.folder, "screen")
        self.qmp("pmemsave", val=at, size=50 * columns, filename=path)
        with open(path, "rb") as dump:
            cells = dump.read()
        return [cells[i:i + 2 * columns] for i in range(0, len(cells), 2 * columns)]

    def screen(self):
        """The text of a screen of 80 columns, trailing blanks removed."""
        return "\n".join(row[::2].decode("cp437").replace("\0", " ").rstrip() for row in self.cells())

    def close(self):
        if self.running():
            self.child.kill()
        self.child.wait()
        for reader in self.readers:
            reader.join(5)
        if self.monitor is not None:
            self.monitor.close()
        super().close()


def read_error(*sectors, event="read_aio"):
    """blkdebug lines: reading any of these sectors fails. (`event="write_aio"`: writing.)"""
    return "".join(f'[inject-error]\nevent = "{event}"\nsector = "{s}"\nerrno = "5"\n'
                   f'once = "off"\nimmediately = "off"\n' for s in sectors)


class Bochs(Emulator):
    """Bochs with its own BIOS, an IDE disk, no display. Its text screen does not reach the log."""

    def __init__(self, disk, extra=(), memory=128, limit=180, write=False):
        super().__init__(limit)
        self.serial = os.path.join(self.folder, "com1")
        mode = "flat" if write else "volatile"
        lines = [
            f"megs: {memory}",
            'display_library: rfb, options="timeout=0"',
            "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
            "vgaromimage: file=/usr/share/vgabios/vgabios-stdvga.bin",
            "cpu: model=core2_penryn_t9600, ips=5000000",
            "clock: sync=none",
            f"com1: enabled=1, mode=file, dev={self.serial}",
            f"log: {self.folder}/log",
            "boot: disk",
            "sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy",
            "panic: action=fatal",
        ]
        for n, file in enumerate([disk, *extra]):
            unit = ("master", "slave")[n % 2]
            if n % 2 == 0:
                lines.append(f"ata{n // 2}: enabled=1")
            lines.append(f"ata{n // 2}-{unit}: type=disk, path={os.path.abspath(file)}, mode={mode}, "
                         f"journal={self.folder}/redo{n}")
        self._write("bochsrc", lines)
        self._write("start", ["c"])
        with open(os.path.join(self.folder, "out"), "wb") as out:
            self.child = subprocess.Popen(
                ["bochs", "-q", "-f", "bochsrc", "-rc", "start"], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def _write(self, name, lines):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")

    def raw(self):
        try:
            with open(self.serial, "rb") as log:
                return log.read()
        except FileNotFoundError:
            return b""

    def running(self):
        alive = super().running()
        if not alive and not self.errors:
            for name in ("out", "log"):
                try:
                    with open(os.path.join(self.folder, name), "rb") as text:
                        self.errors += text.read()[-2000:]
                except FileNotFoundError:
                    pass
        return alive
