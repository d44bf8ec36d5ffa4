# SPDX-License-Identifier: Apache-2.0
# Under containerd, beside containerd's own shim: what a server and its monitors have for themselves, and how long a
# container takes. A containerd of its own, which shares nothing with another one.
# shellcheck shell=bash disable=SC2154

SHIM_TYPES='io.containerd.runc.v2 io.containerd.shimhost-runc.v1 io.containerd.shimhost-crun.v1'

part_containerd() {
    report "## Under containerd"
    report ""
    if ! has containerd || ! has ctr || ! has containerd-shim-runc-v2 || [[ ! -x $PREFIX/bin/containerd-shim-shimhost-v1 ]]; then
        report "containerd, or the shim for it, is not here."
        return 0
    fi
    C=$W/containerd
    begin_containerd
    memory_under_containerd
    race_under_containerd
    race_death_under_containerd
    end_containerd
    [[ ! -x $BUILD/t/helpers/shim-client ]] || race_of_servers
}

# ---- a containerd

begin_containerd() {
    local runtime pid
    mkdir -p "$C/bin" "$C/image"
    export CONTAINERD_ADDRESS=$C/sock CONTAINERD_NAMESPACE=bench
    printf '%s\n' 'version = 2' "root = \"$C/root\"" "state = \"$C/state\"" \
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]' \
        '[grpc]' "address = \"$C/sock\"" >"$C/config.toml"
    for runtime in runc crun; do
        [[ -e $W/etc/runtimes.d/$runtime.yaml ]] || configure_runtime "$runtime" "$runtime"
        ln -sf "$PREFIX/bin/containerd-shim-shimhost-v1" "$C/bin/containerd-shim-shimhost-$runtime-v1"
    done
    PATH=$C/bin:$PATH setsid containerd --config "$C/config.toml" >"$C/log" 2>&1 </dev/null &
    containerd_pid=$!
    for pid in {1..100}; do
        ! timeout 5 ctr version >/dev/null 2>&1 || break
        sleep 0.1
    done
}

end_containerd() {
    kill "$containerd_pid"
    wait "$containerd_pid" || true
    containerd_pid=
    # containerd's own shim leaves the one, the runtimes leave the others.
    rmdir "/run/containerd/runc/$CONTAINERD_NAMESPACE" "/sys/fs/cgroup/"{,*/}"$CONTAINERD_NAMESPACE" 2>/dev/null || true
}

# shim_words TYPE [OPTION…]: of a container of the common root file system.
shim_words() {
    echo "run --runtime $1 --rootfs --env SHIMHOST_BENCH=1 ${*:2}"
}

# ---- memory

memory_under_containerd() {
    local type i alone=$((MANY < 20 ? 1 : 5)) pod=$((MANY < 20 ? MANY : 20))
    report "Memory of an idle server and its monitors together, KiB: one container at a time, median of $alone; a pod of $pod in" \
        "one server."
    report ""
    report "| | | processes | Pss | private dirty | ratio of Pss | of private dirty |"
    report "|---|--:|--:|--:|--:|--:|--:|"
    for type in $SHIM_TYPES; do
        for ((i = 1; i <= alone; i++)); do
            begin_container "$type" "alone-$i"
            sleep 1 # what a start has left to do
            supervisors "alone-$i" | memory_sum
            end_containers alone
        done >"$RESULTS/containerd-$type-alone"
        memory_row "$type" alone
    done
    for type in $SHIM_TYPES; do
        for ((i = 1; i <= pod; i++)); do
            begin_container "$type" "pod-$i" --annotation io.kubernetes.cri.sandbox-id=pod-1
        done
        sleep 1
        supervisors pod-1 | memory_sum >"$RESULTS/containerd-$type-pod"
        memory_row "$type" pod
        end_containers pod
    done
    report ""
}

begin_container() {
    # shellcheck disable=SC2046
    ctr $(shim_words "$1" -d --null-io "${@:3}") "$ROOT" "$2" /bin/stamp sleep </dev/null >/dev/null
}

# The pids of the server and of the monitors that it looks after.
supervisors() {
    local server
    server=$(pgrep -f -- "-namespace bench -id $1 -address $CONTAINERD_ADDRESS")
    echo "$server"
    pgrep -P "$server" -f '^shimhost-monitor ' || true
}

