#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host, or a monitor, is killed at any of its system calls, or any of them fails. Here some, spread over each walk;
# `make check-faults` tries all.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load faults

[[ $WALKED == *run* ]] || RUNTIMES=

test_setup() {
    configure_walked
}

@test "a host that is killed: create" {
    walk host create
}

@test "a host that is killed: run" {
    walk host run
}

@test "a host that is killed: start" {
    walk host start
}

@test "a host that is killed: exec" {
    walk host exec
}

@test "a host that is killed: kill" {
    walk host kill
}

@test "a host that is killed: wait-over" {
    walk host wait-over
}

@test "a host that is killed: wait-lost" {
    walk host wait-lost
}

@test "a host that is killed: load" {
    walk host load
}

@test "a host that is killed: list" {
    walk host list
}

@test "a host that is killed: delete" {
    walk host delete
}

@test "a host that is killed: delete-force" {
    walk host delete-force
}

@test "a host that is killed: adopt" {
    walk host adopt
}

@test "a monitor that is killed: life" {
    walk monitor life
}

@test "a monitor that is killed: exec-life" {
    # More of them: in a few calls near the end its death once went unnoticed by a host that was its parent.
    [[ $STEPS == all ]] || STEPS=16
    walk monitor exec-life
}

@test "a monitor that is killed: adopt-life" {
    walk monitor adopt-life
}

@test "a monitor that is killed: log" {
    walk monitor log
}

@test "calls of a host that fail: run" {
    errors host run
}

@test "calls of a monitor that fail: life" {
    errors monitor life
}

@test "calls of a host that fail: everything else" {
    [[ $STEPS == all ]] || skip "make check-faults does that"
    for operation in create start exec kill wait-over wait-lost load delete delete-force adopt; do
        errors host "$operation"
    done
}
