# SPDX-License-Identifier: Apache-2.0
# Very many at once, which do nothing, but for one; and starts side by side.
# shellcheck shell=bash disable=SC2154

part_many() {
    local many many_real
    many=$(less "$MANY") many_real=$(less "$MANY_REAL")
    point "$many containers of process at once" live_together process "$many"
    [[ $REAL != *crun* ]] || point "$many_real containers of crun at once" live_together crun "$many_real"
}

# live_together RUNTIME COUNT
live_together() {
    local each
    remember_machine
    begin_together "$1" "$2"
    mapfile -t each < <(all_monitors)
    weigh "${each[@]}" >"$W/work/idle"
    note "$2 idle monitors: $(summarize "$W/work/idle")"
    idle "${each[@]}"
    check_state
    strain_all "$1" "one of $2"
    weigh "${each[@]}" >"$W/work/idle-after"
    not_heavier "the others, meanwhile" "$W/work/idle" "$W/work/idle-after"
    end_together "$2"
    check_state
    nothing_grew
}

begin_together() {
    drive many -k -j "$LANES" "$2" <<END
candidate begins
run $SHIMHOST run -d -r $1 -b $(bundle "$1" sleep @/bin/stamp sleep) {id}
END
    running "$2"
}

# Each of three ways for a third of them.
end_together() {
    drive many -k -j "$LANES" "$1" <<END
candidate killed, waited for, deleted
run $SHIMHOST kill {id} KILL
prints 137 $SHIMHOST wait {id}
run $SHIMHOST delete {id}
candidate deleted by force
run $SHIMHOST delete --force {id}
candidate looked at, and deleted by force
run $SHIMHOST state {id}
run $SHIMHOST delete --force {id}
END
}
