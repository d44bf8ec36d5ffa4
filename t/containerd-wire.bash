# SPDX-License-Identifier: Apache-2.0
# What the tests share that drive the shim without a containerd.
# shellcheck shell=bash disable=SC2034,SC2154,SC2164

WITHOUT_CONTAINERD=1
V3=containerd.task.v3.Task

# prepare NAME [JQ-FILTER]: a bundle as containerd makes it; its path is in $B.
prepare() {
    B=$(bundle "$ID-$1" "$FOREVER" "${2:-.}")
    mkdir -p "$B/rootfs"
    [[ -p $B/log ]] || mkfifo -m 700 "$B/log"
}

# shim FLAG… ACTION, in the bundle, with the environment of containerd 2.x; standard input is the test's.
shim() {
    (cd "$B" && PATH=$T/bin:$PATH TTRPC_ADDRESS=$T/events.sock GRPC_ADDRESS=$CONTAINERD_ADDRESS NAMESPACE=$ID \
        MAX_SHIM_VERSION=2 GOMAXPROCS=2 timeout -k 1 30 "containerd-shim-${AS:-shimhost}-v1" "$@" 3>&-)
}

# begins NAME: `start`; what it says is in $T/answer, the address in $A.
begins() {
    shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -publish-binary /usr/bin/containerd -id "$ID-$1" start >"$T/answer"
    A=$(cat "$B/address")
}

# call METHOD NAME [FIELD=VALUE]…: what comes back is in $output.
call() {
    captures timeout -k 1 60 "$CLIENT" call "$A" "$1" "id=$ID-$2" "${@:3}"
    is "$status" 0 "$* says: $output; status"
}

# runs NAME: a container, through a server of its own; its pid is in $pid. Its log is held open by descriptor 7.
runs() {
    prepare "$1"
    exec 7<>"$B/log"
    begins "$1" </dev/null 7>&-
    call Create "$1" "bundle=$B"
    pid=$(value pid)
    call Start "$1"
}

# refuses CODE METHOD NAME [FIELD=VALUE]…
refuses() {
    captures timeout -k 1 60 "$CLIENT" call "$A" "$2" "id=$ID-$3" "${@:4}"
    is "$status ${output%%:*}" "1 $1" "$* says: $output; status and code"
}

# value FIELD: of $output.
value() {
    sed -n "s/^$1=//p" <<<"$output"
}

# has_called PID: that client has sent its call, and waits for the answer or has it.
has_called() {
    is_over "$1" || [[ $(tr '\n\t' '  ' 2>/dev/null <"/proc/$1/status") == "Name: shim-client "*" State: S "* ]]
}

hear_events() {
    "$HELPERS/event-sink" "$T/events.sock" >>"$T/heard" 3>&- &
    SINK=$!
    eventually test -S "$T/events.sock"
}

heard() {
    grep -o '^/tasks/.*' "$T/heard" | sed 's,.*/,,' | xargs
}

has_heard() {
    [[ $(heard) == "$1" ]]
}

server() {
    "$CLIENT" call "$A" Connect "id=none" | sed -n 's/^shim_pid=//p'
}

mounted() {
    grep -c " $T/bundles/[^ ]*rootfs" /proc/self/mounts || true
}

# ends_server NAME: Delete, Shutdown and `delete`, as they come after a clean end.
ends_server() {
    local pid
    pid=$(server)
    call Shutdown "$1"
    eventually is_over "$pid"
    shim -namespace "$ID" -address "$CONTAINERD_ADDRESS" -id "$ID-$1" -bundle "$B" delete </dev/null >"$T/deleted"
    [[ ! -e ${A#unix://} ]]
    nothing_remains
}

# install_shim FILE: as one is installed: by renaming.
install_shim() {
    cp "$1" "$T/bin/new"
    chmod 755 "$T/bin/new"
    mv "$T/bin/new" "$T/bin/containerd-shim-shimhost-v1"
}

executes_installed() {
    [[ $(readlink "/proc/$1/exe") == "$T/bin/containerd-shim-shimhost-v1" ]]
}

# logs TEXT: waits for a line of the server's log with that text.
logs() {
    local line
    while read -r -t "$PATIENCE" line <&7; do
        [[ $line != *"$1"* ]] || return 0
    done
    echo "the log does not say: $1"
    return 1
}

# A runtime `slow` that, when it is to create, says so and waits.
slow_runtime() {
    stops
    configure_runtime slow "plugin: oci" "binary: $(wrapped "$(runtime_binary runc)" create "$STOP")"
    shim_for slow
}
