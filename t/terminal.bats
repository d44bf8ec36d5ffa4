#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run -t and exec -t at a real terminal: its size, its keys, and that it is sane afterwards, however that came.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load streams
load terminal

# Tells its size whenever that changes, and of an interrupt; ends with the line "quit N".
PROGRAM='trap "echo size \$(stty size)" WINCH; trap "echo interrupted" INT; echo "size $(stty size)"; echo ready
    while :; do read -r word status || continue; echo "got $word"; [ "$word" != quit ] || exit "$status"; done'

program() {
    bundle "terminal-$RUNTIME" "$PROGRAM" "$TERMINAL"
}

idle() {
    bundle "idle-$RUNTIME" 'while :; do sleep 1000; done' "$TERMINALS"
}

@test "run -t: size, resizing, keys, exit status, and a sane terminal" {
    for RUNTIME in $RUNTIMES; do
        open_terminal 100 30 "shimhost run -t --rm -r $RUNTIME -b $(program) $ID"
        shows "size 30 100"
        shows ready
        is_raw
        resize_terminal 123 41
        shows "size 41 123"
        types C-c
        shows interrupted
        types -l "hello"
        types Enter
        shows "got hello"
        types -l "quit 7"
        types Enter
        ends_with 7
        nothing_is_left
        close_terminal
    done
}

@test "exec -t: the same in a running container, and no output of a short command is lost" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(idle)" "$ID"
        open_terminal 90 25 "shimhost exec -t $ID -- sh -c '$(sed "s/'/'\\\\''/g" <<<"$PROGRAM")'"
        shows "size 25 90"
        resize_terminal 70 20
        shows "size 20 70"
        types C-c
        shows interrupted
        types -l "quit 5"
        types Enter
        ends_with 5
        close_terminal
        for i in 1 2 3 4 5; do
            is "$(shimhost exec -t "$ID" -- echo "hello $i" | tr -d '\r')" "hello $i"
        done
        # The end of input is one, also within a line; the terminal echoes what it is given.
        echoed=$(printf abc | timeout "$PATIENCE" "$SHIMHOST" exec -t "$ID" -- cat)
        is "$echoed" abcabc
        is "$(ls "$STATE/$ID" | grep -v '^container.json$' | xargs)" init
        works delete --force "$ID"
    done
}

@test "with a terminal stdout and stderr are one, and a terminal is one to the program" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "one-$RUNTIME" '[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo out && echo err >&2; exit 3' "$TERMINAL")
        status=0
        timeout "$PATIENCE" "$SHIMHOST" run -t --rm -r "$RUNTIME" -b "$path" "$ID" >"$T/out" 2>"$T/err" </dev/null 3>&- || status=$?
        is "$status" 3
        is "$(tr -d '\r' <"$T/out" | xargs)" "out err"
        is "$(cat "$T/err")" ""
        nothing_is_left
    done
}

@test "what a program prints arrives whole, also when the reader pauses: the program waits for it" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "much-$RUNTIME" 'stty -onlcr; seq 1 200000' "$TERMINAL")
        mkfifo "$T/out-$RUNTIME"
        sha256sum <"$T/out-$RUNTIME" >"$T/sum" 3>&- &
        reader=$!
        "$SHIMHOST" run -t -r "$RUNTIME" -b "$path" "$ID" </dev/null >"$T/out-$RUNTIME" 3>&- &
        client=$!
        eventually test -e "$STATE/$ID/init/status" # both have opened the FIFO
        kill -STOP "$reader"
        eventually the_program_waits
        kill -CONT "$reader"
        joins "$client"
        is "$status" 0
        joins "$reader"
        is "$(cut -d ' ' -f 1 "$T/sum")" "$(seq 1 200000 | sum_of)"
        works delete "$ID"
    done
}

# Or is over already, because the reader was faster than its being stopped.
the_program_waits() {
    is_over "$(pid_of "$ID")" || some_process_writes "$(pid_of "$ID")"
}

@test "the terminal is sane after the program was killed" {
    for RUNTIME in $RUNTIMES; do
        open_terminal 80 24 "shimhost run -t --rm -r $RUNTIME -b $(program) $ID"
        shows ready
        is_raw
        works kill "$ID" KILL
        ends_with 137
        close_terminal
        nothing_is_left
    done
}

@test "the terminal is sane after SIGTERM and SIGHUP of the host; the process gets the signal" {
    for RUNTIME in $RUNTIMES; do
        for signal in TERM HUP; do
            path=$(bundle "signal-$RUNTIME" "trap 'exit 44' $signal; echo ready; while :; do sleep 0.1; done" "$TERMINAL")
            open_terminal 80 24 "shimhost run -t --rm -r $RUNTIME -b $path $ID"
            shows ready
            is_raw
            kill "-$signal" "$(client)"
            ends_with 44
            close_terminal
            nothing_is_left
        done
    done
}

