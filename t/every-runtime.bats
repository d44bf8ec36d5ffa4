#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same containers and the same commands over every runtime that we have a plugin for. What is not the same for all
# of them is in the table of the README, and here in a function of its name.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
SHIMHOST_TEST_RUNTIMES=${SHIMHOST_TEST_RUNTIMES:-crun runc runsc process oci}
load common
load streams

# ---- where they differ

# A runtime whose containers see the files of the host, and none of the bundle's root.
has_no_root() {
    [[ $1 == process ]]
}

# A runtime that can give a running container other limits.
has_update() {
    [[ $1 != process && $1 != runsc ]]
}

# A runtime that needs CRIU and its support in the kernel to checkpoint; the others do without, or cannot.
has_criu() {
    [[ $1 != process && $1 != runsc ]]
}

# ---- containers

# bundle_for RUNTIME SCRIPT [JQ-FILTER]: nothing of what the script needs is in a file, because in a sandbox with a
# kernel of its own FIFOs of the host are none: it hears and speaks through its standard streams alone.
bundle_for() {
    bundle "every-$1" "$2" 'del(.mounts[] | select(.destination == "/events")) | '"${3:-.}"
}

# detached RUNTIME SCRIPT [OPTION…]: a container that reads the event "$RUNTIME-in", and writes to the event "$RUNTIME-out".
detached() {
    local runtime=$1 script=$2
    shift 2
    rm -f "$EVENTS/$runtime-in" "$EVENTS/$runtime-out"
    event "$runtime-in" "$runtime-out"
    works run -d "$@" -r "$runtime" -b "$(bundle_for "$runtime" "$script")" \
        --stdin "fifo:$EVENTS/$runtime-in" --stdout "fifo:$EVENTS/$runtime-out" "$ID"
}

gone() {
    works delete "$@" "$ID"
    nothing_is_left
}

# ---- what is the same

@test "run passes the exit status through, and tells what cannot be run" {
    for RUNTIME in $RUNTIMES; do
        for expected in 0 7 255; do
            fails_with "$expected" run --rm -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" "exit $expected")" "$ID"
        done
        works run --rm -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" 'echo $GREETING' '.process.env += ["GREETING=a b"]')" "$ID"
        is "$output" "a b"
        fails_with 127 run -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" '' '.process.args = ["/bin/nonexist"]')" "$ID"
        text=/etc/text
        ! has_no_root "$RUNTIME" || text=/etc/passwd
        fails_with 126 run -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" '' ".process.args = [\"$text\"]")" "$ID"
        fails_with 125 run -r "$RUNTIME" -b "$T/nowhere" "$ID"
        says "$T/nowhere"
        fails_with 125 run -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" '' '.process.cwd = 7')" "$ID"
        says cwd
        nothing_is_left
    done
}

@test "created waits for its start by another host, and twenty hosts are told its exit status" {
    for RUNTIME in $RUNTIMES; do
        event "$RUNTIME-in"
        works create -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" 'read line; exit 42')" \
            --stdin "fifo:$EVENTS/$RUNTIME-in" "$ID"
        is "$(field "$ID" '.status + " " + .runtime')" "created $RUNTIME"
        fails_with 1 delete "$ID"
        works start "$ID"
        is "$(field "$ID" .status)" running
        fails_with 1 start "$ID"
        twenty_wait
        give "$RUNTIME-in"
        all_were_told 42
        gives 42 "$ID"
        is "$(field "$ID" '.status, .exitStatus' | xargs)" "stopped 42"
        gone
    done
}

@test "signals reach the first process; after the end they are refused" {
    for RUNTIME in $RUNTIMES; do
        detached "$RUNTIME" 'trap "exit 5" TERM; echo ready; while :; do read line; done'
        is "$(await "$RUNTIME-out")" ready
        works kill "$ID" TERM
        gives 5 "$ID"
        fails_with 1 kill "$ID" TERM
        says "not running"
        gone
        detached "$RUNTIME" 'echo ready; while :; do read line; done'
        is "$(await "$RUNTIME-out")" ready
        works kill "$ID" KILL
        gives 137 "$ID"
        gone
    done
}

@test "exec: exit statuses, output, user, directory, environment; a detached one is waited for and signalled" {
    for RUNTIME in $RUNTIMES; do
        detached "$RUNTIME" 'while :; do read line; done'
        for expected in 0 7 255; do
            fails_with "$expected" exec "$ID" -- sh -c "exit $expected"
        done
        fails_with 137 exec "$ID" -- sh -c 'kill -KILL $$'
        fails_with 127 exec "$ID" -- /bin/nonexist
        works exec -u 5:6 -w /etc -e 'GREETING=a b' "$ID" -- sh -c 'echo "$(id -u) $(id -g) $(pwd) $GREETING"'
        is "$output" "5 6 /etc a b"
        works exec -d --id more "$ID" -- sleep 1000
        is "$(field "$ID" '.processes | length')" 2
        works kill --process-id more "$ID" TERM
        gives 143 --process-id more "$ID"
        is "$(field "$ID" .status)" running
        gone --force
    done
}

