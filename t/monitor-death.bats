#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The monitor is killed under a running container.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

@test "on-monitor-death: kill: wait says 137, and the container is dead" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" 'on-monitor-death: kill'
        works run -d -r "$RUNTIME" -b "$(bundle kill "$FOREVER")" "$ID"
        pid=$(pid_of "$ID")
        kill_monitor
        gives 137 "$ID"
        eventually is_over "$pid"
        gives 137 "$ID"
        is "$(field "$ID" .status)" stopped
        works delete "$ID"
        nothing_is_left
    done
}

@test "on-monitor-death: kill: those who wait already are told, too" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle waiting "$FOREVER")" "$ID"
        jobs=()
        for _ in 1 2 3 4 5; do
            in_background wait "$ID"
            jobs+=($!)
        done
        kill_monitor
        for job in "${jobs[@]}"; do
            gave 137 "$job"
        done
        works delete "$ID"
        nothing_is_left
    done
}

@test "on-monitor-death: adopt: the container runs on, and wait gives its true exit status" {
    for RUNTIME in $RUNTIMES; do
        event "go-$RUNTIME"
        configure_runtime "$RUNTIME" 'on-monitor-death: adopt'
        works run -d -r "$RUNTIME" -b "$(bundle adopt "read line < /events/go-$RUNTIME; exit 43")" "$ID"
        pid=$(pid_of "$ID")
        old=$(monitor_of "$ID")
        in_background wait "$ID"
        early=$!
        kill_monitor
        in_background wait "$ID"
        late=$!
        eventually adopted "$old"
        no is_over "$pid"
        is "$(field "$ID" .status)" running
        is "$(pid_of "$ID")" "$pid"
        give "go-$RUNTIME"
        for job in "$early" "$late"; do
            if kernel_is_at_least 6 15; then
                gave 43 "$job"
            else
                joins "$job"
                is "$status" 1
            fi
        done
        if kernel_is_at_least 6 15; then
            gives 43 "$ID"
        fi
        works delete "$ID"
        nothing_is_left
    done
}

@test "an adopted container is signalled, executed into and adopted again" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME"
        configure_runtime "$RUNTIME" 'on-monitor-death: adopt'
        path=$(bundle again "trap 'exit 44' TERM; echo > /events/ready-$RUNTIME; sleep 1000 & wait")
        works run -d -r "$RUNTIME" -b "$path" "$ID"
        await "ready-$RUNTIME"
        in_background wait "$ID"
        job=$!
        for _ in 1 2; do
            old=$(monitor_of "$ID")
            kill_monitor
            eventually adopted "$old"
        done
        fails_with 9 exec "$ID" -- sh -c 'exit 9'
        works kill "$ID" TERM
        if kernel_is_at_least 6 15; then gave 44 "$job"; else joins "$job"; fi
        works delete "$ID"
        nothing_is_left
    done
}

@test "a monitor whose file is lost is not taken for dead: nobody is killed, nobody is adopted" {
    for RUNTIME in $RUNTIMES; do
        for policy in kill adopt; do
            configure_runtime "$RUNTIME" "on-monitor-death: $policy"
            works run -d -r "$RUNTIME" -b "$(bundle nameless "$FOREVER")" "$ID"
            pid=$(pid_of "$ID")
            monitor=$(monitor_of "$ID")
            mv "$STATE/$ID/init/monitor" "$T/monitor"
            fails_with 1 wait --timeout 1ms "$ID"
            says "monitor is missing"
            fails_with 1 check --repair
            says damaged "monitor is missing"
            says_not "mended: "
            no is_over "$pid"
            no is_over "$monitor"
            [[ ! -e $STATE/$ID/init/monitor ]]
            is "$(field "$ID" .status)" running
            # It can be told to end, and its end is told.
            works kill "$ID" KILL
            eventually is_over "$monitor"
            gives 137 "$ID"
            works delete "$ID"
            works run -d -r "$RUNTIME" -b "$(bundle nameless "$FOREVER")" "$ID"
            rm "$STATE/$ID/init/monitor"
            works delete --force "$ID"
            nothing_is_left
        done
    done
}

@test "monitor and process both die unseen: wait says that nobody knows, and makes up no number" {
    for RUNTIME in $RUNTIMES; do
        for policy in kill adopt; do
            configure_runtime "$RUNTIME" "on-monitor-death: $policy"
            works run -d -r "$RUNTIME" -b "$(bundle unseen "$FOREVER")" "$ID"
            pid=$(pid_of "$ID")
            kill_monitor
            kill -KILL "$pid"
            eventually is_over "$pid"
            fails_with 1 wait "$ID"
            says "$ID" known
            is "$(field "$ID" .status)" stopped
            works delete "$ID"
            nothing_is_left
        done
    done
}

@test "who asks something of a monitor that is dead is told so" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle asked "$FOREVER")" "$ID"
        kill_monitor
        fails_with 1 close-stdin "$ID"
        says "its monitor is dead; run: shimhost check"
        gives 137 "$ID"
        fails_with 1 close-stdin "$ID"
        says "not running"
        works delete "$ID"
    done
}

@test "a monitor that is killed under a created container does not free it" {
    for RUNTIME in $RUNTIMES; do
        works create -r "$RUNTIME" -b "$(bundle created "$FOREVER")" "$ID"
        pid=$(pid_of "$ID")
        kill_monitor
        gives 137 "$ID"
        eventually is_over "$pid"
        works delete "$ID"
        nothing_is_left
    done
}

@test "an exec's monitor is killed: the exec is, too, and its container is not" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle exec "$FOREVER")" "$ID"
        works exec -d --id worker "$ID" -- sh -c "$FOREVER"
        pid=$(pid_of "$ID" worker)
        kill -KILL "$(monitor_of "$ID" worker)"
        gives 137 --process-id worker "$ID"
        eventually is_over "$pid"
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "SIGTERM, SIGHUP and SIGINT do not end a watching monitor" {
    for RUNTIME in $RUNTIMES; do
        event "go-$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle deaf "read line < /events/go-$RUNTIME; exit 3")" "$ID"
        monitor=$(monitor_of "$ID")
        kill -TERM "$monitor"
        kill -HUP "$monitor"
        kill -INT "$monitor"
        give "go-$RUNTIME"
        gives 3 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "an exit status that is missing, empty or malformed is an error that says which" {
    for RUNTIME in $RUNTIMES; do
        fails_with 6 run -r "$RUNTIME" -b "$(bundle status 'exit 6')" "$ID"
        file=$STATE/$ID/init/exitStatus
        : >"$file"
        fails_with 1 wait "$ID"
        says exitStatus
        echo nonsense >"$file"
        fails_with 1 wait "$ID"
        says exitStatus malformed
        echo 256 >"$file"
        fails_with 1 wait "$ID"
        says exitStatus
        rm "$file"
        fails_with 1 wait "$ID"
        works delete "$ID"
        nothing_is_left
    done
}
