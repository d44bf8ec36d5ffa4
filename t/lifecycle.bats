#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From create to delete, in as many hosts as there are commands.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

# The processes of this test that are neither monitor nor container: there should be none.
hosts_left() {
    local pid
    for pid in $(marked_processes); do
        [[ $(readlink "/proc/$pid/exe") == "$SHIMHOST" ]] && echo "$pid"
    done
    true
}

@test "created survives every host; a new shell starts it, and twenty wait for it at once" {
    for RUNTIME in $RUNTIMES; do
        event "go-$RUNTIME"
        works create -r "$RUNTIME" -b "$(bundle create "read line < /events/go-$RUNTIME; exit 42")" "$ID"
        for pid in $(hosts_left); do kill -KILL "$pid"; done
        is "$(bash -c '"$0" state "$1" 3>&- | jq -r .status' "$SHIMHOST" "$ID")" created
        bash -c '"$0" start "$1" 3>&-' "$SHIMHOST" "$ID"
        is "$(field "$ID" .status)" running
        twenty_wait
        give "go-$RUNTIME"
        all_were_told 42
        for _ in 1 2 3; do gives 42 "$ID"; done
        works delete "$ID"
        nothing_is_left
    done
}

@test "a host that is killed while it waits takes nothing with it" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME" "go-$RUNTIME"
        path=$(bundle killed "echo > /events/ready-$RUNTIME; read line < /events/go-$RUNTIME; exit 6")
        in_background run -r "$RUNTIME" -b "$path" "$ID"
        job=$!
        await "ready-$RUNTIME"
        kill -KILL "$job"
        joins "$job"
        is "$status" 137
        is "$(field "$ID" .status)" running
        give "go-$RUNTIME"
        gives 6 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "state prints the OCI state object and more" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle state "$FOREVER" '.annotations = {"org.example.key": "a value"}')
        works create -r "$RUNTIME" -b "$path" "$ID"
        works state "$ID"
        is "$(jq -r .id <<<"$output")" "$ID"
        is "$(jq -r .bundle <<<"$output")" "$path"
        is "$(jq -r .runtime <<<"$output")" "$RUNTIME"
        is "$(jq -r .status <<<"$output")" created
        is "$(jq -r .pid <<<"$output")" "$(pid_of "$ID")"
        is "$(jq -r '.annotations["org.example.key"]' <<<"$output")" "a value"
        [[ $(jq -r .ociVersion <<<"$output") == 1.* ]]
        [[ $(jq -r .created <<<"$output") =~ ^20[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+)$ ]]
        works start "$ID"
        is "$(field "$ID" .status)" running
        works kill "$ID" KILL
        gives 137 "$ID"
        works state "$ID"
        is "$(jq -r .status <<<"$output")" stopped
        is "$(jq -r .exitStatus <<<"$output")" 137
        works delete "$ID"
        fails_with 1 state "$ID"
        says "$ID"
    done
}

@test "the state directory holds what the design says, private, as small files" {
    for RUNTIME in $RUNTIMES; do
        works create -r "$RUNTIME" -b "$(bundle files "$FOREVER")" "$ID"
        directory=$STATE/$ID/init
        is "$(stat -c %a "$STATE")" 700
        is "$(stat -c %a "$STATE/$ID")" 700
        is "$(stat -c %a "$directory")" 700
        [[ -p $directory/exit && -p $directory/control ]]
        is "$(stat -c %a "$directory/exit" "$directory/control" | sort -u)" 600
        is "$(cat "$directory/status")" created
        pid=$(cat "$directory/pid")
        is "$(head -n 1 "$directory/starttime")" "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f20)"
        is "$(sed -n 2p "$directory/starttime")" "$(cat /proc/sys/kernel/random/boot_id)"
        is "$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")" "$(monitor_of "$ID")" "parent of the process"
        jq -e .args "$directory/process.json"
        is "$(jq -r .id "$STATE/$ID/container.json")" "$ID"
        [[ ! -e $directory/exitStatus ]]
        works delete --force "$ID"
        is "$(ls "$STATE")" ""
        nothing_is_left
    done
}

@test "exitStatus is there before the exit FIFO closes" {
    for RUNTIME in $RUNTIMES; do
        event "go-$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle fifo "read line < /events/go-$RUNTIME; exit 11")" "$ID"
        timeout "$PATIENCE" sh -c 'exec 9<"$1/exit"; echo > "$2"; cat <&9; cat "$1/exitStatus"' sh \
            "$STATE/$ID/init" "$EVENTS/go-$RUNTIME" >"$T/seen" </dev/null 3>&-
        is "$(cat "$T/seen")" 11
        works delete "$ID"
        nothing_is_left
    done
}

@test "kill takes names and numbers, and sends SIGTERM unless told" {
    for RUNTIME in $RUNTIMES; do
        for signal in "" TERM SIGTERM 15 term; do
            event "ready$RUNTIME$signal"
            path=$(bundle "kill$signal" "trap 'exit 4' TERM; echo > /events/ready$RUNTIME$signal; sleep 1000 & wait")
            works run -d -r "$RUNTIME" -b "$path" "$ID"
            await "ready$RUNTIME$signal"
            works kill "$ID" $signal
            gives 4 "$ID"
            works delete "$ID"
        done
        nothing_is_left
    done
}

