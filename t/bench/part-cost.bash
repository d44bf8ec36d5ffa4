# SPDX-License-Identifier: Apache-2.0
# What does not depend on the clock: system calls and instructions.
# shellcheck shell=bash disable=SC2154

part_cost() {
    local bundle
    report "## System calls and instructions of our processes alone"
    report ""
    report "Counted by strace and $(instruction_counter | grep . || echo 'nothing that counts instructions here')."
    report ""
    report "| | system calls | instructions |"
    report "|---|--:|--:|"
    bundle=$(bundle fake sleep /bin/stamp sleep)
    "$SHIMHOST" run -d -r fake -b "$bundle" many-1
    cost "state" "$SHIMHOST" state many-1
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        configure_runtime "fake-$i" oci
    done
    cost "state, twenty more runtimes configured" "$SHIMHOST" state many-1
    rm "$W"/etc/runtimes.d/fake-*.yaml
    cost "list of 1" "$SHIMHOST" list
    remove_containers
    cost "run --rm, to the end" "$SHIMHOST" run --rm -r fake -b "$(bundle fake true /bin/stamp true)" cost-run
    [[ " $RUNTIMES " != *" crun "* ]] ||
        cost "run --rm over crun, to the end" "$SHIMHOST" run --rm -r crun -b "$(bundle crun true /bin/stamp true)" cost-crun
    report ""
}

# cost WHAT COMMAND…
cost() {
    local what=$1 calls instructions
    shift
    calls=$(! command -v strace >/dev/null || system_calls "$W/strace" "$@") || calls=failed
    # Not every valgrind knows the system calls that a spawn needs.
    instructions=$(instructions "$W/instructions" "$@") || instructions=
    report "| $what | ${calls:--} | ${instructions:--} |"
}
