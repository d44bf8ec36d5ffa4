# SPDX-License-Identifier: Apache-2.0
# What an idle monitor has for itself.
# shellcheck shell=bash disable=SC2154

part_memory() {
    local n bundle
    report "## Memory of an idle supervisor"
    report ""
    report "Per process, median of all alive, KiB. Kernel stack (16 KiB a thread) and slab are not told per process."
    report ""
    report "| | alive | Rss | Pss | private clean | private dirty | page tables | threads |"
    report "|---|--:|--:|--:|--:|--:|--:|--:|"
    memory_of_pause
    bundle=$(bundle fake sleep /bin/stamp sleep)
    for n in 1 20 200 500; do
        ((n <= MANY)) || continue
        make_containers "$n" "$bundle"
        find "$STATE" -mindepth 3 -maxdepth 3 -path '*/many-*/init/monitor' -exec head -qn 1 {} + |
            memory_line shimhost-monitor "$n"
    done
    remove_containers
    ! has conmon || memory_of_conmon 20 "$bundle"
    report ""
}

# memory_line NAME N: of the processes whose pids are read.
memory_line() {
    local pid
    while read -r pid; do
        cat "/proc/$pid/smaps_rollup" "/proc/$pid/status" | awk '
            /^(Rss|Pss|Private_Clean|Private_Dirty|VmPTE|Threads):/ { value[$1] = $2 }
            END { print value["Rss:"], value["Pss:"], value["Private_Clean:"], value["Private_Dirty:"],
                value["VmPTE:"], value["Threads:"] }'
    done >"$RESULTS/memory-$1-$2"
    report "| $1 | $2 | $(for column in 1 2 3 4 5 6; do
        cut -d' ' -f"$column" "$RESULTS/memory-$1-$2" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
    done | paste -sd'|' | sed 's/|/ | /g') |"
}

# A static program that only calls pause().
memory_of_pause() {
    local pids=() i
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        "$ROOT/bin/stamp" sleep &
        pids+=($!)
    done
    sleep 0.2
    printf '%s\n' "${pids[@]}" | memory_line 'static-pause' "$i"
    kill "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null || true
}

memory_of_conmon() {
    local i words=()
    for ((i = 1; i <= $1; i++)); do
        read -ra words <<<"$(conmon_words fake "$2" | sed "s/{id}/conmon-$i/g")"
        "${words[@]}" </dev/null >/dev/null 2>&1
    done
    # Each leaves its own pid nowhere but in the parent of its container.
    for ((i = 1; i <= $1; i++)); do
        awk '/^PPid:/ { print $2 }' "/proc/$(cat "$W/logs/conmon-$i.pid")/status"
    done | memory_line conmon "$1"
    for ((i = 1; i <= $1; i++)); do
        read -ra words <<<"$(conmon_runtime_words fake)"
        "${words[@]}" delete -f "conmon-$i"
    done
}
