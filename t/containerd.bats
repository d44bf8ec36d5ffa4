#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd, by a real containerd: the life of a task. What containerd's own shim does as well runs
# through it, too.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

@test "containers in the foreground: output, exit status, a command that is not there" {
    for TYPE in $TYPES; do
        ctl_gives 7 run --rm --runtime "$TYPE" "$IMAGE" a sh -c 'echo to stdout; echo to stderr >&2; exit 7'
        says "to stdout" "to stderr"
        ctl_gives 0 run --rm --runtime "$TYPE" --null-io "$IMAGE" b true
        ctl_gives 143 run --rm --runtime "$TYPE" "$IMAGE" c sh -c 'trap "exit 143" TERM; kill -TERM $$'
        ctl_gives 1 run --rm --runtime "$TYPE" "$IMAGE" d /not/there
        says "OCI runtime create failed"
        nothing_remains
    done
}

@test "a task's life: ls, ps, exec, pause, resume, metrics, kill, delete" {
    for TYPE in $TYPES; do
        start a "$FOREVER"
        is "$(status_of a)" RUNNING
        is "$(stat -f -c %T "$(bundle_of a)/rootfs")" overlayfs "type of the root file system"
        ctl_gives 5 task exec --exec-id e a sh -c 'echo in the container; exit 5'
        says "in the container"
        ctl_gives 137 task exec --exec-id e a sh -c 'kill -9 $$'
        ctl_gives 1 task exec --exec-id f a /not/there
        ctl_gives 0 task exec --exec-id init a true
        ctl_gives 0 task ps a
        ((${#lines[@]} >= 2)) || is "${#lines[@]}" "2 or more"
        ctl_gives 0 task metrics --format json a
        jq -e '.. | objects | select(has("usage") or has("usage_usec"))' <<<"$output" >/dev/null
        ctl_gives 0 task pause a
        is "$(status_of a)" PAUSED
        ctl_gives 0 task resume a
        is "$(status_of a)" RUNNING
        ctl_gives 1 task delete a
        ctl_gives 0 task kill -s TERM a
        eventually has_status a STOPPED
        ctl_gives 1 task kill a
        says "not found"
        ctl_gives 0 task delete a
        says "exit code 42"
        ctl_gives 0 container rm a
        nothing_remains
    done
}

@test "kill --all ends every process" {
    for TYPE in $TYPES; do
        start a "trap '' TERM; sleep 100000 & sleep 100000 & wait"
        ctl_gives 0 task kill --all -s KILL a
        eventually has_status a STOPPED
        removes a
        nothing_remains
    done
}

@test "events come in their order" {
    hear
    for TYPE in $TYPES; do
        start "a-$TYPE" "$FOREVER"
        ctl_gives 0 task exec --exec-id e "a-$TYPE" true
        ctl_gives 0 task pause "a-$TYPE"
        ctl_gives 0 task resume "a-$TYPE"
        ctl_gives 0 task kill -s KILL "a-$TYPE"
        eventually has_status "a-$TYPE" STOPPED
        ctl task delete "a-$TYPE" || true
        eventually has_deleted "a-$TYPE"
        is "$(topics "a-$TYPE")" "create start exec-added exec-started exit paused resumed exit delete"
        nothing_remains
    done
    # Of fast ones, too: never an end before a start.
    for TYPE in $OURS; do
        for _ in {1..10}; do
            ctl_gives 0 run --rm --runtime "$TYPE" "$IMAGE" "fast-$TYPE" true
        done
        nothing_remains
        is "$(topics "fast-$TYPE")" "$(for _ in {1..10}; do echo create start exit delete; done | xargs)"
    done
}

@test "containers of a pod share a server" {
    for TYPE in $TYPES; do
        start pause "$FOREVER" --annotation io.kubernetes.cri.sandbox-id=pause
        start app "$FOREVER" --annotation io.kubernetes.cri.sandbox-id=pause
        is "$(pgrep -fc -- "-namespace $ID -id [a-z]* -address $CONTAINERD_ADDRESS")" 1 "number of servers"
        ctl_gives 0 task kill -s KILL app
        eventually has_status app STOPPED
        ctl task delete app || true
        is "$(status_of pause)" RUNNING
        ctl_gives 3 task exec --exec-id e pause sh -c 'exit 3'
        ctl_gives 0 task kill -s KILL pause
        eventually has_status pause STOPPED
        ctl task delete pause || true
        ctl_gives 0 container rm app pause
        nothing_remains
    done
}

@test "a want of memory is told before the end that it made" {
    [[ -d /sys/fs/cgroup/memory ]] || grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
        cannot_run "there is no memory controller"
    hear
    for TYPE in $TYPES; do
        ctl_gives 137 run --rm --memory-limit 6000000 --runtime "$TYPE" "$IMAGE" "greedy-$TYPE" \
            sh -c 'sleep 0.3; tail /dev/zero'
        eventually has_deleted "greedy-$TYPE"
        [[ $(topics "greedy-$TYPE") == *"start oom exit delete" ]]
        nothing_remains
    done
}
