# SPDX-License-Identifier: Apache-2.0
# What may grow, counted: before, and after.
# shellcheck shell=bash disable=SC2034,SC2120,SC2154

declare -A BEFORE NOW
WATCHED='processes zombies descriptors mounts cgroups directories files fifos sockets elsewhere'

# ---- the machine

# All processes of our pid namespace but this shell and its own children that count.
pids() {
    local path
    for path in /proc/[0-9]*; do
        path=${path#/proc/}
        [[ $path == 1 || $path == "$BASHPID" ]] || echo "$path"
    done
}

find_cgroups() {
    find /sys/fs/cgroup -depth -type d -name "$ID*" \( -fstype cgroup -o -fstype cgroup2 \) "$@" 2>/dev/null
}

# Counts what there is, into NOW. In this shell, so that it need not count itself.
count_machine() {
    local path stat descriptors
    NOW=()
    for path in $WATCHED; do NOW[$path]=0; done
    for path in /proc/[0-9]*; do
        [[ $path != /proc/1 ]] && read -r stat 2>/dev/null <"$path/stat" || continue
        NOW[processes]=$((NOW[processes] + 1))
        [[ ${stat##*) } != Z* ]] || NOW[zombies]=$((NOW[zombies] + 1))
        [[ $path != "/proc/$follower" ]] || continue # it reads the old journal, too, once there is one
        descriptors=("$path"/fd/*)
        NOW[descriptors]=$((NOW[descriptors] + ${#descriptors[@]}))
    done
    mapfile -t mounts </proc/self/mountinfo
    NOW[mounts]=${#mounts[@]}
    NOW[cgroups]=$(find_cgroups | wc -l)
    # Its own files, what it was told to keep, and the journal, which has a limit, are not counted.
    while read -r kind number; do
        case $kind in
        d) NOW[directories]=$number ;;
        p) NOW[fifos]=$number ;;
        s) NOW[sockets]=$number ;;
        *) NOW[files]=$((NOW[files] + number)) ;;
        esac
    done < <(find "$STATE" "$STATE-containerd" "$W/roots" "$W/tmp" "$W/logs" "$ROOT" ! -name '.events*' -printf '%y\n' 2>/dev/null |
        sort | uniq -c | awk '{ print $2, $1 }')
    NOW[elsewhere]=$(find /tmp /run /var/tmp /dev/shm -maxdepth 3 -name "*$ID*" ! -path "$W*" 2>/dev/null | wc -l)
}

remember_machine() {
    local name
    count_machine
    for name in $WATCHED; do BEFORE[$name]=${NOW[$name]}; done
}

same_machine() {
    local name
    count_machine
    for name in $WATCHED; do
        [[ ${NOW[$name]} == "${BEFORE[$name]}" ]] || return 1
    done
}

# Complains of all that is more, or less, than it was at the last `remember_machine`.
nothing_grew() {
    local name pid
    if eventually same_machine; then return; fi
    for name in $WATCHED; do
        [[ ${NOW[$name]} == "${BEFORE[$name]}" ]] || complain "$name: ${BEFORE[$name]} before, ${NOW[$name]} now"
    done
    note "containers: $(ls "$STATE" | head -n 20 | xargs)"
    note "cgroups: $(find_cgroups | head -n 20 | xargs)"
    for pid in $(pids | head -n 40); do
        note "process $pid: $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | cut -c 1-150)"
    done
}

# check_state: `shimhost check` finds nothing.
check_state() {
    local output
    output=$(timeout -k 5 600 "$SHIMHOST" check </dev/null 2>&1) || complain "check: $output"
}

# ---- processes

# weigh PID…: of each a line "PID PRIVATE-DIRTY PSS DESCRIPTORS THREADS", kibibytes.
weigh() {
    local pid files=() descriptors
    for pid in "$@"; do files+=("/proc/$pid/smaps_rollup" "/proc/$pid/status"); done
    {
        for pid in "$@"; do
            descriptors=("/proc/$pid/fd/"*)
            echo "descriptors: ${#descriptors[@]}"
        done
        cat "${files[@]}"
    } | awk -v pids="$*" '
        /^(descriptors|Private_Dirty|Pss|Threads):/ { value[$1, ++count[$1]] = $2 }
        END {
            many = split(pids, pid)
            for (n = 1; n <= many; n++)
                print pid[n], value["Private_Dirty:", n], value["Pss:", n], value["descriptors:", n], value["Threads:", n]
        }'
}

# summarize FILE: of lines of `weigh`.
summarize() {
    local column words=(- 'private dirty' Pss descriptors threads)
    for column in 2 3 4 5; do
        cut -d' ' -f"$column" "$1" | sort -n | awk -v what="${words[column - 1]}" '{ v[NR] = $1 }
            END { printf "%s %d–%d–%d; ", what, v[1], v[int((NR + 1) / 2)], v[NR] }'
    done
    echo "KiB, least–median–most of $(wc -l <"$1")"
}

# not_heavier WHAT BEFORE AFTER [KIBIBYTES]: files of `weigh`, of the same processes, whose private memory has not grown by
# more than that. Pss depends on others, too, and is only told.
not_heavier() {
    local line
    while read -r line; do
        complain "$1: process $line"
    done < <(join "$2" "$3" | awk -v more="${4:-0}" '
        $6 > $2 + more { printf "%d: private memory grew from %d to %d KiB\n", $1, $2, $6 }
        $8 > $4 { printf "%d: descriptors grew from %d to %d\n", $1, $4, $8 }
        $9 > $5 { printf "%d: threads grew from %d to %d\n", $1, $5, $9 }')
    [[ $(join "$2" "$3" | wc -l) == $(wc -l <"$2") ]] || complain "$1: some are not there any more"
}

monitors() {
    local id
    for id in "$@"; do head -qn 1 "$STATE/$id/"*/monitor; done | sort
}

all_monitors() {
    find "$STATE" -mindepth 3 -maxdepth 3 -name monitor -exec head -qn 1 {} + | sort
}

# toil PID…: "SWITCHES TICKS", the wake-ups and the CPU time of all together.
toil() {
    local pid files=()
    for pid in "$@"; do files+=("/proc/$pid/stat" "/proc/$pid/status"); done
    cat "${files[@]}" |
        awk '/^[0-9]/ { sub(/.*\) /, ""); ticks += $12 + $13 } /ctxt_switches/ { switches += $2 }
            END { print switches, ticks }'
}

asleep() {
    local pid stat
    for pid in "$@"; do
        read -r stat 2>/dev/null <"/proc/$pid/stat" && [[ ${stat##*) } == S* ]] || return 1
    done
}

# They have slept through the time after which a monitor gives back the memory through which it has copied.
calm() {
    local before
    asleep "$@" || return 1
    before=$(toil "$@")
    sleep 2.5
    [[ $(toil "$@") == "$before" ]]
}

# idle PID…: over the time of SOAK_IDLE they are not woken up and take no CPU time.
idle() {
    local before
    eventually calm "$@" || complain "not all of the monitors have fallen asleep"
    before=$(toil "$@")
    sleep "$IDLE" # the time over which nothing is to happen
    [[ $(toil "$@") == "$before" ]] ||
        complain "wake-ups and ticks of $# monitors that have nothing to do: $before before, $(toil "$@") after $IDLE s"
    note "$# monitors slept for $IDLE s: wake-ups and ticks $before, and then $(toil "$@")"
}

# ---- who watches all the time

# A host that lives all the time, and reads what happens.
begin_watching() {
    local runtime
    "$SHIMHOST" events --follow </dev/null >"$W/work/events" 2>&1 &
    follower=$!
    # What each of them makes once, and the journal.
    for runtime in process fake $REAL; do
        "$SHIMHOST" run --rm -r "$runtime" -b "$(bundle "$runtime" true @/bin/stamp true)" "$ID-first" </dev/null ||
            complain "nothing runs over $runtime"
    done
    eventually grep -q deleted "$W/work/events"
    eventually asleep "$follower"
    weigh "$follower" >"$W/work/follower"
    remember_machine
    note "before: $(for name in $WATCHED; do echo "$name ${NOW[$name]},"; done | xargs)"
}

end_watching() {
    local told size
    check_state
    nothing_grew
    note "after: $(for name in $WATCHED; do echo "$name ${NOW[$name]},"; done | xargs)"
    size=$(cat "$STATE"/.events* | wc -c)
    ((size <= (2 << 20) + 4096)) || complain "the journal has grown to $size bytes"
    told=$(wc -l <"$W/work/events")
    note "the journal: $size bytes; events --follow has told $told events"
    weigh "$follower" >"$W/work/follower-after"
    note "events --follow: $(summarize "$W/work/follower-after")"
    # The old journal, and what was read of a journal at once.
    awk '{ $2 += 64; $4 += 1; print }' "$W/work/follower" >"$W/work/follower-most"
    not_heavier "events --follow" "$W/work/follower-most" "$W/work/follower-after"
    kill "$follower"
    wait "$follower" 2>/dev/null || true
}
