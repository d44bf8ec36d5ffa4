# SPDX-License-Identifier: Apache-2.0
# From the process's last instruction until whoever waits is told.
# shellcheck shell=bash disable=SC2154

part_death() {
    local runtime
    report "## Death → waiter told"
    report ""
    for runtime in $RUNTIMES; do
        race_death "$runtime" "$(fewer 1)"
        table "death-$runtime" told "death → told, $runtime"
    done
}

# race_death RUNTIME ROUNDS: PAUSE milliseconds let everybody fall asleep first.
race_death() {
    local bundle pause=30
    bundle=$(bundle "$1" end /bin/stamp end /events/go /events/told)
    race "death-$1" "$2" <<END
candidate waitid
start-new $ROOT/bin/stamp end $ROOT/events/go $ROOT/events/told
pause $pause
give $ROOT/events/go
clock $ROOT/events/told
join
mark told
candidate shimhost-exit-fifo
run $SHIMHOST run -d -r $1 -b $bundle {id}
open $STATE/{id}/init/exit
pause $pause
give $ROOT/events/go
clock $ROOT/events/told
hangup
mark told
run $SHIMHOST delete --force {id}
candidate shimhost-wait
run $SHIMHOST run -d -r $1 -b $bundle {id}
listen $SHIMHOST wait {id}
pause $pause
give $ROOT/events/go
clock $ROOT/events/told
heard
mark told
join
run $SHIMHOST delete --force {id}
$(! has conmon || cat <<CONMON
candidate conmon-exit-file
sync $(conmon_words "$1" "$bundle")
run $(conmon_runtime_words "$1") start {id}
watch $W/exits
pause $pause
give $ROOT/events/go
clock $ROOT/events/told
appears {id}
mark told
join
settle
run $(conmon_runtime_words "$1") delete -f {id}
CONMON
)
END
}
