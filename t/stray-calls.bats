#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A call of the runtime that outlives the host, or the monitor, which made it.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

# stopping SUBCOMMAND WHEN: a runtime $RUNTIME whose first SUBCOMMAND says so and waits, before or after it is done; what
# comes meanwhile fails, as one of two deletions at once does.
stopping() {
    local real
    real=$(runtime_binary "$RUNTIME")
    rm -rf "$T/reached" "$T/go" "$T/first" "$T/refused"
    mkfifo "$T/reached" "$T/go"
    cat >"$T/bin/$RUNTIME" <<END
#!/bin/sh
stop() { echo >"$T/reached"; read -r line <"$T/go"; }
case " \$* " in
*" $1 "*)
    if mkdir "$T/first"; then
        [ $2 = after ] || stop
        "$real" "\$@"
        status=\$?
        [ $2 = before ] || stop
        touch "$T/first/over"
        exit \$status
    elif [ ! -e "$T/first/over" ]; then
        touch "$T/refused"
        echo "somebody else is at it" >&2
        exit 1
    fi
    ;;
esac
exec "$real" "\$@"
END
    chmod 755 "$T/bin/$RUNTIME"
    configure_runtime "$RUNTIME" "binary: $T/bin/$RUNTIME"
}

reached() {
    timeout "$PATIENCE" cat "$T/reached"
}

let_go() {
    timeout "$PATIENCE" sh -c 'echo >"$1"' - "$T/go"
}

kill_and_await() {
    kill -KILL "$1"
    eventually is_over "$1"
}

holds_pidfd() {
    ls -l "/proc/$1/fd" | grep -q 'pidfd'
}

@test "a deletion whose host was killed is waited for by the next one" {
    for RUNTIME in $RUNTIMES; do
        stopping delete before
        works run -d -r "$RUNTIME" -b "$(bundle host "$FOREVER")" "$ID"
        kill_and_await "$(monitor_of "$ID")"
        in_background wait "$ID"
        host=$!
        reached
        kill_and_await "$host"
        in_background delete "$ID"
        eventually test -e "$T/refused"
        let_go
        joins $!
        is "$status $output" "0 "
        nothing_is_left
    done
}

@test "a deletion whose monitor was killed is waited for by a host" {
    for RUNTIME in $RUNTIMES; do
        stopping delete before
        works run -d -r "$RUNTIME" -b "$(bundle monitor 'exit 7')" "$ID"
        reached
        kill_and_await "$(monitor_of "$ID")"
        gives 7 "$ID"
        in_background delete "$ID"
        eventually test -e "$T/refused"
        let_go
        joins $!
        is "$status $output" "0 "
        nothing_is_left
    done
}

@test "what was paused by a host that was killed before it could say so is killed all the same" {
    for RUNTIME in $RUNTIMES; do
        for way in kill delete wait; do
            stopping pause after
            works run -d -r "$RUNTIME" -b "$(bundle paused "$FOREVER")" "$ID"
            in_background pause "$ID"
            host=$!
            reached
            kill_and_await "$host"
            let_go
            case $way in
            kill) works kill "$ID" KILL ;;
            delete) works delete --force "$ID" ;;
            wait) kill_and_await "$(monitor_of "$ID")" ;;
            esac
            if [[ $way != delete ]]; then
                gives 137 "$ID"
                works delete "$ID"
            fi
            nothing_is_left
        done
    done
}

@test "what is just being paused for a host that was killed is killed when that is done" {
    for RUNTIME in $RUNTIMES; do
        stopping pause before
        works run -d -r "$RUNTIME" -b "$(bundle pausing "$FOREVER")" "$ID"
        pid=$(pid_of "$ID")
        in_background pause "$ID"
        host=$!
        reached
        kill_and_await "$host"
        in_background delete --force "$ID"
        eventually holds_pidfd $!
        no is_over "$pid"
        let_go
        joins $!
        is "$status $output" "0 "
        nothing_is_left
    done
}
