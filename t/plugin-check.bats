#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance kit: it passes what is right, and finds in each broken plugin the one thing that is broken.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load plugin-check

# What each of t/plugins/broken-NAME.c fails, and nothing else.
declare -gA BREAKS=(
    [cancel]='wait can be cancelled'
    [crash]="processes lists the container's"
    [created]='a created process waits for its start'
    [deleted]='a deleted container is gone, and its id free'
    [descriptors]='many lives leak no descriptor'
    [directory]='the working directory stays'
    [environment]='the environment stays'
    [error]='a signal after the end is refused'
    [exec]='exec has a life of its own'
    [exit]="processes lists the container's"
    [exit-status]='exit statuses are those of the processes'
    [exports]='one symbol is exported'
    [failed-runtime]='a runtime that fails leaves nothing'
    [failed-spawn-process]='a command that does not exist leaves nothing'
    [failed-spawn-state]='a command that does not exist leaves nothing'
    [features]='features describes the runtime'
    [handler]='the signal handlers stay'
    [ignores]='a process ignores no signal'
    [input]='a process reads its standard input'
    [load-writes]='load changes nothing'
    [mask]='the signal mask stays'
    [memory]='many lives leak no memory'
    [name]='the descriptor is as it should be'
    [output]='nothing is written to descriptors 0 to 2'
    [pause]='pause and resume'
    [processes]="processes lists the container's"
    [remembers]='a fresh host takes over after SIGKILL of the first'
    [result]='a failure touches no result'
    [run]='a process runs and is found running'
    [signal-after-end]='a signal after the end is refused'
    [signals]='signals arrive'
    [spawn-deadline]='spawn keeps its deadline'
    [stranger]='a signal never reaches a stranger'
    [stray]='no child is left'
    [umask]='the umask stays'
    [undefined]='every symbol that it needs is found'
    [wait-alone]='several hosts wait at once'
    [wait-deadline]='wait keeps its deadline'
    [wait-once]='wait gives the same answer twice'
)

# build FILE…: makes plugins out of C files, as a third party would who has nothing but the header.
build() {
    local file
    for file in "$@"; do
        cc -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror -D_GNU_SOURCE \
            -I"$SOURCE/sdk/include" -o "$BATS_FILE_TMPDIR/$(basename "$file" .c).so" "$file" || return
        chmod 755 "$BATS_FILE_TMPDIR/$(basename "$file" .c).so"
    done
}

setup_plugins() {
    needs cc
    umask 022
    [[ -e $BATS_FILE_TMPDIR/life.so ]] || build "$TESTS"/plugins/life.c "$TESTS"/plugins/broken-*.c
}

@test "a plugin that is right passes, and leaves nothing behind" {
    setup_plugins
    export TMPDIR=$T/tmp
    mkdir "$TMPDIR"
    run check "$BATS_FILE_TMPDIR/life.so"
    is "$status" 0 "exit status ($output)"
    is "$(head -n 1 <<<"$output")" "TAP version 13"
    is "$(grep -c '^ok' <<<"$output")" "$(sed -n 's/^1\.\.//p' <<<"$output")" "number of checks"
    is "$(failures <<<"$output")" ""
    is "$(ls -A "$TMPDIR")" "" "what is left"
}

@test "each broken plugin fails exactly the check that it breaks" {
    setup_plugins
    local name expected actual wrong=0
    ! sanitized || unset 'BREAKS[memory]' # see the test after this
    # Some block until their check's time is up, so they run beside each other.
    export SHIMHOST BATS_FILE_TMPDIR
    printf '%s\n' "${!BREAKS[@]}" | sort | xargs -P 4 -I{} sh -c '
        timeout -k 10 600 "$SHIMHOST" plugin check --cycles 10 "$BATS_FILE_TMPDIR/broken-{}.so" \
            </dev/null >"$BATS_FILE_TMPDIR/{}.tap" 2>"$BATS_FILE_TMPDIR/{}.err"
        echo $? >"$BATS_FILE_TMPDIR/{}.status"' 3>&-
    for name in $(printf '%s\n' "${!BREAKS[@]}" | sort); do
        expected=${BREAKS[$name]}
        actual=$(failures <"$BATS_FILE_TMPDIR/$name.tap")
        if [[ $actual != "$expected" || $(cat "$BATS_FILE_TMPDIR/$name.status") != 1 ]]; then
            echo "broken-$name: expected to fail: $expected"
            cat "$BATS_FILE_TMPDIR/$name.status" "$BATS_FILE_TMPDIR/$name.err"
            grep -A 1 -v '^ok' "$BATS_FILE_TMPDIR/$name.tap"
            wrong=1
        fi
    done
    return "$wrong"
}

