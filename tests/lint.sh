#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The rules of the layers that a machine can check. Usage: lint.sh [BUILD] (needs BUILD/core32/*.o; B, else build).
#   1. core's objects need nothing from outside but memcpy, memmove, memset, memcmp
#   2. core's objects have no writable data: no globals
#   3. #include lines point down: base <- part, ntfs, vhd, vhdx (which never include each other) <- chain
#      <- map <- entry <- stage2 and mkimage
set -u
build=${1:-${B:-build}}
failed=0

say() {
    echo "not ok lint $1: $2"
    failed=1
}

# What rank a folder of core has; 2.x are the families of rank 2.
rank() {
    case $1 in
    base) echo 1 ;;
    part | ntfs | vhd | vhdx) echo "2.$1" ;;
    chain) echo 3 ;;
    map) echo 4 ;;
    entry) echo 5 ;;
    *) echo none ;;
    esac
}

[ -n "$(ls "$build"/core32/*/*.o 2>/dev/null)" ] || say objects "none in $build/core32"

for object in "$build"/core32/*/*.o; do
    name=${object#"$build"/core32/}
    name=${name%.o}
    for symbol in $(nm -u "$object" | awk '{print $2}'); do
        case $symbol in
        memcpy | memmove | memset | memcmp) continue ;;
        esac
        nm --defined-only "$build"/core32/*/*.o | grep -q " [TRV] $symbol\$" ||
            say "$name" "needs $symbol from outside core"
    done
    writable=$(size -A "$object" | awk '$1 ~ /^\.(data|bss|tdata|tbss)/ && $1 !~ /rel\.ro/ {n += $2}
                                       END {print n + 0}')
    [ "$writable" -eq 0 ] || say "$name" "has $writable bytes of writable data"
done

for source in stage2/core/*/*.[ch]; do
    name=${source#stage2/core/}
    own=$(rank "${name%%/*}")
    [ "$own" != none ] || say "$name" "its folder has no rank: give it one in tests/lint.sh"
    for header in $(sed -n 's/^#include "\(.*\)".*/\1/p' "$source"); do
        case $header in
        core/*) ;;
        *)
            say "$name" "includes $header, which is outside core"
            continue
            ;;
        esac
        folder=${header#core/}
        other=$(rank "${folder%%/*}")
        [ "$other" != none ] || continue
        [ "${other%%.*}" -le "${own%%.*}" ] || say "$name" "includes $header of a higher rank"
        [ "${own%%.*}" != 2 ] || [ "${other%%.*}" != 2 ] || [ "$own" = "$other" ] ||
            say "$name" "includes $header of another family"
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
