#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What has happened to containers, and what happens.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
SHIMHOST_TEST_RUNTIMES=${SHIMHOST_TEST_RUNTIMES:-crun process}
load common

FOREVER='while :; do sleep 1000; done'

# What of the events of $ID tells: type, process, exit status if there is one.
told() {
    jq -r --arg id "$ID" 'select(.container == $id) | [.type, .process, .status // empty] | map(tostring) | join(" ")' "$@"
}

told_so_far() {
    shimhost events | told
}

@test "a life, and an exec in it" {
    for RUNTIME in $RUNTIMES; do
        works create -r "$RUNTIME" -b "$(bundle life "$FOREVER")" "$ID"
        works start "$ID"
        fails_with 3 exec --id more "$ID" -- sh -c 'exit 3'
        works pause "$ID"
        works resume "$ID"
        works kill "$ID" KILL
        gives 137 "$ID"
        pid=$(shimhost events | jq -r --arg id "$ID" 'select(.container == $id and .type == "created").pid')
        is "$(pid_of "$ID")" "$pid"
        works delete "$ID"
        is "$(told_so_far)" "created init
started init
exec-added more
exec-started more
exited more 3
deleted more
paused init
resumed init
exited init 137
deleted init"
        # The times are such, and grow.
        times=$(shimhost events | jq -r .time)
        is "$(sort <<<"$times")" "$times"
        is "$(grep -cvE '^[0-9-]{10}T[0-9:]{8}[.][0-9]{9}Z$' <<<"$times")" 0
        rm "$STATE/.events"
    done
}

@test "run starts what it creates; --rm deletes it" {
    for RUNTIME in $RUNTIMES; do
        fails_with 7 run --rm -r "$RUNTIME" -b "$(bundle run 'exit 7')" "$ID"
        is "$(told_so_far)" "created init
started init
exited init 7
deleted init"
        rm "$STATE/.events"
    done
}

@test "the monitor is killed: kill, adopt" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" 'on-monitor-death: kill'
        works run -d -r "$RUNTIME" -b "$(bundle lost "$FOREVER")" "$ID"
        kill -KILL "$(monitor_of "$ID")"
        gives 137 "$ID"
        works delete "$ID"
        is "$(told_so_far)" "created init
started init
monitor-lost init
exited init 137
deleted init"
        rm "$STATE/.events"
        configure_runtime "$RUNTIME" 'on-monitor-death: adopt'
        works run -d -r "$RUNTIME" -b "$(bundle lost "$FOREVER")" "$ID"
        monitor=$(monitor_of "$ID")
        kill -KILL "$monitor"
        in_background wait "$ID"
        job=$!
        eventually adopted "$monitor"
        works kill "$ID" KILL
        if kernel_is_at_least 6 15; then
            gave 137 "$job"
        else
            joins "$job"
        fi
        works delete "$ID"
        is "$(told_so_far | sed 's/exited init 137/exited init/')" "created init
started init
monitor-lost init
adopted init
exited init
deleted init"
        rm "$STATE/.events"
    done
}

# has_lines FILE COUNT
has_lines() {
    [[ $(wc -l <"$1") -ge $2 ]]
}

@test "--follow tells of it when it happens, also when the journal is begun anew" {
    RUNTIME=process
    works list # makes the state directory
    in_background events --follow
    follower=$!
    told=$T/out.$follower
    fails_with 7 run --rm -r process -b "$(bundle run 'exit 7')" "$ID"
    eventually has_lines "$told" 4
    head -c 1048576 /dev/zero | tr '\0' '\n' >>"$STATE/.events" # empty lines, as many as make it full
    fails_with 8 run --rm -r process -b "$(bundle run 'exit 8')" "$ID"
    eventually grep -q '"status":8' "$told"
    [[ -f $STATE/.events.1 ]]
    [[ $(stat -c %s "$STATE/.events") -lt 2000 ]]
    is "$(grep . "$told" | told | sed -n 's/exited init //p' | xargs)" "7 8"
    is "$(shimhost events | grep . | told | sed -n 's/exited init //p' | xargs)" "7 8"
    kill "$follower"
    joins "$follower"
}

@test "--follow skips no journal that was begun anew twice while nobody read" {
    works list # makes the state directory
    mkfifo "$T/pipe"
    seq -f '{"number":%.0f}' 20000 >"$STATE/.events" # more than a pipe holds
    (exec timeout 60 "$SHIMHOST" events --follow >"$T/pipe" 2>"$T/err" </dev/null 3>&-) &
    follower=$!
    exec 4<"$T/pipe"
    read -r first <&4 # and with the rest it waits
    mv "$STATE/.events" "$STATE/.events.1"
    echo '{"number":20001}' >"$STATE/.events"
    mv "$STATE/.events" "$STATE/.events.1"
    echo '{"number":20002}' >"$STATE/.events"
    cat <&4 >"$T/told" 4<&- 3>&- &
    exec 4<&-
    eventually grep -q 20002 "$T/told"
    kill "$follower"
    wait
    is "$( (echo "$first" && cat "$T/told") | jq .number | cksum)" "$(seq 20002 | cksum)"
}

@test "a line that was cut short spoils no other" {
    for RUNTIME in $RUNTIMES; do
        works list # makes the state directory
        printf '{"time":"20' >>"$STATE/.events"
        fails_with 7 run -r "$RUNTIME" -b "$(bundle cut 'exit 7')" "$ID" # its monitor writes first,
        printf '{"time":"20' >>"$STATE/.events"
        works delete "$ID" # and now the host
        is "$(shimhost events | grep -vx '{"time":"20' | told)" "created init
started init
exited init 7
deleted init"
        rm "$STATE/.events"
    done
}

@test "--follow ends when nobody reads it any more" {
    works list
    mkfifo "$T/pipe"
    (exec timeout 60 "$SHIMHOST" events --follow >"$T/pipe" 2>"$T/err" </dev/null 3>&-) &
    follower=$!
    fails_with 7 run --rm -r process -b "$(bundle run 'exit 7')" "$ID" &
    head -n 1 "$T/pipe" >/dev/null
    eventually is_over "$follower"
    wait
}

@test "a journal that cannot be written is told, and stops nothing" {
    works list
    mkdir "$STATE/.events"
    fails_with 7 run --rm -r process -b "$(bundle run 'exit 7')" "$ID"
    says "journal" "$STATE/.events"
    fails_with 1 events
    says "not a file"
    rmdir "$STATE/.events"
    ln -s /etc/passwd "$STATE/.events"
    fails_with 7 run --rm -r process -b "$(bundle run 'exit 7')" "$ID"
    is "$(tail -n 1 /etc/passwd | grep -c '"type"')" 0
    fails_with 1 events
    rm "$STATE/.events"
    nothing_is_left
}
