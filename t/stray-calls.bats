#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A call of the runtime that outlives the host, or the monitor, which made it, or the process.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

# stopping SUBCOMMAND WHEN: a runtime $RUNTIME whose first SUBCOMMAND says so and waits, before or after it is done; what
# comes meanwhile fails, as one of two deletions at once does.
stopping() {
    local before=: after=:
    rm -rf "$T/first" "$T/refused"
    stops
    printf -v "$2" %s "$STOP"
    configure_runtime "$RUNTIME" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" "$1" "
    if mkdir $T/first; then
        $before
        \"\$real\" \"\$@\"
        status=\$?
        $after
        touch $T/first/over
        exit \$status
    elif [ ! -e $T/first/over ]; then
        touch $T/refused
        echo 'somebody else is at it' >&2
        exit 1
    fi")"
}

# A host deletes the container; its call of the runtime fails first, because the one that was stopped is under way.
is_deleted_after_the_other() {
    in_background delete "$ID"
    eventually test -e "$T/refused"
    let_go
    joins $!
    is "$status $output" "0 "
    nothing_is_left
}

@test "a deletion whose host was killed is waited for by the next one" {
    for RUNTIME in $RUNTIMES; do
        stopping delete before
        works run -d -r "$RUNTIME" -b "$(bundle host "$FOREVER")" "$ID"
        kill_monitor
        in_background wait "$ID"
        host=$!
        reached
        kill_and_await "$host"
        is_deleted_after_the_other
    done
}

@test "a deletion whose monitor was killed is waited for by a host" {
    for RUNTIME in $RUNTIMES; do
        stopping delete before
        works run -d -r "$RUNTIME" -b "$(bundle monitor 'exit 7')" "$ID"
        reached
        kill_monitor
        gives 7 "$ID"
        is_deleted_after_the_other
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
            wait) kill_monitor ;;
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
        eventually holds '\[pidfd]' $!
        no is_over "$pid"
        let_go
        joins $!
        is "$status $output" "0 "
        nothing_is_left
    done
}

# lingering SUBCOMMAND: a runtime $RUNTIME whose first SUBCOMMAND stops before it is done, and then says in $T/known whether
# the container's directory is still there. The second is done meanwhile, by the process whose pid is in $T/second.
lingering() {
    rm -rf "$T/first" "$T/known" "$T/second"
    stops
    configure_runtime "$RUNTIME" "${@:2}" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" "$1" "
    if mkdir $T/first; then
        $STOP
        \"\$real\" \"\$@\"
        [ ! -e $STATE/$ID ] || touch $T/known
        exit 0
    fi
    echo \$\$ >$T/second")"
}

# The host JOB waits for the call that was stopped, and for nothing else, before the id is free.
waits_for_it() {
    eventually holds '\[pidfd]' "$1"
    let_go
    joins "$1"
    is "$status" 0
    [[ -e $T/known ]]
}

the_second_is_over() {
    [[ -s $T/second ]] && is_over "$(cat "$T/second")"
}

@test "what a monitor that was killed still deletes is not the next container of that id" {
    for RUNTIME in $RUNTIMES; do
        for way in delete check; do
            lingering delete
            works run -d -r "$RUNTIME" -b "$(bundle monitor 'exit 7')" "$ID"
            reached
            kill_monitor
            gives 7 "$ID"
            case $way in
            delete) in_background delete "$ID" ;;
            check) in_background check --repair ;;
            esac
            host=$!
            eventually the_second_is_over
            waits_for_it "$host"
            [[ $way == delete ]] || works delete "$ID"
            nothing_is_left
        done
    done
}

@test "so it is when the monitor was stuck, and killed by who deletes; what does not end keeps the id" {
    for RUNTIME in $RUNTIMES; do
        lingering delete 'timeouts: { delete: 100ms, drain: 100ms }'
        works run -d -r "$RUNTIME" -b "$(bundle stuck 'exit 7')" "$ID"
        reached
        monitor=$(monitor_of "$ID")
        kill -STOP "$monitor"
        fails_with 1 delete "$ID"
        says "$ID" "is still at work"
        is_over "$monitor"
        is "$(field "$ID" .status)" stopped
        configure_runtime "$RUNTIME"
        let_go
        works delete "$ID"
        [[ -e $T/known ]]
        nothing_is_left
    done
}

@test "what a host that was killed still pauses is not the next container of that id" {
    for RUNTIME in $RUNTIMES; do
        lingering pause
        works run -d -r "$RUNTIME" -b "$(bundle paused "$FOREVER")" "$ID"
        in_background pause "$ID"
        host=$!
        reached
        kill_and_await "$host"
        kill -KILL "$(pid_of "$ID")"
        gives 137 "$ID"
        eventually test -e "$STATE/$ID/init/.cleaned"
        in_background delete "$ID"
        waits_for_it $!
        nothing_is_left
    done
}

# outliving SUBCOMMAND SCRIPT: a runtime $RUNTIME whose SUBCOMMAND does SCRIPT and then outlives the process, which holds
# $EVENTS/end open, until the monitor waits, or has it deleted. $T/calls says in which order they were done.
outliving() {
    rm -f "$T/calls"
    event end
    configure_runtime "$RUNTIME" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" "$1" "
        $2
        status=\$?
        cat <$EVENTS/end
        read -r monitor <$STATE/$ID/init/monitor
        until ls -l /proc/\$monitor/fd | grep -q /.changing || [ -e $T/calls ]; do :; done
        echo $1 >>$T/calls
        exit \$status" delete "echo delete >>$T/calls")"
}

# What was outlived ended with STATUS, and was deleted only then.
was_awaited() {
    gives "$1" "$ID"
    eventually test -e "$STATE/$ID/init/.cleaned"
    is "$(xargs <"$T/calls")" "$2 delete"
    is "$(cat "$STATE/$ID/init/status")" stopped
    works delete "$ID"
    rm "$EVENTS"/*
    nothing_is_left
}

@test "a runtime that still starts what is over already finds it, and only then has to forget it" {
    for RUNTIME in $RUNTIMES; do
        outliving start '"$real" "$@"'
        works create -r "$RUNTIME" -b "$(bundle brief 'exec 9>/events/end; exit 3')" "$ID"
        works start "$ID"
        was_awaited 3 start
    done
}

@test "so does one that writes a checkpoint of what it has ended" {
    for RUNTIME in $RUNTIMES; do
        outliving checkpoint "kill -KILL \$(cat $STATE/$ID/init/pid)"
        event ready
        works run -d -r "$RUNTIME" -b "$(bundle saved "exec 9<>/events/end; echo >/events/ready; $FOREVER")" "$ID"
        await ready
        works checkpoint --image-path "$T/image" "$ID"
        was_awaited 137 checkpoint
    done
}

@test "a host that is killed meanwhile holds nobody up" {
    for RUNTIME in $RUNTIMES; do
        event end
        stopping start after
        works create -r "$RUNTIME" -b "$(bundle brief 'exec 9>/events/end; exit 3')" "$ID"
        in_background start "$ID"
        host=$!
        reached
        timeout "$PATIENCE" cat "$EVENTS/end"
        eventually holds /.changing "$(monitor_of "$ID")"
        kill_and_await "$host"
        eventually test -e "$STATE/$ID/init/.cleaned"
        let_go
        gives 3 "$ID"
        works delete "$ID"
        rm "$EVENTS"/*
        nothing_is_left
    done
}
