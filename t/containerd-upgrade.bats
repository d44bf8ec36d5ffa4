#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd without containerd: `shimhost upgrade` has servers replace themselves.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd
load containerd-wire
# shellcheck disable=SC2154 # what begin_two declares

NEXT=9.8.7

# The same program, which says that it is of another version.
next_version() {
    local now
    now=$(shim -v | sed 's/.* //')
    is "${#now}" "${#NEXT}" "length of the version, which is replaced in place"
    sed "s/$now/$NEXT/g" "$SHIM" >"$T/next"
    NOW=$now
}

# upgrade [OPTION…]: those of this test alone; what it prints is in $output, what it complains of in $T/complaint.
upgrade() {
    status=0
    output=$(timeout -k 1 100 "$SHIMHOST" upgrade --namespace "$ID" "$@" 2>"$T/complaint" </dev/null 3>&-) || status=$?
}

# begin_two: the servers of the containers a and b, which run; their addresses are in $ADDRESS_a and $ADDRESS_b, their pids
# in $PID_a and $PID_b.
begin_two() {
    local name
    for name in a b; do
        prepare "$name"
        begins "$name" </dev/null
        call Create "$name" "bundle=$B"
        call Start "$name"
        declare -g "ADDRESS_$name=$A" "PID_$name=$(server)"
    done
}

end_two() {
    local name address
    for name in a b; do
        address=ADDRESS_$name
        A=${!address} B=$BUNDLES/$ID-$name
        call Kill "$name" signal=9
        call Wait "$name"
        is "$(value exit_status)" 137
        call Delete "$name"
        [[ $name == b ]] || ends_server_alone "$name"
    done
    ends_server b
}

# line_of NAME VERSION VERSION: what is printed of a server.
line_of() {
    local pid=PID_$1
    printf '%s\t%s\t%s\t%s\t%s' "${!pid}" "$ID" "$ID-$1" "$2" "$3"
}

goes_on_as_itself() {
    ! goes_on_as_another "$1"
}

executes_next() {
    [[ $(readlink "/proc/$1/exe") == "$T/bin/containerd-shim-shimhost-v1" ]]
}

@test "every server goes on as the new program, with its waits and events, and says so" {
    local waiter pid
    install_shim "$SHIM"
    next_version
    begin_two
    "$CLIENT" call "$ADDRESS_a" Wait "id=$ID-a" >"$T/waited" 3>&- &
    waiter=$!
    A=$ADDRESS_b
    call Pause b
    install_shim "$T/next"
    upgrade
    is "$status $(cat "$T/complaint")" "0 "
    is "$(head -n 1 <<<"$output" | xargs)" "PID NAMESPACE ID BEFORE AFTER"
    is "$(tail -n +2 <<<"$output" | sort)" "$(printf '%s\n' "$(line_of a "$NOW" "$NEXT")" "$(line_of b "$NOW" "$NEXT")" | sort)"
    for pid in "$PID_a" "$PID_b"; do
        executes_next "$pid"
    done
    is "$(server)" "$PID_b"
    call State b
    is "$(value status)" 4
    call Resume b
    # Those who wait go on waiting.
    A=$ADDRESS_a
    call Kill a signal=15
    wait "$waiter"
    is "$(sed -n 's/^exit_status=//p' "$T/waited")" 42
    call Delete a
    B=$BUNDLES/$ID-a
    # One alone, back again.
    install_shim "$SHIM"
    upgrade "$ID-b"
    is "$status" 0
    is "$(tail -n +2 <<<"$output")" "$(line_of b "$NEXT" "$NOW")"
    goes_on_as_another "$PID_a"
    [[ $(readlink "/proc/$PID_a/exe") == *" (deleted)" ]]
    hear_events
    A=$ADDRESS_b
    call Kill b signal=9
    call Wait b
    call Delete b
    eventually has_heard_of a "create start exit delete"
    eventually has_heard_of b "create start paused resumed exit delete"
    A=$ADDRESS_a
    ends_server_alone a
    A=$ADDRESS_b B=$BUNDLES/$ID-b
    ends_server b
    kill "$SINK"
}

# Of one of two servers: what is left is the other's.
ends_server_alone() {
    local pid
    pid=$(server)
    call Shutdown "$1"
    eventually is_over "$pid"
}

has_heard_of() {
    [[ $(awk -v id="container_id=$ID-$1" '/^\/tasks\// { topic = $0 } $0 == id { print topic }' "$T/heard" |
        sed 's,.*/,,' | xargs) == "$2" ]]
}

