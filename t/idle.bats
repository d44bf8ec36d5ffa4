#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What it costs to wait: nothing.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

# The wake-ups of a process: how often it went to sleep, and how often it was made to.
switches() {
    awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$1/status"
}

@test "an idle host and an idle monitor are not woken up" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "idle-$RUNTIME" 'exec sleep 1000000')" "$ID"
        in_background wait "$ID"
        host=$!
        monitor=$(monitor_of "$ID")
        eventually settled "$host" "$monitor"
        before="$(switches "$host") $(switches "$monitor")"
        sleep 3 # the time over which nothing is to happen
        is "$(switches "$host") $(switches "$monitor")" "$before" "wake-ups of host and monitor"
        works kill "$ID" KILL
        gave 137 "$host"
        works delete "$ID"
        nothing_is_left
    done
}

# All have slept through half a second.
settled() {
    local pid before=() after=()
    for pid in "$@"; do
        [[ $(readlink "/proc/$pid/exe") != */env ]] || return 1
        before+=("$(switches "$pid")")
    done
    sleep 0.5
    for pid in "$@"; do after+=("$(switches "$pid")"); done
    [[ ${before[*]} == "${after[*]}" ]]
}

@test "strace sees no system call of host and monitor" {
    needs strace
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "idle-$RUNTIME" 'exec sleep 1000000')" "$ID"
        in_background wait "$ID"
        host=$!
        monitor=$(monitor_of "$ID")
        eventually settled "$host" "$monitor"
        for pid in "$host" "$monitor"; do
            # What is under way when strace comes is all that there may be, and it does not come back.
            timeout -s INT -k 10 3 strace -f -qq -o "$T/trace" -p "$pid" </dev/null &>"$T/strace.err" 3>&- || true
            if grep -q 'attach: ptrace' "$T/strace.err"; then
                cannot_run "this machine does not allow strace"
            fi
            calls=$(grep -vc 'unfinished\|<detached\|= ?$\|restart_syscall\|EINTR\|ERESTART\|+++\|---' "$T/trace" || true)
            is "$calls" 0 "system calls while idle ($(cat "$T/trace"))"
        done
        works delete --force "$ID"
        joins "$host"
        nothing_is_left
    done
}

@test "nor is a monitor woken up for ever by lines on its control FIFO, good or bad" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "control-$RUNTIME" 'exec sleep 1000000')" "$ID"
        monitor=$(monitor_of "$ID")
        control=$STATE/$ID/init/control
        # Opened for reading as well, so that it cannot hang.
        printf '2 0 0\nnonsense\n9 9 9\n\n1 80' 1<>"$control"
        printf ' 25\n1 80 25\n0 0 0\n%5000d\n' 7 1<>"$control"
        eventually settled "$monitor"
        before=$(switches "$monitor")
        sleep 1
        is "$(switches "$monitor")" "$before"
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}
