#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `shimhost check`: what it finds, what it mends, and what it leaves alone.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=
FOREVER='exec sleep 1000'

# Two runtimes that are quick and need no cgroups: one of the OCI command line, and the plugin that has none.
test_setup() {
    configure_runtime fake 'plugin: oci' "binary: $BUILD/t/fake-runtime/fake-runtime"
    configure_runtime process
    configure 'default-runtime: fake'
    sed -i '/^default-runtime: $/d' "$SHIMHOST_CONFIG"
}

adopting() {
    echo 'on-monitor-death: adopt' >>"$T/etc/runtimes.d/$1.yaml"
}

is_well() {
    works check
    says "all is well"
}

# finds KIND [COUNT]: check ends with 1 and reports exactly this.
finds() {
    local kinds
    captures shimhost check --format json
    is "$status" 1 "exit status of check ($output)"
    kinds=$(jq -r '[.findings[].kind] | join(" ")' <<<"$output")
    is "$kinds" "$1" "kinds of what is found"
    is "$(jq -r '[.findings[] | select(.mended)] | length' <<<"$output")" 0 "number of what is mended"
    is "$(jq -r '[.findings[] | select(.advice == "")] | length' <<<"$output")" 0 "number without advice"
}

# mends: check --repair ends with 0, and afterwards all is well.
mends() {
    works check --repair
    says "mended: "
    is_well
}

# cannot_mend KIND: it explains, and the next check finds the same.
cannot_mend() {
    fails_with 1 check --repair
    says "$1" "; "
    says_not "mended: "
    finds "$1"
}

@test "an empty state directory is well, and so are containers in every state" {
    is_well
    says "0 containers with 0 processes"
    for RUNTIME in fake process; do
        works create -r "$RUNTIME" -b "$(bundle created "$FOREVER")" "$ID-created"
        works run -d -r "$RUNTIME" -b "$(bundle running "$FOREVER")" "$ID-running"
        works exec -d --id worker "$ID-running" -- sh -c "$FOREVER"
        works exec "$ID-running" -- true
        works run -r "$RUNTIME" -b "$(bundle over :)" "$ID-over"
        eventually is_well
        says "3 containers with 4 processes"
        works check --format json
        is "$(jq -c . <<<"$output")" '{"findings":[],"containers":3,"processes":4,"busy":0}'
        works delete --force --process-id worker "$ID-running"
        for id in created running over; do works delete --force "$ID-$id"; done
        nothing_is_left
    done
}

@test "a live process without a monitor is adopted where the policy says so, and runs on" {
    for RUNTIME in fake process; do
        adopting "$RUNTIME"
        event "go-$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle adopt "read line <$EVENTS/go-$RUNTIME; exit 3")" "$ID"
        pid=$(pid_of "$ID")
        kill_monitor
        finds monitor-lost
        no is_over "$pid"
        mends
        is "$(pid_of "$ID")" "$pid"
        no is_over "$pid"
        give "go-$RUNTIME"
        if kernel_is_at_least 6 15; then gives 3 "$ID"; else captures shimhost wait "$ID"; fi
        works delete "$ID"
        nothing_is_left
    done
}

@test "a live process without a monitor is never killed by a repair" {
    for RUNTIME in fake process; do
        works run -d -r "$RUNTIME" -b "$(bundle kill "$FOREVER")" "$ID"
        pid=$(pid_of "$ID")
        kill_monitor
        cannot_mend monitor-lost
        says on-monitor-death
        no is_over "$pid"
        gives 137 "$ID"
        is_well
        works delete "$ID"
        nothing_is_left
    done
}

@test "what was not to be adopted when it was spawned can be, once the policy says so" {
    for RUNTIME in fake process; do
        works run -d -r "$RUNTIME" -b "$(bundle later "$FOREVER")" "$ID"
        works exec -d --id worker "$ID" -- sh -c "$FOREVER"
        pid=$(pid_of "$ID")
        kill_monitor
        kill_monitor worker
        adopting "$RUNTIME"
        mends
        no is_over "$pid"
        works kill --process-id worker "$ID" KILL
        gives 137 --process-id worker "$ID"
        works kill "$ID" KILL
        gives 137 "$ID"
        eventually is_over "$(monitor_of "$ID")"
        # What its monitor was never told to clean is found.
        [[ ! -e $STATE/$ID/init/.cleaned ]]
        works delete "$ID"
        is "$(find "$ROOTS" -name "$ID")" ""
        nothing_is_left
    done
}

