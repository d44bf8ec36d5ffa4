# SPDX-License-Identifier: Apache-2.0
# What the tests of the front end for containerd share: a containerd of one's own, with an image out of the test's root
# file system. Each test has its own; its files are below $T, its namespace is $ID.
# shellcheck shell=bash disable=SC2034,SC2154,SC2164

SHIM=$PREFIX/bin/containerd-shim-shimhost-v1
IMAGE=test/busybox:1
# The shim of containerd itself says what is right; ours has to do the same with each of its runtimes.
CLIENT=$HELPERS/shim-client
FOREVER='trap "exit 42" TERM; while :; do sleep 0.2; done'
TYPES="io.containerd.runc.v2 io.containerd.shimhost.v1 io.containerd.shimhost-runc.v1"
OURS="io.containerd.shimhost.v1 io.containerd.shimhost-runc.v1"

file_setup() {
    [[ -x $SHIM ]] || return 0
    command -v jq sha256sum >/dev/null || complain "jq and sha256sum are needed"
    make_image "$BATS_FILE_TMPDIR/rootfs" "$BATS_FILE_TMPDIR/image"
}

# put DIRECTORY FILE: adds a blob; prints its descriptor's members.
put() {
    local digest
    digest=$(sha256sum "$2" | cut -d' ' -f1)
    cp "$2" "$1/blobs/sha256/$digest"
    printf '"digest":"sha256:%s","size":%s' "$digest" "$(stat -c %s "$2")"
}

# make_image ROOTFS PATH: an OCI image as a tar archive, PATH.tar.
make_image() {
    local image=$2 layer config manifest type=application/vnd.oci.image
    mkdir -p "$image/blobs/sha256"
    tar -C "$1" --owner=0 --group=0 --numeric-owner -cf "$image.layer" .
    layer=$(put "$image" "$image.layer")
    printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(machine)" "${IMAGE_COMMAND:-sh}" "$(sha256sum "$image.layer" | cut -d' ' -f1)" >"$image.config"
    config=$(put "$image" "$image.config")
    printf '{"schemaVersion":2,"config":{"mediaType":"%s.config.v1+json",%s},"layers":[{"mediaType":"%s.layer.v1.tar",%s}]}' \
        "$type" "$config" "$type" "$layer" >"$image.manifest"
    manifest=$(put "$image" "$image.manifest")
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s,"annotations":{"io.containerd.image.name":"%s"}}]}' \
        "$type" "$manifest" "$IMAGE" >"$image/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
    tar -C "$image" -cf "$image.tar" .
}

machine() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
    esac
}

test_setup() {
    local name
    [[ -x $SHIM ]] ||
        cannot_run "the shim was not built: libprotobuf-c-dev and protobuf-c-compiler are missing"
    for name in shimhost shimhost-runc; do
        shim_for "$name"
    done
    export CONTAINERD_ADDRESS=$T/containerd.sock CONTAINERD_NAMESPACE=$ID
    # Those that drive the shim themselves want no containerd.
    [[ ! ${WITHOUT_CONTAINERD-} ]] || return 0
    needs containerd ctr
    configure_containerd
    start_containerd
    ctl images import "$BATS_FILE_TMPDIR/image.tar" >/dev/null
}

# shim_for NAME: a link by which containerd finds the shim of the runtime type io.containerd.NAME.v1.
shim_for() {
    ln -s "$SHIM" "$T/bin/containerd-shim-$1-v1"
}

# A containerd that shares nothing with another one. What it mounts is in the mount namespace of the test.
configure_containerd() {
    local plugin disabled=
    for plugin in internal.v1.opt snapshotter.v1.{aufs,btrfs,devmapper,zfs}; do
        disabled+=", \"io.containerd.$plugin\""
    done
    [[ ${WITH_CRI-} ]] || disabled+=', "io.containerd.grpc.v1.cri"'
    printf '%s\n' 'version = 2' "root = \"$T/containerd/root\"" "state = \"$T/containerd/state\"" \
        "disabled_plugins = [${disabled#, }]" '[grpc]' "address = \"$CONTAINERD_ADDRESS\"" "$@" \
        >"$T/containerd.toml"
}

start_containerd() {
    PATH=$T/bin:$PATH setsid containerd --config "$T/containerd.toml" >>"$T/containerd.log" 2>&1 </dev/null 3>&- &
    CONTAINERD=$!
    eventually ctl_answers
}

ctl_answers() {
    timeout -k 1 5 ctr version &>/dev/null </dev/null 3>&-
}

kill_containerd() {
    kill -KILL "$CONTAINERD"
    wait "$CONTAINERD" 2>/dev/null || true
}

