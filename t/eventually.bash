# SPDX-License-Identifier: Apache-2.0
# What the tests and the endurance test share. PATIENCE, in seconds, is the caller's.
# shellcheck shell=bash disable=SC2154

# eventually COMMAND…: for what announces itself by nothing that a shell could wait for.
eventually() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}
