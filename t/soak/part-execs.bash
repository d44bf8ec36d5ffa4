# SPDX-License-Identifier: Apache-2.0
# Very many execs in one container that lives long.
# shellcheck shell=bash disable=SC2154

part_execs() {
    local runtime
    point "$(less "$EXECS") execs in one container of process" exec_often process "$(less "$EXECS")"
    for runtime in $REAL; do
        point "$(less "$EXECS_REAL") execs in one container of $runtime" exec_often "$runtime" "$(less "$EXECS_REAL")"
    done
}

# exec_often RUNTIME COUNT: a tenth warms its monitor up.
exec_often() {
    local id=$ID-long warm=$(($2 / 10))
    remember_machine
    host run -d -r "$1" -b "$(bundle "$1" sleep @/bin/stamp sleep)" "$id"
    drive warm -j "$LANES" "$((warm ? warm : 1))" < <(kinds_of_execs "$1" "$id")
    weigh "$(monitors "$id")" >"$W/work/before"
    drive execs -j "$LANES" "$(($2 - warm))" < <(kinds_of_execs "$1" "$id")
    check_state
    weigh "$(monitors "$id")" >"$W/work/after"
    not_heavier "after the execs" "$W/work/before" "$W/work/after"
    note "the container's monitor: $(summarize "$W/work/after")"
    running 1
    [[ $(find "$STATE/$id" -mindepth 1 -maxdepth 1 -type d | wc -l) == 1 ]] ||
        complain "execs are left: $(ls "$STATE/$id" | head | xargs)"
    host delete --force "$id"
    nothing_grew
}

# Seven of ten are the everyday kind.
kinds_of_execs() {
    for _ in 1 2 3 4 5 6 7; do
        cat <<END
candidate in the foreground
run $SHIMHOST exec $2 -- $(program "$1" true)
END
    done
    cat <<END
candidate that fails
ends 1 $SHIMHOST exec $2 -- $(program "$1" false)
candidate in the background, killed
run $SHIMHOST exec -d --id {id} $2 -- $(program "$1" sleep) 1000000
run $SHIMHOST kill --process-id {id} $2 KILL
prints 137 $SHIMHOST wait --process-id {id} $2
run $SHIMHOST delete --process-id {id} $2
candidate of what is not there
ends 127 $SHIMHOST exec $2 -- /nothing-of-that-name
END
}
