#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The endurance test works, with numbers that are too small to show anything but that it does.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=

# soak VARIABLE=VALUE…: what it says is in $output.
soak() {
    captures env SHIMHOST_TEST_BUILD="$BUILD" SHIMHOST_PREFIX="$PREFIX" TMPDIR="$T" SOAK_CYCLES=18 SOAK_CYCLES_REAL=9 \
        SOAK_EXECS=20 SOAK_EXECS_REAL=10 SOAK_MANY=6 SOAK_MANY_REAL=6 SOAK_STARTS=4 SOAK_HOSTS=80 SOAK_HOSTS_REAL=40 \
        SOAK_EVENTS=20 SOAK_LINES=500 SOAK_TASKS=4 SOAK_IDLE=1 SOAK_LANES=2 SOAK_PATIENCE=60 "$@" timeout -k 60 300 "$TESTS/soak/soak" </dev/null 3>&-
}

@test "lives one after the other, and side by side" {
    needs jq
    soak SOAK_PARTS='cycles execs starts hosts containerd' SOAK_RUNTIMES=crun
    is "$status" 0 "$output; exit status"
    says 'ok 2 - 18 cycles' '20 execs in one container of process' '10 execs in one container of crun' ', 0 bad;'
    is "$(ls "$T" | grep shimhost-soak || true)" "" "left behind"
}

@test "many at once; and what is left behind is told" {
    needs jq
    # A shimhost that leaves a process and a file behind whenever it deletes by force, and says so of nothing.
    mkdir -p "$T/prefix/bin"
    ln -s "$PREFIX/lib" "$PREFIX/libexec" "$T/prefix/"
    cat >"$T/prefix/bin/shimhost" <<END
#!/bin/sh
[ "\$2" != --force ] || { touch "\$TMPDIR/left"; sleep 1000 & } >/dev/null 2>&1
exec "$SHIMHOST" "\$@"
END
    chmod +x "$T/prefix/bin/shimhost"
    soak SHIMHOST_PREFIX="$T/prefix" SOAK_PARTS=many SOAK_RUNTIMES= SOAK_PATIENCE=12
    is "$status" 1 "$output; exit status"
    says 'WRONG: processes: 1 before' 'WRONG: files: 8 before, 9 now' 'not ok 2 - 6 containers'
    # The processes, their descriptors, the file; once more at the end; and nothing else.
    is "$(grep -c WRONG <<<"$output")" 6
}

@test "what it cannot do is said" {
    soak SOAK_PARTS=nonsense
    is "$status" 2
    says 'there is no part nonsense'
}
