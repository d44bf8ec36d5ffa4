#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd without containerd: what each call may be refused for, and what is told when.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd
load containerd-wire

PROCESS_TYPE=types.containerd.io/opencontainers/runtime-spec/1/Process
RESOURCES_TYPE=types.containerd.io/opencontainers/runtime-spec/1/LinuxResources
GO_ZERO=-62135596800 # Go's zero time: not yet

# adds NAME EXEC SCRIPT: a further process, which is not started.
adds() {
    call Exec "$1" "exec_id=$2" "spec.type_url=$PROCESS_TYPE" \
        "spec.value={\"args\":[\"sh\",\"-c\",\"$3\"],\"cwd\":\"/\",\"env\":[\"PATH=/bin\",\"SHIMHOST_TEST=$ID\"],\"user\":{\"uid\":0,\"gid\":0}}"
}

# waits NAME [FIELD=VALUE]: a Wait in the background; its answer is in $T/waited, its job in $waiter.
waits() {
    "$CLIENT" call "$A" Wait "id=$ID-$1" "${@:2}" >"$T/waited" 2>&1 3>&- &
    waiter=$!
}

has_status_of() {
    call State "$1" "${@:3}"
    [[ $(value status) == "$2" ]]
}

# begins_running NAME [JQ-FILTER]
begins_running() {
    prepare "$@"
    begins "$1" </dev/null
    call Create "$1" "bundle=$B"
    call Start "$1"
}

# ends_running NAME
ends_running() {
    call Kill "$1" signal=9
    call Wait "$1"
    call Delete "$1"
    ends_server "$1"
}

@test "what is not there is not found; what is no name is refused" {
    local method
    begins_running a
    for method in State Start Delete Pids Pause Resume Kill ResizePty CloseIO Wait Stats; do
        refuses 5 "$method" nobody
    done
    refuses 5 Update nobody "resources.type_url=$RESOURCES_TYPE" 'resources.value={}'
    refuses 5 Checkpoint nobody "path=$T/image"
    refuses 5 Exec nobody exec_id=e "spec.type_url=$PROCESS_TYPE" 'spec.value={}'
    for method in State Start Delete Kill ResizePty CloseIO Wait; do
        refuses 5 "$method" a exec_id=nobody
    done
    call Connect nobody
    is "$(value task_pid)" ""
    ((0 < $(value shim_pid)))
    refuses 3 Create ../x "bundle=$B"
    refuses 3 Create x bundle=relative
    refuses 3 Exec a exec_id=../x "spec.type_url=$PROCESS_TYPE" 'spec.value={}'
    refuses 3 Exec a exec_id=x
    # Others are told to stay: the server has a container.
    call Shutdown nobody
    has_status_of a 2
    ends_running a
}

@test "a further process: added, started, paused with the container, ended, deleted, each at its time" {
    local AS
    hear_events
    for AS in shimhost shimhost-runc; do
        : >"$T/heard"
        begins_running a
        adds a e 'sleep 1000'
        refuses 6 Exec a exec_id=e "spec.type_url=$PROCESS_TYPE" 'spec.value={"args":["true"],"cwd":"/"}'
        call State a exec_id=e
        is "$(value status) $(value pid) $(value id) $(value exited_at.seconds)" "1  e $GO_ZERO"
        refuses 9 Kill a exec_id=e signal=9
        call ResizePty a exec_id=e width=80 height=24
        call CloseIO a exec_id=e input=true
        call Start a exec_id=e
        pid=$(value pid)
        refuses 9 Start a exec_id=e
        refuses 9 Delete a exec_id=e
        call Pids a
        # Whose further process it is stands beside its pid: a message with the one field "e".
        grep -qx "processes.pid=$pid" <<<"$output"
        grep -A 2 -x "processes.pid=$pid" <<<"$output" | grep -q "processes.info.type_url=containerd.runc.v1.ProcessDetails"
        call Pause a
        has_status_of a 4
        has_status_of a 4 exec_id=e
        call Resume a
        has_status_of a 2 exec_id=e
        call Kill a exec_id=e signal=0
        call Kill a exec_id=e signal=9
        call Wait a exec_id=e
        is "$(value exit_status)" 137
        refuses 5 Kill a exec_id=e signal=9
        has_status_of a 3 exec_id=e
        call Delete a exec_id=e
        is "$(value exit_status) $(value pid)" "137 $pid"
        refuses 5 State a exec_id=e
        # Its name is free again. This one is never started.
        adds a e 'true'
        call Delete a exec_id=e
        is "$(value pid)" ""
        ends_running a
        is "$(heard)" "create start exec-added exec-started paused resumed exit exec-added exit delete"
    done
    kill "$SINK"
}