@test "an end that nobody saw is announced as unknown" {
    for RUNTIME in fake process; do
        works run -d -r "$RUNTIME" -b "$(bundle unseen "$FOREVER")" "$ID"
        pid=$(pid_of "$ID")
        kill_monitor
        kill_and_await "$pid"
        finds end-unrecorded
        [[ ! -e $STATE/$ID/init/exitUnknown ]]
        works check --repair
        says end-unrecorded "mended: "
        [[ -s $STATE/$ID/init/exitUnknown ]]
        fails_with 1 wait "$ID"
        says "exit status is unknown"
        # What the monitor would have cleaned is found the next time.
        finds uncleaned
        mends
        is "$(find "$ROOTS" -name "$ID")" ""
        works delete "$ID"
        nothing_is_left
    done
}

@test "a spawn that never finished is deleted, unless a host is at it" {
    is_well
    mkdir -m 700 "$STATE/$ID" "$STATE/$ID/init"
    finds unfinished
    [[ -d $STATE/$ID ]]
    mends
    nothing_is_left
    mkdir -m 700 "$STATE/$ID"
    : >"$STATE/$ID/.lock"
    # A host that works on it holds its lock.
    "$HELPERS/hold-lock" "$STATE/$ID/.lock" sh -c "$SHIMHOST check --repair >$T/busy 2>&1" 3>&-
    output=$(cat "$T/busy")
    says "passed over"
    [[ -d $STATE/$ID ]]
    mends
    nothing_is_left
}

@test "an exec whose spawn never finished is deleted, and its container runs on" {
    works run -d -b "$(bundle exec "$FOREVER")" "$ID"
    mkdir -m 700 "$STATE/$ID/worker"
    finds unfinished
    mends
    [[ ! -e $STATE/$ID/worker ]]
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
    nothing_is_left
}

@test "what is damaged is explained and left alone" {
    works run -d -b "$(bundle damaged "$FOREVER")" "$ID"
    for file in init/pid init/starttime init/monitor init/status init/exitStatus init/process.json container.json; do
        cp "$STATE/$ID/$file" "$T/whole" 2>/dev/null || rm -f "$T/whole"
        echo '{' >"$STATE/$ID/$file"
        cannot_mend damaged
        says "$ID"
        rm "$STATE/$ID/$file"
        [[ ! -e $T/whole ]] || cp "$T/whole" "$STATE/$ID/$file"
        is_well
    done
    for file in init/process.json init/exit init/control; do
        mv "$STATE/$ID/$file" "$T/whole"
        cannot_mend damaged
        says "${file#init/}"
        : >"$STATE/$ID/$file"
        cannot_mend damaged
        says "${file#init/}"
        rm "$STATE/$ID/$file"
        mv "$T/whole" "$STATE/$ID/$file"
        is_well
    done
    # What its record would tell is not needed to delete it.
    pid=$(pid_of "$ID")
    rm "$STATE/$ID/init/process.json"
    fails_with 1 delete "$ID"
    says "process.json"
    no is_over "$pid"
    works delete --force "$ID"
    is_over "$pid"
    nothing_is_left
}

@test "an untrue status is made true" {
    works run -d -b "$(bundle status "$FOREVER")" "$ID"
    echo stopped >"$STATE/$ID/init/status"
    finds status-untrue
    mends
    is "$(cat "$STATE/$ID/init/status")" running
    echo created >"$STATE/$ID/init/status"
    : >"$STATE/$ID/init/.changing"
    finds interrupted
    mends
    is "$(cat "$STATE/$ID/init/status")" running
    works kill "$ID" KILL
    gives 137 "$ID"
    eventually is_over "$(monitor_of "$ID")"
    echo running >"$STATE/$ID/init/status"
    finds status-untrue
    mends
    works delete "$ID"
    nothing_is_left
}

watches() {
    [[ $(readlink "/proc/$1/fd/"*) == *inotify* ]]
}