@test "kill refuses what is no signal, and what does not run" {
    for RUNTIME in $RUNTIMES; do
        fails_with 1 kill "$ID"
        says "$ID"
        works run -d -r "$RUNTIME" -b "$(bundle signals "$FOREVER")" "$ID"
        for signal in NONSENSE 0x9 999 -1; do
            captures shimhost kill "$ID" "$signal"
            [[ $status == 1 || $status == 2 ]]
        done
        is "$(field "$ID" .status)" running
        works kill "$ID" KILL
        gives 137 "$ID"
        fails_with 1 kill "$ID"
        says "not running"
        works delete "$ID"
    done
}

@test "start, pause and resume refuse in the wrong state" {
    for RUNTIME in $RUNTIMES; do
        fails_with 1 start "$ID"
        works create -r "$RUNTIME" -b "$(bundle wrong "$FOREVER")" "$ID"
        fails_with 1 pause "$ID"
        fails_with 1 resume "$ID"
        works start "$ID"
        fails_with 1 start "$ID"
        says "$ID" running
        works kill "$ID" KILL
        gives 137 "$ID"
        fails_with 1 start "$ID"
        says stopped
        fails_with 1 pause "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "wait takes a deadline, and reports that it passed" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle deadline "$FOREVER")" "$ID"
        captures shimhost wait "$ID" --timeout 100ms
        [[ $status != 0 ]]
        says "still running"
        fails_with 2 wait "$ID" --timeout nonsense
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        captures shimhost wait "$ID"
        [[ $status != 0 ]]
        says "$ID"
    done
}

@test "SIGINT and SIGTERM end a waiting host, not the container" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle interrupt "$FOREVER")" "$ID"
        for signal in INT TERM; do
            in_background wait "$ID"
            job=$!
            eventually waits_in_poll "$job"
            kill "-$signal" "$job"
            joins "$job"
            [[ $status != 0 ]]
            is "$(field "$ID" .status)" running
        done
        works delete --force "$ID"
    done
}

# Sleeps in the kernel, in the program itself (not still in env or the dynamic linker).
waits_in_poll() {
    [[ $(readlink "/proc/$1/exe") == "$SHIMHOST" ]] &&
        [[ $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status") == S ]]
}

@test "delete refuses what runs, and --force kills it first" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle delete "$FOREVER")" "$ID"
        fails_with 1 delete "$ID"
        says "$ID" running
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
        works create -r "$RUNTIME" -b "$(bundle delete "$FOREVER")" "$ID"
        fails_with 1 delete "$ID"
        works delete --force "$ID"
        nothing_is_left
        fails_with 1 delete "$ID"
        says "$ID"
    done
}

@test "what a container leaves running dies with its first process" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle orphan 'sleep 1000 & exit 3' 'del(.linux.namespaces[] | select(.type == "pid"))')
        fails_with 3 run -r "$RUNTIME" -b "$path" --rm "$ID"
        nothing_is_left
    done
}

@test "list shows every container, as a table and as JSON" {
    works list --format json
    is "$(jq length <<<"$output")" 0
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle list "$FOREVER")" "$ID-$RUNTIME-b"
        works create -r "$RUNTIME" -b "$(bundle list "$FOREVER")" "$ID-$RUNTIME-a"
        works list
        says "$ID-$RUNTIME-a" "$ID-$RUNTIME-b" running created "$RUNTIME"
        says_not $'\e'
        works list --format json
        is "$(jq -r '[.[] | select(.runtime == "'"$RUNTIME"'") | .id] | join(" ")' <<<"$output")" \
            "$ID-$RUNTIME-a $ID-$RUNTIME-b"
        is "$(jq -r '.[] | select(.id == "'"$ID-$RUNTIME-b"'") | .status' <<<"$output")" running
        fails_with 2 list --format nonsense
    done
    for RUNTIME in $RUNTIMES; do
        works delete --force "$ID-$RUNTIME-a"
        works delete --force "$ID-$RUNTIME-b"
    done
    nothing_is_left
}

@test "ids that are none are refused before a path is built" {
    path=$(bundle hostile :)
    long=$(printf 'a%.0s' {1..77})
    for id in ../escape .. . /etc .hidden -dash a/b 'a b' $'a\nb' "" "$long" 'a;b' 'ä'; do
        captures shimhost run -b "$path" -- "$id"
        is "$status" 125 "exit status for id \"$id\""
        for command in state kill wait delete start; do
            captures shimhost "$command" -- "$id"
            [[ $status == 1 || $status == 2 ]] || is "$status" "1 or 2" "$command of id \"$id\""
        done
    done
    [[ ! -e $T/escape ]]
    is "$(ls "$STATE" 2>/dev/null)" ""
    works run -b "$path" --rm "${long%a}"
}

@test "an answer that cannot be written is a failure" {
    RUNTIME=${RUNTIMES%% *}
    works run -d -r "$RUNTIME" -b "$(bundle answer 'exit 3')" "$ID"
    gives 3 "$ID"
    for words in list "state $ID" "wait $ID" runtimes "plugin list" events; do
        for place in '&-' /dev/full; do
            # shellcheck disable=SC2086
            captures bash -c 'exec timeout 60 "$@" 2>&1 >'"$place" bash "$SHIMHOST" $words </dev/null 3>&-
            is "$status" 1 "exit status of $words to $place"
            is "$(grep -c 'cannot write' <<<"$output")" 1 "how often $words says it ($output)"
            says_not Success
        done
    done
    works delete "$ID"
    nothing_is_left
}
