#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a container and its supervisor inherit, and what they do not.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

# The descriptors that a process sees of itself; the listing itself has the last one.
LIST='ls /proc/self/fd | xargs'

# Runs the program with further descriptors open, as a careless engine would.
careless() {
    timeout --foreground -k 10 120 "$SHIMHOST" "$@" </dev/null 3>&- 5</etc/passwd 7>"$T/seven" 20<>"$T/twenty"
}

@test "a container has descriptors 0, 1, 2 and nothing else" {
    for RUNTIME in $RUNTIMES; do
        is "$(careless run -r "$RUNTIME" -b "$(bundle fds "$LIST")" --rm "$ID")" "0 1 2 3"
        careless create -r "$RUNTIME" -b "$(bundle fds "$LIST")" --stdout "file:$T/created-$RUNTIME" "$ID"
        careless start "$ID"
        works wait "$ID"
        is "$(cat "$T/created-$RUNTIME")" "0 1 2 3"
        works delete "$ID"
        works run -d -r "$RUNTIME" -b "$(bundle sleeper 'while :; do sleep 1000; done')" "$ID"
        is "$(careless exec "$ID" -- sh -c "$LIST")" "0 1 2 3"
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "a monitor keeps none of the host's descriptors" {
    for RUNTIME in $RUNTIMES; do
        careless run -d -r "$RUNTIME" -b "$(bundle monitor 'while :; do sleep 1000; done')" "$ID"
        monitor=$(monitor_of "$ID")
        for descriptor in /proc/"$monitor"/fd/*; do
            target=$(readlink "$descriptor") || continue # what it has closed it does not keep
            case $target in
            "$STATE/$ID/"* | /dev/null | pipe:* | anon_inode:*) ;;
            /sys/fs/cgroup/*"$ID"/memory.*) ;; # the counter of kills for want of memory
            *) is "$target" "one of its own" "descriptor ${descriptor##*/} of the monitor" ;;
            esac
        done
        (($(ls "/proc/$monitor/fd" | wc -l) <= 12))
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "a monitor has a session of its own, and is not the child of a host" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle session 'while :; do sleep 1000; done')" "$ID"
        monitor=$(monitor_of "$ID")
        is "$(sed 's/.*) //' "/proc/$monitor/stat" | cut -d' ' -f4)" "$monitor" "session of the monitor"
        is "$(readlink "/proc/$monitor/exe")" "$(readlink -f "$MONITOR")"
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "descriptors 0, 1 and 2 may all be closed" {
    for RUNTIME in $RUNTIMES; do
        status=0
        timeout --foreground 60 "$SHIMHOST" run -r "$RUNTIME" -b "$(bundle closed "exit 7")" \
            --rm "$ID" <&- >&- 2>&- 3>&- || status=$?
        is "$status" 7
        timeout --foreground 60 "$SHIMHOST" run -d -r "$RUNTIME" --stdout "file:$T/closed-$RUNTIME" \
            -b "$(bundle closed "$LIST; exit 8")" "$ID" <&- >&- 2>&- 3>&-
        gives 8 "$ID"
        is "$(cat "$T/closed-$RUNTIME")" "0 1 2 3"
        status=0
        timeout --foreground 60 "$SHIMHOST" delete "$ID" <&- >&- 2>&- 3>&- || status=$?
        is "$status" 0
        nothing_is_left
    done
}

@test "an error on a closed standard error is still an exit status" {
    status=0
    timeout --foreground 60 "$SHIMHOST" state "$ID" <&- >&- 2>&- 3>&- || status=$?
    is "$status" 1
}

@test "a full standard output is an error" {
    [[ -c /dev/full ]] || cannot_run "no /dev/full"
    status=0
    timeout --foreground 60 "$SHIMHOST" list --format json </dev/null >/dev/full 2>"$T/err" 3>&- || status=$?
    is "$status" 1
}

@test "a hostile umask changes no mode" {
    for RUNTIME in $RUNTIMES; do
        for mask in 000 777; do
            path=$(bundle "umask$mask" 'while :; do sleep 1000; done')
            (umask "$mask" && shimhost run -d -r "$RUNTIME" -b "$path" "$ID")
            is "$(stat -c %a "$STATE" "$STATE/$ID" "$STATE/$ID/init" | sort -u)" 700
            # The runtime's own two files have the modes that it likes, in a directory that nobody else enters.
            is "$(find "$STATE/$ID" ! -type d ! -name log.json ! -name .pid.runtime -printf '%m\n' |
                sort -u)" 600
            (umask "$mask" && fails_with 5 exec "$ID" -- sh -c 'exit 5')
            works delete --force "$ID"
            nothing_is_left
        done
        rm -rf "$STATE"
    done
}

@test "blocked and ignored signals of the host do not reach the container" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle signals 'grep -E "^Sig(Blk|Ign)" /proc/self/status | cut -f2 | xargs')
        captures env --ignore-signal=TERM,HUP,USR1,PIPE --block-signal=USR2,TERM timeout --foreground 60 \
            "$SHIMHOST" run -r "$RUNTIME" -b "$path" --rm "$ID" </dev/null 3>&-
        is "$output" "0000000000000000 0000000000000000"
    done
}