@test "a status that its monitor is about to write is waited for, and for no longer than a moment" {
    for RUNTIME in fake process; do
        works run -d -r "$RUNTIME" -b "$(bundle late "$FOREVER")" "$ID"
        mv "$STATE/$ID/init/status" "$STATE/$ID/init/.status.1.tmp"
        "$SHIMHOST" check --repair </dev/null >"$T/out" 2>&1 3>&- &
        eventually watches $!
        mv "$STATE/$ID/init/.status.1.tmp" "$STATE/$ID/init/status"
        wait $!
        output=$(cat "$T/out")
        says "all is well"
        rm "$STATE/$ID/init/status"
        finds status-untrue
        mends
        is "$(cat "$STATE/$ID/init/status")" running
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "what is adopted without a status gets the one that its runtime tells, an exec its own" {
    for RUNTIME in fake process; do
        adopting "$RUNTIME"
        works create -r "$RUNTIME" -b "$(bundle created "$FOREVER")" "$ID"
        kill_monitor
        rm "$STATE/$ID/init/status"
        mends
        is "$(cat "$STATE/$ID/init/status")" created
        works start "$ID"
        works exec -d --id worker "$ID" -- sh -c "$FOREVER"
        works pause "$ID"
        kill_monitor
        kill_monitor worker
        rm "$STATE/$ID/init/status" "$STATE/$ID/worker/status"
        mends
        is "$(cat "$STATE/$ID/init/status" "$STATE/$ID/worker/status" | xargs)" "paused running"
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "what lives without a status is what its runtime tells, for every command" {
    for RUNTIME in fake process; do
        works create -r "$RUNTIME" -b "$(bundle unsaid "$FOREVER")" "$ID"
        rm "$STATE/$ID/init/status"
        is "$(field "$ID" .status)" created
        works start "$ID"
        works exec -d --id worker "$ID" -- sh -c "$FOREVER"
        rm "$STATE/$ID/init/status" "$STATE/$ID/worker/status"
        is "$(field "$ID" '[.processes[].status] | join(" ")')" "running running"
        fails_with 1 delete "$ID"
        says "is running; kill it first"
        works kill --process-id worker "$ID" KILL
        works wait --process-id worker "$ID"
        LIMIT=8 works delete --force "$ID"
        nothing_is_left
    done
}

@test "what lives without a status lives, also if its runtime does not say what it is" {
    works run -d -b "$(bundle untold "$FOREVER")" "$ID"
    kill_monitor
    rm "$STATE/$ID/init/status"
    pid=$(pid_of "$ID")
    configure_runtime fake 'plugin: oci' "binary: $(wrapped "$BUILD/t/fake-runtime/fake-runtime" state 'exit 1')"
    fails_with 1 delete "$ID"
    says "kill it first"
    no is_over "$pid"
    works kill "$ID" KILL
    eventually is_over "$pid"
    works delete "$ID"
    nothing_is_left
    works run -d -b "$(bundle untold "$FOREVER")" "$ID"
    kill_monitor
    rm "$STATE/$ID/init/status"
    pid=$(pid_of "$ID")
    works delete --force "$ID"
    is_over "$pid"
    nothing_is_left
}

@test "a container is not begun with a root in the state directory; one that has it is handled" {
    works run -d -b "$(bundle inside "$FOREVER")" "$ID"
    configure_runtime fake 'plugin: oci' "binary: $BUILD/t/fake-runtime/fake-runtime" "root: $STATE/fake"
    fails_with 125 run -b "$BUNDLES/inside" "$ID-other"
    says "runtime fake" "$STATE/fake is in the state directory"
    # A hidden one is no container's.
    configure_runtime fake 'plugin: oci' "binary: $BUILD/t/fake-runtime/fake-runtime" "root: $STATE/.fake/deep"
    mkdir "$STATE/.fake"
    works run -d -b "$BUNDLES/inside" "$ID-other"
    is_well
    works delete --force "$ID-other"
    mkdir "$STATE/.fak"
    cannot_mend stranger
    says .fak,
    rmdir "$STATE/.fak"
    rm -r "$STATE/.fake"
    works kill "$ID" KILL
    gives 137 "$ID"
    works delete "$ID"
    nothing_is_left
}

@test "an exec that is being removed is not damaged" {
    works run -d -b "$(bundle removed "$FOREVER")" "$ID"
    works exec -d --id worker "$ID" -- true
    works wait --process-id worker "$ID"
    eventually is_over "$(monitor_of "$ID" worker)"
    rm "$STATE/$ID/worker"/{exitStatus,monitor}
    flock "$STATE/$ID/worker" "$SHIMHOST" check >"$T/out" 3>&- || is "$(cat "$T/out")" "all is well"
    finds damaged
    works delete --force "$ID"
    nothing_is_left
}

@test "an exit status of a process that lives is a contradiction, and nothing is done" {
    works run -d -b "$(bundle contradiction "$FOREVER")" "$ID"
    echo 0 >"$STATE/$ID/init/exitStatus"
    cannot_mend contradiction
    no is_over "$(pid_of "$ID")"
    rm "$STATE/$ID/init/exitStatus"
    works delete --force "$ID"
    nothing_is_left
}

@test "temporary files of killed writers are removed, those of live ones and others' are not" {
    works run -d -b "$(bundle temporary "$FOREVER")" "$ID"
    touch "$STATE/$ID/.container.json.12.0.tmp" "$STATE/$ID/init/.status.12.0.tmp"
    touch "$STATE/$ID/init/.monitor.tmp" "$STATE/$ID/init/.plugin.tmp" "$STATE/$ID/init/.1.tmp"
    finds "leftover leftover"
    mends
    [[ -e $STATE/$ID/init/.monitor.tmp && -e $STATE/$ID/init/.plugin.tmp && -e $STATE/$ID/init/.1.tmp ]]
    works kill "$ID" KILL
    gives 137 "$ID"
    eventually is_over "$(monitor_of "$ID")"
    touch "$STATE/$ID/init/.monitor.tmp"
    finds leftover
    mends
    [[ ! -e $STATE/$ID/init/.monitor.tmp ]]
    works delete "$ID"
    nothing_is_left
}

@test "strange files, and a runtime's container that has no directory, are explained" {
    is_well
    touch "$STATE/note"
    cannot_mend stranger
    says note
    rm "$STATE/note"
    works run -d -b "$(bundle strange "$FOREVER")" "$ID"
    ln -s /etc "$STATE/$ID/link"
    cannot_mend stranger
    says link
    rm "$STATE/$ID/link"
    mkdir "$ROOTS/fake/$ID-nobody"
    cannot_mend runtime-state
    says "$ID-nobody" "$ROOTS/fake"
    rmdir "$ROOTS/fake/$ID-nobody"
    works delete --force "$ID"
    nothing_is_left
}

# mounted_on DIRECTORY ARGUMENT…: the program, where something is mounted there, which only it sees.
mounted_on() {
    # shellcheck disable=SC2016
    timeout 60 unshare --mount -- sh -euc 'mount -t tmpfs -o size=64k shimhost-test "$0"; exec "$@"' "$1" "$SHIMHOST" "${@:2}" \
        </dev/null 3>&-
}

@test "what is mounted below the state directory is found, and in the way of a removal" {
    works run -b "$(bundle mounts :)" "$ID"
    eventually is_over "$(monitor_of "$ID")"
    mkdir "$STATE/$ID/init/mounted" "$STATE-beside"
    captures mounted_on "$STATE-beside" check
    is "$status" 0
    captures mounted_on "$STATE/$ID/init/mounted" check --format json
    is "$status $(jq -r '.findings[] | [.kind, .message, .mended] | join(", ")' <<<"$output")" \
        "1 mount, something is mounted on $STATE/$ID/init/mounted, false"
    captures mounted_on "$STATE/$ID/init/mounted" check --repair
    is "$status" 1
    says "unmount it"
    captures mounted_on "$STATE/$ID/init/mounted" delete "$ID"
    is "$status" 1
    says "something is mounted there; unmount it first"
    rmdir "$STATE-beside"
    works delete "$ID"
    nothing_is_left
}

@test "a monitor whose directory is gone is found" {
    works run -d -b "$(bundle stray "$FOREVER")" "$ID"
    monitor=$(monitor_of "$ID")
    mv "$STATE/$ID" "$T/away"
    rm -r "$T/away"
    captures shimhost check
    is "$status" 1
    # Where a directory went that was moved before it was removed, nobody knows.
    says "$ID"
    kill_and_await "$monitor"
    "$BUILD/t/fake-runtime/fake-runtime" --root "$ROOTS/fake" delete -f "$ID"
    works run -d -b "$(bundle stray "$FOREVER")" "$ID"
    monitor=$(monitor_of "$ID")
    rm -r "${STATE:?}/$ID"
    captures shimhost check
    says stray-monitor "process $monitor"
    no is_over "$monitor"
    kill_and_await "$monitor"
    "$BUILD/t/fake-runtime/fake-runtime" --root "$ROOTS/fake" delete -f "$ID"
    is_well
    nothing_is_left
}

# Prints its own pid and its child's, and both look like monitors of the directory, until somebody reads $T/end.
monitor_with_child() {
    cd "$1"
    printf shimhost-monito >"/proc/$BASHPID/comm"
    (echo "$1" >"$T/end") &
    echo "$BASHPID $!" >"$T/both"
    wait
}

@test "a monitor's child, which has its name until it becomes what it is made for, is no stray monitor" {
    works run -d -b "$(bundle child "$FOREVER")" "$ID"
    mkfifo "$T/both" "$T/end"
    monitor_with_child "$STATE/$ID/init" &>/dev/null 3>&- &
    read -r parent child <"$T/both"
    captures shimhost check
    says "process $parent is a monitor which" "process $child is a monitor which"
    cp "$STATE/$ID/init/monitor" "$T/monitor"
    {
        echo "$parent"
        sed 's/.*) //' "/proc/$parent/stat" | cut -d ' ' -f 20
        cat /proc/sys/kernel/random/boot_id
    } >"$STATE/$ID/init/monitor"
    captures shimhost check
    says "process $(head -n 1 "$T/monitor") is a monitor which"
    says_not "process $parent is" "process $child is"
    cp "$T/monitor" "$STATE/$ID/init/monitor"
    timeout "$PATIENCE" cat "$T/end"
    wait $!
    works delete --force "$ID"
    nothing_is_left
}

@test "a zombie that nobody reaps is found, once its end has been told" {
    adopting process
    mkfifo "$T/left"
    "$HELPERS/orphanage" keep "$SHIMHOST" run -d -r process -b "$(bundle zombie "$FOREVER")" "$ID" \
        </dev/null >"$T/left" 2>"$T/said" 3>&- &
    orphanage=$!
    timeout "$PATIENCE" cat "$T/left"
    kill_monitor
    mends
    works kill "$ID" KILL
    gives 137 "$ID"
    pid=$(pid_of "$ID")
    eventually is_over "$(monitor_of "$ID")"
    cannot_mend zombie
    says "$pid" "$orphanage"
    kill "$orphanage"
    eventually is_well
    works delete "$ID"
    nothing_is_left
}

# elsewhere ARGUMENT…: shimhost with another state directory and the same runtimes, whose roots both use.
elsewhere() {
    captures shimhost --state-dir "$T/elsewhere" "$@"
    is "$status" 0 "exit status of $* ($output)"
}

@test "what a runtime has of an id again that was cleaned up is found, and removed only if it is dead" {
    captures shimhost run -b "$(bundle again 'exit 7')" "$ID"
    is "$status" 7
    eventually is_over "$(monitor_of "$ID")"
    is_well
    elsewhere run -d -b "$(bundle another "$FOREVER")" "$ID"
    pid=$(cat "$T/elsewhere/$ID/init/pid")
    cannot_mend uncleaned
    says "may be another's"
    says "$ROOTS/fake/$ID"
    no is_over "$pid"
    works delete "$ID"
    no is_over "$pid"
    captures shimhost run -b "$(bundle again 'exit 7')" "$ID"
    is "$status" 125
    says "already has a container of this id"
    elsewhere delete --force "$ID"
    nothing_is_left
    # Dead, and its runtime says so: nobody deletes what is over but a host or a monitor.
    captures shimhost run -b "$(bundle again 'exit 7')" "$ID"
    is "$status" 7
    eventually is_over "$(monitor_of "$ID")"
    elsewhere run -d -b "$(bundle another "$FOREVER")" "$ID"
    kill_and_await "$(head -n 1 "$T/elsewhere/$ID/init/monitor")"
    kill_and_await "$(cat "$T/elsewhere/$ID/init/pid")"
    finds uncleaned
    mends
    [[ ! -e $ROOTS/fake/$ID ]]
    elsewhere delete "$ID"
    works delete "$ID"
    nothing_is_left
}

@test "a spawn that came to no monitor is deleted, and another's container of its id lives on" {
    elsewhere run -d -b "$(bundle another "$FOREVER")" "$ID"
    pid=$(cat "$T/elsewhere/$ID/init/pid")
    for command in "delete $ID" "check --repair"; do
        mkdir -p "$STATE/$ID/init"
        chmod 700 "$STATE"
        cp "$T/elsewhere/$ID/container.json" "$STATE/$ID"
        cp "$T/elsewhere/$ID/init/process.json" "$STATE/$ID/init"
        captures shimhost $command
        says_not "could not"
        [[ ! -e $STATE/$ID ]]
        no is_over "$pid"
    done
    elsewhere delete --force "$ID"
    nothing_is_left
}

@test "a directory that no spawn has made is not deleted" {
    mkdir -m 700 -p "$STATE/web/rootfs/bin"
    chmod 700 "$STATE"
    : >"$STATE/web/config.json"
    mkdir -m 700 -p "$STATE/runc/other"
    : >"$STATE/runc/other/state.json"
    for command in "delete web" "delete runc" "delete --process-id rootfs web" "delete --process-id other runc" "check --repair"; do
        fails_with 1 $command
        says_not "; mended: "
    done
    [[ -d $STATE/web/rootfs/bin && -e $STATE/web/config.json && -e $STATE/runc/other/state.json ]]
    rm -r "$STATE/web" "$STATE/runc"
    nothing_is_left
}
