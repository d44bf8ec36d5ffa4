#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Want of memory: who was killed for it is known, also when nobody has looked.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load faults

LIMIT_16M='.linux.resources.memory = {limit: 16777216, swap: 16777216}'
# One block of this size is more than there may be.
GREEDY='/bin/busybox dd if=/dev/zero of=/dev/null bs=64M count=1'

# with_limit NAME SCRIPT: a bundle whose container has 16 MiB.
with_limit() {
    bundle "$1" "$2" "$LIMIT_16M"
}

test_setup() {
    [[ -e /sys/fs/cgroup/memory/memory.oom_control ]] ||
        grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null ||
        cannot_run "there is no memory controller"
}

@test "a container that eats all its memory is said to have been killed for it" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(with_limit "greedy-$RUNTIME" "exec $GREEDY")" "$ID"
        gives 137 "$ID"
        is "$(field "$ID" .oomKilled)" true
        is "$(cat "$STATE/$ID/init/oomKilled")" 1
        is "$(shimhost list --format json | jq '.[0].oomKilled')" true
        works delete "$ID"
        nothing_is_left
    done
}

@test "so is one of whose processes another one was, whatever its own exit status" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(with_limit "parent-$RUNTIME" "$GREEDY; exit 3")" "$ID"
        gives 3 "$ID"
        is "$(field "$ID" .oomKilled)" true
        works delete "$ID"
    done
}

@test "it is recorded before the exit is announced" {
    for RUNTIME in $RUNTIMES; do
        event ready go
        works run -d -r "$RUNTIME" \
            -b "$(with_limit "order-$RUNTIME" "echo >/events/ready; read x </events/go; exec $GREEDY")" "$ID"
        await ready
        # Reads the end of the exit FIFO, as every waiter does, and looks at once.
        (exec sh -c 'exec <"$1/exit"; cat; cat "$1/oomKilled"' sh "$STATE/$ID/init" >"$T/seen" 2>&1 3>&-) &
        reader=$!
        eventually reads_exit "$reader"
        give go
        joins "$reader"
        is "$(cat "$T/seen")" 1
        works delete "$ID"
        rm "$EVENTS"/*
    done
}

reads_exit() {
    [[ $(readlink "/proc/$1/fd/0") == */init/exit ]]
}

