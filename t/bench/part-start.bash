# SPDX-License-Identifier: Apache-2.0
# Starting, running to the end, and many at a time.
# shellcheck shell=bash disable=SC2154

part_start() {
    local runtime
    report "## Start"
    report ""
    race_start "$(fewer 1)"
    table start-fake began "invocation → the process's first instruction, fake runtime"
    table start-fake started "invocation → started told, fake runtime"
    for runtime in $RUNTIMES; do
        [[ $runtime == fake ]] || report_run "$runtime"
    done
    report_run fake
}

report_run() {
    race_run "$1" "$(fewer 1)"
    table "run-$1" over "whole run of a program that does nothing, until its exit is seen, $1"
    table "run-$1" gone "the same, until nothing of it is left, $1"
}

# Over the fake runtime, which costs next to nothing, so that what remains is the supervisor.
race_start() {
    local began fake=fake
    began=$(bundle fake began /bin/stamp begin /events/told)
    race start-fake "$1" <<END
candidate bare-create-start
run $(bare_words $fake) create -b $began {id}
mark created
run $(bare_words $fake) start {id}
mark started
stamp began $ROOT/events/told
run $(bare_words $fake) delete -f {id}
candidate shimhost-run-d
run $SHIMHOST run -d -r $fake -b $began {id}
mark started
stamp began $ROOT/events/told
run $SHIMHOST delete --force {id}
candidate shimhost-create-start
run $SHIMHOST create -r $fake -b $began {id}
mark created
run $SHIMHOST start {id}
mark started
stamp began $ROOT/events/told
run $SHIMHOST delete --force {id}
$(! has conmon || cat <<CONMON
candidate conmon-create-start
sync $(conmon_words $fake "$began")
mark created
run $(conmon_runtime_words $fake) start {id}
mark started
stamp began $ROOT/events/told
join
settle
run $(conmon_runtime_words $fake) delete -f {id}
CONMON
)
END
}

# race_run RUNTIME ROUNDS
race_run() {
    local bundle
    bundle=$(bundle "$1" true /bin/stamp true)
    race "run-$1" "$2" <<END
candidate bare-run
run $(bare_words "$1") run -b $bundle {id}
mark over
$([[ $1 != fake ]] || echo "run $(bare_words fake) delete -f {id}")
mark gone
candidate shimhost-run
run $SHIMHOST run -r $1 -b $bundle {id}
mark over
run $SHIMHOST delete {id}
mark gone
candidate shimhost-run-rm
run $SHIMHOST run --rm -r $1 -b $bundle {id}
mark over
mark gone
$(! has conmon || cat <<CONMON
candidate conmon
watch $W/exits
sync $(conmon_words "$1" "$bundle")
run $(conmon_runtime_words "$1") start {id}
appears {id}
mark over
run $(conmon_runtime_words "$1") delete -f {id}
mark gone
CONMON
)
END
}

part_many() {
    local runtime
    report "## Many starts at a time"
    report ""
    for runtime in $RUNTIMES; do
        for n in 1 4 8 16; do
            race_many "$runtime" "$n" "$(fewer 2)"
            table "many-$runtime-$n" started "$n at a time, detached, until all are started, $runtime"
        done
    done
}

# race_many RUNTIME N ROUNDS
race_many() {
    local bundle
    bundle=$(bundle "$1" sleep /bin/stamp sleep)
    race "many-$1-$2" "$3" <<END
candidate bare-run-d
batch $2 $(bare_words "$1") run -d -b $bundle {id}-{n}
mark started
batch $2 $(bare_words "$1") delete -f {id}-{n}
candidate shimhost-run-d
batch $2 $SHIMHOST run -d -r $1 -b $bundle {id}-{n}
mark started
batch $2 $SHIMHOST delete --force {id}-{n}
END
}
