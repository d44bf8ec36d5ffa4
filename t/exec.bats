#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Further processes in a running container.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

running() {
    works run -d -r "$RUNTIME" -b "$(bundle "exec-$RUNTIME" "$FOREVER")" "$ID"
}

gone() {
    works delete --force "$ID"
    nothing_is_left
}

@test "exec passes the exit status through, and its output" {
    for RUNTIME in $RUNTIMES; do
        running
        for expected in 0 7 255; do
            fails_with "$expected" exec "$ID" -- sh -c "exit $expected"
        done
        fails_with 137 exec "$ID" -- sh -c 'kill -KILL $$'
        works exec "$ID" -- echo hello
        is "$output" hello
        fails_with 127 exec "$ID" -- /bin/nonexist
        fails_with 126 exec "$ID" -- /etc/text
        is "$(ls "$STATE/$ID" | grep -v '^container.json$' | xargs)" init
        gone
    done
}

@test "exec takes a user, a directory and environment" {
    for RUNTIME in $RUNTIMES; do
        running
        works exec -u 5:6 "$ID" -- sh -c 'echo $(id -u) $(id -g)'
        is "$output" "5 6"
        works exec -w /etc "$ID" -- pwd
        is "$output" /etc
        works exec -e FIRST=1 -e 'SECOND=a b' "$ID" -- sh -c 'echo "$FIRST $SECOND"'
        is "$output" "1 a b"
        fails_with 125 exec -u nonsense "$ID" -- true
        captures shimhost exec -w /nonexist "$ID" -- true
        [[ $status != 0 ]]
        gone
    done
}

@test "exec -u leaves the group, unless that is given, and the additional groups" {
    for RUNTIME in $RUNTIMES process; do
        configure_runtime "$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle "user-$RUNTIME" "$FOREVER" \
            '.process.user = {uid: 3, gid: 4, additionalGids: [7, 8]}')" "$ID"
        works exec -u 5 "$ID" -- sh -c 'echo $(id -u) $(id -g) $(grep Groups /proc/self/status)'
        is "$output" "5 4 Groups: 7 8"
        works exec -u 5:6 "$ID" -- sh -c 'echo $(id -u) $(id -g) $(grep Groups /proc/self/status)'
        is "$output" "5 6 Groups: 7 8"
        gone
    done
    works run -d -r process -b "$(bundle nobody "$FOREVER" 'del(.process.user)')" "$ID"
    works exec -u 5 "$ID" -- sh -c 'echo $(id -u) $(id -g)'
    is "$output" "5 0"
    gone
}

@test "exec takes an OCI process object" {
    for RUNTIME in $RUNTIMES; do
        running
        jq '.process | .args = ["sh", "-c", "echo $GREETING from $(id -u); exit 8"] | .user.uid = 4 |
            .env += ["GREETING=hello"]' "$TESTS/config.json" >"$T/process.json"
        fails_with 8 exec --process "$T/process.json" "$ID"
        is "$output" "hello from 4"
        fails_with 125 exec --process "$T/nonexist.json" "$ID"
        says "$T/nonexist.json"
        echo '{' >"$T/broken.json"
        fails_with 125 exec --process "$T/broken.json" "$ID"
        gone
    done
}

@test "what a bundle or a process object says under the names of ours is nobody's" {
    for RUNTIME in process $RUNTIMES; do
        configure_runtime "$RUNTIME"
        ours='.checkpoint = {a: 1} | .exec = 5 | .stdin = {} | .stdout = 7 | .stderr = [] | .runtimeArgs = "x" |
            .noPivotRoot = "x" | .rootUID = "x" | .rootGID = "x"'
        fails_with 4 run --rm -r "$RUNTIME" -b "$(bundle ours 'exit 4' ".process |= ($ours)")" "$ID"
        works run -d -r "$RUNTIME" -b "$(bundle ours-long "$FOREVER" ".process |= ($ours)")" "$ID"
        jq ".process | .args = [\"sh\", \"-c\", \"exit 3\"] | $ours" "$TESTS/config.json" >"$T/process.json"
        fails_with 3 exec --process "$T/process.json" "$ID"
        works kill "$ID" KILL
        gives 137 "$ID"
        gone
    done
}

@test "exec --pid-file gets the pid of the exec, or none" {
    RUNTIME=process
    configure_runtime process
    running
    works exec -d --id more --pid-file "$T/pid" "$ID" -- sleep 1000
    is "$(cat "$T/pid")" "$(pid_of "$ID" more)"
    works delete --force --process-id more "$ID"
    rm "$T/pid"
    # It is removed when its host is about to look at it: the first time that a directory is read.
    needs strace
    (ASAN_OPTIONS=$UNSEARCHED exec timeout 60 strace -qq -o "$T/trace" -e trace=getdents64 \
        -e inject=getdents64:signal=STOP:when=1 \
        "$SHIMHOST" exec -d --id more --pid-file "$T/pid" "$ID" -- sleep 1000 </dev/null >"$T/out" 2>&1 3>&-) &
    job=$!
    eventually stops "$job"
    works delete --force --process-id more "$ID"
    kill -CONT "$host"
    wait "$job" || status=$?
    is "$status" 125
    [[ ! -e $T/pid ]]
    gone
}

# stops JOB: the host, a child of strace, a child of timeout; its pid is in $host.
stops() {
    host=$(pgrep -P "$(pgrep -P "$1")") && [[ $(cut -d' ' -f3 "/proc/$host/stat") == [tT] ]]
}

