#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pause, resume, ps, update, checkpoint and restore.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

@test "pause freezes, resume thaws" {
    for RUNTIME in $RUNTIMES; do
        event "ask-$RUNTIME" "answer-$RUNTIME"
        path=$(bundle pause "read line < /events/ask-$RUNTIME; echo answer > /events/answer-$RUNTIME; $FOREVER")
        works run -d -r "$RUNTIME" -b "$path" "$ID"
        works pause "$ID"
        is "$(field "$ID" .status)" paused
        is "$(cat "$STATE/$ID/init/status")" paused
        works list
        says paused
        fails_with 1 pause "$ID"
        fails_with 1 delete "$ID"
        works resume "$ID"
        is "$(field "$ID" .status)" running
        fails_with 1 resume "$ID"
        give "ask-$RUNTIME"
        is "$(await "answer-$RUNTIME")" answer
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "a pause that failed after it was done is an error, and the container is paused" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" pause \
            '"$real" "$@" && echo "failed in the end" >&2; exit 1')"
        works run -d -r "$RUNTIME" -b "$(bundle failed "$FOREVER")" "$ID"
        fails_with 1 pause "$ID"
        says "failed in the end"
        is "$(field "$ID" .status)" paused
        is "$(cat "$STATE/$ID/init/status")" paused
        works check
        works resume "$ID"
        fails_with 1 pause "$ID"
        works kill "$ID" KILL
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "the mark of a change replaces what is none; a directory is left alone" {
    RUNTIME=${RUNTIMES%% *}
    mark=$STATE/$ID/init/.changing
    works run -d -r "$RUNTIME" -b "$(bundle marked "$FOREVER")" "$ID"
    echo none >"$mark"
    works pause "$ID"
    [[ ! -e $mark ]]
    mkdir "$mark"
    fails_with 1 resume "$ID"
    says "cannot mark the process as being changed"
    is "$(field "$ID" .status)" paused
    rmdir "$mark"
    works resume "$ID"
    works delete --force "$ID"
    nothing_is_left
}

@test "a paused container is killed and deleted by force" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle paused "$FOREVER")" "$ID"
        works pause "$ID"
        LIMIT=60 works delete --force "$ID"
        nothing_is_left
    done
}

@test "what is killed while it is being paused dies" {
    for RUNTIME in $RUNTIMES; do
        stops
        configure_runtime "$RUNTIME" "binary: $(wrapped "$(runtime_binary "$RUNTIME")" pause \
            "\"\$real\" \"\$@\"; status=\$?; $STOP; exit \$status")"
        works run -d -r "$RUNTIME" -b "$(bundle killed "$FOREVER")" "$ID"
        in_background pause "$ID"
        host=$!
        reached
        works kill "$ID" KILL
        let_go
        joins "$host"
        is "$status $output" "0 "
        gives 137 --timeout "${PATIENCE}s" "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "to die, the paused container is resumed only as long as the id is its own" {
    [[ -d /sys/fs/cgroup/freezer ]] || skip "of cgroup v2, what is frozen dies all the same"
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle own "$FOREVER")" "$ID"
        works pause "$ID"
        hold
        in_background kill "$ID" KILL
        host=$!
        eventually waiters 1
        no is_over "$(pid_of "$ID")"
        let_go
        joins "$host"
        is "$status $output" "0 "
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "what has no terminal is not resized" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle resize "$FOREVER")" "$ID"
        works exec -d --id worker "$ID" -- sleep 1000
        fails_with 1 resize "$ID" 80x24
        says "container $ID, process init has no terminal to resize" "-t"
        fails_with 1 resize --process-id worker "$ID" 80x24
        says "process worker has no terminal"
        works kill "$ID" KILL
        gives 137 "$ID"
        eventually is_over "$(monitor_of "$ID")" # which takes lines until it has cleaned up
        fails_with 1 resize "$ID" 80x24
        says "not running"
        works delete "$ID"
        nothing_is_left
    done
}

@test "ps lists every process of the container" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle ps "sleep 1000 & sleep 1000 & echo > /events/ready-$RUNTIME; wait")" "$ID"
        await "ready-$RUNTIME"
        works ps "$ID"
        says "$(pid_of "$ID")"
        is "$(grep -cE '(^|[^0-9])[0-9]+' <<<"$(grep -v -i pid <<<"$output")")" 3 "processes ($output)"
        works delete --force "$ID"
        fails_with 1 ps "$ID"
        nothing_is_left
    done
}

