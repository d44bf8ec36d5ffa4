#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd, by a real containerd. What containerd's own shim does as well runs through it, too.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

FOREVER='trap "exit 42" TERM; while :; do sleep 0.2; done'

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

@test "what is fed to a container arrives, and its end" {
    for TYPE in $TYPES; do
        output=$({ sleep 2; echo "fed $TYPE"; } |
            timeout -k 1 30 ctr run --rm --runtime "$TYPE" "$IMAGE" fed cat 3>&-)
        is "$output" "fed $TYPE"
        nothing_remains
    done
}

@test "a task's life: ls, ps, exec, pause, resume, metrics, kill, delete" {
    for TYPE in $TYPES; do
        start a "$FOREVER"
        is "$(status_of a)" RUNNING
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
        ctl task delete a || true
        ctl_gives 0 container rm a
        nothing_remains
    done
}

# The topics of one container's events, in the order in which they came.
topics() {
    grep -o '/tasks/[a-z-]* {"container_id":"'"$1"'"' "$T/heard" | sed 's/ .*//; s,.*/,,' | xargs
}
has_deleted() {
    [[ $(topics "$1") == *delete* ]]
}
listens() {
    ctl namespace label "$ID" "probe=$RANDOM" && [[ -s $T/heard ]]
}

@test "events come in their order" {
    timeout -k 1 200 ctr events >"$T/heard" </dev/null 2>&1 3>&- &
    eventually listens
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
        for _ in {1..10}; do
            ctl_gives 0 run --rm --runtime "$TYPE" "$IMAGE" "fast-$TYPE" true
        done
        nothing_remains
    done
    # Of the fast ones, too: never an end before a start.
    for TYPE in $OURS; do
        is "$(topics "fast-$TYPE")" "$(for _ in {1..10}; do echo create start exit delete; done | xargs)"
    done
}

@test "fifty at once" {
    local TYPE=io.containerd.shimhost.v1 jobs=() job failed=0 i
    for i in {1..50}; do
        LIMIT=300 ctl run --rm --runtime "$TYPE" --env "SHIMHOST_TEST=$ID" "$IMAGE" "many-$i" \
            sh -c "exit $i" >"$T/many-$i" 2>&1 &
        jobs+=($!)
    done
    for ((i = 1; i <= 50; i++)); do
        status=0
        wait "${jobs[i - 1]}" || status=$?
        [[ $status == "$i" ]] || { echo "number $i: $status"; cat "$T/many-$i"; failed=1; }
    done
    is "$failed" 0
    nothing_remains
}

@test "a file and a logging program as standard output" {
    printf '%s\n' '#!/bin/sh' 'exec 5>&-; echo "$CONTAINER_ID $*" >"$2.names"; cat <&3 >"$2"' >"$T/logger"
    chmod 755 "$T/logger"
    for TYPE in $TYPES; do
        ctl_gives 0 run --rm --runtime "$TYPE" --log-uri "file://$T/logs/$TYPE" "$IMAGE" a \
            sh -c 'echo out; echo err >&2'
        is "$(sort "$T/logs/$TYPE" | xargs)" "err out"
        is "$(stat -c %a "$T/logs/$TYPE")" 644
        ctl_gives 0 run --rm --runtime "$TYPE" --log-uri "binary://$T/logger?file=$T/logs/by-$TYPE" \
            "$IMAGE" b sh -c 'echo to the logger'
        is "$(cat "$T/logs/by-$TYPE.names")" "b file $T/logs/by-$TYPE"
        eventually grep -qx "to the logger" "$T/logs/by-$TYPE"
        nothing_remains
    done
}

@test "a terminal" {
    needs tmux
    for TYPE in $TYPES; do
        tmux -S "$T/tmux" -f /dev/null new-session -d -x 81 -y 24 \
            "ctr run --rm -t --runtime $TYPE $IMAGE tty sh -c 'read word; echo got \$word; stty size; exit 3'
                echo \$? >$T/tty-status" 3>&-
        tmux -S "$T/tmux" pipe-pane "cat >>$T/screen" 3>&-
        eventually has_status tty RUNNING
        tmux -S "$T/tmux" send-keys hello Enter
        eventually test -s "$T/tty-status"
        is "$(cat "$T/tty-status")" 3
        grep -q "got hello" "$T/screen"
        grep -q "[0-9]* 81" "$T/screen"
        rm "$T/tty-status" "$T/screen"
        nothing_remains
    done
}

@test "containerd is killed and comes back: containers and their exit statuses are still there" {
    for TYPE in $TYPES; do
        start a "$FOREVER"
        start b "$FOREVER"
        kill_containerd
        kill -TERM "$(pid_in b)"
        start_containerd
        is "$(status_of a)" RUNNING
        eventually has_status b STOPPED
        ctl_gives 6 task exec --exec-id e a sh -c 'exit 6'
        ctl_gives 0 task kill -s KILL a
        eventually has_status a STOPPED
        for name in a b; do
            ctl task delete "$name" || true
            ctl_gives 0 container rm "$name"
        done
        nothing_remains
    done
}

