#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# attach: any number of clients at the streams of a detached process, and nobody waits for any of them.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load streams

# attached NAME [OPTION…]: a client in the background; $T/NAME.in is a FIFO for its input, which stays open at
# descriptor 8, its output is in $T/NAME.out and $T/NAME.err; its pid is $!.
attached() {
    local name=$1
    shift
    mkfifo "$T/$name.in"
    "$SHIMHOST" attach "$@" "$ID" <>"$T/$name.in" >"$T/$name.out" 2>"$T/$name.err" 3>&- &
}

# A process that says what it reads, on both outputs, and ends when it reads a number.
echoes() {
    bundle "echo-$RUNTIME" 'echo ready; while read -r line; do case $line in [0-9]*) exit "$line"; esac
        echo "out $line"; echo "err $line" >&2; done; exit 99'
}

contains() {
    grep -qF "$2" "$1"
}

@test "input, both outputs and the exit status pass through" {
    for RUNTIME in $RUNTIMES; do
        works run -d -i --stdout pipe --stderr pipe -r "$RUNTIME" -b "$(echoes)" "$ID"
        status=0
        printf '%s\n' hello 17 | timeout "$PATIENCE" "$SHIMHOST" attach "$ID" >"$T/out" 2>"$T/err" 3>&- || status=$?
        is "$status" 17
        is "$(grep -v ready "$T/out")" "out hello"
        is "$(cat "$T/err")" "err hello"
        works delete "$ID"
        nothing_is_left
    done
}

@test "the end of input ends that of the process; with --no-stdin it does not" {
    for RUNTIME in $RUNTIMES; do
        works run -d -i --stdout pipe -r "$RUNTIME" -b "$(echoes)" "$ID"
        "$SHIMHOST" attach --no-stdin "$ID" </dev/null >"$T/watcher" 2>&1 3>&- &
        watcher=$!
        eventually has_clients 1
        printf '%s\n' hello | timeout "$PATIENCE" "$SHIMHOST" attach "$ID" >"$T/out" 2>"$T/err" 3>&- || status=$?
        is "$status" 99
        joins "$watcher"
        is "$status" 99
        grep -qx "out hello" "$T/watcher"
        works delete "$ID"
    done
}

