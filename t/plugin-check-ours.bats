#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our own plugins pass the conformance kit, with the configuration that all tests use.
#
#   SHIMHOST_CHECK_CYCLES  how many lives are led in search of leaks (default: what takes some seconds)
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
SHIMHOST_TEST_RUNTIMES=${SHIMHOST_TEST_RUNTIMES:-crun runc runsc process oci}
load common
load plugin-check

# passes NAME USUAL-CYCLES
passes() {
    [[ " $RUNTIMES " == *" $1 "* ]] || skip "not among the runtimes of this run"
    run check "$PLUGINS/$1.so" --runtime-config "$T/etc/runtimes.d/$1.yaml" --cycles "${SHIMHOST_CHECK_CYCLES:-$2}"
    is "$status" 0 "exit status ($output)"
    is "$(failures <<<"$output")" ""
}

@test "the plugin crun passes" {
    passes crun 15
}

@test "the plugin runc passes" {
    passes runc 10
}

@test "the plugin oci, pointed at runc, passes" {
    passes oci 5
}

@test "the plugin process passes" {
    passes process 50
}

@test "the plugin runsc passes" {
    passes runsc 5
}