# adds_reader NAME EXEC: one that reads to the end of the FIFO $T/input.
adds_reader() {
    call Exec "$1" "exec_id=$2" "input=$T/input" "spec.type_url=$PROCESS_TYPE" \
        'spec.value={"args":["sh","-c","[ \"$(cat)\" = fed ] && exit 5"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}'
}

@test "a further process whose input ends before its start has been told: it reads all of it, and the end" {
    local AS=slow starting
    stops
    configure_runtime slow "plugin: oci" "binary: $(wrapped "$(runtime_binary runc)" exec "$STOP")"
    shim_for slow
    mkfifo "$T/input"
    begins_running a
    for when in starting added; do
        adds_reader a e
        [[ $when == starting ]] || call CloseIO a exec_id=e input=true
        if [[ $when == added ]]; then
            kill -HUP "$(server)"
            eventually goes_on_as_another "$(server)"
        fi
        "$CLIENT" call "$A" Start "id=$ID-a" exec_id=e >"$T/started" 2>&1 3>&- &
        starting=$!
        reached
        echo fed >"$T/input"
        [[ $when == added ]] || call CloseIO a exec_id=e input=true
        let_go
        wait "$starting"
        SHIM_TIMEOUT=20000000000 call Wait a exec_id=e
        is "$(value exit_status)" 5
        call Delete a exec_id=e
    done
    ends_running a
}

@test "a further process may have any name that containerd allows, also one that a file of ours has" {
    local name
    begins_running a
    for name in init container.json; do
        adds a "$name" 'exit 3'
        call Start a "exec_id=$name"
        call Wait a "exec_id=$name"
        is "$(value exit_status)" 3
        call Delete a "exec_id=$name"
        is "$(value exit_status)" 3
    done
    ends_running a
}

@test "a further process that cannot be started: who waits for it is let go" {
    begins_running a
    call Exec a exec_id=e "spec.type_url=$PROCESS_TYPE" \
        'spec.value={"args":["/not/there"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}'
    waits a exec_id=e
    refuses 2 Start a exec_id=e
    says "OCI runtime exec failed" "/not/there"
    wait "$waiter"
    is "$(sed -n 's/^exit_status=//p' "$T/waited")" 255
    has_status_of a 3 exec_id=e
    refuses 9 Start a exec_id=e
    refuses 5 Kill a exec_id=e signal=9
    call Delete a exec_id=e
    call Exec a exec_id=e "spec.type_url=$PROCESS_TYPE" 'spec.value={"args":'
    refuses 2 Start a exec_id=e
    call Delete a exec_id=e
    has_status_of a 2
    ends_running a
}

# kills_helper: the one that is at work; its pid is in $killed.
kills_helper() {
    killed=$(pgrep -P "$(server)" -x shimhost-task)
    kill -KILL "$killed"
}

another_helper() {
    [[ $(pgrep -P "$(server)" -x shimhost-task) != @(""|"$killed") ]]
}

# The one that was to end what the first has begun dies, too.
kills_another() {
    eventually another_helper
    kills_helper
    let_go
}