@test "update changes the limits" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle update "$FOREVER" '.linux.resources = {pids: {limit: 50}}')" "$ID"
        echo '{"pids": {"limit": 40}}' >"$T/resources.json"
        works update --resources "$T/resources.json" "$ID"
        is "$(cat "$(pids_cgroup "$ID")/pids.max")" 40
        echo '{"pids": ' >"$T/broken.json"
        fails_with 1 update --resources "$T/broken.json" "$ID"
        fails_with 1 update --resources "$T/nonexist.json" "$ID"
        says nonexist.json
        works delete --force "$ID"
        nothing_is_left
    done
}

pids_cgroup() {
    find /sys/fs/cgroup -type f -path "*/$1/pids.max" -printf '%h\n' -quit
}

# Whether it can work depends on criu and on the kernel; where it cannot, that is what is to be said.
@test "checkpoint and restore work, or say in words why this machine cannot" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle checkpoint "$FOREVER")" "$ID"
        mkdir -p "$T/image-$RUNTIME"
        captures shimhost checkpoint --image-path "$T/image-$RUNTIME" "$ID"
        if [[ $status == 0 ]]; then
            gives 137 "$ID"
            works delete "$ID"
            works restore -r "$RUNTIME" -b "$BUNDLES/checkpoint" --image-path "$T/image-$RUNTIME" "$ID"
            is "$(field "$ID" .status)" running
        else
            is "$status" 1
            [[ ${output,,} == *criu* || ${output,,} == *checkpoint* ]] || says criu
            is "$(field "$ID" .status)" running
        fi
        works delete --force "$ID"
        captures shimhost restore -r "$RUNTIME" -b "$BUNDLES/checkpoint" --image-path "$T/nonexist" "$ID"
        [[ $status == 1 || $status == 125 ]]
        nothing_is_left
    done
}

@test "a checkpoint takes as long as it takes" {
    binary=$BUILD/t/fake-runtime/fake-runtime
    configure_runtime fake 'plugin: oci' "binary: $binary"
    works run -d -r fake -b "$(bundle large 'exec sleep 1000')" "$ID"
    # Longer than all time-outs and the 10 s that any other entry of a plugin has beyond them.
    configure_runtime fake 'plugin: oci' "binary: $(wrapped "$binary" checkpoint 'sleep 11; exit 0')" \
        'timeouts: {spawn: 100ms, signal: 100ms, delete: 100ms}'
    LIMIT=60 works checkpoint --image-path "$T/image" "$ID"
    configure_runtime fake 'plugin: oci' "binary: $binary"
    works delete --force "$ID"
    nothing_is_left
}

# A user namespace: who is root in the container is somebody else outside, and still owns its streams.
@test "root in a user namespace owns its streams" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle userns 'echo hello > /proc/self/fd/1; exit 3' '
            .linux.namespaces += [{type: "user"}] |
            .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
            .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]')
        chmod 755 "$T" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
        fails_with 3 run -r "$RUNTIME" -b "$path" --stdout "file:$T/owned-$RUNTIME" --stderr null --rm "$ID"
        is "$(cat "$T/owned-$RUNTIME")" hello
        nothing_is_left
    done
}

@test "who is not root in the container can open its output again" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "nobody-$RUNTIME" 'echo hello >/proc/self/fd/1 && echo bye >>/proc/self/fd/1; exit 3' '.process.user = {uid: 1000, gid: 1000}')
        mkfifo "$T/fifo"
        timeout "$PATIENCE" cat "$T/fifo" >"$T/read" &
        fails_with 3 run -r "$RUNTIME" -b "$path" --stdout "fifo:$T/fifo" --rm "$ID"
        wait $!
        is "$(xargs <"$T/read")" "hello bye" "what came through a FIFO"
        fails_with 3 run -r "$RUNTIME" -b "$path" --log "k8s-file:$T/log" --rm "$ID"
        is "$(cut -d' ' -f4 "$T/log" | xargs)" "hello bye" "what came through a pipe"
        rm "$T/fifo" "$T/log"
        nothing_is_left
    done
}