# memory_sum <PIDS: how many, their Pss, their private dirty memory.
memory_sum() {
    local pid
    while read -r pid; do
        cat "/proc/$pid/smaps_rollup"
    done | awk '/^Rss:/ { n++ } /^Pss:/ { pss += $2 } /^Private_Dirty:/ { dirty += $2 } END { print n, pss, dirty }'
}

memory_row() {
    local n pss dirty file=$RESULTS/containerd-$1-$2 reference
    reference=$RESULTS/containerd-${SHIM_TYPES%% *}-$2
    n=$(median 1 <"$file") pss=$(median 2 <"$file") dirty=$(median 3 <"$file")
    report "| $1 | $2 | $n | $pss | $dirty | $(ratio "$pss" "$(median 2 <"$reference")") |" \
        "$(ratio "$dirty" "$(median 3 <"$reference")") |"
}

median() {
    cut -d' ' -f"$1" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

ratio() {
    awk -v one="$1" -v other="$2" 'BEGIN { printf "%.3f", one / other }'
}

end_containers() {
    local name
    for name in $(ctr container ls -q | grep "^$1-" | sort -V | tac); do
        ctr task rm -f "$name" >/dev/null 2>&1 || true
        ctr container rm "$name" >/dev/null
    done
}

# ---- time

race_under_containerd() {
    local type
    race containerd-run "$(fewer 1)" <<END
$(for type in $SHIM_TYPES; do
        echo "candidate $type"
        echo "run ctr $(shim_words "$type" --rm) $ROOT {id} /bin/stamp true"
        echo "mark over"
    done)
END
    table containerd-run over "ctr run --rm of a program that does nothing"
}

# From the process's last instruction until a client of containerd has the event.
race_death_under_containerd() {
    local type listener=$C/exit-event
    # It listens long before the container is there; it ends when the deletion is told to a reader that has gone.
    printf '%s\n' '#!/bin/sh' "ctr events | grep -m 1 /tasks/exit" >"$listener"
    chmod +x "$listener"
    race containerd-death "$(fewer 1)" <<END
$(for type in $SHIM_TYPES; do
        echo "candidate $type"
        echo "listen $listener"
        echo "run ctr $(shim_words "$type" -d --null-io) $ROOT {id} /bin/stamp end /events/go /events/told"
        echo "pause 30"
        echo "give $ROOT/events/go"
        echo "clock $ROOT/events/told"
        echo "heard"
        echo "mark told"
        echo "run ctr task rm {id}"
        echo "run ctr container rm {id}"
        echo "join"
    done)
END
    table containerd-death told "death → told by an event, under containerd"
}

# The server alone, as containerd calls it, against conmon, over the runtime that costs next to nothing. The group gives
# all servers, one after the other, the same socket.
race_of_servers() {
    local address client=$BUILD/t/helpers/shim-client shim=$C/bin/containerd-shim-shimhost-fake-v1 began
    has conmon || return 0
    ln -sf "$PREFIX/bin/containerd-shim-shimhost-v1" "$shim"
    began=$(bundle fake began-shim /bin/stamp begin /events/told)
    jq '.annotations["io.kubernetes.cri.sandbox-id"] = "bench"' "$began/config.json" >"$W/config.json"
    mv "$W/config.json" "$began/config.json"
    address=/run/containerd/s/$(printf '%s' "$C/nobody/bench/bench" | sha256sum | cut -d' ' -f1)
    race containerd-start "$(fewer 1)" <<END
candidate conmon-create-start
sync env -C $W $(conmon_words fake "$(bundle fake began /bin/stamp begin /events/told)")
run $(conmon_runtime_words fake) start {id}
mark started
stamp began $ROOT/events/told
join
settle
run $(conmon_runtime_words fake) delete -f {id}
candidate shim-start-create-start
run env -C $began $shim -namespace bench -address $C/nobody -id {id} start
run $client call $address Create id={id} bundle=$began -- Start id={id}
mark started
stamp began $ROOT/events/told
run $client call $address Wait id={id} -- Delete id={id} -- Shutdown id={id}
END
    table containerd-start started "a server, a container created and started in it, fake runtime"
}
