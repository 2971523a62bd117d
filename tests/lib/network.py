# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers for machines that boot over a network: nginx and tgt, on this computer's loopback alone, with QEMU's own DHCP
and TFTP in front of them; or, in a network of their own (Lan), with dnsmasq. What they say goes into the test's
folder."""
import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

from emulator import Qemu
from tools import PATH, need

HOST = "10.0.2.2"                       # this computer, as QEMU's user network shows it


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port, host="127.0.0.1"):
    for _ in range(200):
        try:
            socket.create_connection((host, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")


class Http:
    """nginx, which serves the folder's files with ranges."""

    def __init__(self, folder, host="127.0.0.1", seen=HOST):
        need("nginx")
        self.folder, self.port, self.seen = folder, free_port(), seen
        places = " ".join(f"{name}_temp_path {folder}/nginx;" for name in
                          ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.errors;\n"
                       "events {}\nhttp { " + places +
                       "log_format line '$request_method $status $body_bytes_sent';\n"
                       f"access_log {folder}/nginx.log line; keepalive_requests 1000000;\n"
                       f"server {{ listen {host}:{self.port}; root {folder}; }} }}\n")
        self.child = subprocess.Popen([shutil.which("nginx", path=PATH), "-c", f"{folder}/nginx.conf",
                                       "-e", f"{folder}/nginx.errors"])
        wait_for(self.port, host)

    def uri(self, name):
        return f"http://{self.seen}:{self.port}/{name}"

    def requests(self):
        """[(method, status, bytes), ...] so far"""
        with open(f"{self.folder}/nginx.log", encoding="ascii") as file:
            return [(method, int(status), int(size)) for method, status, size in map(str.split, file)]

    def close(self):
        self.child.terminate()
        self.child.wait()


class Iscsi:
    """tgt with a target a file: {name: path}; those in `shared` nobody may write to. What goes to it and comes back is
    counted on the way."""

    def __init__(self, files, shared=()):
        need("tgtd", "tgtadm")
        behind, self.control = free_port(), str(os.getpid() % 30000 + 100)
        self.child = subprocess.Popen([shutil.which("tgtd", path=PATH), "-f", "-C", self.control, "--iscsi",
                                       f"portal=127.0.0.1:{behind}"], stderr=subprocess.DEVNULL)
        wait_for(behind)
        for number, (name, path) in enumerate(files.items(), 1):
            self.admin("target", "new", "--tid", number, "-T", f"iqn.2000-01.test:{name}")
            self.admin("logicalunit", "new", "--tid", number, "--lun", 1, "-b", path)
            if name in shared:
                self.admin("logicalunit", "update", "--tid", number, "--lun", 1, "--params", "readonly=1")
            self.admin("target", "bind", "--tid", number, "-I", "ALL")
        self.counter = Counter(behind)

    def admin(self, mode, operation, *more):
        """What tgtadm says."""
        return subprocess.run([shutil.which("tgtadm", path=PATH), "-C", self.control, "--lld", "iscsi", "--mode", mode,
                               "--op", operation, *map(str, more)], check=True, stdout=subprocess.PIPE).stdout

    def uri(self, name):
        return f"iscsi:{HOST}:tcp:{self.counter.port}:1:iqn.2000-01.test:{name}"

    def close(self):
        self.counter.close()
        self.child.kill()               # it stays for SIGTERM while a machine is logged in
        self.child.wait()


class Counter:
    """Stands between machines and an iSCSI target: how many SCSI commands go there, how many bytes come back."""

    def __init__(self, behind):
        self.behind, self.commands, self.received = behind, 0, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):      # closed
            while True:
                one = self.listening.accept()[0]
                other = socket.create_connection(("127.0.0.1", self.behind))
                for work, sides in ((self.commands_of, (one, other)), (self.answers_of, (other, one))):
                    threading.Thread(target=work, args=sides, daemon=True).start()

    def commands_of(self, one, other):
        """Whole PDUs: 48 bytes, AHS (words, byte 4), data (bytes 5..7, padded to words)."""
        stream = one.makefile("rb")
        with contextlib.suppress(OSError):
            while len(head := stream.read(48)) == 48:
                length = 4 * head[4] + (int.from_bytes(head[5:8], "big") + 3 & ~3)
                self.commands += head[0] & 0x3f == 1
                other.sendall(head + stream.read(length))
            other.shutdown(socket.SHUT_WR)

    def answers_of(self, other, one):
        with contextlib.suppress(OSError):
            while data := other.recv(1 << 16):
                self.received += len(data)
                one.sendall(data)
            one.shutdown(socket.SHUT_WR)

    def close(self):
        self.listening.close()


