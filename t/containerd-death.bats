#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd: whoever dies, and who takes over.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

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
        removes a b
        nothing_remains
    done
}

@test "the server is killed: the true exit status of what had ended, and nothing goes on running" {
    hear
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

@test "the server replaces itself, and no client notices" {
    local server
    for TYPE in $OURS; do
        start a "$FOREVER"
        LIMIT=300 ctl run --runtime "$TYPE" "$IMAGE" b sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done; exit 9' >"$T/out" 2>&1 &
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
        removes a b
        nothing_remains
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
    removes a
    nothing_remains
}