@test "a program that cannot take over is not taken; that is told, and the others are replaced" {
    install_shim "$SHIM"
    next_version
    begin_two
    printf '%s\n' '#!/bin/sh' 'exit 1' >"$T/broken"
    install_shim "$T/broken"
    upgrade
    is "$status" 1
    is "$(grep -c "cannot go on from here" "$T/complaint")" 2
    grep -q "server $PID_a ($ID/$ID-a) was not replaced: $T/bin/containerd-shim-shimhost-v1" "$T/complaint"
    grep -q "2 of 2 servers were not replaced" "$T/complaint"
    # One is stopped, and does not answer in time.
    install_shim "$T/next"
    kill -STOP "$PID_a"
    upgrade --timeout 1s
    is "$status" 1
    kill -CONT "$PID_a"
    is "$(tail -n +2 <<<"$output")" "$(line_of b "$NOW" "$NEXT")"
    grep -q "server $PID_a ($ID/$ID-a) was not replaced: it has not answered in time" "$T/complaint"
    # It does it now, although nobody waits for the answer any more.
    eventually executes_next "$PID_a"
    end_two
}

# creates NAME: in the background, until the runtime stops; its job is in $creation.
creates() {
    prepare "$1" '.annotations["io.containerd.shimhost.v1.group"] = "'"$ID"'"'
    AS=slow begins "$1" </dev/null
    "$CLIENT" call "$A" Create "id=$ID-$1" "bundle=$B" >"$T/created" 2>&1 3>&- &
    creation=$!
    reached
}

# later METHOD NAME [FIELD=VALUE]…: a call in the background that has come to the server; its job is in $later.
later() {
    local before
    before=$(sockets)
    "$CLIENT" call "$A" "$1" "id=$ID-$2" "${@:3}" >"$T/$1" 2>&1 3>&- &
    later=$!
    eventually has_new_socket "$before"
}

sockets() {
    find "/proc/$PID_a/fd" -lname 'socket:*' -printf '%l\n' | sort
}

# has_new_socket SOCKETS: the server has one that is not among them.
has_new_socket() {
    [[ $(comm -13 <(echo "$1") <(sockets)) ]]
}

@test "it waits for what is under way; questions are answered meanwhile, and what else is called for comes after" {
    local creation program pid later kill start
    slow_runtime
    ln -sf containerd-shim-shimhost-v1 "$T/bin/containerd-shim-slow-v1"
    printf '%s\n' '#!/bin/sh' 'exit 1' >"$T/broken"
    # It is replaced, or goes on.
    for program in "$SHIM" "$T/broken"; do
        install_shim "$SHIM"
        creates b
        let_go
        wait "$creation"
        call Start b
        pid=$(value pid)
        creates a
        PID_a=$(server)
        install_shim "$program"
        timeout -k 1 100 "$SHIMHOST" upgrade --namespace "$ID" >"$T/upgraded" 2>&1 3>&- </dev/null &
        upgrade=$!
        eventually is_asked
        later Kill b signal=9
        kill=$later
        later Start a
        start=$later
        # What a containerd that comes back asks.
        answers_in_time Connect b
        is "$(value task_pid)" "$pid"
        answers_in_time State b
        is "$(value status)" 2
        answers_in_time Pids b
        is "$(value processes.pid)" "$pid"
        SHIM_TIMEOUT=100000000 refuses 4 Wait b
        goes_on_as_itself "$PID_a"
        let_go
        status=0
        wait "$upgrade" || status=$?
        wait "$creation"
        install_shim "$SHIM"
        grep -q "^pid=" "$T/created"
        if [[ $program == "$SHIM" ]]; then
            is "$status" 0
            goes_on_as_another "$PID_a"
        else
            is "$status" 1
            goes_on_as_itself "$PID_a"
        fi
        wait "$kill"
        call Wait b
        is "$(value exit_status)" 137
        wait "$start"
        call State a
        is "$(value status)" 2
        call Kill a signal=9
        call Wait a
        call Delete a
        call Delete b
        ends_server a
    done
}

answers_in_time() {
    captures timeout 2 "$CLIENT" call "$A" "$1" "id=$ID-$2"
    is "$status" 0 "$1 within two seconds"
}

# What may need a helper is not answered while the server waits to be replaced. Nobody is there when it is.
is_asked() {
    [[ $("$HELPERS/bad-client" "$A" overtaken 3>&-) == "the second" ]]
}

@test "a server whose program was replaced before it had begun is replaced as any other" {
    local start
    install_shim "$SHIM"
    prepare a
    mkfifo "$T/options"
    shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -id "$ID-a" start <"$T/options" >"$T/answer" &
    start=$!
    # It executes the program, and reads.
    exec 8>"$T/options"
    eventually start_executes
    install_shim "$SHIM"
    exec 8>&-
    wait "$start"
    A=$(cat "$B/address")
    PID_a=$(server)
    [[ $(readlink "/proc/$PID_a/exe") == *" (deleted)" ]]
    upgrade
    is "$status $(cat "$T/complaint")" "0 "
    goes_on_as_another "$PID_a"
    executes_installed "$PID_a"
    call Create a "bundle=$B"
    call Delete a
    ends_server a
}

