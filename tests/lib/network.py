# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers for machines that boot over a network: nginx and tgt, on this computer's loopback alone, and QEMU's own DHCP
and TFTP in front of them. What they say goes into the test's folder."""
import os
import shutil
import socket
import subprocess
import time

from emulator import Qemu
from tools import PATH, need

HOST = "10.0.2.2"                       # this computer, as QEMU's user network shows it


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")


class Http:
    """nginx, which serves the folder's files with ranges."""

    def __init__(self, folder):
        need("nginx")
        self.folder, self.port = folder, free_port()
        places = " ".join(f"{name}_temp_path {folder}/nginx;" for name in
                          ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.errors;\n"
                       "events {}\nhttp { " + places +
                       "log_format line '$request_method $status $body_bytes_sent';\n"
                       f"access_log {folder}/nginx.log line; keepalive_requests 1000000;\n"
                       f"server {{ listen 127.0.0.1:{self.port}; root {folder}; }} }}\n")
        self.child = subprocess.Popen([shutil.which("nginx", path=PATH), "-c", f"{folder}/nginx.conf",
                                       "-e", f"{folder}/nginx.errors"])
        wait_for(self.port)

    def uri(self, name):
        return f"http://{HOST}:{self.port}/{name}"

    def requests(self):
        """[(method, status, bytes), ...] so far"""
        with open(f"{self.folder}/nginx.log", encoding="ascii") as file:
            return [(method, int(status), int(size)) for method, status, size in map(str.split, file)]

    def close(self):
        self.child.terminate()
        self.child.wait()


class Iscsi:
    """tgt with a target a file: {name: path}."""

    def __init__(self, files):
        need("tgtd", "tgtadm")
        self.port, self.control = free_port(), str(os.getpid() % 30000 + 100)
        self.child = subprocess.Popen([shutil.which("tgtd", path=PATH), "-f", "-C", self.control, "--iscsi",
                                       f"portal=127.0.0.1:{self.port}"], stderr=subprocess.DEVNULL)
        wait_for(self.port)
        for number, (name, path) in enumerate(files.items(), 1):
            self.admin("target", "new", number, "-T", f"iqn.2000-01.test:{name}")
            self.admin("logicalunit", "new", number, "--lun", 1, "-b", path)
            self.admin("target", "bind", number, "-I", "ALL")

    def admin(self, mode, operation, number, *more):
        subprocess.run([shutil.which("tgtadm", path=PATH), "-C", self.control, "--lld", "iscsi", "--mode", mode, "--op",
                        operation, "--tid", str(number), *map(str, more)], check=True)

    def uri(self, name):
        return f"iscsi:{HOST}:tcp:{self.port}:1:iqn.2000-01.test:{name}"

    def close(self):
        self.child.kill()               # it stays for SIGTERM while a machine is logged in
        self.child.wait()


def machine(folder, uri, name="net", limit=120):
    """A machine without a disk of its own, which boots from there by the iPXE of its network card's ROM."""
    empty, start = f"{folder}/{name}.img", f"{folder}/{name}.ipxe"
    with open(empty, "wb") as file:
        file.truncate(1 << 20)
    with open(start, "w", encoding="ascii") as file:
        file.write(f"#!ipxe\nsanboot {uri}\n")
    return Qemu(empty, limit=limit, options=["-netdev", f"user,id=n,tftp={folder},bootfile={name}.ipxe",
                                             "-device", "virtio-net-pci,netdev=n,bootindex=0"])
