#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What another boot has left: over, its end not known, and whoever has its pid now is left alone.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load bystander

# as_rebooted ID PROCESS…: nothing of the container lives, its runtime has forgotten it, and the directories are of
# another boot; its pids are the bystander's now, start time and all.
as_rebooted() {
    local id=$1 process directory
    shift
    for process in "$@"; do kill -KILL "$(monitor_of "$id" "$process")"; done
    for process in "$@"; do kill -KILL "$(pid_of "$id" "$process")" 2>/dev/null || true; done
    for process in "$@"; do eventually is_over "$(pid_of "$id" "$process")"; done
    forget "$id"
    for process in "$@"; do
        directory=$STATE/$id/$process
        rm -f "$directory"/exit{Status,Unknown}
        echo "$bystander" >"$directory/pid"
        identity_of_bystander "$OTHER_BOOT" >"$directory/monitor"
        tail -n 2 "$directory/monitor" >"$directory/starttime"
    done
}

# The runtime's own state is in memory, and does not outlive a boot; nor do cgroups.
forget() {
    local cgroup
    timeout 30 "$RUNTIME" --root "$ROOTS/$RUNTIME" delete -f "$1" </dev/null &>/dev/null 3>&- || true
    rm -rf "${ROOTS:?}/$RUNTIME/$1"
    for cgroup in $(marked_cgroups); do rmdir "$cgroup" 2>/dev/null || true; done
}

long_lived() {
    bundle "long-$RUNTIME" 'trap "" TERM HUP; while :; do sleep 1000000; done'
}

@test "list and state say that it is stopped, and why its exit status is not known" {
    begin_bystander
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(long_lived)" "$ID"
        works exec -d --id more "$ID" -- sleep 1000000
        as_rebooted "$ID" init more
        works list --format json
        is "$(jq -r '.[0] | .status, .pid, .exitStatus' <<<"$output" | xargs)" "stopped 0 null"
        works state "$ID"
        is "$(jq -r '[.processes[].status] | unique[]' <<<"$output")" stopped
        is "$(jq -r '.exitUnknown, .processes[1].exitUnknown' <<<"$output" | cut -c1-14 | xargs)" \
            "host restarted host restarted"
        [[ ! -e $STATE/$ID/init/exitUnknown ]] # looking changes nothing
        works delete "$ID"
        unharmed
        nothing_is_left
    done
}

@test "wait says at once that nobody knows, and does so again" {
    begin_bystander
    for RUNTIME in $RUNTIMES; do
        for policy in kill adopt; do
            configure_runtime "$RUNTIME" "on-monitor-death: $policy"
            works run -d -r "$RUNTIME" -b "$(long_lived)" "$ID"
            as_rebooted "$ID" init
            for _ in 1 2; do
                LIMIT=$PATIENCE fails_with 1 wait "$ID"
                says "host restarted" "$ID"
            done
            is "$(field "$ID" .exitUnknown)" "host restarted, and nobody saw its end"
            unharmed
            works delete "$ID"
            nothing_is_left
        done
    done
}

@test "kill, exec, pause and their like find it not running" {
    begin_bystander
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(long_lived)" "$ID"
        as_rebooted "$ID" init
        for signal in TERM KILL USR1 STOP; do
            fails_with 1 kill "$ID" "$signal"
            says "not running"
        done
        fails_with 125 exec "$ID" -- true
        for command in pause resume start ps; do
            fails_with 1 "$command" "$ID"
        done
        unharmed
        works delete --force "$ID"
        unharmed
        nothing_is_left
    done
}

@test "delete removes it, whatever its status was, and the id is free again" {
    begin_bystander
    for RUNTIME in $RUNTIMES; do
        for before in created running paused; do
            works run -d -r "$RUNTIME" -b "$(long_lived)" "$ID"
            as_rebooted "$ID" init
            echo "$before" >"$STATE/$ID/init/status"
            is "$(field "$ID" .status)" stopped "what was $before"
            works delete "$ID"
            unharmed
            nothing_is_left
        done
        works run -r "$RUNTIME" --rm -b "$(bundle "again-$RUNTIME" :)" "$ID"
    done
}

@test "what had ended before keeps its exit status" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "seven-$RUNTIME" 'exit 7')" "$ID"
        gives 7 "$ID"
        sed -i "2s/.*/$OTHER_BOOT/" "$STATE/$ID/init/starttime"
        sed -i "3s/.*/$OTHER_BOOT/" "$STATE/$ID/init/monitor"
        gives 7 "$ID"
        is "$(field "$ID" '.status, .exitUnknown' | xargs)" "stopped null"
        works delete "$ID"
        nothing_is_left
    done
}

@test "a spawn that the reboot cut off is incomplete, and can be deleted" {
    begin_bystander
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(long_lived)" "$ID"
        as_rebooted "$ID" init
        rm "$STATE/$ID/init"/{pid,starttime,status}
        is "$(field "$ID" .status)" incomplete
        works delete "$ID"
        unharmed
        nothing_is_left
    done
}