start_executes() {
    local pid
    pid=$(pgrep -f -- "-namespace $ID -address $CONTAINERD_ADDRESS -id $ID-a start" | while read -r pid; do
        [[ $(readlink "/proc/$pid/exe") != "$T/bin/containerd-shim-shimhost-v1" ]] || echo "$pid"
    done)
    [[ $pid ]]
}

@test "what is held while a server waits to be replaced has a limit" {
    local creation number jobs=()
    slow_runtime
    install_shim "$SHIM"
    ln -sf containerd-shim-shimhost-v1 "$T/bin/containerd-shim-slow-v1"
    creates a
    PID_a=$(server)
    kill -HUP "$PID_a"
    eventually is_asked
    head -c 4000000 /dev/zero | tr '\0' x >"$T/large"
    for number in {1..9}; do
        "$CLIENT" call "$A" Exec "id=$ID-a" "exec_id=e$number" spec.type_url=x "spec.value=@$T/large" >"$T/held-$number" 2>&1 3>&- &
        jobs+=($!)
    done
    eventually grep -q '^8:' "$T"/held-{1..9}
    let_go
    wait "$creation" "${jobs[@]}" || true
    goes_on_as_another "$PID_a"
    is "$(cat "$T"/held-{1..9} | wc -l)" 1 "lines of those that were refused"
    call Delete a
    ends_server a
}

@test "an event that containerd has got, and not answered yet, is not sent again by the new program" {
    local server
    install_shim "$SHIM"
    hear_events
    prepare a
    begins a </dev/null
    call Create a "bundle=$B"
    call Start a
    server=$(server)
    eventually has_heard "create start"
    kill -STOP "$SINK"
    call Kill a signal=9
    call Wait a
    kill -HUP "$server"
    eventually waits_or_goes_on "$server"
    kill -CONT "$SINK"
    eventually goes_on_as_another "$server"
    call Delete a
    eventually has_heard "create start exit delete"
    ends_server a
    is "$(heard)" "create start exit delete"
    kill "$SINK"
}

waits_or_goes_on() {
    goes_on_as_another "$1" || is_asked
}

@test "one that is about to end is not replaced, and ends" {
    install_shim "$SHIM"
    prepare a
    exec 7<>"$B/log"
    begins a </dev/null 7>&-
    PID_a=$(server)
    call Create a "bundle=$B"
    call Delete a
    # Nobody takes the events, so it waits for a while.
    call Shutdown a
    kill -HUP "$PID_a"
    eventually is_over "$PID_a"
    logs "about to end"
    exec 7>&-
    shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -id "$ID-a" -bundle "$B" delete </dev/null >"$T/deleted"
    nothing_remains
}

@test "nobody but servers is asked; where there is none, nothing is said" {
    upgrade
    is "$status $output $(cat "$T/complaint")" "0  "
    # One that bears the name and was given the words, and has no socket.
    mkdir "$T/other"
    cp "$(command -v busybox)" "$T/other/containerd-shim-shimhost-v1"
    mkfifo "$T/never"
    (exec -a sh "$T/other/containerd-shim-shimhost-v1" -c "read x <$T/never" -namespace "$ID" -id x -address y 3>&-) &
    impostor=$!
    eventually has_words "$impostor"
    upgrade
    is "$status $output $(cat "$T/complaint")" "0  "
    kill "$impostor"
    captures timeout -k 1 30 "$SHIM" -timeout never upgrade
    is "$status" 1
    says "-timeout"
    captures timeout -k 1 30 "$SHIMHOST" upgrade --namespace ../x
    is "$status" 1
    says "namespace"
}

has_words() {
    tr '\0' ' ' <"/proc/$1/cmdline" | grep -q -- "-namespace $ID -id x"
}

@test "another process listens where a server did: it is not taken for the server" {
    needs python3
    install_shim "$SHIM"
    prepare a
    begins a </dev/null
    call Create a "bundle=$B"
    PID_a=$(server)
    # It hangs up on whoever comes.
    mv "${A#unix://}" "${A#unix://}.away"
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("ready", flush=True)
while True:
    s.accept()[0].close()
' "${A#unix://}" >"$T/ready" 3>&- &
    impostor=$!
    eventually test -s "$T/ready"
    upgrade
    is "$status" 1
    grep -q "server $PID_a ($ID/$ID-a) was not replaced" "$T/complaint"
    kill "$impostor"
    mv "${A#unix://}.away" "${A#unix://}"
    goes_on_as_itself "$PID_a"
    call Delete a
    ends_server a
}
