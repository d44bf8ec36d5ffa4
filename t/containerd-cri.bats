#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd as Kubernetes uses it: containerd's CRI plugin, spoken to as a kubelet speaks to it. Debian
# has no crictl; curl carries the calls, and the few messages are put together here.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

WITH_CRI=1
IMAGE=docker.io/test/busybox:1
IMAGE_COMMAND='sleep","100000' # the pause container is out of it, too

configure_cri() {
    local cri='plugins."io.containerd.grpc.v1.cri"'
    export CONTAINERD_NAMESPACE=k8s.io
    configure_containerd "[$cri]" "sandbox_image = \"$IMAGE\"" 'restrict_oom_score_adj = true' \
        'disable_apparmor = true' 'disable_hugetlb_controller = true' \
        "[$cri.cni]" "conf_dir = \"$T/cni\"" "bin_dir = \"$T/cni\"" \
        "[$cri.containerd]" 'default_runtime_name = "shimhost"' "[$cri.containerd.runtimes.shimhost]" 'runtime_type = "io.containerd.shimhost.v1"' \
        "[$cri.containerd.runtimes.by-path]" 'runtime_type = "io.containerd.shimhost.v1"' \
        "[$cri.containerd.runtimes.by-path.options]" 'TypeUrl = "runtimeoptions.v1.Options"' \
        "ConfigPath = \"$T/etc/runtimes.d/runc.yaml\"" \
        "[$cri.containerd.runtimes.reference]" 'runtime_type = "io.containerd.runc.v2"'
}

# ---- messages: bytes in variables, which never hold a zero

# put_varint NAME NUMBER: appends it to the variable.
put_varint() {
    local -n varint_to=$1
    local rest=$2 byte
    while ((rest > 127)); do
        printf -v byte '%b' "\\x$(printf %02x $((rest % 128 + 128)))"
        varint_to+=$byte
        rest=$((rest / 128))
    done
    printf -v byte '%b' "\\x$(printf %02x "$rest")"
    varint_to+=$byte
}

