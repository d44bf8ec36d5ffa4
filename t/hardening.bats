#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the compiler and the linker have put into the installed files to make an attack on them harder.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=

file_setup() {
    command -v readelf >/dev/null || complain "readelf is not installed (binutils)"
}

programs() {
    find "$PREFIX/bin" "$PREFIX/libexec/shimhost" -type f -perm -100 | while read -r file; do
        ! head -c 4 "$file" | grep -q ELF || echo "$file"
    done
}

plugins() {
    find "$PLUGINS" -name '*.so'
}

# every WHAT COMMAND FILE…: the command is true of each file.
every() {
    local what=$1 command=$2 file bad=0
    shift 2
    (($# > 0)) || { echo "there is no file to look at"; return 1; }
    for file in "$@"; do
        "$command" "$file" || { echo "$file: $what"; bad=1; }
    done
    return "$bad"
}

is_pie() {
    readelf -hW "$1" | grep -q 'Type: *DYN' && readelf -dW "$1" | grep -q 'FLAGS_1.*PIE'
}

is_read_only_after_start() {
    readelf -lW "$1" | grep -q GNU_RELRO && readelf -dW "$1" | grep -qE 'BIND_NOW|Flags:.* NOW'
}

has_no_code_that_is_data() {
    ! readelf -lW "$1" | grep -E '^ *(GNU_STACK|LOAD)' | grep -q 'RWE' && ! readelf -dW "$1" | grep -q TEXTREL
}

looks_nowhere_else() {
    ! readelf -dW "$1" | grep -qE 'RPATH|RUNPATH'
}

has_canaries() {
    readelf -sW "$1" | grep -q '__stack_chk_fail'
}

is_fortified() {
    readelf --dyn-syms -W "$1" | grep -q '_chk@'
}

# More places that can be jumped to are marked than the two of the start files. (What a C library's start files do not say cannot be said of the whole.)
has_landing_pads() {
    objdump -d "$1" --no-show-raw-insn | awk '/endbr64/ { n++ } END { exit !(n > 2) }'
}

# built_with WORD: was the compiler told so?
built_with() {
    sed -n 's/^HARDENING_CFLAGS = //p' "$BUILD/Makefile" | grep -q -- "$1"
}

@test "programs can lie anywhere in memory" {
    every "is not position-independent" is_pie $(programs)
}

@test "what the linker fills in is read-only from the start, and nothing is resolved later" {
    every "is not RELRO and BIND_NOW" is_read_only_after_start $(programs) $(plugins)
}

@test "no memory is writable and executable" {
    every "has writable code" has_no_code_that_is_data $(programs) $(plugins)
}

@test "libraries are looked for in no place of the build" {
    every "has a RPATH" looks_nowhere_else $(programs) $(plugins)
}

@test "the stack has canaries" {
    without_sanitizers
    built_with -fstack-protector-strong
    [[ $(uname -m) != aarch64 ]] || skip "the monitor has none on aarch64"
    every "has no stack protector" has_canaries $(programs) $(plugins)
}

@test "calls of the C library are checked" {
    without_sanitizers
    grep -qE '^CFLAGS = .*-O[123s]' "$BUILD/Makefile" || skip "nothing is fortified without -O"
    built_with -D_FORTIFY_SOURCE=
    # The monitor calls none.
    every "is not fortified" is_fortified $(programs | grep -v '/shimhost-monitor$') $(plugins)
}

@test "the targets of jumps are marked for CET" {
    without_sanitizers
    [[ $(uname -m) == x86_64 ]] || skip "this is of x86"
    needs objdump
    built_with -fcf-protection
    every "has no endbr64" has_landing_pads $(programs) $(plugins)
    # Nothing of others is linked into the monitor, so it is marked as a whole.
    output=$(readelf -nW "$MONITOR")
    says IBT SHSTK
}

@test "nothing installed is set-user-id or can be changed by others" {
    is "$(find "$PREFIX" \( -perm /6000 -o -perm /022 ! -type l \) 2>/dev/null)" ""
}
