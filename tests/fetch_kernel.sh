#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches the Debian kernel that a package like linux-image-amd64 stands for: the file only, nothing is installed.
# usage: tests/fetch_kernel.sh PACKAGE FILE.deb      which is whole, or not there
set -eu

package=${1:?usage: tests/fetch_kernel.sh PACKAGE FILE.deb} to=${2:?}
partial=$to.partial
sandbox=                                # root needs no other user to write into this folder
sudo=sudo
[ "$(id -u)" != 0 ] || sandbox="-o APT::Sandbox::User=root" sudo=

kernel()
{
    LC_ALL=C apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

fetch()
{
    # shellcheck disable=SC2086 # no word, or one option
    [ -n "$1" ] && (cd "$partial" && apt-get download -q $sandbox "$1")
}

rm -rf "$partial"
mkdir -p "$partial"
if ! fetch "$(kernel)"; then
    $sudo apt-get update -q
    name=$(kernel)
    [ -n "$name" ] || { echo "fetch_kernel: apt knows no $package" >&2; exit 1; }
    fetch "$name"
fi
mv "$partial"/*.deb "$to"
rmdir "$partial"