pid_in() {
    cat "$T/containerd/state/io.containerd.runtime.v2.task/$ID/$1/init.pid"
}

@test "the server is killed: the true exit status of what had ended, and nothing goes on running" {
    timeout -k 1 200 ctr events >"$T/heard" </dev/null 2>&1 3>&- &
    eventually listens
    for TYPE in $OURS; do
        start "ended-$TYPE" 'exit 17'
        start "runs-$TYPE" "$FOREVER"
        eventually has_status "ended-$TYPE" STOPPED
        kill -KILL "$(server_of "ended-$TYPE")" "$(server_of "runs-$TYPE")"
        eventually has_deleted "ended-$TYPE"
        eventually has_deleted "runs-$TYPE"
        grep '/tasks/delete.*"ended-'"$TYPE"'"' "$T/heard" | grep -q '"exit_status":17'
        grep '/tasks/delete.*"runs-'"$TYPE"'"' "$T/heard" | grep -q '"exit_status":137'
        nothing_remains
    done
}

goes_on_as_another() {
    tr '\0' ' ' <"/proc/$1/cmdline" | grep -q -- '-resume'
}

@test "the server replaces itself, and no client notices" {
    local server
    for TYPE in $OURS; do
        start a "$FOREVER"
        ctl run --runtime "$TYPE" "$IMAGE" b sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done; exit 9' >"$T/out" 2>&1 &
        client=$!
        eventually has_status b RUNNING
        for name in a b; do
            server=$(server_of "$name")
            kill -HUP "$server"
            eventually goes_on_as_another "$server"
        done
        ctl_gives 4 task exec --exec-id e a sh -c 'exit 4'
        for _ in {1..20}; do
            kill -HUP "$(server_of a)" "$(server_of b)"
        done
        ctl_gives 0 task exec --exec-id e b sh -c ">/tmp/go"
        status=0
        wait "$client" || status=$?
        is "$status" 9 "the exit status that the waiting client got"
        ctl_gives 0 task kill -s TERM a
        eventually has_status a STOPPED
        for name in a b; do
            ctl task delete "$name" || true
            ctl_gives 0 container rm "$name"
        done
        nothing_remains
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
    timeout -k 1 200 ctr events >"$T/heard" </dev/null 2>&1 3>&- &
    eventually listens
    for TYPE in $TYPES; do
        ctl_gives 137 run --rm --memory-limit 6000000 --runtime "$TYPE" "$IMAGE" "greedy-$TYPE" \
            sh -c 'sleep 0.3; tail /dev/zero'
        eventually has_deleted "greedy-$TYPE"
        [[ $(topics "greedy-$TYPE") == *"start oom exit delete" ]]
        nothing_remains
    done
}

@test "what the shim says of itself" {
    run "$SHIM" -v
    is "$status" 0
    says "containerd-shim-shimhost-v1"
    for name in shimhost shimhost-runc; do
        "$T/bin/containerd-shim-$name-v1" -info </dev/null >"$T/info"
        grep -qa "io.containerd.shimhost.v1" "$T/info"
    done
    grep -qa runc "$T/info"
    for action in start delete; do
        run "$SHIM" -id a "$action"
        is "$status" 1
        says "-namespace"
        run "$SHIM" -namespace x -id ../a "$action"
        is "$status" 1
    done
}

# What the plugin of the runtime `faulty` does in which entry, from now on.
faulty() {
    printf '%s\n' 'version: 1' "plugin: $T/faulty.so" 'timeouts: { spawn: 1s, signal: 500ms, delete: 1s }' \
        "options: { entry: $1, fault: $2 }" >"$T/etc/runtimes.d/faulty.yaml"
}

@test "a plugin that crashes, exits or does not return fails one call, and the server goes on" {
    local TYPE=io.containerd.faulty.v1 fault server
    needs cc
    cc -shared -fPIC -fvisibility=hidden -D_GNU_SOURCE -I"$SOURCE/sdk/include" -o "$T/faulty.so" \
        "$TESTS/plugins/faulty.c"
    ln -s "$SHIM" "$T/bin/containerd-shim-faulty-v1"
    faulty none none
    ctl_gives 0 run -d --runtime "$TYPE" --env "SHIMHOST_TEST=$ID" "$IMAGE" a /bin/sleep 1000
    server=$(server_of a)
    for fault in crash abort exit block deaf; do
        faulty signal "$fault"
        ctl_gives 1 task kill -s TERM a
        says "plugin $T/faulty.so in its entry signal"
    done
    faulty spawn crash
    ctl_gives 1 run --runtime "$TYPE" --env "SHIMHOST_TEST=$ID" "$IMAGE" b /bin/sleep 1000
    says "in its entry spawn crashed"
    faulty none none
    is "$(server_of a)" "$server"
    is "$(status_of a)" RUNNING
    ctl_gives 0 task kill -s KILL a
    eventually has_status a STOPPED
    ctl task delete a || true
    ctl_gives 0 container rm a
    nothing_remains
}
