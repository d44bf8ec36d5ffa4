# SPDX-License-Identifier: Apache-2.0
# Very many tasks in one server of the front end for containerd, which is the one program of ours that lives long and does
# much. It is driven as containerd does.
# shellcheck shell=bash disable=SC2154

part_containerd() {
    if [[ ! -x $PREFIX/bin/containerd-shim-shimhost-v1 ]]; then
        note "the shim for containerd was not built, and is left out"
        return 0
    fi
    point "$(less "$TASKS") tasks and as many execs in one server for containerd" serve_long "$(less "$TASKS")"
}

# serve_long COUNT: a fifth warms it up.
serve_long() {
    local server address sink client=$BUILD/t/helpers/shim-client template bundle
    remember_machine
    "$BUILD/t/helpers/event-sink" "$W/work/sink.sock" >"$W/work/heard" &
    sink=$!
    eventually test -S "$W/work/sink.sock"
    begin_server
    weigh_calm fresh
    drive tasks-warm -j "$LANES" "$(($1 / 5 * 2 + 2))" < <(kinds_of_tasks)
    weigh_calm warm
    drive tasks -j "$LANES" "$(($1 * 2))" < <(kinds_of_tasks)
    weigh_calm served
    # Its heap is not always equally full of holes.
    not_heavier "the server" "$W/work/warm" "$W/work/served" 64
    note "a server that is fresh, warm, and has served: $(for name in fresh warm served; do
        cut -d' ' -f2- "$W/work/$name"; done | paste -sd,)"
    idle "$server"
    end_server
    nothing_grew
}

weigh_calm() {
    eventually calm "$server" || complain "the server does not fall asleep"
    weigh "$server" >"$W/work/$1"
}

# Each task has a bundle of its own, in which the server keeps things.
kinds_of_tasks() {
    local process='type_url=types.containerd.io/opencontainers/runtime-spec/1/Process'
    cat <<END
candidate a task
run cp -r $template $W/work/{id}
run $client call $address Create id={id} bundle=$W/work/{id} -- Start id={id} -- State id={id} -- Pids id={id} -- Kill id={id} signal=9 -- Wait id={id} -- Delete id={id}
run rm -r $W/work/{id}
candidate an exec
run $client call $address Exec id=$ID-pod exec_id=e{n} spec.$process spec.value={"args":["$(program process true)"],"cwd":"/"} -- Start id=$ID-pod exec_id=e{n} -- Wait id=$ID-pod exec_id=e{n} -- State id=$ID-pod exec_id=e{n} -- Delete id=$ID-pod exec_id=e{n}
candidate a task that is never started
run cp -r $template $W/work/{id}
run $client call $address Create id={id} bundle=$W/work/{id} -- Connect id=$ID-pod -- Kill id={id} signal=9 -- Wait id={id} -- Delete id={id}
run rm -r $W/work/{id}
candidate a task that is not there, and an exec that fails
ends 1 $client call $address State id={id}
ends 1 $client call $address Exec id=$ID-pod exec_id=e{n} spec.$process spec.value={"args":["/nothing-of-that-name"],"cwd":"/"} -- Start id=$ID-pod exec_id=e{n}
run $client call $address Delete id=$ID-pod exec_id=e{n}
ends 1 $client call $address Create id={id} bundle=/nothing-of-that-name
END
}

# A server for a task of its own, which stays; sets `template`, `bundle`, `address` and `server`.
begin_server() {
    mkdir -p "$W/work/bin"
    ln -sf "$PREFIX/bin/containerd-shim-shimhost-v1" "$W/work/bin/containerd-shim-shimhost-process-v1"
    template=$(bundle process task @/bin/stamp sleep)
    mkdir -p "$template/rootfs"
    bundle=$W/work/pod
    cp -r "$template" "$bundle"
    address=$(call_shim start)
    "$client" call "$address" Create "id=$ID-pod" "bundle=$bundle" -- Start "id=$ID-pod" >/dev/null ||
        complain "the first task could not be started"
    server=$("$client" call "$address" Connect "id=$ID-pod" | sed -n 's/^shim_pid=//p')
}

end_server() {
    "$client" call "$address" Kill "id=$ID-pod" signal=9 -- Wait "id=$ID-pod" -- Delete "id=$ID-pod" \
        -- Shutdown "id=$ID-pod" >/dev/null || complain "the first task could not be ended"
    eventually test ! -e "/proc/$server" || complain "the server does not end"
    call_shim delete -bundle "$bundle" >/dev/null
    kill "$sink"
    wait "$sink" 2>/dev/null || true
    note "the server has told $(grep -c '^/tasks/' "$W/work/heard") events"
    rm -rf "$W/work/sink.sock" "$STATE-containerd"
}

# call_shim ACTION [FLAG…]: as containerd starts it.
call_shim() {
    env -C "$bundle" TTRPC_ADDRESS="$W/work/sink.sock" GRPC_ADDRESS="$W/nobody" NAMESPACE="$ID" \
        timeout -k 5 60 "$W/work/bin/containerd-shim-shimhost-process-v1" -namespace "$ID" -address "$W/nobody" \
        -id "$ID-pod" "${@:2}" "$1" </dev/null || complain "the shim's $1 failed"
}
