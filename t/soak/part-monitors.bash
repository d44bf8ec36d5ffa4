# SPDX-License-Identifier: Apache-2.0
# Whatever a container does, and whatever is done to it: the memory of its monitor does not grow by it.
# shellcheck shell=bash disable=SC2154

part_monitors() {
    local runtime
    for runtime in process $REAL; do
        point "what a monitor of $runtime has, after thousands of everything" strain_alone "$runtime"
    done
}

strain_alone() {
    remember_machine
    strain_all "$1" alone
    check_state
    nothing_grew
}

# strain_all RUNTIME WHAT: four containers, of which each monitor has other things to do, get a tenth of all events; then
# all of them; in between nothing may have grown.
strain_all() {
    local kind each
    begin_strained "$1"
    mapfile -t each < <(monitors "$ID"-x-{plain,logged,piped,terminal})
    weigh "${each[@]}" >"$W/work/fresh"
    strain "$1" "$(($(less "$EVENTS") / 10 + 1))" "$(($(less "$LINES") / 10 + 1))"
    weigh "${each[@]}" >"$W/work/warm"
    strain "$1" "$(less "$EVENTS")" "$(less "$LINES")"
    weigh "${each[@]}" >"$W/work/strained"
    not_heavier "$2" "$W/work/warm" "$W/work/strained"
    for kind in fresh warm strained; do note "$2, monitors $kind: $(summarize "$W/work/$kind")"; done
    note "$2: wake-ups and ticks of the four: $(toil "${each[@]}")"
    idle "${each[@]}"
    for kind in plain logged piped terminal; do
        host delete --force "$ID-x-$kind"
    done
    exec {go_fd}>&- {done_fd}>&-
    rm "$W/logs/strained"* "$ROOT/events"/*
}

begin_strained() {
    local echoing talking
    mkfifo "$ROOT/events/go" "$ROOT/events/done"
    # Open at both ends as long as it takes: nothing that comes is lost.
    exec {go_fd}<>"$ROOT/events/go" {done_fd}<>"$ROOT/events/done"
    echoing=$(bundle "$1" echo @/bin/cat)
    # shellcheck disable=SC2016
    talking=$(bundle "$1" talking @/bin/sh -c 'exec 3<>@/events/go; while read -r lines orphans <&3; do
        i=0; while [ $i -lt $lines ]; do echo "line $i, as long as lines of a log are, more or less"; i=$((i + 1)); done
        i=0; while [ $i -lt $orphans ]; do (true &); i=$((i + 1)); done
        echo >@/events/done; done')
    host run -d -r "$1" -b "$(bundle "$1" sleep @/bin/stamp sleep)" "$ID-x-plain"
    host run -d -r "$1" -b "$talking" --log "k8s-file:$W/logs/strained" \
        --log-opt max-size=8KiB --log-opt max-files=3 "$ID-x-logged"
    host run -d -r "$1" -b "$echoing" --stdin pipe --stdout pipe --stderr pipe "$ID-x-piped"
    host run -d -t -r "$1" -b "$(TERMINAL=true bundle "$1" screen-echo @/bin/cat)" "$ID-x-terminal"
}

# strain RUNTIME EVENTS LINES
strain() {
    local kind monitor
    for kind in plain logged piped terminal; do
        monitor=$(monitors "$ID-x-$kind")
        send_control_lines "$STATE/$ID-x-$kind/init" "$2"
        send_signals "$monitor" "$(head -n 1 "$STATE/$ID-x-$kind/init/pid")" "$2"
    done
    exec_and_look "$1" "$(($2 / 10 + 1))"
    for kind in piped terminal; do
        "$BUILD/t/soak/strain" "$STATE/$ID-x-$kind/init" "$2" || complain "attaching to the one that is $kind"
    done
    echo "$3 $2" >&"$go_fd"
    read -r -t "$((PATIENCE * 10))" -u "$done_fd" || complain "the lines of the log have not been written"
    [[ $(find "$W/logs" -name 'strained*' | wc -l) -le 3 ]] || complain "there are more than 3 files of a log"
    mapfile -t each < <(monitors "$ID"-x-{plain,logged,piped,terminal})
    eventually calm "${each[@]}" || complain "the monitors have not fallen asleep"
}

# Sizes, logs to be opened anew, nonsense; that the last line was read is in the monitor's log.
send_control_lines() {
    local n
    for ((n = 0; n < $2; n++)); do
        printf '1 %d 24\n2 0 0\n' $((80 + n % 40))
        ((n % 10)) || echo nonsense
    done >"$1/control"
    echo "the last of $2" >"$1/control"
    eventually grep -q "the last of $2" "$1/shim-log.json" || complain "$1: control lines were not read"
}

# Stopped and continued, the process tells its parent; others may signal that, too.
send_signals() {
    local n
    for ((n = 0; n < $3; n++)); do
        kill -STOP "$2"
        kill -CONT "$2"
        kill -CHLD "$1"
    done
}

exec_and_look() {
    local kind
    drive looks -k -j "$LANES" "$(($2 * 4))" < <(for kind in plain logged piped terminal; do
        cat <<END
candidate $kind
run $SHIMHOST exec $ID-x-$kind -- $(program "$1" true)
run $SHIMHOST state $ID-x-$kind
run $SHIMHOST kill $ID-x-$kind CONT
run $SHIMHOST ps $ID-x-$kind
END
    done)
}