class Lan:
    """A network of its own inside this computer (root): a bridge with the address ADDRESS, a cable for each machine,
    and dnsmasq as docs/NETWORK.md sets it up. What is started inside `with` is on it."""

    ADDRESS, NEW_NETWORK = "192.168.7.1", 0x40000000

    def __init__(self, folder, machines):
        need("dnsmasq", "ip")
        self.folder, self.machines = folder, machines
        self.libc = ctypes.CDLL(None, use_errno=True)

    def __enter__(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        assert not self.libc.unshare(self.NEW_NETWORK), "a network of its own takes root"
        try:
            self.build()
        except BaseException:
            self.leave()
            raise
        return self

    def build(self):
        lines = ["link set lo up", "link add br0 type bridge", f"addr add {self.ADDRESS}/24 dev br0", "link set br0 up"]
        for n in range(self.machines):
            lines += [f"tuntap add m{n} mode tap", f"link set m{n} master br0", f"link set m{n} up"]
        for line in lines:
            subprocess.run([shutil.which("ip", path=PATH), *line.split()], check=True)
        tftp = os.path.join(self.folder, "tftp")
        os.mkdir(tftp)
        shutil.copy("/usr/lib/ipxe/undionly.kpxe", tftp)
        with open(f"{self.folder}/dnsmasq.conf", "w", encoding="ascii") as file:
            file.write(f"dhcp-range=192.168.7.50,192.168.7.99\nenable-tftp\ntftp-root={tftp}\n"
                       "dhcp-match=set:ipxe,175\ndhcp-boot=tag:!ipxe,undionly.kpxe\ndhcp-boot=tag:ipxe,boot.ipxe\n"
                       "port=0\ninterface=br0\nuser=root\nleasefile-ro\nlog-dhcp\nno-ping\n")
        with open(f"{self.folder}/dnsmasq.log", "wb") as log:
            self.dnsmasq = subprocess.Popen([shutil.which("dnsmasq", path=PATH), "--no-daemon", "--pid-file=",
                                             f"--conf-file={self.folder}/dnsmasq.conf"], stderr=log, stdout=log)

    def script(self, *lines):
        """boot.ipxe. The ROM of QEMU's card is an iPXE itself: it goes on to undionly.kpxe here, as other ROMs do."""
        with open(f"{self.folder}/tftp/boot.ipxe", "w", encoding="ascii") as file:
            file.write("\n".join(["#!ipxe", "iseq ${net0/chip} undionly || chain undionly.kpxe", *lines, ""]))

    def offered(self):
        """The boot file that a PXE ROM is offered which is no iPXE."""
        mac = bytes([2, 0, 0, 0, 0, 9])
        request = struct.pack(">4B4sHH16x16s192x4s", 1, 1, 6, 0, b"once", 0, 0x8000, mac, b"\x63\x82\x53\x63") + \
            b"\x35\1\1\x3c\x20PXEClient:Arch:00000:UNDI:002001\xff"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"br0")
            one.bind(("", 68))
            one.settimeout(1)
            for _ in range(20):
                one.sendto(request, ("255.255.255.255", 67))
                with contextlib.suppress(TimeoutError):
                    while (answer := one.recv(2000))[4:8] != b"once" or answer[0] != 2:
                        pass
                    return answer[108:236].rstrip(b"\0").decode()
        raise AssertionError("dnsmasq offers nothing")

    def machine(self, number, limit=300):
        """A machine without a disk of its own, with its cable in this network."""
        empty = f"{self.folder}/empty{number}.img"
        with open(empty, "wb") as file:
            file.truncate(1 << 20)
        return Qemu(empty, limit=limit, options=[
            "-netdev", f"tap,id=n,ifname=m{number},script=no,downscript=no",
            "-device", f"e1000,netdev=n,mac=52:54:00:12:34:{number:02x},bootindex=0"])

    def leave(self):
        self.libc.setns(self.outside, self.NEW_NETWORK)
        os.close(self.outside)

    def __exit__(self, *_):
        self.dnsmasq.terminate()
        self.dnsmasq.wait()
        self.leave()


def machine(folder, uri, name="net", limit=120, first=()):
    """A machine without a disk of its own, which boots from there by the iPXE of its network card's ROM, after the
    lines `first`."""
    empty, start = f"{folder}/{name}.img", f"{folder}/{name}.ipxe"
    with open(empty, "wb") as file:
        file.truncate(1 << 20)
    with open(start, "w", encoding="ascii") as file:
        file.write("\n".join(["#!ipxe", *first, f"sanboot {uri}", ""]))
    return Qemu(empty, limit=limit, options=["-netdev", f"user,id=n,tftp={folder},bootfile={name}.ipxe",
                                             "-device", "virtio-net-pci,netdev=n,bootindex=0"])
