#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd without containerd: the shim is driven as containerd 2.x drives it, and as nobody should.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd
load containerd-wire

# bad CASE [ID]: what a bad client gets.
bad() {
    timeout -k 1 120 "$HELPERS/bad-client" "$A" "$@" 3>&- | xargs
}

@test "the life of a task by version 3 of the protocol" {
    export SHIM_SERVICE=$V3
    hear_events
    prepare a
    "$CLIENT" encode Any type_url=runtimeoptions.v1.Options >"$T/options"
    begins a <"$T/options"
    is "$(cat "$B/address")" "$A"
    is "$(stat -c '%a %F' "${A#unix://}")" "600 socket"
    # containerd's own shim makes the directory with 600, whoever is first.
    [[ $(stat -c %a "$(dirname "${A#unix://}")") == [67]00 ]]
    call Create a "bundle=$B"
    pid=$(value pid)
    ((pid > 1))
    refuses 6 Create a "bundle=$B"
    call State a
    is "$(value status) $(value pid) $(value exited_at.seconds)" "1 $pid -62135596800"
    "$CLIENT" call "$A" Wait "id=$ID-a" >"$T/waited" &
    waiter=$!
    call Start a
    call Exec a exec_id=e spec.type_url=types.containerd.io/opencontainers/runtime-spec/1/Process \
        'spec.value={"args":["sh","-c","exit 3"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}'
    call Start a exec_id=e
    call Wait a exec_id=e
    is "$(value exit_status)" 3
    call Delete a exec_id=e
    call Pids a
    [[ $(value processes.pid) == *"$pid"* ]]
    refuses 9 Delete a
    refuses 5 Kill a exec_id=nobody signal=9
    call Kill a signal=15
    wait "$waiter"
    is "$(sed -n 's/^exit_status=//p' "$T/waited")" 42
    call State a
    is "$(value status) $(value exit_status)" "3 42"
    refuses 5 Kill a signal=9
    call Delete a
    is "$(value exit_status) $(value pid)" "42 $pid"
    refuses 5 State a
    ends_server a
    is "$("$CLIENT" decode DeleteResponse <"$T/deleted" | sed -n 's/^exit_status=//p')" 137
    is "$(heard)" "create start exec-added exec-started exit exit delete"
    kill "$SINK"
}

@test "the bootstrap of containerd 2.3: its parameters, a socket directory, a pod" {
    for name in pod app; do
        prepare "$name" ".annotations[\"io.kubernetes.cri.sandbox-id\"] = \"$ID-pod\""
        "$CLIENT" encode BootstrapParams "instance_id=$ID-$name" "namespace=$ID" "socket_dir=$T/sockets" \
            containerd_version=2.3.0 "containerd_ttrpc_address=$T/events.sock" \
            extensions+.value.type_url=containerd.runc.v1.Options >"$T/parameters"
        begins "$name" <"$T/parameters"
        [[ $A == "unix://$T/sockets/"* ]]
        is "$(cat "$B/address")" "$A"
        [[ ${first:=$A} == "$A" ]]
        call Create "$name" "bundle=$B"
        call Start "$name"
    done
    for name in app pod; do
        B=$BUNDLES/$ID-$name
        pid=$(server)
        call Kill "$name" signal=9
        call Wait "$name"
        is "$(value exit_status)" 137
        call Delete "$name"
        call Shutdown "$name"
        # containerd runs `delete` for each, and that touches none of the others.
        shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -id "$ID-$name" -bundle "$B" delete </dev/null >"$T/deleted"
        [[ $name == pod ]] || is "$(server)" "$pid"
    done
    eventually is_over "$pid"
    [[ ! -e ${A#unix://} ]]
    nothing_remains
}

# as_user UID GID COMMAND…
as_user() {
    timeout -k 1 20 setpriv --reuid "$1" --regid "$2" --clear-groups -- "${@:3}" </dev/null 3>&-
}

@test "a client of another user, or of another group, is refused; the server goes on" {
    needs setpriv
    prepare other
    "$CLIENT" encode BootstrapParams "instance_id=$ID-other" "namespace=$ID" "socket_dir=$T/sockets" containerd_version=2.3.0 \
        "containerd_ttrpc_address=$T/events.sock" >"$T/parameters"
    exec 7<>"$B/log"
    begins other <"$T/parameters" 7>&-
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T" "$T/sockets"
    as_user 65534 65534 test -x "$CLIENT" || cannot_run "the build cannot be reached by others"
    chmod 666 "${A#unix://}"
    for user in '65534 65534' '65534 0' '0 65534'; do
        # shellcheck disable=SC2086
        captures as_user $user "$CLIENT" call "$A" Connect id=none
        is "$status" 3 "what $user gets: $output; status"
        logs "another user"
    done
    exec 7>&-
    ends_server other
}

@test "-info: without other flags, with options, and with the features of a runtime that has them" {
    B=$T
    shim -info </dev/null | "$CLIENT" decode RuntimeInfo >"$T/info"
    grep -qx "name=io.containerd.shimhost.v1" "$T/info"
    grep -qx "annotations.value=crun" "$T/info"
    AS=shimhost-runc shim -info </dev/null | "$CLIENT" decode RuntimeInfo >"$T/info"
    grep -qx "annotations.value=runc" "$T/info"
    ! runc features &>/dev/null || grep -q '^features.value=.*ociVersionMin' "$T/info"
    "$CLIENT" encode RuntimeOptions "config_path=$T/etc/runtimes.d/runc.yaml" >"$T/options"
    "$CLIENT" encode Any type_url=runtimeoptions.v1.Options "value=@$T/options" >"$T/any"
    shim -info <"$T/any" | "$CLIENT" decode RuntimeInfo >"$T/info"
    grep -qx "annotations.value=runc" "$T/info"
    grep -qx "options.type_url=runtimeoptions.v1.Options" "$T/info"
    # What its own mounts can be is passed on, whatever a root file system's can.
    configure_runtime wise "plugin: oci" "binary: $(wrapped "$(runtime_binary runc)" features \
        'echo "{\"ociVersionMin\":\"1.0.0\",\"linux\":{\"mountExtensions\":{\"idmap\":{\"enabled\":true}}}}"; exit')"
    "$CLIENT" encode RuntimeOptions "config_path=$T/etc/runtimes.d/wise.yaml" >"$T/options"
    "$CLIENT" encode Any type_url=runtimeoptions.v1.Options "value=@$T/options" >"$T/any"
    shim -info <"$T/any" | "$CLIENT" decode RuntimeInfo >"$T/info"
    is "$(sed -n 's/^features.value=//p' "$T/info" | jq -c .linux)" '{"mountExtensions":{"idmap":{"enabled":true}}}'
    # A configuration that cannot be read is told by the calls that need it; this one is answered.
    echo nonsense >"$SHIMHOST_CONFIG"
    shim -info </dev/null | "$CLIENT" decode RuntimeInfo >"$T/info"
    grep -qx "name=io.containerd.shimhost.v1" "$T/info"
}

@test "flags: wrong ones are refused in words, unknown ones are passed over" {
    B=$T
    captures shim -v
    is "$status" 0
    says containerd-shim-shimhost-v1
    for action in start delete; do
        captures shim -id a "$action"
        is "$status" 1
        says "-namespace"
        captures shim -namespace x -id ../a "$action"
        is "$status" 1
    done
    captures shim -namespace x -id a fly
    is "$status" 1
    says fly
    prepare flags
    shim -namespace="$ID" --address "$CONTAINERD_ADDRESS" -new-flag=1 -debug -socket x -id "$ID-flags" start \
        </dev/null 9</dev/null >"$T/answer"
    A=$(cat "$B/address")
    # Whatever was open there is not handed on.
    is "$(readlink /proc/"$(server)"/fd/9)" ""
    is "$(cat /proc/"$(server)"/comm)" containerd-shim
    ends_server flags
}

@test "options choose the runtime, its binary and its state" {
    local root=$T/not/there/yet
    ln -s "$(command -v runc)" "$T/bin/other"
    for options in "RuncOptions binary_name=$T/bin/other root=$root" \
        "RuntimeOptions config_path=$T/etc/runtimes.d/runc.yaml config_body=Root=\"$root\""; do
        prepare options
        begins options </dev/null
        # shellcheck disable=SC2086
        "$CLIENT" encode $options >"$T/options"
        type=containerd.runc.v1.Options
        [[ $options != RuntimeOptions* ]] || type=runtimeoptions.v1.Options
        call Create options "bundle=$B" "options.type_url=$type" "options.value=@$T/options"
        [[ -d $root/$ID/$ID-options ]]
        is "$(stat -c %a "$T/not" "$root" "$root/$ID" | xargs)" "700 700 700"
        call Delete options
        ends_server options
        rm -r "$T/not"
    done
    # Its place is taken by something else.
    prepare options
    begins options </dev/null
    refuses 2 Create options "bundle=$B" options.type_url=containerd.runc.v1.Options \
        "options.value=$("$CLIENT" encode RuncOptions "root=$T/options/x/y")"
    says "cannot make $T/options/x"
    ends_server options
    prepare options
    begins options </dev/null
    refuses 2 Create options "bundle=$B" options.type_url=containerd.runc.v1.Options options.value=$'\xff'
    says options
    ends_server options
}

@test "check finds the containers of a namespace where the runtime keeps them, and takes the namespace for none" {
    prepare checked
    begins checked </dev/null
    call Create checked "bundle=$B"
    works check
    says "0 containers"
    works --state-dir "$STATE-containerd/$ID" check
    says "1 containers"
    root=$ROOTS/${RUNTIMES%% *}/$ID
    mkdir "$root/lost"
    fails_with 1 --state-dir "$STATE-containerd/$ID" check
    says "runtime-state" "--root $root delete lost"
    rmdir "$root/lost"
    call Delete checked
    ends_server checked
}

@test "a container that is known has processes: those of its runtime, or else those that are known" {
    local init exec
    configure_runtime mute "plugin: oci" "binary: $(wrapped "$(runtime_binary runc)" ps 'exit 1')"
    shim_for mute
    for AS in shimhost mute; do
        prepare pids
        begins pids </dev/null
        call Create pids "bundle=$B"
        init=$(value pid)
        call Pids pids
        is "$(value processes.pid)" "$init"
        call Start pids
        for exec in e f; do
            call Exec pids exec_id=$exec spec.type_url=x \
                'spec.value={"args":["sleep","1000"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}'
        done
        call Start pids exec_id=e
        exec=$(value pid)
        call Pids pids
        grep -qx "$init" <<<"$(value processes.pid)"
        grep -A 1 -x "processes.pid=$exec" <<<"$output" | grep -qx processes.info.type_url=containerd.runc.v1.ProcessDetails
        call Kill pids signal=9
        call Wait pids
        # Where it is not listed any more, it is lost to a containerd that comes back.
        call Pids pids
        is "$(value processes.pid)" "$init"
        refuses 5 Pids nobody
        call Delete pids
        refuses 5 Pids pids
        ends_server pids
    done
}

@test "a Wait ends when its client's time is over; those of clients that have gone keep nobody from anything" {
    local waiter
    prepare wait
    begins wait </dev/null
    call Create wait "bundle=$B"
    call Start wait
    is "$(bad too-many-waits "$ID-wait")" "8 0 0"
    SHIM_TIMEOUT=1000000000 refuses 4 Wait wait
    # One that is answered before is over by that.
    call Exec wait exec_id=e spec.type_url=x \
        'spec.value={"args":["true"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}'
    SHIM_TIMEOUT=20000000000 "$CLIENT" call "$A" Wait "id=$ID-wait" exec_id=e -- Delete "id=$ID-wait" exec_id=e >"$T/waited" 3>&- &
    waiter=$!
    call Start wait exec_id=e
    wait "$waiter"
    # Also when the server is replaced meanwhile.
    SHIM_TIMEOUT=3000000000 "$CLIENT" call "$A" Wait "id=$ID-wait" >"$T/waited" 2>&1 3>&- &
    waiter=$!
    kill -HUP "$(server)"
    eventually goes_on_as_another "$(server)"
    status=0
    wait "$waiter" || status=$?
    is "$status $(cut -d: -f1 "$T/waited")" "1 4"
    call Kill wait signal=15
    SHIM_TIMEOUT=20000000000 call Wait wait
    is "$(value exit_status)" 42
    SHIM_TIMEOUT=1 call Wait wait
    call Delete wait
    ends_server wait
}

@test "limits are changed, and the metrics show it" {
    [[ -d /sys/fs/cgroup/memory && -d /sys/fs/cgroup/cpu ]] || cannot_run "this is for control groups of version 1"
    for AS in shimhost shimhost-runc; do
        prepare limits ".linux.cgroupsPath = \"/$ID-limits\" | .linux.resources.memory.limit = 67108864"
        begins limits </dev/null
        call Create limits "bundle=$B"
        call Start limits
        call Stats limits
        is "$(value stats.type_url)" io.containerd.cgroups.v1.Metrics
        is "$(value stats.memory.usage.limit)" 67108864
        call Update limits resources.type_url=types.containerd.io/opencontainers/runtime-spec/1/LinuxResources \
            'resources.value={"memory":{"limit":33554432},"pids":{"limit":17},"cpu":{"shares":512}}'
        is "$(cat "/sys/fs/cgroup/memory/$ID-limits/memory.limit_in_bytes")" 33554432
        is "$(cat "/sys/fs/cgroup/cpu/$ID-limits/cpu.shares")" 512
        call Stats limits
        is "$(value stats.memory.usage.limit) $(value stats.pids.limit)" "33554432 17"
        (($(value stats.memory.usage.usage) > 0 && $(value stats.cpu.usage.total) > 0))
        refuses 3 Update limits
        refuses 2 Update limits resources.type_url=x 'resources.value={"memory":'
        call Kill limits signal=9
        call Wait limits
        call Delete limits
        ends_server limits
    done
}

@test "events are kept while nobody takes them, and come in their order" {
    prepare late
    begins late </dev/null
    call Create late "bundle=$B"
    call Start late
    call Pause late
    refuses 9 Delete late
    call Resume late
    call Kill late signal=9
    call Wait late
    call Delete late
    hear_events
    eventually has_heard "create start paused resumed exit delete"
    ends_server late
    kill "$SINK"
}

helper() {
    pgrep -P "$(server)" -x shimhost-task || true
}

no_helper() {
    [[ -z $(helper) ]]
}

@test "the helper that creates a container stays for its start; nothing depends on that" {
    prepare stay
    begins stay </dev/null
    call Create stay "bundle=$B"
    [[ $(helper) ]]
    call Start stay
    eventually no_helper
    call Kill stay signal=9
    call Wait stay
    call Delete stay
    # It is killed.
    call Create stay "bundle=$B"
    pid=$(helper)
    kill -KILL "$pid"
    eventually is_over "$pid"
    call Start stay
    call State stay
    is "$(value status)" 2
    call Kill stay signal=9
    call Wait stay
    call Delete stay
    # The server is replaced meanwhile.
    call Create stay "bundle=$B"
    kill -HUP "$(server)"
    eventually goes_on_as_another "$(server)"
    no_helper
    call Start stay
    call Kill stay signal=9
    call Wait stay
    call Delete stay
    # There is no start.
    call Create stay "bundle=$B"
    call Delete stay
    eventually no_helper
    # The start fails in the helper that has stayed.
    jq '.process.args = ["/not/there"]' "$B/config.json" >"$T/config" && cp "$T/config" "$B/config.json"
    captures "$CLIENT" call "$A" Create "id=$ID-stay" "bundle=$B" -- Start "id=$ID-stay"
    is "$status" 1
    says "/not/there"
    ends_server stay
}

@test "a helper waits for the first call; it does that one and no more, and nothing depends on it" {
    local i
    prepare first
    # Nobody calls.
    begins first </dev/null
    eventually test -n "$(helper)"
    ends_server first
    begins first </dev/null
    eventually test -n "$(helper)"
    eventually no_helper
    ends_server first
    # It is killed, and another one does it.
    begins first </dev/null
    eventually test -n "$(helper)"
    kill_and_await "$(helper)"
    call Create first "bundle=$B"
    call Delete first
    ends_server first
    # What it has created is not started before that is called for, however soon the call has come.
    for i in {1..8}; do
        begins first </dev/null
        call Create first "bundle=$B"
        call Start first
        call Kill first signal=9
        call Wait first
        call Delete first
        ends_server first
    done
}

@test "an end is told also where the FIFO has nobody any more who would tell it" {
    local exit
    prepare end
    begins end </dev/null
    call Create end "bundle=$B"
    call Start end
    # As when a monitor is being killed: it has lost its descriptors, and lives.
    exit=$(readlink "$B/shimhost-state")/init/exit
    rm "$exit"
    mkfifo -m 600 "$exit"
    kill -HUP "$(server)"
    eventually goes_on_as_another "$(server)"
    call Kill end signal=15
    SHIM_TIMEOUT=20000000000 call Wait end
    is "$(value exit_status)" 42
    call Delete end
    ends_server end
}

# starves PID: it can open nothing more, until it is `fed`.
starves() {
    local number=0
    while [[ -e /proc/$1/fd/$number ]]; do
        ((++number))
    done
    LIMIT_BEFORE=$(prlimit --pid "$1" --nofile --output SOFT,HARD --noheadings | xargs | tr ' ' :)
    prlimit --pid "$1" "--nofile=$number:"
}

fed() {
    prlimit --pid "$1" "--nofile=$LIMIT_BEFORE"
}

@test "a server without descriptors invents no end: what it cannot find out it finds out later" {
    local pid server waiter
    needs prlimit
    runs hungry
    "$CLIENT" call "$A" Wait "id=$ID-hungry" >"$T/waited" 3>&- 7>&- &
    waiter=$!
    eventually has_called "$waiter"
    server=$(server)
    eventually has_sockets "$server" 2
    starves "$server"
    kill -TERM "$pid"
    logs "cannot find out yet"
    fed "$server"
    wait "$waiter"
    is "$(sed -n 's/^exit_status=//p' "$T/waited")" 42
    call Delete hungry
    exec 7>&-
    ends_server hungry
}

# has_sockets PID N: so many are open in it.
has_sockets() {
    [[ $(find "/proc/$1/fd" -lname 'socket:*' | wc -l) == "$2" ]]
}

soft_limit() {
    awk '/^Max open files/ { print $4 }' "/proc/$1/limits"
}

@test "a server may have as many descriptors as the machine allows; its containers get what there was" {
    local limit hard
    hard=$(ulimit -Hn)
    ((hard > 300)) || cannot_run "the limit of open files is too low"
    install_shim "$SHIM"
    prepare few
    (ulimit -Sn 300 && begins few </dev/null)
    A=$(cat "$B/address")
    call Create few "bundle=$B"
    is "$(soft_limit "$(value pid)") $(soft_limit "$(server)")" "300 $hard"
    kill -HUP "$(server)"
    eventually goes_on_as_another "$(server)"
    call Delete few
    call Create few "bundle=$B"
    is "$(soft_limit "$(value pid)") $(soft_limit "$(server)")" "300 $hard"
    call Delete few
    ends_server few
}

@test "a process that has lost its monitor, and gets no other, ends when it ends" {
    local pid state
    configure_runtime crun "on-monitor-death: adopt"
    hear_events
    for way in replaced ended; do
        : >"$T/heard"
        runs lost
        state=$(readlink "$B/shimhost-state")/init
        printf x >"$state/.cleanup"
        kill_and_await "$(head -n 1 "$state/monitor")"
        logs "its monitor is lost"
        call State lost
        is "$(value status)" 2
        if [[ $way == replaced ]]; then
            kill -HUP "$(server)"
            eventually goes_on_as_another "$(server)"
            logs "its monitor is lost"
            call State lost
            is "$(value status)" 2
        fi
        is "$(heard)" "create start"
        if [[ $way == replaced ]]; then
            call Kill lost signal=9
        else
            kill -KILL "$pid"
        fi
        call Wait lost
        is "$(value exit_status)" 255
        eventually has_heard "create start exit"
        call Delete lost
        exec 7>&-
        ends_server lost
    done
    kill "$SINK"
}

@test "a new program takes over calls and events that wait; one that cannot is not taken; SIGTERM ends no container" {
    local pid waiter
    install_shim "$SHIM"
    runs new
    "$CLIENT" call "$A" Wait "id=$ID-new" >"$T/waited" 7>&- &
    waiter=$!
    pid=$(server)
    kill -HUP "$pid"
    eventually goes_on_as_another "$pid"
    is "$(server)" "$pid"
    printf '%s\n' '#!/bin/sh' 'exit 1' >"$T/broken"
    install_shim "$T/broken"
    kill -HUP "$pid"
    logs "was not replaced and goes on"
    call State new
    is "$(value status)" 2
    printf '%s' 'no program at all' >"$T/broken"
    install_shim "$T/broken"
    kill -HUP "$pid"
    logs "was not replaced and goes on"
    call Pause new
    call Resume new
    install_shim "$SHIM"
    [[ $(readlink "/proc/$pid/exe") == *" (deleted)" ]]
    kill -HUP "$pid"
    eventually executes_installed "$pid"
    is "$(server)" "$pid"
    kill -TERM "$pid"
    logs "is not heeded"
    hear_events 7>&-
    call Kill new signal=9
    wait "$waiter"
    is "$(sed -n 's/^exit_status=//p' "$T/waited")" 137
    call Delete new
    eventually has_heard "create start paused resumed exit delete"
    exec 7>&-
    ends_server new
    kill "$SINK"
}

@test "root file systems: mounted as told, undone at the end and after every kind of failure" {
    prepare mounts '.root.path = "rootfs"'
    begins mounts </dev/null
    mkdir -p "$T/upper" "$T/work"
    rootfs=(rootfs+.type=overlay rootfs.source=overlay "rootfs.options=lowerdir=$BATS_FILE_TMPDIR/rootfs"
        "rootfs.options=upperdir=$T/upper" "rootfs.options=workdir=$T/work")
    call Create mounts "bundle=$B" "${rootfs[@]}"
    is "$(mounted)" 1
    call Start mounts
    call Kill mounts signal=9
    call Wait mounts
    call Delete mounts
    is "$(mounted)" 0
    # The second of two mounts fails.
    refuses 2 Create mounts "bundle=$B" "${rootfs[@]}" rootfs+.type=bind "rootfs.source=$T/nowhere" rootfs.options=rbind
    says "$T/nowhere"
    is "$(mounted)" 0
    # What containerd itself would do for a mount is not done.
    for option in uidmap=0:1000:1 gidmap=0:1000:1 loop; do
        refuses 2 Create mounts "bundle=$B" "${rootfs[@]}" "rootfs.options=$option"
        says "$option"
        is "$(mounted)" 0
    done
    for type in fuse fuse.overlayfs fuse3.overlayfs; do
        refuses 2 Create mounts "bundle=$B" "rootfs+.type=$type" rootfs.source=overlay
        says "type $type"
        is "$(mounted)" 0
    done
    # The runtime does not like what it finds.
    jq '.process.args = ["/not/there"]' "$B/config.json" >"$T/config" && cp "$T/config" "$B/config.json"
    refuses 2 Create mounts "bundle=$B" "${rootfs[@]}"
    says "OCI runtime create failed"
    is "$(mounted)" 0
    # A stream that is not there.
    refuses 2 Create mounts "bundle=$B" "${rootfs[@]}" output=foo:///bar
    says "unknown STDIO scheme"
    is "$(mounted)" 0
    # The server dies in the middle of it all.
    jq '.process.args = ["sleep", "1000"]' "$B/config.json" >"$T/config" && cp "$T/config" "$B/config.json"
    call Create mounts "bundle=$B" "${rootfs[@]}"
    is "$(mounted)" 1
    kill -KILL "$(server)"
    shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -id "$ID-mounts" -bundle "$B" delete </dev/null >"$T/deleted"
    is "$(mounted)" 0
    [[ ! -e ${A#unix://} ]]
    nothing_remains
}

@test "checkpoint and restore: where they cannot be done, that is said, and the container goes on" {
    for AS in shimhost shimhost-runc; do
        prepare image
        begins image </dev/null
        call Create image "bundle=$B"
        refuses 9 Checkpoint image "path=$T/image"
        call Start image
        refuses 3 Checkpoint image path=relative
        for field in '\x18external_unix_sockets' '\x20terminal'; do
            printf '%b\x01' "${field:0:4}" >"$T/option"
            refuses 12 Checkpoint image "path=$T/refused" options.type_url=containerd.runc.v1.CheckpointOptions "options.value=@$T/option"
            says "${field:4}"
        done
        for field in '\x32empty_namespaces' '\x3acgroups_mode'; do
            printf '%b\x01x' "${field:0:4}" >"$T/option"
            refuses 12 Checkpoint image "path=$T/refused" options.type_url=containerd.runc.v1.CheckpointOptions "options.value=@$T/option"
            says "${field:4}"
        done
        [[ ! -e $T/refused ]]
        captures "$CLIENT" call "$A" Checkpoint "id=$ID-image" "path=$T/image-$AS"
        if [[ $status != 0 ]]; then
            [[ ${output,,} == *criu* || ${output,,} == *checkpoint* ]] || says CRIU
            call State image
            is "$(value status)" 2
        fi
        call Kill image signal=9
        call Wait image
        call Delete image
        # There is no such image, whatever the kernel can do.
        refuses 2 Create image "bundle=$B" "checkpoint=$T/nowhere"
        says "OCI runtime restore failed"
        refuses 5 State image
        ends_server image
    done
}

@test "a container is restored from its checkpoint, by a runtime that needs no CRIU for that" {
    local AS=runsc
    needs runsc
    configure_runtime runsc "options: { network: none, ignore-cgroups: true }"
    shim_for runsc
    "$CLIENT" encode RuncOptions no_pivot_root=true >"$T/exit" # the first field: CheckpointOptions.exit
    prepare image 'del(.mounts[] | select(.destination == "/events"))'
    begins image </dev/null
    call Create image "bundle=$B"
    call Start image
    call Checkpoint image "path=$T/image" options.type_url=containerd.runc.v1.CheckpointOptions "options.value=@$T/exit"
    call Wait image
    call Delete image
    call Create image "bundle=$B" "checkpoint=$T/image"
    # It runs already, which is not told before it is started.
    call State image
    is "$(value status)" 1
    call Start image
    call State image
    is "$(value status)" 2
    call Kill image signal=9
    call Wait image
    is "$(value exit_status)" 137
    call Delete image
    ends_server image
}

@test "clients that talk nonsense, stop in the middle or do not read cost the others nothing" {
    prepare victim
    begins victim </dev/null
    call Create victim "bundle=$B"
    call Start victim
    is "$(bad too-long)" "8 0"
    is "$(bad even-stream)" 3
    is "$(bad stream-again)" "0 3"
    is "$(bad truncated-request)" 3
    is "$(bad truncated-payload)" 3
    is "$(bad unknown-method)" 12
    is "$(bad other-types)" 0
    is "$(bad overtaken)" "the first"
    is "$(bad half-a-frame)" closed
    is "$(bad half-a-header)" closed
    is "$(SHIM_SERVICE=containerd.runtime.sandbox.v1.Sandbox bad stream-again)" "12 3"
    is "$(bad waits-and-goes "$ID-victim")" gone
    is "$(bad deaf "$ID-victim")" "held back 0 all is answered"
    is "$(bad deaf-meanwhile)" "0 all is answered"
    [[ $(bad crowd) == 25[0-6]" of 400" ]]
    bad many-waits "$ID-victim" >"$T/waits" &
    waiter=$!
    call State victim
    is "$(value status)" 2
    call Kill victim signal=9
    wait "$waiter"
    is "$(cat "$T/waits")" "waiting 1000"
    call Delete victim
    ends_server victim
}
