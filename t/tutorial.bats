#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tutorial, done as it says: its files are written and its commands are typed.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

TUTORIAL=$SOURCE/doc/tutorial.md

# What its blocks of that name hold.
block() {
    awk -v name="$1" '
        /^```[a-z]+ / { inside = $2 == name; next }
        /^```/ { inside = 0 }
        inside' "$TUTORIAL"
}

# Prints what a reader does, in the order of the text, as a script: writes each file, and types the commands.
steps() {
    awk '
        /^```[a-z]+ / {
            is_file = $2 != "commands"
            inside = 1
            if (is_file) print "cat >" $2 " <<\047END OF FILE\047"
            next
        }
        /^```/ {
            if (inside && is_file) print "END OF FILE"
            inside = 0
        }
        inside' "$TUTORIAL"
}

test_setup() {
    needs cc pkg-config
    cd "$T"
}

@test "the tutorial has the files that it speaks of" {
    for file in pebble pebble.c pebble.yaml bundle/config.json try/shimhost.yaml commands; do
        [[ $(block "$file") ]] || is "$file" "a block of the tutorial"
    done
    # As short as it says, and what its commands say is what a shell takes.
    [[ $(block pebble | wc -l) -le 40 ]]
    block pebble | sh -n
    block commands | sh -n
    is "$(block commands | grep -c 'shimhost run')" 1 "number of runs"
}

# bundle_of WORD…: a bundle of that command, in place of the tutorial's.
bundle_of() {
    mkdir -p other
    jq '.process.args = $ARGS.positional' tutorial/bundle/config.json --args "$@" >other/config.json
}

@test "what the tutorial says works" {
    steps >steps
    umask 002 # as many systems have it
    run env PATH="$PREFIX/bin:$PATH" PKG_CONFIG_PATH="$PREFIX/lib/pkgconfig" \
        timeout -k 10 600 sh -euc '. ./steps' 3>&-
    STATE=$T/tutorial/try/state
    is "$status" 0 "exit status ($output)"
    says "ok 1 - " '"status": "created"' "hello from a pebble"
    says_not "not ok" warning
    is "$(ls "$STATE")" "" "containers that are left"
    is "$(ls tutorial/root 2>/dev/null)" "" "pebbles that are left"

    # And a pebble has what every process has.
    export SHIMHOST_CONFIG=$T/tutorial/try/shimhost.yaml
    bundle_of cat
    is "$(echo x | timeout -k 10 60 "$SHIMHOST" run --rm -b "$T/other" stone 3>&-)" x "what cat says"
    bundle_of sleep 1000
    works run -d -b "$T/other" stone
    works kill stone INT
    gives 130 stone
    works delete stone
}