@test "of an exec it is said only if it was killed itself" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(with_limit "exec-$RUNTIME" 'exec sleep 1000000')" "$ID"
        fails_with 137 exec --id greedy "$ID" -- $GREEDY
        event ready go
        works exec -d --id onlooker "$ID" -- sh -c 'echo >/events/ready; read x </events/go; exit 5'
        await ready
        works exec -d --id greedier "$ID" -- $GREEDY
        gives 137 "$ID" --process-id greedier
        give go
        gives 5 "$ID" --process-id onlooker
        works state "$ID"
        is "$(jq -c '[.processes[] | select(.oomKilled) | .id]' <<<"$output")" '["greedier"]'
        works kill "$ID" KILL
        gives 137 "$ID"
        is "$(field "$ID" .oomKilled)" true "what is said of the container"
        works delete "$ID"
        rm "$EVENTS"/*
        nothing_is_left
    done
}

# ends_early SUBCOMMAND PROCESS: a runtime which, once it has made the process, reads the end of what that holds open, and ends
# when that is over.
ends_early() {
    event end
    configure_runtime "$RUNTIME" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" "$1" \
        "\"\$real\" \"\$@\"
        status=\$?
        cat <$EVENTS/end
        until grep -q '^State:.Z' /proc/\$(cat $STATE/$ID/$2/.pid.runtime)/status; do :; done
        exit \$status")"
}

@test "also of a container that was over before its runtime was" {
    for RUNTIME in $RUNTIMES; do
        ends_early run init
        works run -d -r "$RUNTIME" -b "$(with_limit "brief-$RUNTIME" "exec 9>/events/end; exec $GREEDY")" "$ID"
        gives 137 "$ID"
        is "$(field "$ID" .oomKilled)" true
        works delete "$ID"
        rm "$EVENTS"/*
        nothing_is_left
    done
}

@test "also of an exec that was over before its runtime was" {
    for RUNTIME in $RUNTIMES; do
        ends_early exec early
        works run -d -r "$RUNTIME" -b "$(with_limit "early-$RUNTIME" 'exec sleep 1000000')" "$ID"
        works exec -d --id early "$ID" -- sh -c "exec 9>/events/end; exec $GREEDY"
        gives 137 "$ID" --process-id early
        works state "$ID"
        is "$(jq -c '[.processes[] | select(.oomKilled) | .id]' <<<"$output")" '["early"]'
        works delete --force "$ID"
        rm "$EVENTS"/*
        nothing_is_left
    done
}

@test "of who was killed by somebody, or has no group of its own, nothing is said" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(with_limit "killed-$RUNTIME" 'exec sleep 1000000')" "$ID"
        works kill "$ID" KILL
        gives 137 "$ID"
        is "$(field "$ID" .oomKilled)" null
        [[ ! -e $STATE/$ID/init/oomKilled ]]
        works delete "$ID"
    done
    configure_runtime process
    works run -d -r process -b "$(bundle alone 'exec /bin/busybox sleep 1000000' '.process.args[0] = "/bin/sh"')" "$ID"
    works kill "$ID" KILL
    gives 137 "$ID"
    is "$(field "$ID" .oomKilled)" null
    is "$(ls -l "/proc/$(monitor_of "$ID")/fd" 2>/dev/null | grep cgroup || true)" "" "what the monitor holds of cgroups"
}

@test "a monitor whose oom_score_adj may not be lowered says so, once" {
    needs capsh
    for RUNTIME in $RUNTIMES; do
        timeout 120 capsh --drop=cap_sys_resource -- -c 'exec "$@"' sh "$SHIMHOST" run -d -r "$RUNTIME" \
            -b "$(bundle "score-$RUNTIME" 'exec sleep 1000000')" "$ID" </dev/null 3>&-
        monitor=$(monitor_of "$ID")
        eventually said_once "$STATE/$ID/init/shim-log.json"
        is "$(cat "/proc/$(pid_of "$ID")/oom_score_adj")" "$(jq '.process.oomScoreAdj // 0' "$TESTS/config.json")"
        works delete --force "$ID"
        [[ ! -d /proc/$monitor ]] || eventually is_over "$monitor"
    done
}

said_once() {
    [[ $(grep -c 'cannot lower oom_score_adj' "$1") == 1 ]]
}

# with_score SCORE ARGUMENT…: the program, by somebody who has this oom_score_adj.
with_score() {
    (echo "$1" >/proc/self/oom_score_adj && exec timeout 120 "$SHIMHOST" "${@:2}" </dev/null 3>&-)
}

may_lower() {
    (echo -999 >/proc/self/oom_score_adj) 2>/dev/null
}

# has_score SCORE PID
has_score() {
    [[ $(cat "/proc/$2/oom_score_adj") == "$1" ]]
}

# The runtime tells, when it deletes, what score it was given.
tell_score() {
    [[ $RUNTIME == process ]] || set -- "binary: $(wrapped "$(runtime_binary "$RUNTIME")" delete "cat /proc/self/oom_score_adj >$T/score")"
    configure_runtime "$RUNTIME" "$@"
}

@test "a monitor is spared for as long as may be, which neither its process nor what cleans up inherits" {
    local lowered=500 own
    ! may_lower || lowered=-999
    for RUNTIME in $RUNTIMES process; do
        tell_score
        for own in 500 600; do
            with_score 500 run -d -r "$RUNTIME" \
                -b "$(bundle "spared-$RUNTIME" 'exec sleep 1000000' "if $own == 600 then .process.oomScoreAdj = 600 else . end")" "$ID"
            with_score 500 exec -d --id more "$ID" -- sleep 1000000
            for process in init more; do
                monitor=$(monitor_of "$ID" "$process")
                [[ $lowered == -999 ]] || eventually said_once "$STATE/$ID/$process/shim-log.json"
                eventually has_score "$lowered" "$monitor"
            done
            is "$(cat "/proc/$(pid_of "$ID")/oom_score_adj")" "$own" "score of the container"
            # Not every runtime gives an exec the score of its container.
            has_score 500 "$(pid_of "$ID" more)" || is "$(cat "/proc/$(pid_of "$ID" more)/oom_score_adj")" "$own" "score of the exec"
            works kill --process-id more "$ID" KILL
            works kill "$ID" KILL
            monitor=$(monitor_of "$ID")
            gives 137 "$ID"
            eventually is_over "$monitor"
            [[ $RUNTIME == process ]] || is "$(cat "$T/score")" 500 "score of what cleans up"
            works delete --force "$ID"
            nothing_is_left
        done
    done
}

@test "what cleans up has the score that its monitor had before it lowered its own" {
    for RUNTIME in $RUNTIMES; do
        tell_score
        # Where it may not be lowered, it is as if it had been; -1: the call does not happen, and its result is 1.
        (echo 500 >/proc/self/oom_score_adj &&
            of_shimhost at_call --monitor --after /proc/self/oom_score_adj --call "${CALL[write]}" --at 1 --error -1 -- \
                run -d -r "$RUNTIME" -b "$(bundle "restored-$RUNTIME" 'exec sleep 1000000')" "$ID" </dev/null 3>&-)
        monitor=$(monitor_of "$ID")
        echo 700 >"/proc/$monitor/oom_score_adj"
        works kill "$ID" KILL
        gives 137 "$ID"
        eventually is_over "$monitor"
        is "$(cat "$T/score")" 500
        works delete "$ID"
        nothing_is_left
    done
}
