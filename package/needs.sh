#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What building needs and this computer lacks, as one line; nothing where all is there, and STAMP then says so from now on.
# usage: package/needs.sh STAMP CC NASM
set -u

stamp=$1 cc=$2 nasm=$3
missing=

lacks()
{
    missing="$missing${missing:+, }$1"
}

for program in "${cc%% *}" "$nasm" ld objcopy sed; do
    command -v "$program" >/dev/null || lacks "the program $program"
done
if command -v "${cc%% *}" >/dev/null; then
    for header in zopfli/zopfli.h ntfs-3g/volume.h hivex.h; do
        echo "#include <$header>" | $cc -E -x c - >/dev/null 2>&1 || lacks "the header $header"
    done
fi
if [ -n "$missing" ]; then
    echo "$missing"
else
    mkdir -p "${stamp%/*}" && : >"$stamp"
fi