@test "a leak that nothing tells of is not called none" {
    setup_plugins
    # A sanitizer has a malloc() of its own.
    if ! sanitized; then
        build "$TESTS/plugins/other-malloc.c"
        export LD_PRELOAD=$BATS_FILE_TMPDIR/other-malloc.so
    fi
    run check "$BATS_FILE_TMPDIR/broken-memory.so" --cycles 10
    unset LD_PRELOAD
    is "$status" 0 "exit status ($output)"
    says "- many lives leak no memory # SKIP nothing tells how much malloc() has given out"
    ! sanitized || return 0
    run check "$BATS_FILE_TMPDIR/broken-memory.so" --cycles 2
    is "$status" 0 "exit status ($output)"
    says "- many lives leak no memory # SKIP it takes three lives to tell"
}

@test "there is a line above for every broken plugin" {
    for file in "$TESTS"/plugins/broken-*.c; do
        name=$(basename "$file" .c)
        [[ ${BREAKS[${name#broken-}]-} ]] || is "$name" "in the table"
    done
}

@test "a crash, an exit and a block are told with the entry" {
    setup_plugins
    run check "$BATS_FILE_TMPDIR/broken-crash.so" --cycles 1
    says "# crashed in the entry processes: Segmentation fault"
    run check "$BATS_FILE_TMPDIR/broken-exit.so" --cycles 1
    says "# exited in the entry processes, with status 0"
}

# begin_check PLUGIN: the kit as a job with a process group of its own, as a terminal's foreground has; its pid is $job.
begin_check() {
    (exec setsid env --default-signal=INT "$SHIMHOST" plugin check --cycles 1 "$BATS_FILE_TMPDIR/$1.so" \
        </dev/null >"$T/out.$BASHPID" 2>&1 3>&-) &
    job=$!
}

# The monitors and processes of a check.
at_work() {
    find /proc/[0-9]*/cwd -lname "$T/tmp/*" 2>/dev/null | cut -d/ -f3
}

test_teardown() {
    local pid
    for pid in $(at_work); do kill -KILL "$pid"; done
}

waits_in_vain() {
    grep -q '^ok 23 ' "$T/out.$job" && [[ $(at_work) ]] && [[ $(cat "$TMPDIR"/*/state/*/init/status) == running ]]
}

@test "who interrupts it has nothing left behind" {
    setup_plugins
    export TMPDIR=$T/tmp
    mkdir "$TMPDIR"
    local who
    for who in INT:- TERM:; do
        begin_check broken-wait-deadline
        eventually waits_in_vain
        kill "-${who%:*}" -- "${who#*:}$job"
        joins "$job"
        is "$status" $((128 + $(kill -l "${who%:*}")))
        says "ok 23 - " "given up"
        says_not "ok 24 - "
        is "$(at_work)$(ls -A "$TMPDIR")" "" "what is left"
    done
}

@test "what cannot be checked is refused before anything runs" {
    setup_plugins
    fails_with 1 plugin check "$T/nonexist.so"
    says "$T/nonexist.so"
    fails_with 2 plugin check --cycles many "$BATS_FILE_TMPDIR/life.so"
    says "--cycles" many
    fails_with 1 plugin check --runtime-config "$T/nonexist.yaml" "$BATS_FILE_TMPDIR/life.so"
    says "$T/nonexist.yaml"
    printf '%s\n' 'version: 1' 'plugin: /bin/true' >"$T/other.yaml"
    fails_with 1 plugin check --runtime-config "$T/other.yaml" "$BATS_FILE_TMPDIR/life.so"
    says /bin/true life.so
    printf '%s\n' 'version: 1' 'plugin: x' 'plugni: y' >"$T/wrong.yaml"
    fails_with 1 plugin check --runtime-config "$T/wrong.yaml" "$BATS_FILE_TMPDIR/life.so"
    says wrong.yaml plugni
    fails_with 1 plugin check --bundle "$T/nowhere" "$BATS_FILE_TMPDIR/life.so"
    says "$T/nowhere"
    echo text >"$T/text.so"
    run check "$T/text.so" --cycles 1
    is "$status" 1 "exit status"
    says "not ok 1 - " ELF
}
