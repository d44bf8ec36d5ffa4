# SPDX-License-Identifier: Apache-2.0
# What the parts of the benchmark share: a place of their own, bundles, the peers' command lines, and races.
# shellcheck shell=bash disable=SC2034,SC2154

# ---- the place

# Makes everything below $W: root file system, configuration, directories of the peers.
make_place() {
    mkdir -p "$W"/{rootfs/{bin,proc,dev,tmp,events},etc/runtimes.d,bundles,exits,sockets,roots,logs}
    cp "$BUILD/t/bench/stamp" "$BUILD/t/bench/lines" "$W/rootfs/bin/"
    ROOT=$W/rootfs STATE=$W/state
    mkfifo "$ROOT/events/go" "$ROOT/events/told"
    # Open at both ends as long as we live: what a container writes is not lost when it ends.
    exec {events_fd}<>"$ROOT/events/told"
    export SHIMHOST_CONFIG=$W/etc/shimhost.yaml
    printf '%s\n' 'version: 1' "state-dir: $STATE" "plugin-dir: $PREFIX/lib/shimhost/plugins" \
        'default-runtime: fake' >"$SHIMHOST_CONFIG"
    configure_runtime fake oci
    local runtime
    for runtime in $RUNTIMES; do
        [[ $runtime == fake ]] || configure_runtime "$runtime" "$runtime"
    done
    # Pages of a program that were not written back yet count as private and dirty.
    sync -f "$MONITOR" "$W"
}

# configure_runtime NAME PLUGIN
configure_runtime() {
    {
        printf '%s\n' 'version: 1' "plugin: $2" "binary: $(binary_of "${1%%-*}")" "root: $W/roots/$1"
        # Otherwise the plugin has to ask the runtime whether there is a container of that name.
        [[ $2 != oci ]] || printf '%s\n' "options: { state-root: $W/roots/$1 }"
    } >"$W/etc/runtimes.d/$1.yaml"
}

binary_of() {
    if [[ $1 == fake ]]; then
        echo "$BUILD/t/fake-runtime/fake-runtime"
    else
        command -v "$1"
    fi
}

# bundle RUNTIME NAME WORD…: makes a bundle, prints its path. Paths in words are those in the container; the fake
# runtime has none, and there they become those of the host.
bundle() {
    local runtime=$1 path=$W/bundles/$1-$2
    shift 2
    if [[ ! -e $path ]]; then
        mkdir -p "$path"
        [[ $runtime != fake ]] || set -- "${@/#\//$ROOT/}"
        jq --arg root "$ROOT" '.process.args = $ARGS.positional | .process.env += ["SHIMHOST_BENCH=1"]
            | .root.path = $root' "$TESTS/config.json" --args "$@" >"$path/config.json"
    fi
    echo "$path"
}

# ---- who takes part

# Prints why not, once, if a peer is missing.
has() {
    command -v "$1" >/dev/null && return
    [[ " ${missing[*]-} " == *" $1 "* ]] || { missing+=("$1"); say "$1 is not installed, and left out"; }
    return 1
}

say() {
    printf 'bench: %s\n' "$*" >&2
}

# The beginning of the command lines that the candidates share.
shimhost_words() {
    echo "$SHIMHOST"
}
bare_words() {
    echo "$(binary_of "$1") --root $W/roots/bare-$1"
}
# conmon_words RUNTIME BUNDLE [LOG]: with what Podman gives it.
conmon_words() {
    echo "conmon --api-version 1 -c {id} -u {id} -n {id} -r $(binary_of "$1") -b $2" \
        "--runtime-arg --root --runtime-arg $W/roots/conmon-$1 -p $W/logs/{id}.pid" \
        "-l ${3:-k8s-file:$W/logs/{id}.log} --exit-dir $W/exits --socket-dir-path $W/sockets --no-sync-log"
}
conmon_runtime_words() {
    echo "$(binary_of "$1") --root $W/roots/conmon-$1"
}

# ---- races

# race NAME ROUNDS <SCRIPT: what came of it is in $RESULTS/NAME.tsv.
race() {
    local name=$1 rounds=$2
    cat >"$RESULTS/$name.race"
    rm -f "$RESULTS/$name.tsv"
    if ! timeout -k 5 "${BENCH_PATIENCE:-300}" "$BUILD/t/bench/race" "$rounds" "$WARM_UPS" "b$$" \
        "$RESULTS/$name.race" "$RESULTS/$name.tsv" 2>"$RESULTS/$name.err"; then
        tail -n 5 "$RESULTS/$name.err" >&2
        say "the race $name was not finished; its steps are in $RESULTS/$name.race"
        failed=1
        return 0
    fi
}

# fewer DIVISOR: of the rounds, for what takes long; not less than 25, unless less was asked for.
fewer() {
    local least=$((ROUNDS < 25 ? ROUNDS : 25)) rounds=$((ROUNDS / $1))
    echo $((rounds > least ? rounds : least))
}
