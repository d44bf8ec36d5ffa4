#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a container that is adopted keeps of what it had under the monitor that was killed, and what it loses.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load streams

# for_each_runtime TEST
for_each_runtime() {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" 'on-monitor-death: adopt'
        event "go-$RUNTIME" "told-$RUNTIME"
        GO=go-$RUNTIME
        TOLD=told-$RUNTIME
        "$1"
        works delete "$ID"
        nothing_is_left
    done
}

adopt() {
    kill_monitor
    works check --repair
    says adopted
}

# ends_truly STATUS [PROCESS]: as far as the kernel can tell.
ends_truly() {
    local process=${2-init}
    if kernel_is_at_least 6 15; then
        gives "$1" --process-id "$process" "$ID"
    else
        captures shimhost wait --process-id "$process" "$ID"
        [[ "$status $output" == "0 $1" || "$status $output" == "1 "*known* ]]
    fi
}

output_fifo_and_file() {
    mkfifo "$T/out-$RUNTIME"
    works run -d -r "$RUNTIME" --stdout "fifo:$T/out-$RUNTIME" --stderr "file:$T/errors-$RUNTIME" \
        -b "$(bundle output "echo before; read line </events/$GO; (echo after; echo also >&2) || exit 1
            echo written >/events/$TOLD; read line </events/$GO; exit 43")" "$ID"
    is "$(timeout "$PATIENCE" head -n 1 "$T/out-$RUNTIME")" before
    adopt
    give "$GO" # it writes, and nobody has the FIFO open but the new monitor
    await "$TOLD"
    is "$(timeout "$PATIENCE" head -n 1 "$T/out-$RUNTIME")" after
    is "$(cat "$T/errors-$RUNTIME")" also
    give "$GO"
    ends_truly 43
}

@test "FIFOs and files for output go on, also while nobody reads" {
    for_each_runtime output_fifo_and_file
}

output_fifo_that_is_gone() {
    mkfifo "$T/out-$RUNTIME"
    works run -d -r "$RUNTIME" --stdout "fifo:$T/out-$RUNTIME" -b "$(bundle gone "read line </events/$GO; exit 43")" "$ID"
    rm "$T/out-$RUNTIME"
    adopt
    give "$GO"
    ends_truly 43
}

@test "a FIFO that has been removed is in nobody's way" {
    for_each_runtime output_fifo_that_is_gone
}

input_fifo() {
    mkfifo "$T/in-$RUNTIME"
    works run -d -r "$RUNTIME" --stdin "fifo:$T/in-$RUNTIME" \
        -b "$(bundle input "while read line; do echo \"\$line\" >/events/$TOLD; done; exit 43")" "$ID"
    exec 8>"$T/in-$RUNTIME"
    echo one >&8
    is "$(await "$TOLD")" one
    adopt
    echo two >&8
    is "$(await "$TOLD")" two
    exec 8>&-
    ends_truly 43
}

@test "a FIFO for input goes on until its last writer leaves" {
    for_each_runtime input_fifo
}

logged() {
    local log=$T/log-$RUNTIME
    works run -d -r "$RUNTIME" --log "k8s-file:$log" \
        -b "$(bundle logged "echo whole; echo -n begun; read line </events/$GO; (echo more); echo \$? >/events/$TOLD
            read line </events/$GO; exit 43")" "$ID"
    eventually grep -q whole "$log"
    adopt
    fails_with 125 attach --no-stdin "$ID"
    says 'ended with a monitor that was killed'
    is "$(field "$ID" .status)" running
    give "$GO"
    is "$(await "$TOLD")" 141 "a writer's exit status" # 128 + SIGPIPE
    give "$GO"
    ends_truly 43
    is_log "$log"
    is "$(shimhost logs "$ID")" whole
}

@test "a log ends, in whole records, and writers are told by SIGPIPE; the process itself goes on" {
    for_each_runtime logged
}

dropped() {
    mkfifo "$T/dropped-$RUNTIME"
    works run -d -r "$RUNTIME" --stdout "fifo:$T/dropped-$RUNTIME" --when-gone drop \
        -b "$(bundle dropped "echo before; read line </events/$GO; (echo after); echo \$? >/events/$TOLD
            read line </events/$GO; exit 43")" "$ID"
    is "$(timeout "$PATIENCE" head -n 1 "$T/dropped-$RUNTIME")" before
    adopt
    give "$GO"
    is "$(await "$TOLD")" 141 "a writer's exit status"
    give "$GO"
    ends_truly 43
}

