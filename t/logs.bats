#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# logs: reading back what a container has logged.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load streams

DRIVERS="k8s-file json-file"

@test "logs prints what was written, to the stream it was written to" {
    for RUNTIME in $RUNTIMES; do
        for driver in $DRIVERS; do
            path=$(bundle "both-$RUNTIME" 'echo out 1; echo err 1 >&2; echo out 2; printf "no end"')
            works run -r "$RUNTIME" -b "$path" --stdin null --log "$driver:$T/$driver-$RUNTIME" "$ID"
            has_ended "$ID"
            shimhost logs "$ID" >"$T/out" 2>"$T/err"
            is "$(cat "$T/out"; echo .)" $'out 1\nout 2\nno end.'
            is "$(cat "$T/err")" "err 1"
            is "$(shimhost logs --stream stderr "$ID" 2>&1)" "err 1"
            is "$(shimhost logs --stream stdout "$ID" 2>&1; echo .)" $'out 1\nout 2\nno end.'
            works logs --timestamps --stream stderr "$ID"
            [[ $output =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z\ err\ 1$ ]]
            works delete "$ID"
        done
        nothing_is_left
    done
}

@test "the last lines are read from the end, over rotated files" {
    for RUNTIME in $RUNTIMES; do
        for driver in $DRIVERS; do
            mkdir "$T/$driver-$RUNTIME"
            path=$(bundle "tail-$RUNTIME" 'seq 1 10000')
            works run -r "$RUNTIME" -b "$path" --stdin null --log "$driver:$T/$driver-$RUNTIME/log" \
                --log-opt max-size=64KiB --log-opt max-files=1000 "$ID"
            has_ended "$ID"
            for n in 0 1 5 3000 10000 20000; do
                is "$(shimhost logs --tail "$n" "$ID" | sum_of)" "$(seq 1 10000 | tail -n "$n" | sum_of)" "sum of the last $n lines"
            done
            # It does not read everything: of the files before the last lines none is opened but to be skipped.
            if command -v strace >/dev/null; then
                ASAN_OPTIONS=$UNSEARCHED strace -f -e trace=pread64,read -o "$T/trace" "$SHIMHOST" logs --tail 1 "$ID" >/dev/null 3>&-
                ((($(grep -c 'pread64(' "$T/trace")) < 20))
            fi
            works delete "$ID"
        done
    done
}

@test "a megabyte without a newline is one line" {
    for RUNTIME in $RUNTIMES; do
        for driver in $DRIVERS; do
            head -c 786432 /dev/urandom | base64 -w 0 >"$EVENTS/data"
            path=$(bundle "long-$RUNTIME" 'echo before; cat /events/data; echo; echo after')
            works run -r "$RUNTIME" -b "$path" --stdin null --log "$driver:$T/$driver-$RUNTIME" "$ID"
            has_ended "$ID"
            is "$(shimhost logs "$ID" | sum_of)" "$({ echo before; cat "$EVENTS/data"; echo; echo after; } | sum_of)"
            is "$(shimhost logs --tail 2 "$ID" | sum_of)" "$({ cat "$EVENTS/data"; echo; echo after; } | sum_of)"
            works delete "$ID"
        done
    done
}

@test "--since takes a time or a duration" {
    RUNTIME=${RUNTIMES%% *}
    event one go
    path=$(bundle since 'echo early; echo >/events/one; read -r x </events/go; echo late')
    works run -d -r "$RUNTIME" -b "$path" --log "k8s-file:$T/log" "$ID"
    await one
    eventually grep -q early "$T/log"
    now=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
    give go
    is "$(shimhost wait "$ID")" 0
    has_ended "$ID"
    is "$(shimhost logs --since "$now" "$ID")" late
    is "$(shimhost logs --since 1h "$ID" | xargs)" "early late"
    is "$(shimhost logs --since 2000-01-01T00:00:00Z "$ID" | xargs)" "early late"
    is "$(shimhost logs --since 2200-01-01T00:00:00+01:00 "$ID")" ""
    fails_with 2 logs --since yesterday "$ID"
    says "--since" yesterday
    works delete "$ID"
}

