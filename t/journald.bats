#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The target journald, with a stand-in for the journal, in a private mount namespace in which /run is empty.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load streams

test_setup() {
    [[ -x $PREFIX/libexec/shimhost/shimhost-journald ]] || cannot_run "shimhost was built without journald"
}

# with_journal COMMAND…: runs a command where there is a journal. What that gets is in $T/journal.
with_journal() {
    rm -f "$T/journal"
    # shellcheck disable=SC2016
    timeout "$PATIENCE" unshare --mount -- bash -euc '
        mount -t tmpfs -o mode=755 shimhost-test /run
        mkdir -p /run/systemd/journal
        "$1/journal" /run/systemd/journal/socket >"$2/journal" 2>&1 &
        journal=$!
        echo "$journal" >"$2/journal-pid"
        until grep -qx ready "$2/journal"; do sleep 0.05; done
        shift 2
        "$@"' bash "$HELPERS" "$T" "$@" </dev/null 3>&-
}

stop_journal() {
    kill "$(cat "$T/journal-pid")"
}

gets() {
    eventually grep -aqxF "$1" "$T/journal" || {
        echo "\"$1\" is missing in the journal:"
        cat "$T/journal"
        return 1
    }
}

# The fields of the entry with that text, sorted.
entry() {
    awk -v RS= -v text="MESSAGE=$1" 'index("\n" $0 "\n", "\n" text "\n")' "$T/journal" | grep -E '^(CONTAINER|PRIORITY|SYSLOG)' | sort
}

@test "lines become entries with the container's id, its name and a priority" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "journal-$RUNTIME" 'echo to stdout; echo to stderr >&2; printf "no end"')
        with_journal "$SHIMHOST" run -r "$RUNTIME" -b "$path" --stdin null --log journald --rm "$ID"
        gets "MESSAGE=to stdout"
        gets "MESSAGE=to stderr"
        gets "MESSAGE=no end"
        is "$(entry "to stdout" | xargs)" "CONTAINER_ID=$ID CONTAINER_NAME=$ID PRIORITY=6 SYSLOG_IDENTIFIER=$ID"
        is "$(entry "to stderr" | xargs)" "CONTAINER_ID=$ID CONTAINER_NAME=$ID PRIORITY=3 SYSLOG_IDENTIFIER=$ID"
        stop_journal
        eventually no_helper
        nothing_is_left
    done
}

no_helper() {
    ! pgrep -f "^shimhost-journald $ID " >/dev/null
}

@test "a line that is too long for one entry is cut between two characters" {
    RUNTIME=${RUNTIMES%% *}
    { printf x; printf '€%.0s' {1..20000}; } >"$EVENTS/line" # an entry's limit falls into one of them
    path=$(bundle long 'cat /events/line; echo; echo last')
    with_journal "$SHIMHOST" run -r "$RUNTIME" -b "$path" --stdin null --log journald --rm "$ID"
    gets "MESSAGE=last"
    iconv -f UTF-8 -t UTF-8 "$T/journal" >/dev/null
    is "$(grep -ac CONTAINER_PARTIAL_MESSAGE=true "$T/journal")" 1
    is "$(sed -n 's/^MESSAGE=//p' "$T/journal" | head -n 2 | tr -d '\n' | sum_of)" "$(sum_of <"$EVENTS/line")"
    stop_journal
}

@test "a tag, and one stream only" {
    RUNTIME=${RUNTIMES%% *}
    path=$(bundle tag 'echo to stdout; echo to stderr >&2')
    with_journal "$SHIMHOST" run -r "$RUNTIME" -b "$path" --stdin null --stdout null --stderr journald \
        --log-opt tag=web --rm "$ID"
    gets "MESSAGE=to stderr"
    is "$(entry "to stderr" | grep SYSLOG)" SYSLOG_IDENTIFIER=web
    is "$(grep -ac "to stdout" "$T/journal" || true)" 0
    stop_journal
}

@test "what the caller has open as 3 and 4 stays away from the log program, also with one stream only" {
    RUNTIME=${RUNTIMES%% *}
    path=$(bundle leak 'while :; do sleep 1000; done')
    for stream in stdout stderr; do
        with_journal sh -c 'exec "$@" 3>"$0" 4>"$0"' "$T/leak" \
            "$SHIMHOST" run -d -r "$RUNTIME" -b "$path" "--$stream" journald "$ID"
        find "/proc/$(pgrep -f "^shimhost-journald $ID ")/fd" -lname "$T/leak" >"$T/leaks"
        is "$(cat "$T/leaks")" "" "what is open with --$stream journald"
        works delete --force "$ID"
        stop_journal
    done
}

@test "a log program that dies takes no container with it" {
    RUNTIME=${RUNTIMES%% *}
    event ready go
    path=$(bundle dies 'echo one; echo >/events/ready; read -r x </events/go; seq 1 50000; exit 8')
    with_journal "$SHIMHOST" run -d -r "$RUNTIME" -b "$path" --log journald "$ID"
    await ready
    gets "MESSAGE=one"
    kill -KILL "$(pgrep -f "^shimhost-journald $ID ")"
    give go
    is "$(shimhost wait "$ID")" 8
    works delete "$ID"
    stop_journal
    nothing_is_left
}

@test "what is adopted does not log any more, and its log program ends; it goes on itself" {
    RUNTIME=${RUNTIMES%% *}
    configure_runtime "$RUNTIME" 'on-monitor-death: adopt'
    event go told
    path=$(bundle adopted 'echo one; read -r x </events/go; (echo two); echo $? >/events/told; exec sleep 1000000')
    with_journal "$SHIMHOST" run -d -r "$RUNTIME" -b "$path" --log journald "$ID"
    gets "MESSAGE=one"
    kill_monitor
    eventually no_helper
    works check --repair
    says adopted
    give go
    is "$(await told)" 141 "a writer's exit status" # 128 + SIGPIPE
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
    stop_journal
    nothing_is_left
}

@test "without a journal a container runs, too" {
    RUNTIME=${RUNTIMES%% *}
    fails_with 4 run -r "$RUNTIME" -b "$(bundle none 'seq 1 1000; exit 4')" --stdin null --log journald --rm "$ID"
    eventually no_helper
}
