#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tutorial, done as it says: its files are written and its commands are typed.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

TUTORIAL=$SOURCE/doc/tutorial.md

# Writes every block that is named after a file, and the commands, in their order, into `commands`.
extract() {
    awk '
        /^```[a-z]+ / { file = $2; next }
        /^```/ { file = ""; next }
        file != "" { print >> file }' "$TUTORIAL"
}

test_setup() {
    needs cc pkg-config
    mkdir -p "$T/tutorial/bundle" "$T/tutorial/try"
    cd "$T/tutorial"
    extract
}

@test "the tutorial has the files that it speaks of" {
    for file in pebble pebble.c pebble.yaml bundle/config.json try/shimhost.yaml commands; do
        [[ -s $file ]] || is "$file" "a block of the tutorial"
    done
    # As short as it says, and what its commands say is what a shell takes.
    [[ $(wc -l <pebble) -le 40 ]]
    sh -n pebble
    sh -n commands
    is "$(grep -c 'shimhost run' commands)" 1 "number of runs"
}

@test "what the tutorial says works" {
    run env PATH="$PREFIX/bin:$PATH" PKG_CONFIG_PATH="$PREFIX/lib/pkgconfig" \
        timeout -k 10 600 sh -euc 'umask 022; . ./commands' 3>&-
    STATE=$T/tutorial/try/state
    is "$status" 0 "exit status ($output)"
    says "ok 1 - " '"status": "created"' "hello from a pebble"
    says_not "not ok" warning
    is "$(ls "$STATE")" "" "containers that are left"
    is "$(ls root 2>/dev/null)" "" "pebbles that are left"
}
