#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The promise of doc/abi.md: what was released stays where it was, and what was built against it works.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

ABI=$TESTS/abi

# build OUTPUT HEADER-DIR SOURCE [OPTION…]
build() {
    local output=$1 include=$2 source=$3
    shift 3
    umask 022
    gcc -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror -D_GNU_SOURCE -I"$include" \
        -o "$output" "$source" "$@"
    chmod 755 "$output"
}

layout() {
    "$ABI/print-layout.sh" "$1" | sort
}

# Prints what is in the first layout and not in the second.
lost() {
    comm -23 <(layout "$1") <(layout "$2")
}

test_setup() {
    needs gcc
}

@test "every field and number of a released header is where it was" {
    for edition in "$ABI"/1*/; do
        # The tool sees something at all.
        [[ $(layout "$edition" | wc -l) -gt 100 ]]
        is "$(lost "$edition" "$SOURCE/sdk/include")" "" "lost since $edition"
    done
}

@test "a moved, removed or changed field is noticed" {
    mkdir -p "$T/changed/shimhost"
    local change
    for change in 's/int32_t code; .*/int64_t code;/' 's/^    uint64_t start_time;.*//' \
        's/SHIM_STATUS_PAUSED 3u/SHIM_STATUS_PAUSED 7u/' \
        's/^    char boot_id\[40\];.*/&\n    uint64_t appended_to_what_is_closed;/' \
        's/^    uint32_t size;    *.* sizeof(struct shim_plugin) .*/&\n    uint32_t inserted, again;/'; do
        sed "$change" "$ABI/1/shimhost/plugin.h" >"$T/changed/shimhost/plugin.h"
        ! cmp -s "$ABI/1/shimhost/plugin.h" "$T/changed/shimhost/plugin.h" || is "$change" "a change"
        mkdir -p "$T/frozen/shimhost"
        cp "$ABI/1/shimhost/plugin.h" "$T/frozen/shimhost/"
        [[ $(lost "$T/frozen" "$T/changed") ]] || is "$change" "noticed"
    done
    # What is appended is no loss.
    sed 's/^    int32_t exit_status; .*still running.*/&\n/; s/^    uint32_t flags;                \/\* none yet: 0 \*\/$/&\n    uint32_t appended;/' \
        "$ABI/1/shimhost/plugin.h" >"$T/changed/shimhost/plugin.h"
    is "$(lost "$T/frozen" "$T/changed")" ""
}

# Else SHIM_HAS() would find what is appended in a structure of before.
@test "no structure ends in padding" {
    is "$("$ABI/print-layout.sh" "$SOURCE/sdk/include" padding)" ""
    # It is seen where there is some.
    mkdir -p "$T/padded/shimhost"
    sed 's/uint32_t reserved;/char reserved;/' "$SOURCE/sdk/include/shimhost/plugin.h" >"$T/padded/shimhost/plugin.h"
    is "$("$ABI/print-layout.sh" "$T/padded" padding)" "shim_output 3"
}

@test "a plugin that was built against the released header lives in this host" {
    build "$T/life.so" "$ABI/1" "$TESTS/plugins/life.c"
    LIMIT=600 works plugin check --cycles 5 "$T/life.so"
}

@test "a plugin of the OCI helper that was built against the released headers lives with the library of today" {
    build "$T/released.so" "$ABI/1" "$SOURCE/plugins/runc/runc.c" '-DPLUGIN_VERSION="1"' "$PREFIX/lib/libshimhost-oci.a"
    needs runc
    printf '%s\n' 'version: 1' "plugin: $T/released.so" "binary: $(command -v runc)" "root: $ROOTS/released" >"$T/released.yaml"
    LIMIT=600 works plugin check --cycles 5 --runtime-config "$T/released.yaml" "$T/released.so"
}

@test "a plugin of a smaller edition works, and lacks what it does not know" {
    build "$T/small.so" "$ABI/1" "$TESTS/plugins/life.c" '-DLIFE_SIZE=offsetof(struct shim_plugin, open)'
    works plugin info "$T/small.so"
    says "has:      none"
    LIMIT=600 works plugin check --cycles 5 "$T/small.so"
    says "it has no features"
}

@test "a plugin of the future finds that this host lacks a service, and keeps what it does not know" {
    mkdir -p "$T/future/shimhost"
    awk '{ print }
        /^struct shim_services \{/ { services = 1 }
        services && /int \(\*process_signal\)/ { last = 1 }
        last && /;/ { print "    int (*of_the_future)(void);"; services = last = 0 }
        /^struct shim_state \{/ { state = 1 }
        state && /flags;/ { print "    uint64_t of_the_future;"; state = 0 }' \
        "$SOURCE/sdk/include/shimhost/plugin.h" >"$T/future/shimhost/plugin.h"
    build "$T/future.so" "$T/future" "$TESTS/plugins/future.c"
    printf '%s\n' 'version: 1' "plugin: $T/future.so" >"$T/etc/runtimes.d/future.yaml"
    works runtimes
    says "known 1, future 0"
    fails_with 3 run --rm -r future -b "$(bundle future 'exit 3' '.process.args[0] = "/bin/sh"')" "$ID"
    nothing_is_left
}

@test "abidiff sees no change that breaks" {
    command -v abidiff >/dev/null || skip "abidiff is not installed"
    build "$T/old.so" "$ABI/1" "$TESTS/plugins/life.c" -g
    build "$T/new.so" "$SOURCE/sdk/include" "$TESTS/plugins/life.c" -g
    run abidiff "$T/old.so" "$T/new.so"
    # Bit 3: an incompatible change.
    [[ $((status & 8)) == 0 ]] || is "$output" "compatible"
}