@test "a further process whose helper dies while it starts it: nothing of it runs on, and its name is free" {
    local way starting killed AS=slow
    stops
    configure_runtime slow "plugin: oci" "binary: $(wrapped "$(runtime_binary runc)" exec "$STOP")"
    shim_for slow
    begins_running a
    # The runtime goes on meanwhile, or is ended where it is, or goes on and is ended only by Delete.
    for way in let_go : kills_another; do
        adds a e ": $ID-e; sleep 1000; :"
        "$CLIENT" call "$A" Start "id=$ID-a" exec_id=e >"$T/started" 2>&1 3>&- &
        starting=$!
        reached
        kills_helper
        "$way"
        status=0
        wait "$starting" || status=$?
        is "$status" 1
        grep -q "killed by signal 9" "$T/started"
        has_status_of a 3 exec_id=e
        [[ $way != kills_another ]] || eventually pgrep -f ": $ID-e"
        call Delete a exec_id=e
        is "$(pgrep -f ": $ID-e")" ""
        adds a e 'exit 5'
        "$CLIENT" call "$A" Start "id=$ID-a" exec_id=e >"$T/started" 2>&1 3>&- &
        starting=$!
        reached
        let_go
        wait "$starting"
        call Wait a exec_id=e
        is "$(value exit_status)" 5
        call Delete a exec_id=e
    done
    ends_running a
}

# The ids of the /tasks/exit events, in their order, without the prefix of the test.
exits_heard() {
    awk '/^\/tasks\// { topic = $0 } topic == "/tasks/exit" && sub(/^id=/, "") { print }' "$T/heard" | sed "s/^$ID-//" | xargs
}

@test "the end of a container is told after those of its further processes" {
    local AS filter
    hear_events
    for AS in shimhost shimhost-runc; do
        # With a pid namespace of its own, whose end they do not outlive; and without one.
        for filter in . 'del(.linux.namespaces[] | select(.type == "pid"))'; do
            : >"$T/heard"
            begins_running a "$filter"
            for exec in e f g; do
                adds a "$exec" 'sleep 1000'
                [[ $exec == g ]] || call Start a "exec_id=$exec"
            done
            waits a
            call Kill a signal=9
            wait "$waiter"
            is "$(sed -n 's/^exit_status=//p' "$T/waited")" 137
            has_status_of a 3 exec_id=e
            has_status_of a 3 exec_id=f
            refuses 9 Start a exec_id=g
            says "init process is not running"
            refuses 9 Exec a exec_id=h "spec.type_url=$PROCESS_TYPE" 'spec.value={"args":["true"],"cwd":"/"}'
            call Delete a
            ends_server a
            is "$(heard)" "create start exec-added exec-started exec-added exec-started exec-added exit exit exit delete"
            [[ $(exits_heard) == @("e f a"|"f e a") ]] || is "$(exits_heard)" "those of e, f, and then a"
        done
    done
    kill "$SINK"
}

@test "killed, or deleted, before it was started" {
    local AS
    hear_events
    for AS in shimhost shimhost-runc; do
        : >"$T/heard"
        prepare a
        begins a </dev/null
        call Create a "bundle=$B"
        refuses 9 Pause a
        refuses 9 Resume a
        call Kill a signal=9
        call Wait a
        is "$(value exit_status)" 137
        has_status_of a 3
        refuses 9 Start a
        refuses 5 Kill a signal=9
        refuses 5 Stats a
        call Delete a
        eventually has_heard "create exit delete"
        call Create a "bundle=$B"
        call Delete a
        is "$(value exit_status)" 137
        eventually has_heard "create exit delete create exit delete"
        ends_server a
    done
    kill "$SINK"
}

@test "streams: the null device is nothing, another device is refused by its name" {
    prepare a
    begins a </dev/null
    call Create a "bundle=$B" input=/dev/null output=/dev/null errors=/dev/null
    call Start a
    call Kill a signal=9
    call Wait a
    call Delete a
    refuses 2 Create a "bundle=$B" output=/dev/zero
    says "/dev/zero is a device"
    ends_server a
}

@test "two want it deleted at once: the second finds it gone" {
    local first second AS=slow
    stops
    configure_runtime slow "plugin: oci" "binary: $(wrapped "$(runtime_binary runc)" delete "$STOP")"
    shim_for slow
    prepare a
    begins a </dev/null
    call Create a "bundle=$B"
    "$CLIENT" call "$A" Delete "id=$ID-a" >"$T/first" 2>&1 3>&- &
    first=$!
    reached
    "$CLIENT" call "$A" Delete "id=$ID-a" >"$T/second" 2>&1 3>&- &
    second=$!
    # What comes after it is answered after it has been heard.
    eventually has_called "$second"
    call Connect a
    let_go
    wait "$first"
    is "$(sed -n 's/^exit_status=//p' "$T/first")" 137
    status=0
    wait "$second" || status=$?
    output=$(cat "$T/second")
    is "$status ${output%%:*}" "1 5" "the second says: $output; status and code"
    ends_server a
}

