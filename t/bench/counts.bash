# SPDX-License-Identifier: Apache-2.0
# Counts that do not depend on the clock. Shared by the benchmark and by the test that guards them.
# shellcheck shell=bash disable=SC2154

# system_calls DIRECTORY COMMAND…: how many the command makes, and the monitors that it leaves behind until they end;
# what others execute (runtimes, programs in containers) is not counted. Leaves the traces in DIRECTORY.
system_calls() {
    local directory=$1
    shift
    rm -rf "$directory"
    mkdir -p "$directory"
    strace -ff -qq -o "$directory/trace" "$@" </dev/null >"$directory/output" 2>&1 || return 1
    count_ours "$directory/trace" "$(first_trace "$directory")"
}

# The first process is the one that nobody else made; pids may wrap.
first_trace() {
    local file
    for file in "$1"/trace.*; do
        grep -qE "(clone|clone3|fork|vfork)\(.* = ${file##*.}\$" "$1"/trace.* || echo "${file##*.}"
    done
}

# count_ours PREFIX PID: follows a process, and its children for as long as they run a program of ours.
count_ours() {
    awk -v prefix="$1" -v pid="$2" '
        function follow(pid, ours,   file, line, child) {
            file = prefix "." pid
            while ((getline line < file) > 0) {
                if (line ~ /^(---|\+\+\+)/)
                    continue
                calls += ours
                if (line ~ /^execve\(.* = 0$/)
                    ours = line ~ /^execve\("[^"]*\/shimhost[^"\/]*"/
                if (line ~ /^(clone|clone3|fork|vfork)\(.* = [0-9]+$/) {
                    child = line
                    sub(/.* = /, "", child)
                    follow(child, ours)
                }
            }
        }
        BEGIN { follow(pid, 1); print calls }'
}

# Can something count instructions here? Says which.
instruction_counter() {
    if command -v perf >/dev/null && perf stat -e instructions:u true 2>&1 | grep -q '[0-9] *instructions:u'; then
        echo perf
    elif command -v valgrind >/dev/null; then
        echo callgrind
    fi
}

# instructions DIRECTORY COMMAND…: of the command alone, in user space.
instructions() {
    local directory=$1
    shift
    mkdir -p "$directory"
    case $(instruction_counter) in
    perf)
        perf stat -x ' ' -e instructions:u --no-inherit -o "$directory/perf" "$@" </dev/null >"$directory/output" 2>&1 ||
            return 1
        awk '/instructions/ { print $1 }' "$directory/perf"
        ;;
    callgrind)
        valgrind --tool=callgrind --callgrind-out-file="$directory/callgrind" --log-file="$directory/valgrind" "$@" \
            </dev/null >"$directory/output" 2>&1 || return 1
        awk '/Collected/ { print $NF }' "$directory/valgrind"
        ;;
    esac
}

# private_dirty PID: bytes that the process has for itself.
private_dirty() {
    awk '/^Private_Dirty:/ { print $2 * 1024 }' "/proc/$1/smaps_rollup"
}