# ctl ARGUMENT…: ctr, which may not take longer than LIMIT seconds.
ctl() {
    timeout -k 1 "${LIMIT:-60}" ctr "$@" </dev/null 3>&-
}

# Runs ctr with its exit status in $status and what it says in $output.
ctl_gives() {
    local expected=$1
    shift
    run ctl "$@"
    if [[ $status != "$expected" ]]; then
        echo "type $TYPE: ctr $*: exit status $status, expected $expected"
        echo "$output"
        grep -v 'loading plugin' "$T/containerd.log" | tail -n 8 | cut -c 1-300
        return 1
    fi
}

# start NAME SCRIPT [OPTION…]: a detached container of the type $TYPE.
start() {
    local name=$1 script=$2
    shift 2
    ctl_gives 0 run -d --fifo-dir "$T/fifo" --runtime "$TYPE" --env "SHIMHOST_TEST=$ID" "$@" "$IMAGE" "$name" sh -c "$script"
}

status_of() {
    ctl task ls | awk -v name="$1" '$1 == name { print $3 }'
}

has_status() {
    [[ $(status_of "$1") == "$2" ]]
}

# The server that has the container (of a group: its first).
server_of() {
    pgrep -f -- "-namespace $ID -id $1 -address $CONTAINERD_ADDRESS"
}

bundle_of() {
    echo "$T/containerd/state/io.containerd.runtime.v2.task/$ID/$1"
}

pid_in() {
    cat "$(bundle_of "$1")/init.pid"
}

# calls NAME METHOD [FIELD=VALUE]…: a call of the Task service to the server that has the container, past containerd.
calls() {
    timeout -k 1 60 "$CLIENT" call "$(cat "$(bundle_of "$1")/address")" "$2" "id=$1" "${@:3}" </dev/null 3>&-
}

# ends NAME: kills it, and removes what is left of it.
ends() {
    ctl_gives 0 task kill -s KILL "$1"
    eventually has_status "$1" STOPPED
    removes "$1"
}

# removes NAME…: what is left of containers that are over; ctr may have deleted the task itself.
removes() {
    local name
    for name in "$@"; do
        ctl task delete "$name" || true
        ctl_gives 0 container rm "$name"
    done
}

# The topics of one container's events, in the order in which they came.
topics() {
    grep -o '/tasks/[a-z-]* {"container_id":"'"$1"'"' "$T/heard" | sed 's/ .*//; s,.*/,,' | xargs
}

has_deleted() {
    [[ $(topics "$1") == *delete* ]]
}

# Events go to $T/heard from now on.
hear() {
    timeout -k 1 200 ctr events >"$T/heard" </dev/null 2>&1 3>&- &
    eventually hears
}

hears() {
    ctl namespace label "$ID" "probe=$RANDOM" && [[ -s $T/heard ]]
}

# Has the server of that pid executed its program anew?
goes_on_as_another() {
    tr '\0' ' ' <"/proc/$1/cmdline" | grep -q -- '-resume'
}

# Nothing of ours is left: no server, no monitor, no state, no mount, no socket.
left_behind() {
    pgrep -af -- "-address $CONTAINERD_ADDRESS" | grep -v 'pgrep' | sed 's/^/server: /'
    find "$T"/state-containerd -mindepth 2 -maxdepth 2 ! -name '.*' 2>/dev/null | sed 's/^/state: /'
    find "$ROOTS" -mindepth 3 -maxdepth 3 | sed 's/^/runtime state: /'
    grep -o " $T/containerd/state/[^ ]*rootfs" /proc/self/mounts | sed 's/^/mount:/'
    marked_processes | sed 's/^/process: /'
}

clean() {
    [[ -z $(left_behind) ]]
}

nothing_remains() {
    if ! eventually clean; then
        echo "type $TYPE: left behind:"
        left_behind
        return 1
    fi
}

teardown() {
    local pid path
    for pid in $(pgrep -f -- "-address ${CONTAINERD_ADDRESS:-/none}"); do
        kill -KILL "$pid" 2>/dev/null
    done
    [[ ! ${CONTAINERD-} ]] || kill_containerd
    thaw
    for path in "$T"/state-containerd/*/; do
        [[ -d $path ]] || continue
        for pid in "$path"*/; do
            [[ ! -d $pid ]] || timeout -k 5 30 "$SHIMHOST" --state-dir "$path" delete --force \
                "$(basename "$pid")" </dev/null &>/dev/null 3>&- || true
        done
    done
    remove_leftovers
    # What containerd's own shim leaves where all containerds of the machine meet.
    rmdir "/run/containerd/runc/$CONTAINERD_NAMESPACE" 2>/dev/null || true
    for path in $(grep -o " $T/[^ ]*" /proc/self/mounts | sort -r); do
        umount -l "$path" 2>/dev/null || true
    done
}