# unlimited FILTER: what the filter makes of config.json, and in it for RLIMIT_FSIZE no hard limit. (jq would round it.)
unlimited() {
    jq '.process.rlimits = [{type: "RLIMIT_FSIZE", soft: 1048576, hard: "unlimited"}] | '"$1" \
        "$(bundle_for "$RUNTIME" 'ulimit -S -f; ulimit -H -f; read line')/config.json" |
        sed 's/"unlimited"/18446744073709551615/'
}

@test "what is unlimited is written as the largest number there is, for run and for exec" {
    for RUNTIME in $RUNTIMES; do
        mkdir -p "$T/unlimited"
        rm -f "$T/output"
        unlimited . >"$T/unlimited/config.json"
        unlimited '.process | .args = ["sh", "-c", "ulimit -S -f; ulimit -H -f"]' >"$T/process.json"
        event "$RUNTIME-in"
        works run -d -r "$RUNTIME" -b "$T/unlimited" --stdin "fifo:$EVENTS/$RUNTIME-in" --stdout "file:$T/output" "$ID"
        grep -q '"hard":18446744073709551615[,}]' "$STATE/$ID/init/process.json"
        works exec "$ID" -- sh -c 'ulimit -S -f; ulimit -H -f'
        is "$(xargs <<<"$output")" "2048 unlimited"
        works exec --process "$T/process.json" "$ID"
        is "$(xargs <<<"$output")" "2048 unlimited"
        give "$RUNTIME-in"
        gives 0 "$ID"
        is "$(xargs <"$T/output")" "2048 unlimited"
        gone
    done
}

@test "list, ps, pause and resume" {
    for RUNTIME in $RUNTIMES; do
        detached "$RUNTIME" 'read line; exit 3'
        works list
        says "$ID" running "$RUNTIME"
        works ps "$ID"
        says PID
        works pause "$ID"
        is "$(field "$ID" .status)" paused
        works resume "$ID"
        is "$(field "$ID" .status)" running
        give "$RUNTIME-in"
        gives 3 "$ID"
        gone
    done
}

@test "streams: files, logs, and what attach kept" {
    for RUNTIME in $RUNTIMES; do
        echo "a line" >"$T/input"
        rm -f "$T/output" "$T/log"
        works run -r "$RUNTIME" -b "$(bundle_for "$RUNTIME" 'cat; echo error >&2')" --stdin "file:$T/input" \
            --stdout "file:$T/output" --stderr "k8s-file:$T/log" "$ID"
        is "$(cat "$T/output")" "a line"
        is "$(cut -d ' ' -f 2- "$T/log")" "stderr F error"
        works logs "$ID"
        says error
        gone
        works run -t --rm -r "$RUNTIME" \
            -b "$(bundle_for "$RUNTIME" 'test -t 0 && test -t 1 && echo terminal' "$TERMINAL")" "$ID"
        is "$(tr -d '\r' <<<"$output")" terminal
        nothing_is_left
    done
}

@test "the monitor is killed: with kill the container dies, with adopt it runs on and its exit status is true" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" 'on-monitor-death: kill'
        detached "$RUNTIME" 'while :; do read line; done'
        kill -KILL "$(monitor_of "$ID")"
        gives 137 "$ID"
        gone
        configure_runtime "$RUNTIME" 'on-monitor-death: adopt'
        detached "$RUNTIME" 'echo ready; read line; exit 9'
        is "$(await "$RUNTIME-out")" ready
        # The monitor holds both ends of FIFOs open; now nobody but the container would.
        exec {held}<>"$EVENTS/$RUNTIME-in"
        monitor=$(monitor_of "$ID")
        kill -KILL "$monitor"
        is "$(field "$ID" .status)" running
        in_background wait "$ID"
        job=$!
        eventually adopted "$monitor"
        give "$RUNTIME-in"
        if kernel_is_at_least 6 15; then
            gave 9 "$job"
        else
            joins "$job"
            says unknown
        fi
        exec {held}>&-
        gone
    done
}

@test "update and checkpoint: done, or refused in a sentence, and the container runs on" {
    for RUNTIME in $RUNTIMES; do
        detached "$RUNTIME" 'read line; exit 3'
        echo '{"pids": {"limit": 100}}' >"$T/resources"
        if has_update "$RUNTIME"; then
            works update --resources "$T/resources" "$ID"
        else
            fails_with 1 update --resources "$T/resources" "$ID"
            says "$RUNTIME" update
        fi
        if [[ $RUNTIME == process ]]; then
            fails_with 1 checkpoint --image-path "$T/image" "$ID"
            says process checkpoint
        fi
        is "$(field "$ID" .status)" running
        give "$RUNTIME-in"
        gives 3 "$ID"
        gone
    done
}