@test "a FIFO with drop ends likewise: what came through it was copied" {
    for_each_runtime dropped
}

at_terminal() {
    works run -d -t -r "$RUNTIME" -b "$(bundle terminal "trap 'echo gone >/events/$TOLD; exit 43' HUP
        echo ready >/events/$TOLD; read line </events/$GO" "$TERMINAL")" "$ID"
    await "$TOLD"
    kill_monitor
    is "$(await "$TOLD")" gone
    eventually is_over "$(pid_of "$ID")"
    fails_with 1 wait "$ID"
    says known
}

@test "a terminal is hung up, and how a process ends of that nobody sees" {
    for_each_runtime at_terminal
}

deaf_at_terminal() {
    works run -d -t -r "$RUNTIME" -b "$(bundle deaf "trap '' HUP; echo ready >/events/$TOLD
        read line </events/$GO; echo lost || exit 43" "$TERMINAL")" "$ID"
    await "$TOLD"
    adopt
    works resize "$ID" 80x24
    give "$GO"
    ends_truly 43
}

@test "a process that ignores the hang-up of its terminal goes on without it" {
    for_each_runtime deaf_at_terminal
}

executed() {
    works run -d -r "$RUNTIME" -b "$(bundle init "read line </events/$GO; exit 43")" "$ID"
    works exec -d --id worker "$ID" -- sh -c "read line </events/$TOLD; exit 12"
    works exec -d --id other "$ID" -- sh -c 'sleep 1000'
    kill_monitor worker
    kill_monitor
    works check --repair
    is "$(grep -c 'a new monitor has adopted it' <<<"$output")" 2 "how many have been adopted"
    give "$TOLD"
    ends_truly 12 worker
    is "$(field "$ID" .status)" running
    works kill --process-id other "$ID" KILL
    gives 137 --process-id other "$ID"
    give "$GO"
    ends_truly 43
}

@test "an exec is adopted by itself, and so is its container" {
    for_each_runtime executed
}

# orphans_of keep|reap: the container whose monitor dies becomes the child of a process that does this with zombies.
orphans_of() {
    mkfifo "$T/left-$1-$RUNTIME"
    "$HELPERS/orphanage" "$1" "$SHIMHOST" run -d -r "$RUNTIME" -b "$(bundle orphan "read line </events/$GO; exit 43")" "$ID" \
        </dev/null >"$T/left-$1-$RUNTIME" 2>"$T/said" 3>&- &
    orphanage=$!
    timeout "$PATIENCE" cat "$T/left-$1-$RUNTIME"
    kill_monitor
}

reaped_at_once() {
    orphans_of reap
    works check --repair
    give "$GO"
    gives 43 "$ID"
    kill "$orphanage"
}

@test "with PIDFD_GET_INFO the exit status is true, also if somebody has reaped the process before" {
    kernel_is_at_least 6 15 || cannot_run "needs Linux 6.15"
    for_each_runtime reaped_at_once
}

without_information() {
    local SHIMHOST=$T/bin/shimhost
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$HELPERS/without-pidfd-info" "$PREFIX/bin/shimhost" >"$SHIMHOST"
    chmod 755 "$SHIMHOST"
    orphans_of keep
    works check --repair
    give "$GO"
    gives 43 "$ID"
    works delete "$ID"
    kill "$orphanage"
    orphans_of reap
    works check --repair
    give "$GO"
    fails_with 1 wait "$ID"
    says known 'the kernel did not tell'
    is "$(field "$ID" .status)" stopped
    kill "$orphanage"
}

@test "without PIDFD_GET_INFO it is true while there is a zombie, and after that it is not known" {
    for_each_runtime without_information
}

@test "who waits while each new monitor dies at once does so no longer than it was told" {
    needs strace
    RUNTIME=process
    configure_runtime process 'on-monitor-death: adopt'
    works run -d -r process -b "$(bundle dying 'while :; do sleep 1000; done')" "$ID"
    kill_monitor
    # They have told their host by then that they have adopted it; it comes too late to see them live.
    captures timeout "$PATIENCE" strace -f -o "$T/strace" -e trace=capset,pidfd_open -e inject=capset:signal=KILL \
        -e inject=pidfd_open:delay_enter=200000 \
        "$SHIMHOST" wait --timeout 500ms "$ID" </dev/null 3>&-
    is "$status $output" "1 shimhost: wait: container $ID, process init: timed out, still running"
    grep -q SIGKILL "$T/strace"
    works delete --force "$ID"
    nothing_is_left
}
