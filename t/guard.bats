#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What things cost, in what does not depend on the clock. The ceilings are in guard.ceilings.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
. "$BATS_TEST_DIRNAME/bench/counts.bash"

RUNTIMES=fake
FAKE=$BUILD/t/fake-runtime/fake-runtime

runtime_binary() {
    echo "$FAKE"
}

test_setup() {
    [[ -x $FAKE ]] || complain "no $FAKE: run ./quickstart check"
    configure_fake fake
}

# configure_fake NAME
configure_fake() {
    configure_runtime "$1" 'plugin: oci' "binary: $FAKE" "options: { state-root: $ROOTS/fake }" "root: $ROOTS/fake"
}

# fake_bundle NAME PROGRAM WORD…: the fake runtime runs programs of the host.
fake_bundle() {
    local path=$BUNDLES/$1
    mkdir -p "$path"
    jq --arg mark "SHIMHOST_TEST=$ID" '.process.args = $ARGS.positional | .process.env += [$mark]' \
        "$TESTS/config.json" --args "$BATS_FILE_TMPDIR/rootfs/bin/$2" "${@:3}" >"$path/config.json"
    echo "$path"
}

# below NAME VALUE: not above its ceiling. What it is shows up in the TAP output.
below() {
    local ceiling
    ceiling=$(awk -v name="$1" '$1 == name { print $2 }' "$TESTS/guard.ceilings")
    [[ $ceiling && $2 =~ ^[0-9]+$ ]] || { echo "$1 is \"$2\", its ceiling \"$ceiling\""; return 1; }
    echo "# $1: $2, at most $ceiling" >&3
    (($2 <= ceiling)) || { echo "$1 is $2, and may be at most $ceiling (t/guard.ceilings)"; return 1; }
}

# calls WORD…: the system calls of a shimhost command, in $count.
calls() {
    count=$(system_calls "$T/strace" "$SHIMHOST" "$@") || {
        ! grep -q 'PTRACE_TRACEME\|ptrace' "$T/strace/output" || cannot_run "this machine does not allow strace"
        cat "$T/strace/output"
        return 1
    }
}

@test "system calls of a whole run" {
    needs strace jq
    calls run --rm -b "$(fake_bundle true true)" "$ID"
    below calls-run "$count"
}

@test "system calls of state and list, and of each container more in the list" {
    needs strace jq
    path=$(fake_bundle sleep sleep 1000000)
    works run -d -b "$path" "$ID-1"
    calls state "$ID-1"
    below calls-state "$count"
    calls list
    below calls-list "$count"
    one=$count
    for n in 2 3 4 5 6; do works run -d -b "$path" "$ID-$n"; done
    calls list
    below calls-list-per-container $(((count - one) / 5))
}

@test "of twenty runtimes only the one that is needed is opened" {
    needs strace jq
    works run -d -b "$(fake_bundle sleep sleep 1000000)" "$ID"
    calls state "$ID"
    one=$count
    for n in {1..19}; do configure_fake "fake-$n"; done
    calls state "$ID"
    is "$count" "$one" "system calls of state with twenty runtimes configured"
    is "$(grep -h '^openat.*= [0-9]' "$T"/strace/trace.* | grep -c 'plugins/.*\.so.*O_RDONLY|O_CLOEXEC)')" 1 "opened plugins"
}

@test "private memory of an idle monitor" {
    # What is not written back of a program that was installed just now counts as private, too.
    sync -f "$MONITOR"
    works run -d -b "$(fake_bundle sleep sleep 1000000)" "$ID"
    monitor=$(monitor_of "$ID")
    below monitor-private "$(private_dirty "$monitor")"
    # A week's worth of control lines; that the last one was read is in the monitor's log.
    for ((n = 0; n < 500; n++)); do printf '1 80 24\n2 0 0\nnonsense\n'; done >"$STATE/$ID/init/control"
    echo 'the last one' >"$STATE/$ID/init/control"
    eventually grep -q 'the last one' "$STATE/$ID/init/shim-log.json"
    eventually asleep "$monitor"
    below monitor-private-used "$(private_dirty "$monitor")"
}

asleep() {
    [[ $(cut -d' ' -f3 "/proc/$1/stat") == S ]]
}

@test "instructions of state and list" {
    needs jq
    counter=$(instruction_counter)
    [[ $counter ]] || cannot_run "neither perf nor valgrind can count instructions here"
    works run -d -b "$(fake_bundle sleep sleep 1000000)" "$ID"
    below instructions-state "$(instructions "$T/count" "$SHIMHOST" state "$ID")"
    below instructions-list "$(instructions "$T/count" "$SHIMHOST" list)"
}
