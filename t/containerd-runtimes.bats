#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd: runtimes that are no copies of runc, through a real containerd.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

# life TYPE: what every runtime can do.
life() {
    TYPE=$1
    ctl_gives 3 run --rm --runtime "$TYPE" --env "SHIMHOST_TEST=$ID" "$IMAGE" a sh -c 'echo said; exit 3'
    says said
    start b "$FOREVER"
    is "$(status_of b)" RUNNING
    ctl_gives 4 task exec --exec-id e b sh -c 'echo in it; exit 4'
    says "in it"
    ctl_gives 0 task ps b
    says "$(pid_in b)"
}

@test "runsc: foreground, exec, checkpoint" {
    needs runsc
    configure_runtime runsc "options: { network: none, ignore-cgroups: true }"
    shim_for runsc
    life io.containerd.runsc.v1
    # It is in the groups of the shim, so there is nothing to tell of it alone.
    ctl_gives 1 task metrics b
    says "no metrics"
    "$CLIENT" encode RuncOptions no_pivot_root=true >"$T/exit" # the first field: CheckpointOptions.exit
    calls b Checkpoint "path=$T/image" options.type_url=containerd.runc.v1.CheckpointOptions "options.value=@$T/exit"
    eventually has_status b STOPPED
    removes b
    nothing_remains
    ctl_gives 0 run --rm --runtime "$TYPE" "$IMAGE" c true
    nothing_remains
}

@test "process: no isolation, the same life" {
    configure_runtime process
    shim_for process
    life io.containerd.process.v1
    ctl_gives 1 task metrics b
    says "no metrics"
    ctl_gives 0 task pause b
    is "$(status_of b)" PAUSED
    ctl_gives 0 task resume b
    ctl_gives 1 task checkpoint b
    says "does not support checkpoint"
    ctl_gives 0 task kill -s TERM b
    eventually has_status b STOPPED
    ctl_gives 0 task delete b
    says "exit code 42"
    ctl_gives 0 container rm b
    nothing_remains
}

@test "checkpoint by ctr: where there is no CRIU, that is said, and the container goes on" {
    for TYPE in $TYPES; do
        start a "$FOREVER"
        run ctl task checkpoint a
        if [[ $status != 0 ]]; then
            [[ ${output,,} == *criu* || ${output,,} == *checkpoint* ]] || says CRIU
            is "$(status_of a)" RUNNING
            ctl_gives 0 task exec --exec-id e a true
        fi
        ends a
        nothing_remains
    done
}
