# SPDX-License-Identifier: Apache-2.0
# `list` and `state` among many containers.
# shellcheck shell=bash disable=SC2034,SC2154

part_list() {
    local n bundle
    report "## list and state"
    report ""
    bundle=$(bundle fake sleep /bin/stamp sleep)
    for n in 1 100 $MANY; do
        make_containers "$n" "$bundle"
        # The first only reads the same files, which is what any list has to do.
        race "list-$n" "$(fewer 1)" <<END
candidate only-reading-$n
run $BUILD/t/bench/machine read $STATE
mark over
candidate list-of-$n
run $SHIMHOST list
mark over
candidate list-json-of-$n
run $SHIMHOST list --format json
mark over
candidate state-among-$n
run $SHIMHOST state many-1
mark over
END
        table "list-$n" over "$n containers alive"
    done
    remove_containers
}

# make_containers N BUNDLE: so that N are there, many-1 to many-N.
make_containers() {
    local have
    have=$("$SHIMHOST" list --format json | jq length)
    seq $((have + 1)) "$1" |
        xargs -r -P 4 -I'{}' "$SHIMHOST" run -d -r fake -b "$2" 'many-{}' >"$RESULTS/many.log" 2>&1 ||
        { say "could not start $1 containers: $(tail -n 1 "$RESULTS/many.log")"; failed=1; }
}

remove_containers() {
    find "$STATE" -mindepth 1 -maxdepth 1 -name 'many-*' -printf '%f\n' |
        xargs -r -P 4 -I'{}' "$SHIMHOST" delete --force '{}'
}