@test "--follow goes on through rotations and ends with the container" {
    for RUNTIME in $RUNTIMES; do
        event "started-$RUNTIME" "go-$RUNTIME"
        mkdir "$T/follow-$RUNTIME"
        path=$(bundle "follow-$RUNTIME" "echo first; echo >/events/started-$RUNTIME; read -r x </events/go-$RUNTIME; seq 1 20000")
        works run -d -r "$RUNTIME" -b "$path" --log "k8s-file:$T/follow-$RUNTIME/log" \
            --log-opt max-size=64KiB --log-opt max-files=1000 "$ID"
        await "started-$RUNTIME"
        rm -f "$T/read" # of the runtime before this one
        "$SHIMHOST" logs --follow "$ID" </dev/null >"$T/read" 2>"$T/complaints" 3>&- &
        follower=$!
        eventually test -s "$T/read"
        give "go-$RUNTIME"
        joins "$follower"
        is "$status" 0
        is "$(sum_of <"$T/read")" "$({ echo first; seq 1 20000; } | sum_of)"
        is "$(cat "$T/complaints")" ""
        [[ -e $T/follow-$RUNTIME/log.1 ]]
        # Of what is over, it prints what there is.
        is "$(shimhost logs -f --tail 2 "$ID" | xargs)" "19999 20000"
        works delete "$ID"
    done
}

@test "--follow goes on when somebody else moves the log, before he has it opened anew" {
    RUNTIME=${RUNTIMES%% *}
    for how in dated numbered removed; do
        event "moved-$how" "opened-$how"
        mkdir "$T/$how"
        log=$T/$how/log
        works run -d -r "$RUNTIME" -b "$(bundle "$how" "echo one; read -r x </events/moved-$how; echo two
            read -r x </events/opened-$how; echo three")" --log "k8s-file:$log" "$ID"
        "$SHIMHOST" logs --follow "$ID" </dev/null >"$T/$how/read" 2>"$T/$how/complaints" 3>&- &
        follower=$!
        eventually grep -q one "$T/$how/read"
        case $how in
        dated) mv "$log" "$log.20260131-1" ;; # as kubelet does
        numbered) mv "$log" "$log.1" && : >"$log" ;;
        removed) rm "$log" ;;
        esac
        give "moved-$how"
        eventually grep -q two "$T/$how/read"
        echo "2 0 0" >"$STATE/$ID/init/control"
        eventually test -e "$log"
        give "opened-$how"
        joins "$follower"
        is "$status" 0
        is "$(xargs <"$T/$how/read")" "one two three"
        [[ $how == removed ]] || is "$(cat "$T/$how/complaints")" ""
        has_ended "$ID"
        works delete "$ID"
    done
}

@test "--follow sleeps while nothing is written, and notices that nobody reads it" {
    RUNTIME=${RUNTIMES%% *}
    works run -d -r "$RUNTIME" -b "$(bundle sleeps 'echo hello; while :; do sleep 1000; done')" --log "k8s-file:$T/log" "$ID"
    mkfifo "$T/fifo"
    "$SHIMHOST" logs --follow "$ID" </dev/null >"$T/fifo" 2>"$T/complaints" 3>&- &
    follower=$!
    exec 7<"$T/fifo"
    read -r -u 7 line
    is "$line" hello
    works exec "$ID" -- sleep 1
    is "$(($(cpu_ticks "$follower") < 5))" 1
    exec 7<&-
    joins "$follower"
    is "$(cat "$T/complaints")" ""
    works delete --force "$ID"
}

@test "what is no record is told and passed over" {
    RUNTIME=${RUNTIMES%% *}
    works run -r "$RUNTIME" -b "$(bundle damaged 'echo one')" --stdin null --log "json-file:$T/log" "$ID"
    has_ended "$ID"
    printf 'garbage\n{"log":"two\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n{"log":' >>"$T/log"
    shimhost logs "$ID" >"$T/out" 2>"$T/err"
    is "$(xargs <"$T/out")" "one two"
    grep -q "$T/log, byte" "$T/err"
    is "$(wc -l <"$T/err")" 1
    works delete "$ID"
}

@test "a container without a log says so" {
    RUNTIME=${RUNTIMES%% *}
    fails_with 1 logs "$ID"
    says "$ID"
    works run -r "$RUNTIME" -b "$(bundle none 'exit 0')" --stdin null --stdout null --stderr null "$ID"
    fails_with 1 logs "$ID"
    says "$ID" "has no log" k8s-file
    works delete "$ID"
    works run -r "$RUNTIME" -b "$(bundle gone 'exit 0')" --stdin null --log "k8s-file:$T/log" "$ID"
    has_ended "$ID"
    rm "$T/log"
    fails_with 1 logs "$ID"
    says "$T/log"
    fails_with 2 logs --tail x "$ID"
    says "--tail"
    fails_with 2 logs --stream x "$ID"
    says "--stream"
    works delete "$ID"
}