@test "the terminal is sane after SIGTERM of the host also when the process goes on" {
    RUNTIME=${RUNTIMES%% *}
    open_terminal 80 24 "shimhost run -t -r $RUNTIME -b $(program) $ID"
    shows ready
    kill -TERM "$(client)" # the first process of a container is not ended by a signal that it does not handle
    ends_with 143
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
}

@test "the terminal is sane after a crash of the host, and the process goes on" {
    for RUNTIME in $RUNTIMES; do
        open_terminal 80 24 "shimhost run -t -r $RUNTIME -b $(program) $ID"
        shows ready
        is_raw
        kill -SEGV "$(client)"
        ends_with 139
        close_terminal
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
    done
}

@test "the terminal is sane after the host has given up a plugin that blocks" {
    needs cc
    RUNTIME=${RUNTIMES%% *}
    cc -shared -fPIC -fvisibility=hidden -D_GNU_SOURCE -I"$SOURCE/sdk/include" -o "$T/blocking.so" \
        "$TESTS/plugins/blocking.c" "$PREFIX/lib/libshimhost-oci.a"
    configure_runtime "$RUNTIME" "plugin: $T/blocking.so" 'timeouts: { spawn: 1s, signal: 500ms, delete: 1s }'
    open_terminal 250 24 "shimhost run -t -r $RUNTIME -b $(program) $ID"
    shows ready
    is_raw
    kill -TERM "$(client)"
    ends_with 125
    shows "did not return in time from its entry signal"
    close_terminal
    configure_runtime "$RUNTIME"
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
}

@test "a terminal that nobody holds for a moment stays, and so does who had it" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "moment-$RUNTIME" 'exec <&- >&- 2>&-; read go </events/go; exec >/dev/console; echo back' "$TERMINAL")
        mkfifo "$EVENTS/go"
        "$SHIMHOST" run -t --rm -r "$RUNTIME" -b "$path" "$ID" </dev/null >"$T/out" 3>&- &
        client=$!
        { sleep 0.2 && echo go; } >"$EVENTS/go" # there is no event for nothing happening
        joins "$client"
        is "$status" 0
        is "$(tr -d '\r' <"$T/out")" back
        rm "$EVENTS/go"
        works run -d -r "$RUNTIME" -b "$(idle)" "$ID"
        works exec -t "$ID" -- sh -c 'exec sleep 0.2 <&- >&- 2>&-'
        works delete --force "$ID"
    done
}

@test "the detach keys leave, and attach comes back" {
    for RUNTIME in $RUNTIMES; do
        open_terminal 80 24 "shimhost run -t -r $RUNTIME -b $(program) $ID"
        shows ready
        types C-p
        types -l x # not the sequence: both are passed on
        types Enter
        shows "got"
        types C-p
        types C-q
        ends_with 0
        is "$(field "$ID" .status)" running
        close_terminal
        open_terminal 111 33 "shimhost attach --detach-keys a,b,c $ID"
        shows "size 33 111"
        is_raw
        types -l abx
        types Enter
        shows "got abx"
        types -l abc
        ends_with 0
        close_terminal
        open_terminal 80 24 "shimhost attach $ID"
        shows "size 24 80"
        types -l "quit 12"
        types Enter
        ends_with 12
        close_terminal
        is "$(shimhost wait "$ID")" 12
        works delete "$ID"
    done
}

@test "resize and close-stdin reach a terminal that nobody is attached to" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME" "size-$RUNTIME"
        path=$(bundle "resize-$RUNTIME" "trap 'stty size >/events/size-$RUNTIME' WINCH; echo >/events/ready-$RUNTIME
            while sleep 0.1; do :; done" "$TERMINAL")
        works run -d -t -r "$RUNTIME" -b "$path" "$ID"
        await "ready-$RUNTIME"
        works resize "$ID" 77x22
        is "$(await "size-$RUNTIME")" "22 77"
        works delete --force "$ID"
        path=$(bundle "close-$RUNTIME" 'cat; exit 3' "$TERMINAL")
        works run -d -t -r "$RUNTIME" -b "$path" "$ID"
        works close-stdin "$ID"
        is "$(shimhost wait "$ID")" 3
        works delete "$ID"
    done
}

@test "a terminal can be logged, too" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "logged-$RUNTIME" 'echo one; echo two >&2' "$TERMINAL")
        works run -t -r "$RUNTIME" -b "$path" --log "k8s-file:$T/log-$RUNTIME" "$ID"
        is "$(tr -d '\r' <<<"$output" | xargs)" "one two"
        has_ended "$ID"
        is "$(shimhost logs "$ID" | tr -d '\r' | xargs)" "one two"
        is_log "$T/log-$RUNTIME"
        works delete "$ID"
    done
}

@test "asking for a terminal that the bundle does not have is an error in words" {
    RUNTIME=${RUNTIMES%% *}
    fails_with 125 run -t -r "$RUNTIME" -b "$(bundle none 'exit 0')" "$ID"
    says "terminal"
    fails_with 125 run -t --detach-keys ctrl- -r "$RUNTIME" -b "$(program)" "$ID"
    says "--detach-keys"
    nothing_is_left
}