@test "signals: none at all, one that there is not, one to every process" {
    local AS
    for AS in shimhost shimhost-runc; do
        begins_running a
        refuses 9 Start a
        call Kill a signal=0
        captures "$CLIENT" call "$A" Kill "id=$ID-a" signal=99
        is "$status" 1
        has_status_of a 2
        adds a e 'sleep 1000'
        call Start a exec_id=e
        call Kill a signal=9 all=true
        call Wait a exec_id=e
        is "$(value exit_status)" 137
        call Wait a
        call Delete a
        ends_server a
    done
}

@test "mounts: read-only, inside of another, with more layers than a page of options has room for" {
    local lower='' i
    prepare a '.root = {path: "rootfs"} | .process.args = ["sh", "-c", "ls -d /layers/*/* | xargs echo >/events/seen; echo x >/ro/file || echo refused >>/events/seen; echo y >/file && echo written >>/events/seen"]'
    begins a </dev/null
    mkdir -p "$T/upper/"{ro,layers} "$T/work" "$T/readonly"
    for i in {1..55}; do
        mkdir -p "$T/layers/$i-a-layer-whose-name-takes-some-room-in-the-options/layers/$i/here"
        lower+=:$T/layers/$i-a-layer-whose-name-takes-some-room-in-the-options
    done
    ln -s "$BATS_FILE_TMPDIR/rootfs" "$T/layers/root"
    ((${#lower} > 4096))
    call Create a "bundle=$B" rootfs+.type=overlay rootfs.source=overlay "rootfs.options=lowerdir=${lower:1}:$T/layers/root" \
        "rootfs.options=upperdir=$T/upper" "rootfs.options=workdir=$T/work" \
        rootfs+.type=bind "rootfs.source=$T/readonly" rootfs.target=/ro rootfs.options=rbind rootfs.options=ro
    is "$(mounted)" 2
    call Start a
    call Wait a
    call Delete a
    is "$(mounted)" 0
    is "$(tail -n +2 "$EVENTS/seen" | xargs)" "refused written"
    grep -q '/layers/1/here' "$EVENTS/seen"
    grep -q '/layers/55/here' "$EVENTS/seen"
    [[ -e $T/upper/file && ! -e $T/readonly/file ]]
    # The kernel would take the first page alone.
    refuses 2 Create a "bundle=$B" rootfs+.type=overlay rootfs.source=overlay "rootfs.options=lowerdir=${lower:1}:/nowhere"
    says "more than" "bytes"
    # A target that is a symbolic link out of the root file system does not lead there.
    ln -s "$T/readonly" "$T/upper/out"
    refuses 2 Create a "bundle=$B" rootfs+.type=overlay rootfs.source=overlay "rootfs.options=lowerdir=$BATS_FILE_TMPDIR/rootfs" \
        "rootfs.options=upperdir=$T/upper" "rootfs.options=workdir=$T/work" \
        rootfs+.type=bind "rootfs.source=$T/upper" rootfs.target=/out rootfs.options=bind
    is "$(mounted)" 0
    is "$(grep -c " $T/readonly " /proc/self/mounts)" 0
    ends_server a
}

@test "limits are changed before the start, too; what is no resources is refused" {
    prepare a
    begins a </dev/null
    call Create a "bundle=$B"
    call Update a "resources.type_url=$RESOURCES_TYPE" 'resources.value={"pids":{"limit":23}}'
    call Start a
    refuses 3 Update a "resources.type_url=$RESOURCES_TYPE"
    refuses 2 Update a "resources.type_url=$RESOURCES_TYPE" 'resources.value=7'
    has_status_of a 2
    ends_running a
}
