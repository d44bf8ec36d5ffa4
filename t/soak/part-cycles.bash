# SPDX-License-Identifier: Apache-2.0
# From spawn to delete, in all ways that there are.
# shellcheck shell=bash disable=SC2154

part_cycles() {
    local runtime
    point "$(less "$CYCLES") cycles from spawn to delete over process and the fake runtime" \
        cycle cycles "$(less "$CYCLES")" process fake
    for runtime in $REAL; do
        point "$(less "$CYCLES_REAL") cycles from spawn to delete over $runtime" \
            cycle "$runtime" "$(less "$CYCLES_REAL")" "$runtime"
    done
}

# cycle NAME COUNT RUNTIME…
cycle() {
    local runtime
    remember_machine
    drive "$1" -j "$LANES" "$2" < <(for runtime in "${@:3}"; do kinds_of_cycles "$runtime"; done)
    check_state
    nothing_grew
}

# kinds_of_cycles RUNTIME: the script.
kinds_of_cycles() {
    local nothing seven sleeper screen talker missing log="$W/logs/{id}"
    nothing=$(bundle "$1" true @/bin/stamp true)
    seven=$(bundle "$1" seven @/bin/sh -c 'exit 7')
    sleeper=$(bundle "$1" sleep @/bin/stamp sleep)
    screen=$(TERMINAL=true bundle "$1" screen @/bin/stamp sleep)
    talker=$(bundle "$1" talk @/bin/sh -c 'echo one; echo two >&2')
    missing=$(bundle "$1" missing @/bin/nothing-of-that-name)
    cat <<END
candidate in the foreground
run $SHIMHOST run --rm -r $1 -b $nothing {id}
candidate killed, waited for, deleted
run $SHIMHOST run -d -r $1 -b $sleeper {id}
run $SHIMHOST kill {id} KILL
prints 137 $SHIMHOST wait {id}
run $SHIMHOST delete {id}
candidate in steps
run $SHIMHOST create -r $1 -b $seven {id}
run $SHIMHOST start {id}
prints 7 $SHIMHOST wait {id}
run $SHIMHOST delete {id}
candidate deleted by force
run $SHIMHOST run -d -r $1 -b $sleeper {id}
run $SHIMHOST delete --force {id}
candidate never started
run $SHIMHOST create -r $1 -b $sleeper {id}
run $SHIMHOST delete --force {id}
candidate with a log
run $SHIMHOST run -d -r $1 --log k8s-file:$log --log-opt max-size=4KiB --log-opt max-files=2 -b $talker {id}
prints 0 $SHIMHOST wait {id}
run $SHIMHOST logs {id}
run $SHIMHOST delete {id}
run rm $log
candidate with pipes and an exec
run $SHIMHOST run -d -r $1 --stdin pipe --stdout pipe -b $sleeper {id}
run $SHIMHOST exec {id} -- $(program "$1" true)
run $SHIMHOST close-stdin {id}
run $SHIMHOST delete --force {id}
candidate of what is not there
ends 127 $SHIMHOST run -r $1 -b $missing {id}
candidate paused
run $SHIMHOST run -d -r $1 -b $sleeper {id}
run $SHIMHOST pause {id}
run $SHIMHOST resume {id}
run $SHIMHOST delete --force {id}
END
    # The fake runtime knows no terminals.
    [[ $1 == fake ]] || cat <<END
candidate with a terminal
run $SHIMHOST run -d -t -r $1 -b $screen {id}
run $SHIMHOST resize {id} 100x30
run $SHIMHOST delete --force {id}
END
}
