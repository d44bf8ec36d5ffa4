# SPDX-License-Identifier: Apache-2.0
# Hosts side by side that do at random what can be done to the same few containers, and some of which are killed, as
# monitors are.
# shellcheck shell=bash disable=SC2154

ROUND=600 # commands between two looks at the machine

part_hosts() {
    local runtime
    for runtime in process $REAL; do
        configure_runtime "$runtime-adopt" "$runtime" 'on-monitor-death: adopt' \
            "$(grep '^binary:' "$W/etc/runtimes.d/$runtime.yaml")"
        host run --rm -r "$runtime-adopt" -b "$(bundle "$runtime" true @/bin/stamp true)" "$ID-first" # makes its root
    done
    point "$(less "$HOSTS") hosts at random on four containers of process" at_random process "$(less "$HOSTS")"
    for runtime in $REAL; do
        point "$(less "$HOSTS_REAL") hosts at random on four containers of $runtime" \
            at_random "$runtime" "$(less "$HOSTS_REAL")"
    done
}

# at_random RUNTIME COUNT
at_random() {
    local left lane job jobs
    remember_machine
    for ((left = $2; left > 0; left -= ROUND)); do
        jobs=()
        for ((lane = 0; lane < LANES; lane++)); do
            hosts_of_lane "$1" $(((left < ROUND ? left : ROUND) / LANES)) "$SRANDOM" >>"$W/work/wrong" 2>"$W/work/killed" &
            jobs+=($!)
        done
        for job in "${jobs[@]}"; do wait "$job" || complain "a lane has failed"; done
        end_of_all
        complain_of "$W/work/wrong"
        nothing_grew
        ((problems == 0)) || return 0
    done
    commands_sum=$((commands_sum + $2))
}

complain_of() {
    while read -r line; do complain "$line"; done <"$1"
    rm "$1"
}

# hosts_of_lane RUNTIME COUNT SEED: says what is wrong; on standard error the shell tells of who was killed.
hosts_of_lane() {
    local left runtime bundle
    RANDOM=$3
    for ((left = $2; left > 0; left--)); do
        runtime=$(one_of "$1" "$1-adopt")
        case $((RANDOM % 4)) in
        0) bundle=$(bundle "$1" ends @/bin/sh -c 'exit 7') ;;
        1) bundle=$(bundle "$1" soon @/bin/sh -c "$(program "$1" sleep) 0.1; exit 7") ;;
        *) bundle=$(bundle "$1" long @/bin/sh -c "exec $(program "$1" sleep) 1000") ;;
        esac
        host_at_random "$runtime" "$bundle" "$ID-$(one_of a b c d)" "$(one_of one two)"
    done
}

one_of() {
    echo "${*:RANDOM % $# + 1:1}"
}

# host_at_random RUNTIME BUNDLE CONTAINER EXEC
host_at_random() {
    case $((RANDOM % 32)) in
    [0-4]) try create -r "$1" -b "$2" "$3" ;;
    [5-9]) try run -d -r "$1" -b "$2" "$3" ;;
    1[0-2]) try start "$3" ;;
    1[3-5]) try exec -d --id "$4" "$3" -- "$(program "${1%-adopt}" sleep)" "$(one_of 0.05 1000)" ;;
    1[6-8]) try kill "$3" "$(one_of TERM KILL)" ;;
    19 | 20) try wait --timeout 200ms "$3" ;;
    21 | 22) try delete "$3" ;;
    2[3-5]) try delete --force "$3" ;;
    26) try delete --force --process-id "$4" "$3" ;;
    27) try "$(one_of pause resume)" "$3" ;;
    28) try "$(one_of list check state)" ;;
    29) try check --repair ;;
    *) kill_monitor "$3" "$(one_of init "$4")" ;;
    esac
}

# try WORD…: whatever becomes of it, it neither hangs nor crashes. One of three is killed after a while.
try() {
    local status=0 after=300 told=$W/work/said.$BASHPID
    ((RANDOM % 3)) || printf -v after '0.0%03d' $((RANDOM % 300))
    timeout -s KILL "$after" "$SHIMHOST" "$@" </dev/null >"$told" 2>&1 || status=$?
    if ((status >= 126 && status != 137)) || [[ $status == 137 && $after == 300 ]]; then
        echo "shimhost $* ended with $status: $(cat "$told")"
    fi
}

# kill_monitor CONTAINER PROCESS
kill_monitor() {
    local pid
    read -r pid 2>/dev/null <"$STATE/$1/$2/monitor" || return 0
    [[ $(readlink "/proc/$pid/exe") != */shimhost-monitor ]] || kill -KILL "$pid" 2>/dev/null || true
}

# No more hosts: what lives is ended, every end is known or said not to be, and all of it can be deleted.
end_of_all() {
    local path id
    rm -f "$W/work/said."*
    timeout -k 5 300 "$SHIMHOST" check --repair </dev/null &>/dev/null || true # what has lost its monitor and is to be killed stays
    for path in "$STATE"/*/; do
        [[ -d $path ]] || continue
        id=$(basename "$path")
        timeout -k 5 60 "$SHIMHOST" kill "$id" KILL </dev/null &>/dev/null || true
        end_is_known "$id" || complain "wait $id: $said"
        host delete --force "$id"
    done
    rm -rf "$W/tmp/crun."* # a crun that is killed leaves these
    check_state
}

end_is_known() {
    said=$(timeout -k 5 60 "$SHIMHOST" wait --timeout 30s "$1" </dev/null 2>&1) || [[ $said == *"exit status is unknown"* || $said == *"never finished"* ]]
}
