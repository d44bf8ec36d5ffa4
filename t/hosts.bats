#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two hosts at once on one container.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

# at_once COMMAND…: five hosts at once; how many of them succeeded is in $succeeded.
at_once() {
    local jobs=() job
    succeeded=0
    for _ in {1..5}; do
        in_background "$@"
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        joins "$job"
        [[ $status != 0 ]] || succeeded=$((succeeded + 1))
    done
}

@test "of five that create the same id, one does" {
    for RUNTIME in $RUNTIMES; do
        at_once create -r "$RUNTIME" -b "$(bundle same "$FOREVER")" "$ID"
        is "$succeeded" 1
        is "$(field "$ID" .status)" created
        is "$(marked_monitors)" 1 "number of monitors"
        works delete --force "$ID"
        nothing_is_left
    done
}

marked_monitors() {
    local pid count=0
    for pid in $(marked_processes); do
        [[ $(readlink "/proc/$pid/exe") != "$(readlink -f "$MONITOR")" ]] || count=$((count + 1))
    done
    echo "$count"
}

@test "of five that start it, one does" {
    for RUNTIME in $RUNTIMES; do
        works create -r "$RUNTIME" -b "$(bundle start "$FOREVER")" "$ID"
        at_once start "$ID"
        is "$succeeded" 1
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "five that kill it and five that delete it by force agree that it is gone" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle delete "$FOREVER")" "$ID"
        at_once kill "$ID" KILL
        ((succeeded >= 1))
        gives 137 "$ID"
        at_once delete --force "$ID"
        ((succeeded >= 1))
        nothing_is_left
    done
}

@test "while one changes it, others look and wait without a lock" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle lock "$FOREVER")" "$ID"
        rm -f "$T/held" # of the runtime before this one
        mkfifo "$T/hold"
        perl -e 'open my $lock, "+<", $ARGV[0] or die "$!\n"; use Fcntl;
            my $flock = pack "s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0;
            fcntl $lock, 37, $flock or die "lock: $!\n"; # F_OFD_SETLK
            $| = 1; print "held\n"; open my $hold, "<", $ARGV[1]; <$hold>' \
            "$STATE/$ID/.lock" "$T/hold" >"$T/held" 2>&1 3>&- &
        holder=$!
        eventually test -s "$T/held"
        is "$(cat "$T/held")" held
        LIMIT=30 works list
        says running
        LIMIT=30 works state "$ID"
        captures shimhost wait "$ID" --timeout 100ms
        says "still running"
        in_background delete --force "$ID"
        job=$!
        echo >"$T/hold"
        joins "$holder"
        joins "$job"
        is "$status" 0
        nothing_is_left
        rm "$T/hold"
    done
}

@test "a state directory is shared by hosts with different configurations of the runtime" {
    for RUNTIME in $RUNTIMES; do
        works create -r "$RUNTIME" -b "$(bundle other 'exit 14')" "$ID"
        mkdir -p "$T/other"
        cp -r "$T/etc/." "$T/other"
        works --config "$T/other/shimhost.yaml" --state-dir "$STATE" start "$ID"
        gives 14 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

# in_turn ARGUMENT…: a command that changes the container waits for an exec that is being spawned, and another exec waits for
# that. All come to their ends; what is told at last is the later exec's.
in_turn() {
    local first change later
    stops
    RUNTIME=${RUNTIMES%% *}
    configure_runtime "$RUNTIME" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" exec "$STOP")"
    works run -d -b "$(bundle turn "$FOREVER")" "$ID"
    in_background exec -d "$ID" -- true
    first=$!
    reached
    in_background "$@"
    change=$!
    eventually waiters 1
    in_background exec -d --id later "$ID" -- true
    later=$!
    eventually waiters 2
    let_go
    joins "$first"
    is "$status" 0
    joins "$change"
    is "$status" 0
    joins "$later"
}

@test "who waits to change a container does so before an exec that comes later" {
    in_turn delete --force "$ID"
    is "$status" 125
    says "was removed meanwhile by another host"
    nothing_is_left
}

@test "an exec that waited while its container was paused is refused" {
    in_turn pause "$ID"
    is "$status" 125
    says "container $ID is paused"
    [[ ! -e $STATE/$ID/later ]]
    works resume "$ID"
    works delete --force "$ID"
    nothing_is_left
}

@test "an exec that is removed while its container is deleted holds nobody up" {
    RUNTIME=process
    configure_runtime process
    works run -d -r process -b "$(bundle leaving "$FOREVER")" "$ID"
    works exec -d --id a "$ID" -- sleep 1000
    works exec -d --id b "$ID" -- true
    works wait --process-id b "$ID"
    monitor=$(monitor_of "$ID" a)
    eventually is_over "$(monitor_of "$ID" b)"
    kill -STOP "$monitor"
    in_background delete --force "$ID"
    deletion=$!
    # It waits for the monitor of the first, whose process it has killed.
    eventually is_over "$(pid_of "$ID" a)"
    works delete --process-id b "$ID"
    kill -CONT "$monitor"
    joins "$deletion"
    is "$status $output" "0 "
    nothing_is_left
}

# gives_up SIGNAL JOB: who waits for the lock ends with that signal.
gives_up() {
    eventually waiters 1
    kill "-$1" "$2"
    joins "$2"
    is "$status" 125
    says cancelled "$ID"
    waiters 0
}

@test "who waits for another host's change can be told to give up" {
    works run -d --stdout pipe -b "$(bundle wait "$FOREVER")" "$ID"
    hold
    for signal in HUP INT QUIT TERM; do
        in_background exec --id other "$ID" -- true
        gives_up "$signal" $!
        [[ ! -e $STATE/$ID/other ]]
    done
    let_go
    joins "$holder"
    works delete --force "$ID"
    nothing_is_left
}

@test "an attached client that finds the monitor killed, and waits for another host's change, can be told to give up" {
    works run -d --stdout pipe -b "$(bundle client "$FOREVER")" "$ID"
    in_background attach "$ID"
    job=$!
    eventually has_clients 1
    hold
    kill_monitor
    gives_up TERM "$job"
    let_go
    joins "$holder"
    works delete --force "$ID"
    nothing_is_left
}

@test "who waits for an end, and finds the monitor killed, waits for another host's change no longer than it was told" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle deadline "$FOREVER")" "$ID"
        hold
        kill_monitor
        fails_with 1 wait --timeout 100ms "$ID"
        says "timed out while another host was changing container $ID"
        waiters 0
        let_go
        joins "$holder"
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "who waits for another host's change goes on after it, and leaves nothing when killed" {
    works run -d -b "$(bundle after "$FOREVER")" "$ID"
    hold
    in_background exec "$ID" -- sh -c 'exit 6'
    job=$!
    eventually waiters 1
    let_go
    joins "$holder"
    joins "$job"
    is "$status" 6
    hold
    in_background exec "$ID" -- true
    job=$!
    eventually waiters 1
    kill -KILL "$job"
    joins "$job"
    eventually waiters 0
    in_background exec "$ID" -- true
    job=$!
    eventually waiters 1
    kill -KILL "$(cat "/proc/$job/task/$job/children")"
    joins "$job"
    is "$status" 125
    says "cannot lock container $ID"
    let_go
    joins "$holder"
    works delete --force "$ID"
    nothing_is_left
}
