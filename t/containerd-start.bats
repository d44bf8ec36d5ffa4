#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd without containerd: `start`, asked and answered in the words of each generation.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd
load containerd-wire

GENERATIONS="1.6 1.7 2.3"

# starts_as GENERATION NAME [FIELD=VALUE]…: `start` with its environment and standard input; FIELD is one of 2.3's
# parameters. What it says is in $T/answer and $T/complaint, its exit status in $status, the address in $A.
starts_as() {
    local words=(env -C "$B" -u MAX_SHIM_VERSION -u GRPC_ADDRESS -u NAMESPACE "PATH=$T/bin:$PATH"
        "TTRPC_ADDRESS=$T/events.sock" GOMAXPROCS=2)
    [[ $1 == 1.6 ]] || words+=(MAX_SHIM_VERSION=2 "GRPC_ADDRESS=$CONTAINERD_ADDRESS" "NAMESPACE=$ID")
    words+=(timeout -k 1 30 containerd-shim-shimhost-v1 -namespace "$ID" -address "$CONTAINERD_ADDRESS"
        -publish-binary /usr/bin/containerd -id "$ID-$2" start)
    if [[ $1 == 2.3 ]]; then
        "$CLIENT" encode BootstrapParams "instance_id=$ID-$2" "namespace=$ID" containerd_version=2.3.1 \
            "containerd_ttrpc_address=$T/events.sock" "containerd_grpc_address=$CONTAINERD_ADDRESS" \
            socket_dir=/run/containerd/s extensions+.value.type_url=runtimeoptions.v1.Options "${@:3}" >"$T/input"
    else
        "$CLIENT" encode Any type_url=runtimeoptions.v1.Options >"$T/input"
    fi
    status=0
    "${words[@]}" <"$T/input" >"$T/answer" 2>"$T/complaint" 3>&- || status=$?
    A=$(cat "$B/address" 2>/dev/null) || true
}

# is_answer_for GENERATION: $T/answer names the address $A as that generation wants to hear it, and is nothing else.
is_answer_for() {
    is "$status $(cat "$T/complaint")" "0 " "status, and what is said on standard error"
    case $1 in
    1.6) is "$(cat "$T/answer" && echo .)" "$A." ;;
    1.7) is "$(cat "$T/answer" && echo .)" "{\"version\":2,\"address\":\"$A\",\"protocol\":\"ttrpc\"}." ;;
    2.3) is "$("$CLIENT" decode BootstrapResult <"$T/answer" | sort | xargs)" "address=$A protocol=ttrpc version=2" ;;
    esac
    # 2.3 first tries whether it is a message.
    [[ $1 == 2.3 ]] || ! "$CLIENT" decode BootstrapResult <"$T/answer" >/dev/null 2>&1
}

# lives_and_ends NAME: a container in the server at $A.
lives_and_ends() {
    call Create "$1" "bundle=$B"
    call Start "$1"
    call Kill "$1" signal=9
    call Wait "$1"
    is "$(value exit_status)" 137
    call Delete "$1"
}

@test "each generation of containerd is answered in its own words" {
    local generation
    for generation in $GENERATIONS; do
        prepare words
        starts_as "$generation" words
        is_answer_for "$generation"
        lives_and_ends words
        ends_server words
    done
}

@test "a pod outlives the update of containerd: whoever asks is told of the one server" {
    local generation name first pid
    for generation in $GENERATIONS; do
        prepare "$generation" ".annotations[\"io.kubernetes.cri.sandbox-id\"] = \"$ID-pod\""
        starts_as "$generation" "$generation"
        is_answer_for "$generation"
        is "$A" "${first:=$A}"
        is "$(server)" "${pid:=$(server)}"
        lives_and_ends "$generation"
    done
    is "$(pgrep -fc -- "-namespace $ID -id ")" 1 "number of servers"
    ends_server 1.6
}

@test "containers of a pod that are started at once find one server" {
    local i jobs=() job
    for i in {1..8}; do
        prepare "$i" ".annotations[\"io.kubernetes.cri.sandbox-id\"] = \"$ID-pod\""
        begins "$i" </dev/null &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job"
    done
    is "$(for i in {1..8}; do cat "$BUNDLES/$ID-$i/address" && echo; done | sort -u | wc -l)" 1 "number of addresses"
    A=$(cat "$B/address")
    eventually has_servers 1
    for i in {1..8}; do
        call Connect "$i"
    done
    ends_server 8
}

has_servers() {
    [[ $(pgrep -fc -- "-namespace $ID -id ") == "$1" ]]
}

# fails_as GENERATION NAME TEXT [FIELD=VALUE]…: `start` says why on standard error, and leaves nothing.
fails_as() {
    starts_as "$1" "$2" "${@:4}"
    is "$status" 1 "$1: status of a start that should fail"
    is "$(cat "$T/answer")" "" "$1: standard output"
    output=$(cat "$T/complaint")
    is "$(wc -l <"$T/complaint")" 1 "$1: number of lines on standard error"
    says "$3"
    has_servers 0
    [[ ! -S ${A#unix://} ]]
}

@test "a start that fails says why, in words that every generation shows, and leaves no server" {
    local generation long
    for generation in $GENERATIONS; do
        prepare fails
        mv "$B/config.json" "$T/config"
        fails_as "$generation" fails "config.json"
        echo '{"annotations": {"io.kubernetes.cri.sandbox-id": 7}}' >"$B/config.json"
        fails_as "$generation" fails "io.kubernetes.cri.sandbox-id"
        echo '{"annotations": {' >"$B/config.json"
        fails_as "$generation" fails "not as expected"
        mv "$T/config" "$B/config.json"
        # It listens already, but cannot say so to those who will look for it.
        mkdir -p "$B/address/x"
        fails_as "$generation" fails "address"
        rm -r "$B/address"
    done
    printf -v long '%090d' 0
    fails_as 2.3 fails "too long" "socket_dir=$T/$long"
    fails_as 2.3 fails "cannot make" "socket_dir=/proc/$ID"
    # Whatever went wrong, the next one may go right.
    starts_as 2.3 fails
    is_answer_for 2.3
    ends_server fails
}

@test "standard input that is no message, or for somebody else, or not there" {
    prepare input
    for input in $'\xff\xff' "$(head -c 100000 /dev/zero | tr '\0' 'x')" ''; do
        begins input <<<"$input"
        is "$(jq -r .address "$T/answer")" "$A"
        ends_server input
    done
    begins input <&-
    is "$(jq -r .address "$T/answer")" "$A"
    ends_server input
    # Parameters for another container are not ours.
    starts_as 2.3 input instance_id=another
    is_answer_for 1.7
    ends_server input
}

@test "what 2.3 wants to be told: its level of logging" {
    local level
    for level in 0 -4 -8 4; do
        prepare level
        starts_as 2.3 level "log_level=$level"
        is_answer_for 2.3
        is "$(tr '\0' '\n' <"/proc/$(server)/cmdline" | grep -cx -- -debug)" $((level <= -4)) "level $level: -debug"
        ends_server level
    done
}

@test "a socket that a killed server has left is taken over" {
    local generation
    prepare stale
    for generation in $GENERATIONS; do
        starts_as "$generation" stale
        kill -KILL "$(server)"
        eventually has_servers 0
        [[ -S ${A#unix://} ]]
        starts_as "$generation" stale
        is_answer_for "$generation"
        lives_and_ends stale
        ends_server stale
    done
}
