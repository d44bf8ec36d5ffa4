#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The benchmark runs, with figures too small to mean anything.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=

# bench PART: one round of everything.
bench() {
    mkdir -p "$T/work"
    BENCH_PRIVATE_CGROUPS=1 BENCH_PARTS=$1 BENCH_ROUNDS=1 BENCH_WARM_UPS=0 BENCH_OUTPUT_ROUNDS=1 BENCH_MANY=3 \
        BENCH_RUNTIMES=runc BENCH_LINES=1000 BENCH_BYTES=100000 BENCH_RESULTS=$T/results TMPDIR=$T/work SHIMHOST_TEST_BUILD=$BUILD \
        SHIMHOST_PREFIX=$PREFIX timeout -k 5 200 "$TESTS/bench/bench" </dev/null >"$T/bench.out" 2>&1 3>&- || {
        cat "$T/bench.out"
        return 1
    }
}

# row NAME: the report has a line for it, with a figure.
row() {
    grep -qE "^\| $1 \|.* [0-9.]+ \|" "$T/results/bench.md" || {
        echo "no figure for $1 in:"
        cat "$T/results/bench.md"
        return 1
    }
}

@test "start: the fake runtime, real ones, many at a time" {
    needs jq
    bench 'start many'
    row bare-create-start
    row shimhost-run-d
    row shimhost-run
    row shimhost-run-rm
}

@test "death, output, list, memory" {
    needs jq
    bench 'death output list memory'
    row waitid
    row shimhost-exit-fifo
    row shimhost-k8s-file
    row list-of-3
    row shimhost-monitor
    is "$(ls "$T/work")" "" "left behind"
}

@test "under containerd, beside its own shim" {
    needs jq containerd ctr
    bench containerd
    row io.containerd.runc.v2
    row io.containerd.shimhost-runc.v1
    ! command -v conmon >/dev/null || row shim-start-create-start
    is "$(ls "$T/work")" "" "left behind"
}

@test "system calls and instructions" {
    needs jq strace
    bench cost
    row state
    row 'run --rm, to the end'
}

@test "what it cannot do is said" {
    needs jq
    BENCH_PRIVATE_CGROUPS=1 BENCH_PARTS=nonsense BENCH_RESULTS=$T/results fails_to_bench 'there is no part nonsense'
}

fails_to_bench() {
    captures env SHIMHOST_TEST_BUILD="$BUILD" SHIMHOST_PREFIX="$PREFIX" TMPDIR="$T" "$TESTS/bench/bench"
    is "$status" 2
    says "$1"
}