@test "exec is given up while it reads a process object that does not end" {
    mkfifo "$T/process.json"
    sleep 1000 >"$T/process.json" 3>&- &
    writer=$!
    in_background exec --process "$T/process.json" "$ID"
    job=$!
    eventually reads "$job" "$T/process.json"
    kill -TERM "$job"
    PATIENCE=5 joins "$job"
    is "$status" 143
    kill "$writer"
}

reads() {
    [[ $(find "/proc/$1/fd" -lname "$2") ]]
}

@test "a detached exec is waited for, killed and shown by its id" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME"
        running
        works exec -d --id worker "$ID" -- sh -c "trap 'exit 12' TERM; echo > /events/ready-$RUNTIME; sleep 1000 & wait"
        await "ready-$RUNTIME"
        is "$(field "$ID" '.processes | tostring | contains("worker")')" true
        fails_with 125 exec -d --id worker "$ID" -- true
        says worker
        works kill --process-id worker "$ID" TERM
        gives 12 --process-id worker "$ID"
        gives 12 --process-id worker "$ID"
        is "$(field "$ID" .status)" running
        gone
    done
}

@test "ten at once, each with its own status" {
    for RUNTIME in $RUNTIMES; do
        running
        jobs=()
        for i in {1..10}; do
            in_background exec "$ID" -- sh -c "exit $((i + 20))"
            jobs+=($!)
        done
        for i in {1..10}; do
            joins "${jobs[i - 1]}"
            is "$status" $((i + 20))
        done
        gone
    done
}

@test "a host killed during exec takes nothing with it" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME" "go-$RUNTIME"
        running
        in_background exec --id alone "$ID" -- sh -c "echo > /events/ready-$RUNTIME; read line < /events/go-$RUNTIME; exit 13"
        job=$!
        await "ready-$RUNTIME"
        kill -KILL "$job"
        joins "$job"
        give "go-$RUNTIME"
        gives 13 --process-id alone "$ID"
        gone
    done
}

@test "exec is refused where there is nothing to execute in" {
    for RUNTIME in $RUNTIMES; do
        fails_with 125 exec "$ID" -- true
        says "$ID"
        works run -r "$RUNTIME" -b "$(bundle over :)" "$ID"
        fails_with 125 exec "$ID" -- true
        says stopped
        works delete "$ID"
        nothing_is_left
    done
}

@test "exec without a command, or with a bad id, is refused" {
    for RUNTIME in $RUNTIMES; do
        running
        for arguments in "$ID" "--id ../x $ID -- true" "--id init $ID -- true" "--nonsense $ID -- true"; do
            captures shimhost exec $arguments
            [[ $status == 125 || $status == 2 ]] || is "$status" 125 "exec $arguments"
        done
        gone
    done
}

@test "the container's end ends its execs, and says 137 of them" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME"
        running
        in_background exec --id worker "$ID" -- sh -c "echo > /events/ready-$RUNTIME; while :; do sleep 1000; done"
        job=$!
        await "ready-$RUNTIME"
        works kill "$ID" KILL
        joins "$job"
        is "$status" 137
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "what a runtime leaves of a container that is deleted is ended" {
    local monitored
    configure_runtime fake 'plugin: oci' "binary: $BUILD/t/fake-runtime/fake-runtime"
    for monitored in yes no; do
        works run -d -r fake -b "$(bundle left 'exec sleep 1000')" "$ID"
        works exec -d --id worker "$ID" -- sleep 1000
        pid=$(pid_of "$ID" worker)
        works kill "$ID" KILL
        gives 137 "$ID"
        [[ $monitored == yes ]] || kill_monitor worker
        no is_over "$pid"
        LIMIT=8 works delete "$ID"
        is_over "$pid"
        nothing_is_left
    done
}

# exec_with_child: an exec of the runtime process that has lost its monitor is $pid, and what it has brought forth $child.
exec_with_child() {
    configure_runtime process
    works run -d -r process -b "$(bundle forth 'exec sleep 1000')" "$ID"
    works exec -d --id worker "$ID" -- sh -c 'sleep 1000 & wait'
    pid=$(pid_of "$ID" worker)
    eventually reads_child "$pid"
    kill_monitor worker
}

# reads_child PID: its only child's pid is $child.
reads_child() {
    child=$(xargs <"/proc/$1/task/$1/children") && [[ $child ]]
}

@test "process: an exec that has lost its monitor takes along what it has brought forth" {
    exec_with_child
    works delete --force --process-id worker "$ID"
    eventually is_over "$child"
    gone
}

@test "process: what an exec has left that ended without a monitor goes with its deletion" {
    exec_with_child
    kill_and_await "$pid"
    captures shimhost wait --process-id worker "$ID"
    no is_over "$child"
    works delete --process-id worker "$ID"
    eventually is_over "$child"
    gone
}

@test "process: an exec that host and monitor left before they had recorded it is found nevertheless" {
    local deletion
    configure_runtime process
    for deletion in "--process-id worker" --force; do
        works run -d -r process -b "$(bundle cut 'exec sleep 1000')" "$ID"
        works exec -d --id worker "$ID" -- sleep 1000
        pid=$(pid_of "$ID" worker)
        kill_monitor worker
        rm "$STATE/$ID/worker/"{pid,starttime,status}
        # shellcheck disable=SC2086
        works delete $deletion "$ID"
        eventually is_over "$pid"
        captures shimhost delete --force "$ID"
        nothing_is_left
    done
}