@test "several clients see the same and each may write" {
    for RUNTIME in $RUNTIMES; do
        rm -f "$T"/*.in
        works run -d -i --stdout pipe --stderr pipe -r "$RUNTIME" -b "$(echoes)" "$ID"
        attached one
        one=$!
        attached two
        two=$!
        attached three --no-stdin
        three=$!
        eventually has_clients 3
        echo first >"$T/one.in"
        for name in one two three; do
            eventually contains "$T/$name.out" "out first"
            eventually contains "$T/$name.err" "err first"
        done
        echo second >"$T/two.in"
        for name in one two three; do eventually contains "$T/$name.out" "out second"; done
        echo 21 >"$T/one.in"
        for client in $one $two $three; do
            joins "$client"
            is "$status" 21
        done
        works delete "$ID"
    done
}

@test "a client that leaves, or is killed, takes nothing with it" {
    for RUNTIME in $RUNTIMES; do
        rm -f "$T"/*.in
        works run -d -i --stdout pipe --stderr pipe -r "$RUNTIME" -b "$(echoes)" "$ID"
        attached killed
        killed=$!
        attached left
        left=$!
        attached stays
        stays=$!
        eventually has_clients 3
        kill -KILL "$killed"
        kill -TERM "$left"
        joins "$left"
        is "$status" 143
        joins "$killed"
        echo hello >"$T/stays.in"
        eventually contains "$T/stays.out" "out hello"
        is "$(field "$ID" .status)" running
        echo 0 >"$T/stays.in"
        joins "$stays"
        is "$status" 0
        works delete "$ID"
    done
}

@test "a client that does not read slows neither the process nor the others, and is told what it missed" {
    for RUNTIME in $RUNTIMES; do
        rm -f "$T"/*.in
        event "go-$RUNTIME" "done-$RUNTIME" "end-$RUNTIME"
        make_data data 4194304
        path=$(bundle "slow-$RUNTIME" "read -r x </events/go-$RUNTIME; cat /events/data; echo >/events/done-$RUNTIME
            read -r x </events/end-$RUNTIME; echo end")
        works run -d --stdout pipe -r "$RUNTIME" -b "$path" "$ID"
        attached slow --no-stdin
        slow=$!
        eventually has_clients 1
        kill -STOP "$slow"
        give "go-$RUNTIME"
        await "done-$RUNTIME" # it has not waited for the client
        kill -CONT "$slow"
        eventually contains "$T/slow.err" "bytes lost"
        give "end-$RUNTIME"
        joins "$slow"
        is "$status" 0
        grep -aq end "$T/slow.out"
        (($(stat -c %s "$T/slow.out") < 4194304))
        works delete "$ID"
    done
}

@test "clients that come and go leave no descriptors" {
    RUNTIME=${RUNTIMES%% *}
    works run -d -i --stdout pipe -r "$RUNTIME" -b "$(echoes)" "$ID"
    monitor=$(monitor_of "$ID")
    before=$(ls "/proc/$monitor/fd" | wc -l)
    for i in {1..20}; do
        "$SHIMHOST" attach --no-stdin "$ID" </dev/null >"$T/out" 2>&1 3>&- &
        client=$!
        eventually has_clients 1
        kill "-$([[ $((i % 2)) == 0 ]] && echo TERM || echo KILL)" "$client"
        joins "$client"
        eventually is_alone
    done
    is "$(ls "/proc/$monitor/fd" | wc -l)" "$before" "descriptors of the monitor"
    works delete --force "$ID"
}

is_alone() {
    ! has_clients 1
}

@test "there is a limit to the clients" {
    RUNTIME=${RUNTIMES%% *}
    works run -d -i --stdout pipe -r "$RUNTIME" -b "$(echoes)" "$ID"
    clients=()
    for i in {1..16}; do
        attached "client$i" --no-stdin
        clients+=($!)
    done
    eventually has_clients 16
    run timeout "$PATIENCE" "$SHIMHOST" attach --no-stdin "$ID" 3>&-
    [[ $status != 0 ]]
    kill -TERM "${clients[0]}"
    joins "${clients[0]}"
    works exec "$ID" -- true
    echo 0 | timeout "$PATIENCE" "$SHIMHOST" attach "$ID" >/dev/null 3>&- # there is room again
    for client in "${clients[@]:1}"; do joins "$client"; done
    works delete "$ID"
}

@test "a log is written whether somebody is attached or not" {
    for RUNTIME in $RUNTIMES; do
        works run -d -i --log "k8s-file:$T/log-$RUNTIME" -r "$RUNTIME" -b "$(echoes)" "$ID"
        printf '%s\n' one 0 | timeout "$PATIENCE" "$SHIMHOST" attach "$ID" >"$T/out" 2>"$T/err" 3>&-
        has_ended "$ID"
        grep -qx 'out one' "$T/out"
        is "$(shimhost logs --stream stdout "$ID" | xargs)" "ready out one"
        works delete "$ID"
    done
}

@test "the socket is the user's alone" {
    RUNTIME=${RUNTIMES%% *}
    works run -d --stdout pipe -r "$RUNTIME" -b "$(echoes)" --stdin pipe "$ID"
    is "$(stat -c '%F %a %u' "$STATE/$ID/init/attach")" "socket 600 $EUID"
    is "$(stat -c '%a' "$STATE")" 700
    works delete --force "$ID"
}

@test "who runs a process and cannot show its output any more ends its input" {
    RUNTIME=${RUNTIMES%% *}
    mkfifo "$T/in" "$T/out"
    exec 8<>"$T/in" # its other end is never closed
    timeout "$PATIENCE" "$SHIMHOST" run -i --stdout pipe -r "$RUNTIME" -b "$(bundle cat 'exec cat')" "$ID" \
        <"$T/in" >"$T/out" 2>"$T/err" 3>&- 8>&- &
    client=$!
    exec 7<"$T/out"
    echo one >&8
    read -r -u 7 line
    is "$line" one
    exec 7<&- # nobody reads any more
    echo two >&8
    joins "$client"
    is "$status" 0
    grep -q "cannot write to standard output" "$T/err"
    exec 8>&-
    works delete "$ID"
}

@test "delete does not wait for ever for who takes the end of the output slowly" {
    RUNTIME=${RUNTIMES%% *}
    configure_runtime "$RUNTIME" 'timeouts: { drain: 100ms, delete: 3s }'
    mkfifo "$T/out"
    exec 7<>"$T/out"
    "$SHIMHOST" run --stdin null --stdout pipe -r "$RUNTIME" -b "$(bundle much 'exec cat /dev/zero')" "$ID" \
        >"$T/out" 2>"$T/err" </dev/null 3>&- 7>&- &
    client=$!
    eventually test -e "$STATE/$ID/init/starttime"
    monitor=$(monitor_of "$ID")
    eventually some_process_writes "$(field "$ID" .pid)"
    works kill "$ID" KILL
    is "$(shimhost wait "$ID")" 137
    no is_over "$monitor"
    works delete "$ID"
    is_over "$monitor"
    kill "$client"
    exec 7>&-
    joins "$client"
    nothing_is_left
}

@test "execs are attached to by their id" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "idle-$RUNTIME" 'while :; do sleep 1000; done')" "$ID"
        works exec -d --id x -i --stdout pipe "$ID" -- sh -c 'read -r line; echo "got $line"; exit 13'
        status=0
        echo it | timeout "$PATIENCE" "$SHIMHOST" attach --process-id x "$ID" >"$T/out" 3>&- || status=$?
        is "$status" 13
        is "$(cat "$T/out")" "got it"
        works delete --force "$ID"
    done
}

@test "what cannot be attached to says why" {
    RUNTIME=${RUNTIMES%% *}
    fails_with 125 attach "$ID"
    says "$ID"
    works run -d -r "$RUNTIME" -b "$(bundle idle 'while :; do sleep 1000; done')" "$ID"
    fails_with 125 attach "$ID"
    says "$ID" "cannot be attached to"
    fails_with 125 attach --detach-keys nonsense "$ID"
    says "--detach-keys" nonsense
    works delete --force "$ID"
    works run -d --stdout pipe -r "$RUNTIME" -b "$(bundle over 'exit 6')" "$ID"
    has_ended "$ID"
    fails_with 6 attach "$ID" # it is over; that is all there is to pass on
    works delete "$ID"
}
