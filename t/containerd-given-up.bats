#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd without containerd: what containerd has given up, while its server lives.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd
load containerd-wire

# creation_given_up: one is under way, and whoever asked for it has gone. Sets `pid`, that of the server.
creation_given_up() {
    local creation
    slow_runtime
    prepare a
    begins a </dev/null
    "$CLIENT" call "$A" Create "id=$ID-a" "bundle=$B" >/dev/null 2>&1 3>&- &
    creation=$!
    reached
    pid=$(server)
    kill "$creation"
    wait "$creation" || true
}

# deletes NAME: `delete`, as containerd calls it when its connection has ended.
deletes() {
    shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -id "$ID-$1" -bundle "$B" delete </dev/null >"$T/deleted"
}

@test "a creation that nobody waits for any more is undone when it is over, and the server ends" {
    local AS=slow pid
    creation_given_up
    # As containerd does after its patience has ended.
    refuses 5 Delete a
    call Shutdown a
    let_go
    eventually is_over "$pid"
    deletes a
    [[ ! -e ${A#unix://} ]]
    nothing_remains
}

@test "delete while a creation is under way: nothing is left, and the server ends" {
    local AS=slow pid
    creation_given_up
    deletes a &
    deletion=$!
    let_go
    wait "$deletion"
    eventually is_over "$pid"
    nothing_remains
}

@test "the server is killed while it creates a container: nothing comes of it" {
    local AS=slow pid
    creation_given_up
    kill_and_await "$pid"
    deletes a
    nothing_remains
}

@test "delete of a container whose server lives: it forgets that one, and ends after the last" {
    local name pid
    for name in pod app; do
        prepare "$name" ".annotations[\"io.kubernetes.cri.sandbox-id\"] = \"$ID-pod\""
        begins "$name" </dev/null
        call Create "$name" "bundle=$B"
        call Start "$name"
    done
    pid=$(server)
    "$CLIENT" call "$A" Wait "id=$ID-app" >"$T/waited" 2>&1 3>&- &
    waiter=$!
    deletes app
    is "$("$CLIENT" decode DeleteResponse <"$T/deleted" | sed -n 's/^exit_status=//p')" 137
    wait "$waiter" || true
    refuses 5 State app
    call State pod
    is "$(value status)" 2
    B=$BUNDLES/$ID-pod
    # One that hears of it later does the same.
    kill -STOP "$pid"
    deletes pod
    kill -CONT "$pid"
    eventually is_over "$pid"
    [[ ! -e ${A#unix://} ]]
    nothing_remains
}

@test "delete of what was never created: the server, which has nothing else, ends" {
    local pid
    prepare a
    begins a </dev/null
    pid=$(server)
    deletes a
    eventually is_over "$pid"
    [[ ! -e ${A#unix://} ]]
    nothing_remains
}

@test "delete of a killed server: its socket is not removed while another one may be being made" {
    local pid deletion holder
    stops
    prepare a
    "$CLIENT" encode BootstrapParams "instance_id=$ID-a" "namespace=$ID" "socket_dir=$T/sockets" containerd_version=2.3.0 \
        "containerd_ttrpc_address=$T/events.sock" >"$T/parameters"
    begins a <"$T/parameters"
    kill_and_await "$(server)"
    flock "$T/sockets" sh -c "$STOP" 3>&- &
    holder=$!
    reached
    deletes a &
    deletion=$!
    eventually waits_for_lock "$T/sockets"
    [[ -S ${A#unix://} ]]
    let_go
    wait "$holder" "$deletion"
    [[ ! -e ${A#unix://} ]]
}

waits_for_lock() {
    grep -q -e "-> FLOCK .*:$(stat -c %i "$1") " /proc/locks
}

@test "delete that comes late does not meet the next container of that name" {
    local pid
    prepare a
    mkdir "$B.old"
    mkfifo "$T/late"
    pid=$(
        cd "$B.old"
        # It holds a directory that is no more, as containerd's bundle of before.
        env TTRPC_ADDRESS="$T/events.sock" sh -c 'read x <"$1"; exec "$2" -namespace "$3" -address "$4" -id "$5" -bundle "$6" delete' \
            sh "$T/late" "$SHIM" "$ID" "$CONTAINERD_ADDRESS" "$ID-a" "$B" </dev/null >"$T/deleted" 3>&- &
        echo $!
    )
    rmdir "$B.old"
    begins a </dev/null
    call Create a "bundle=$B"
    call Start a
    eventually is_waiting "$pid"
    echo >"$T/late"
    eventually is_over "$pid"
    is "$("$CLIENT" decode DeleteResponse <"$T/deleted" | sed -n 's/^exit_status=//p')" 137
    call State a
    is "$(value status)" 2
    call Kill a signal=9
    call Wait a
    call Delete a
    ends_server a
}

is_waiting() {
    [[ $(readlink "/proc/$1/cwd") == *" (deleted)" ]]
}
