#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The rules of the layers that a machine can check. Usage: lint.sh [BUILD] (needs BUILD/core32/*.o; B, else build).
#   1. core's objects need nothing from outside but memcpy, memmove, memset, memcmp
#   2. core's objects have no writable data: no globals
#   3. #include lines point down: errors and helpers <- blk, file, formats <- partition tables, NTFS,
#      images (families that never include each other) <- chain, map, boot <- stage2 and mkimage
set -u
build=${1:-${B:-build}}
failed=0

say() {
    echo "not ok lint $1: $2"
    failed=1
}

# What rank a header or source of core has; 2.x are the families of rank 2.
rank() {
    case $1 in
    arena | check | endian | errors | mem | text) echo 0 ;;
    blk | file | image | *_format | unicode* | guid* | crc*) echo 1 ;;
    part* | gpt*) echo 2.part ;;
    ntfs*) echo 2.ntfs ;;
    vhdx*) echo 2.vhdx ;;
    vhd*) echo 2.vhd ;;
    config* | chain* | map* | writes* | boot* | volumes*) echo 3 ;;
    *) echo none ;;
    esac
}

[ -n "$(ls "$build"/core32/*.o 2>/dev/null)" ] || say objects "none in $build/core32"

for object in "$build"/core32/*.o; do
    name=${object##*/}
    name=${name%.o}
    for symbol in $(nm -u "$object" | awk '{print $2}'); do
        case $symbol in
        memcpy | memmove | memset | memcmp) continue ;;
        esac
        nm --defined-only "$build"/core32/*.o | grep -q " [TRV] $symbol\$" ||
            say "$name" "needs $symbol from outside core"
    done
    writable=$(size -A "$object" | awk '$1 ~ /^\.(data|bss|tdata|tbss)/ && $1 !~ /rel\.ro/ {n += $2}
                                       END {print n + 0}')
    [ "$writable" -eq 0 ] || say "$name" "has $writable bytes of writable data"
done

for source in stage2/core/*.c stage2/core/*.h; do
    name=${source##*/}
    own=$(rank "${name%.*}")
    if [ "$own" = none ]; then
        say "$name" "has no rank: give it one in tests/lint.sh"
        continue
    fi
    for header in $(sed -n 's/^#include "\(.*\)\.h".*/\1/p' "$source"); do
        case $header in
        */*)
            say "$name" "includes $header.h, which is outside core"
            continue
            ;;
        esac
        other=$(rank "$header")
        [ "${other%%.*}" = none ] && continue
        [ "${other%%.*}" -le "${own%%.*}" ] || say "$name" "includes $header.h of a higher rank"
        [ "${own%%.*}" != 2 ] || [ "${other%%.*}" != 2 ] || [ "$own" = "$other" ] ||
            say "$name" "includes $header.h of another family"
    done
    for header in $(sed -n 's/^#include <\(.*\)>.*/\1/p' "$source"); do
        case $header in
        stdint.h | stddef.h | stdbool.h) ;;
        *) say "$name" "includes <$header>" ;;
        esac
    done
done

[ $failed -eq 0 ] && echo "ok lint"
exit $failed
