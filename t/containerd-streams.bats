#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd: what goes into a container and what comes out of it.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

@test "what is fed to a container arrives, and its end" {
    for TYPE in $TYPES; do
        { eventually has_status fed RUNNING && echo "fed $TYPE"; } |
            timeout -k 1 60 ctr run --rm --runtime "$TYPE" "$IMAGE" fed cat >"$T/out" 3>&-
        output=$(cat "$T/out")
        is "$output" "fed $TYPE"
        nothing_remains
    done
}

@test "a file and a logging program as standard output" {
    printf '%s\n' '#!/bin/sh' 'exec 5>&-; echo "$CONTAINER_ID $*" >"$2.names"; cat <&3 >"$2"' >"$T/logger"
    chmod 755 "$T/logger"
    for TYPE in $TYPES; do
        ctl_gives 0 run --rm --runtime "$TYPE" --log-uri "file://$T/logs/$TYPE" "$IMAGE" a \
            sh -c 'echo out; echo err >&2'
        # containerd's own shim loses some of it now and then.
        [[ " $OURS " != *" $TYPE "* ]] || is "$(sort "$T/logs/$TYPE" | xargs)" "err out"
        is "$(stat -c %a "$T/logs/$TYPE")" 644
        ctl_gives 0 run --rm --runtime "$TYPE" --log-uri "binary://$T/logger?file=$T/logs/by-$TYPE" \
            "$IMAGE" b sh -c 'echo to the logger'
        is "$(cat "$T/logs/by-$TYPE.names")" "b file $T/logs/by-$TYPE"
        eventually grep -qx "to the logger" "$T/logs/by-$TYPE"
        nothing_remains
    done
}

# in_terminal NAME COMMAND: in a terminal of its own; what it shows is in $T/screen-NAME, its status in $T/status-NAME.
# Nor does it share its server, which ends with the last terminal that is closed. What a terminal shows may be lost when it
# is, so it stays, for a minute, until it is told to go.
in_terminal() {
    rm -f "$T/status-$1" "$T/screen-$1" # of the runtime before this one
    at_terminal "$1" -f /dev/null new-session -d -x 81 -y 24 "$2; echo \$? >$T/status-$1; exec sleep 60"
    at_terminal "$1" pipe-pane "cat >>$T/screen-$1"
}

# at_terminal NAME ARGUMENT…: tmux for it.
at_terminal() {
    tmux -S "$T/tmux-$1-$TYPE" "${@:2}" 3>&-
}

@test "a terminal" {
    needs tmux
    for TYPE in $TYPES; do
        in_terminal tty "ctr run --rm -t --runtime $TYPE $IMAGE tty \
            sh -c 'read word; echo got \$word; stty size; read end; exit 3'"
        eventually has_status tty RUNNING
        at_terminal tty send-keys hello Enter
        eventually grep -q "got hello" "$T/screen-tty"
        eventually grep -q "[0-9]* 81" "$T/screen-tty"
        at_terminal tty send-keys Enter # ctr shows nothing more once the container is over
        eventually test -s "$T/status-tty"
        is "$(cat "$T/status-tty")" 3
        at_terminal tty kill-server
        rm "$T/status-tty" "$T/screen-tty"
        nothing_remains
    done
}

# What is typed before a client is there is lost, and nothing says when it is: type until there is an answer.
answers() {
    at_terminal "$1" send-keys "$1" Enter
    eventually_soon grep -q "got $1" "$T/screen-$1"
}

eventually_soon() {
    PATIENCE=2 eventually "$@"
}

@test "a terminal whose client goes, and another one attaches" {
    needs tmux
    for TYPE in $TYPES; do
        in_terminal first "ctr run -t --runtime $TYPE $IMAGE tty sh -c \
            'while read word; do echo got \$word; [ \$word != quit ] || exit 4; done'"
        eventually answers first
        at_terminal first kill-server
        in_terminal last "ctr task attach tty"
        eventually answers last
        at_terminal last send-keys quit Enter # ctr shows nothing more once the container is over
        eventually test -s "$T/status-last"
        is "$(cat "$T/status-last")" 4
        at_terminal last kill-server
        rm -f "$T"/screen-* "$T"/status-*
        removes tty
        nothing_remains
    done
}
