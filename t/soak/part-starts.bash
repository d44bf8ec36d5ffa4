# SPDX-License-Identifier: Apache-2.0
# Starts side by side: 1, 4, 8, 16 at a time.
# shellcheck shell=bash disable=SC2154

part_starts() {
    local runtime lanes
    for runtime in $REAL; do
        for lanes in 1 4 8 16; do
            point "$(less "$STARTS") starts over $runtime, $lanes at a time" \
                start_side_by_side "$runtime" "$lanes" "$(less "$STARTS")"
        done
    done
}

# start_side_by_side RUNTIME LANES COUNT
start_side_by_side() {
    local took=0
    remember_machine
    drive starts -k -j "$2" "$3" <<END
candidate begins
run $SHIMHOST run -d -r $1 -b $(bundle "$1" sleep @/bin/stamp sleep) {id}
END
    note "$1, $2 at a time: $(awk -v seconds="$took" -v count="$3" 'BEGIN { printf "%.1f ms", 1000 * seconds / count }') a start"
    running "$3"
    drive starts -k -j "$2" "$3" <<END
candidate ends
run $SHIMHOST kill {id} KILL
prints 137 $SHIMHOST wait {id}
run $SHIMHOST delete {id}
END
    check_state
    nothing_grew
}
