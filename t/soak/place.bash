# SPDX-License-Identifier: Apache-2.0
# What the parts of the endurance test share: a place of their own, bundles, and how results are told.
# shellcheck shell=bash disable=SC2034,SC2154

points=0 failed=0 cycles_sum=0 commands_sum=0

# ---- the place

# Makes everything below $W: root file system, configuration, state.
make_place() {
    local runtime applet
    [[ -w /dev/shm ]] || : "${TMPDIR:=/tmp}"
    W=$(mktemp -d "${TMPDIR:-/dev/shm}/shimhost-soak.XXXXXX")
    ROOT=$W/rootfs STATE=$W/state
    mkdir -p "$ROOT"/{bin,proc,dev,tmp,events} "$W"/{etc/runtimes.d,bundles,logs,roots,tmp,work}
    cp "$BUILD/t/bench/stamp" "$(command -v busybox)" "$ROOT/bin/"
    for applet in cat false sh sleep true; do ln -s busybox "$ROOT/bin/$applet"; done
    export TMPDIR=$W/tmp SHIMHOST_CONFIG=$W/etc/shimhost.yaml
    unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS
    printf '%s\n' 'version: 1' "state-dir: $STATE" "plugin-dir: $PREFIX/lib/shimhost/plugins" \
        'default-runtime: process' >"$SHIMHOST_CONFIG"
    configure_runtime process process
    configure_runtime fake oci "binary: $BUILD/t/fake-runtime/fake-runtime" "options: { state-root: $W/roots/fake }"
    REAL=
    for runtime in ${SOAK_RUNTIMES-crun runc}; do
        if ! command -v "$runtime" >/dev/null; then
            say "$runtime is not installed, and left out"
            continue
        fi
        configure_runtime "$runtime" "$runtime" "binary: $(command -v "$runtime")"
        REAL+=" $runtime"
    done
    # Pages of a program that were not written back yet count as private and dirty.
    sync -f "$PREFIX/libexec/shimhost/shimhost-monitor" "$W"
}

# configure_runtime NAME PLUGIN [LINE…]
configure_runtime() {
    # On a machine that has too much to do everything takes long, and that is nothing to complain of.
    printf '%s\n' 'version: 1' "plugin: $2" 'timeouts: { spawn: 120s, signal: 120s, delete: 120s }' "${@:3}" >"$W/etc/runtimes.d/$1.yaml"
    [[ $2 == process ]] || echo "root: $W/roots/$1" >>"$W/etc/runtimes.d/$1.yaml"
}

remove_place() {
    local directory pid
    for directory in "$STATE"/*/; do
        [[ ! -d $directory ]] || timeout -k 5 30 "$SHIMHOST" delete --force "$(basename "$directory")" || true
    done &>/dev/null </dev/null
    for pid in $(pids); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    find_cgroups -exec rmdir {} + 2>/dev/null || true
    rm -rf "$W"
}

# bundle RUNTIME NAME WORD…: makes a bundle, prints its path. Paths in words are those in the container; where it has no
# root of its own, they become those of the host. With TERMINAL=true it has a terminal.
bundle() {
    local runtime=$1 path=$W/bundles/$1-$2
    shift 2
    if [[ ! -e $path ]]; then
        mkdir -p "$path"
        [[ $runtime != fake && $runtime != process ]] || set -- "${@//@/$ROOT}"
        jq --arg root "$ROOT" --argjson terminal "${TERMINAL:-false}" '.process.args = $ARGS.positional |
            .process.terminal = $terminal | .root.path = $root |
            .mounts += [{destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}]' "$TESTS/config.json" \
            --args -- "${@//@/}" >"$path/config.json"
    fi
    echo "$path"
}

# program RUNTIME NAME: the path of a program of the root file system, for an exec.
program() {
    if [[ $1 == fake || $1 == process ]]; then echo "$ROOT/bin/$2"; else echo "/bin/$2"; fi
}

# ---- telling

say() {
    printf '# %s\n' "$*" >&2
}

# What is worth knowing of a part.
note() {
    printf '# %s\n' "$*"
}

# Something is wrong with the point that is being looked at.
complain() {
    printf '# WRONG: %s\n' "$*"
    problems=$((problems + 1))
}

# point NAME COMMAND…: a line of TAP. The command complains of what is wrong; that it fails is wrong, too.
point() {
    local name=$1 problems=0 from=$SECONDS
    shift
    "$@" || complain "$* failed"
    points=$((points + 1))
    if ((problems == 0)); then
        echo "ok $points - $name ($((SECONDS - from)) s)"
    else
        failed=$((failed + 1))
        echo "not ok $points - $name ($problems wrong, $((SECONDS - from)) s)"
    fi
}

# less NUMBER: divided by SOAK_DIVISOR, but not nothing.
less() {
    local number=$(($1 / DIVISOR))
    echo $((number ? number : 1))
}

# ---- doing

# drive NAME OPTION… COUNT <SCRIPT: cycles; ids begin with $ID-NAME.
drive() {
    local name=$1 count=${*: -1} output status=0
    cat >"$W/work/$name"
    output=$(timeout -k 5 86400 "$DRIVE" "${@:2:$#-2}" "$ID-$name" "$count" "$W/work/$name") || status=$?
    rm "$W/work/$name"
    while read -r line; do note "$name: $line"; done <<<"$output"
    if [[ $output =~ ([0-9]+)\ cycles,\ ([0-9]+)\ commands,\ ([0-9.]+)\ s,\ [0-9]+\ bad$ ]]; then
        cycles_sum=$((cycles_sum + BASH_REMATCH[1]))
        commands_sum=$((commands_sum + BASH_REMATCH[2]))
        took=${BASH_REMATCH[3]}
    fi
    ((status == 0)) || complain "drive $name ended with $status"
}

# host WORD…: a command of shimhost, which has to work.
host() {
    local output
    output=$(timeout -k 5 300 "$SHIMHOST" "$@" </dev/null 2>&1) || complain "shimhost $*: $output"
}

# running NUMBER: so many are.
running() {
    local number
    number=$("$SHIMHOST" list --format json </dev/null | jq '[.[] | select(.status == "running")] | length')
    [[ $number == "$1" ]] || complain "$number containers are running, and not $1"
}
