# SPDX-License-Identifier: Apache-2.0
# The conformance kit, as the files about it run it.
# shellcheck shell=bash

# check FILE [ARGUMENT…]: runs the kit.
check() {
    local file=$1
    shift
    LIMIT=800 shimhost plugin check "$@" "$file"
}

# what FAILED in the TAP of the standard input, one name a line.
failures() {
    sed -n 's/^not ok [0-9]* - //p'
}