# put_text NAME FIELD VALUE: appends a text or a message.
put_text() {
    local -n text_to=$1
    local LC_ALL=C
    put_varint "$1" $(($2 * 8 + 2))
    put_varint "$1" ${#3}
    text_to+=$3
}

# put_number NAME FIELD VALUE
put_number() {
    put_varint "$1" $(($2 * 8))
    put_varint "$1" "$3"
}

# cri METHOD MESSAGE: a call; the answer is in $T/answer.
cri() {
    local LC_ALL=C length
    printf -v length '\\x%02x' $((${#2} >> 24 & 255)) $((${#2} >> 16 & 255)) $((${#2} >> 8 & 255)) $((${#2} & 255))
    printf '%b%s' "\\0$length" "$2" >"$T/request"
    timeout -k 1 90 curl -sS --http2-prior-knowledge --unix-socket "$CONTAINERD_ADDRESS" -D "$T/headers" -o "$T/answer" \
        -H 'content-type: application/grpc' -H 'te: trailers' --data-binary "@$T/request" \
        "http://localhost/runtime.v1.RuntimeService/$1" 3>&-
    if ! grep -qi '^grpc-status: 0' "$T/headers"; then
        echo "type $TYPE: $1: $(grep -i ^grpc "$T/headers")"
        grep -v 'loading plugin' "$T/containerd.log" | tail -n 5 | cut -c 1-400
        return 1
    fi
}

id_in_answer() {
    grep -ao '[0-9a-f]\{64\}' "$T/answer" | head -n 1
}

# about METHOD ID: a call whose message is an id.
about() {
    local message=
    put_text message 1 "$2"
    cri "$1" "$message"
}

# run_pod NAME HANDLER: its id is in $POD; its configuration stays in $SANDBOX. In the host's network, which needs no CNI.
run_pod() {
    local metadata='' options='' security='' linux='' message=''
    put_text metadata 1 "$1"
    put_text metadata 2 "$ID-$1"
    put_text metadata 3 default
    put_number options 1 2
    put_text security 1 "$options"
    put_text linux 1 "/$ID" # the parent of its cgroups, as a kubelet gives one
    put_text linux 2 "$security"
    SANDBOX=
    put_text SANDBOX 1 "$metadata"
    put_text SANDBOX 3 "$T/logs"
    put_text SANDBOX 8 "$linux"
    put_text message 1 "$SANDBOX"
    put_text message 2 "$2"
    cri RunPodSandbox "$message"
    POD=$(id_in_answer)
}

# run_container NAME SCRIPT: its id is in $CONTAINER.
run_container() {
    local metadata='' image='' options='' security='' linux='' config='' message='' word
    put_text metadata 1 "$1"
    put_text image 1 "$IMAGE"
    put_number options 1 2
    put_number options 2 1
    put_text security 3 "$options"
    put_text linux 2 "$security"
    put_text config 1 "$metadata"
    put_text config 2 "$image"
    for word in sh -c "$2"; do
        put_text config 3 "$word"
    done
    put_text config 11 "$1.log"
    put_text config 15 "$linux"
    put_text message 1 "$POD"
    put_text message 2 "$config"
    put_text message 3 "$SANDBOX"
    cri CreateContainer "$message"
    CONTAINER=$(id_in_answer)
    about StartContainer "$CONTAINER"
}

# exec_in ID WORD…: what it says is somewhere in $T/answer.
exec_in() {
    local message='' word
    put_text message 1 "$1"
    for word in "${@:2}"; do
        put_text message 2 "$word"
    done
    put_number message 3 30
    cri ExecSync "$message"
}

# stop ID: SIGTERM, and five seconds for it.
stop() {
    local message=''
    put_text message 1 "$1"
    put_number message 2 5
    cri StopContainer "$message"
}

# has_reason ID WORD: why it has ended, as a kubelet shows it.
has_reason() {
    about ContainerStatus "$1" && grep -aq "$2" "$T/answer"
}

# How many servers there are.
servers() {
    pgrep -fc -- "-namespace k8s.io -id [0-9a-f]* -address $CONTAINERD_ADDRESS" || true
}

@test "a pod of two containers: one server, logs, exec, statistics, reasons, removal" {
    needs curl
    curl --version | grep -q HTTP2 || cannot_run "curl cannot speak HTTP/2"
    kill_containerd
    configure_cri
    start_containerd
    ctl images import "$BATS_FILE_TMPDIR/image.tar" >/dev/null
    for TYPE in reference shimhost by-path; do
        run_pod "$TYPE" "$TYPE"
        run_container one 'echo "from the first"; trap "exit 3" TERM; while :; do sleep 0.1; done'
        first=$CONTAINER
        run_container two 'echo "from the second"; exit 7'
        second=$CONTAINER
        is "$(servers)" 1 "number of servers"
        eventually has_reason "$second" Error
        grep -q 'stdout F from the first' "$T/logs/one.log"
        grep -q 'stdout F from the second' "$T/logs/two.log"
        exec_in "$first" sh -c 'echo said by $((40 + 2))'
        grep -aq 'said by 42' "$T/answer"
        about ContainerStats "$first"
        [[ $(stat -c %s "$T/answer") -gt 60 ]]
        [[ $TYPE == reference ]] || is "$(jq -r .runtime "$T/state-containerd/k8s.io/$first/container.json")" \
            "$([[ $TYPE == by-path ]] && echo runc || echo crun)" runtime
        stop "$first"
        about RemoveContainer "$first"
        about RemoveContainer "$second"
        about StopPodSandbox "$POD"
        about RemovePodSandbox "$POD"
        eventually has_servers 0
        rm "$T"/logs/*
        nothing_remains
    done
}

has_servers() {
    [[ $(servers) == "$1" ]]
}
