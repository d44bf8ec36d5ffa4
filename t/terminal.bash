# SPDX-License-Identifier: Apache-2.0
# A real terminal for tests: a pane of tmux, which is there without the test having one. Load after common and streams.
# shellcheck shell=bash disable=SC2034,SC2154

TMUX_SOCKET=

in_tmux() {
    tmux -S "$TMUX_SOCKET" "$@" 3>&-
}

# open_terminal COLUMNS ROWS SCRIPT: runs a shell script at a terminal. Before the script the terminal's settings are
# in $T/before; after it they are in $T/after and the script's exit status in $T/status. `shimhost` is at hand.
open_terminal() {
    needs tmux
    TMUX_SOCKET=$T/tmux
    rm -f "$T/before" "$T/after" "$T/status"
    cat >"$T/script" <<END
stty -g >"$T/before"
PATH=$(dirname "$SHIMHOST"):\$PATH
( $3
)
echo \$? >"$T/.status"
stty -g >"$T/after"
mv "$T/.status" "$T/status"
exec sleep 100000
END
    env -u TMUX -u TMUX_PANE TERM=screen LC_ALL=C.UTF-8 SHIMHOST_CONFIG="$SHIMHOST_CONFIG" \
        tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x "$1" -y "$2" sh "$T/script" </dev/null 3>&-
    in_tmux set-option -g status off # it would take a line
}

# shows TEXT: waits until it is on the screen.
shows() {
    eventually on_screen "$1" || {
        echo "runtime ${RUNTIME-}: \"$1\" did not appear on the screen:"
        screen
        return 1
    }
}

on_screen() {
    [[ $(screen) == *"$1"* ]]
}

screen() {
    in_tmux capture-pane -p
}

# types KEY…: as tmux names them; text is -l TEXT.
types() {
    in_tmux send-keys "$@"
}

resize_terminal() {
    in_tmux resize-window -x "$1" -y "$2"
}

# ends_with STATUS: waits for the end of the script; the terminal is as it was before.
ends_with() {
    eventually test -e "$T/status" || {
        echo "runtime ${RUNTIME-}: the script did not end; the screen:"
        screen
        return 1
    }
    is "$(cat "$T/status")" "$1" "exit status" || {
        screen
        return 1
    }
    is "$(cat "$T/after")" "$(cat "$T/before")" "the terminal's settings"
}

close_terminal() {
    [[ ! $TMUX_SOCKET || ! -S $TMUX_SOCKET ]] || in_tmux kill-server
    TMUX_SOCKET=
}

# The shimhost that the script runs.
client() {
    pgrep -f "^shimhost .*$ID"
}

is_raw() {
    [[ $(stty -F "$(in_tmux display-message -p '#{pane_tty}')" -a) == *-icanon* ]]
}

test_teardown() {
    close_terminal
}
