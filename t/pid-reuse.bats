#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container's recorded pid now belongs to somebody else.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

# In a pid namespace of its own, so that few pids have to be used up before one comes round again.
in_pid_namespace() {
    timeout -k 5 120 unshare --pid --fork --kill-child --mount-proc -- \
        bash -eu "$TESTS/pid-reuse.bash" "$@" </dev/null 3>&-
}

@test "kill refuses, the stranger lives, and the container is stopped" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle reuse 'while :; do sleep 1000; done')
        export SHIMHOST HELPERS STATE T
        captures in_pid_namespace "$RUNTIME" "$path" "$ID"
        if [[ $status != 0 ]]; then
            echo "$RUNTIME: $output"
            return 1
        fi
        says "kill: not running" "the stranger lives" "state: stopped"
        nothing_is_left
    done
}
