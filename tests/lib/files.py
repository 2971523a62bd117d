# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of files."""
import hashlib
import os


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path, offset=0, size=-1):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def write(path, offset, data):
    """Overwrites bytes of the file."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def write_under(root, path, text, mode=0o644):
    """A new file below the folder `root`, with the folders that it takes."""
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(path, mode)
