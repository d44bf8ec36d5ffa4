# SPDX-License-Identifier: Apache-2.0
# What every bats file shares. A file begins with
#
#   #!/usr/bin/env bash
#   [[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
#   load common
#
# so that `prove t/run.bats`, `t/run.bats` and `t/bats t/run.bats` are the same. Every test gets, in $T, a state
# directory, a runtime root for each runtime and a configuration of its own, and a prefix for the ids of its
# containers in $ID, so that tests of several files may run at the same time. What is left when a
# test ends, also when it fails, is removed by teardown.
#
#   SHIMHOST_PREFIX         where shimhost is installed (default: build/installed)
#   SHIMHOST_TEST_BUILD     the build directory with the helper programs (default: build)
#   SHIMHOST_TEST_RUNTIMES  which runtimes to test with (default: crun runc)
#   SHIMHOST_MUST_RUN=1     what cannot run here fails, instead of being skipped
# shellcheck shell=bash disable=SC2034,SC2120,SC2154,SC2164
bats_require_minimum_version 1.5.0

TESTS=$(cd "$BATS_TEST_DIRNAME" && pwd)
SOURCE=$(dirname "$TESTS")
BUILD=${SHIMHOST_TEST_BUILD:-$SOURCE/build}
PREFIX=${SHIMHOST_PREFIX:-$BUILD/installed}
SHIMHOST=$PREFIX/bin/shimhost
MONITOR=$PREFIX/libexec/shimhost/shimhost-monitor
PLUGINS=$PREFIX/lib/shimhost/plugins
HELPERS=$BUILD/t/helpers
RUNTIMES=${SHIMHOST_TEST_RUNTIMES:-crun runc}
OTHER_BOOT=00000000-0000-0000-0000-000000000000
PATIENCE=${SHIMHOST_TEST_PATIENCE:-40} # seconds until an event that has to come is given up

# ------------------------------------------------------------------------------------ set-up

setup_file() {
    [[ -x $SHIMHOST ]] || complain "no $SHIMHOST: run ./quickstart check, or set SHIMHOST_PREFIX"
    [[ $EUID == 0 ]] || complain "these tests start containers and need root"
    if grep -q '^[^ ]* /sys/fs/cgroup/unified cgroup2 ' /proc/self/mounts &&
        grep -q '^[^ ]* /sys/fs/cgroup tmpfs ' /proc/self/mounts; then
        complain "the cgroup layout of this host is hybrid, which crun refuses:" \
            "run $TESTS/bats $BATS_TEST_FILENAME"
    fi
    make_root_file_system "$BATS_FILE_TMPDIR/rootfs"
    if declare -F file_setup >/dev/null; then file_setup; fi
}

setup() {
    umask 022
    T=$BATS_TEST_TMPDIR
    printf -v ID "t%d-%08x" $$ "$SRANDOM" # of one length: none is the beginning of another
    STATE=$T/state
    BUNDLES=$T/bundles
    EVENTS=$T/events
    ROOTS=$T/roots
    export SHIMHOST_CONFIG=$T/etc/shimhost.yaml
    unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS
    mkdir -p "$T/etc/runtimes.d" "$BUNDLES" "$EVENTS" "$ROOTS" "$T/bin"
    configure
    local runtime
    for runtime in $RUNTIMES; do
        runtime_binary "$runtime" >/dev/null || cannot_run "$runtime is not installed"
        configure_runtime "$runtime"
    done
    if declare -F test_setup >/dev/null; then test_setup; fi
}

# A file may have something of its own to end: test_teardown. What the test itself would have ended in the background
# is ended if it has failed.
teardown() {
    local directory job
    if declare -F test_teardown >/dev/null; then test_teardown; fi
    for job in $(jobs -pr); do kill "$job" 2>/dev/null || true; done
    thaw
    for directory in "$STATE"/*/; do
        [[ -d $directory ]] || continue
        timeout -k 5 30 "$SHIMHOST" delete --force "$(basename "$directory")" \
            </dev/null &>/dev/null 3>&- || true
    done
    remove_leftovers
}

# For a file-level failure: bats shows what setup_file wrote.
complain() {
    echo "$*" >&2
    return 1
}

# What the test needs is not here.
cannot_run() {
    if [[ ${SHIMHOST_MUST_RUN-} == 1 ]]; then
        echo "SHIMHOST_MUST_RUN=1, and this cannot run here: $*"
        return 1
    fi
    skip "$*"
}

# needs PROGRAM…
needs() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || cannot_run "$program is not installed"
    done
}

# kernel_is_at_least MAJOR MINOR
kernel_is_at_least() {
    local major minor
    IFS=.- read -r major minor _ < <(uname -r)
    ((major > $1 || (major == $1 && minor >= $2)))
}

# The program behind a runtime: the plugin oci is pointed at runc, and the plugin process has none.
runtime_binary() {
    case $1 in
    process) ;;
    oci) command -v runc ;;
    *) command -v "$1" ;;
    esac
}

# A root file system with nothing but busybox. Containers mount it read-only, so tests share it.
make_root_file_system() {
    local busybox applet
    busybox=$(command -v busybox)
    mkdir -p "$1"/{bin,proc,dev,events,tmp,etc}
    cp "$busybox" "$1/bin/busybox"
    for applet in cat cut echo env false grep head id kill ls mkfifo ps pwd readlink sh sleep stat true xargs; do
        ln -s busybox "$1/bin/$applet"
    done
    echo 'root:x:0:0::/:/bin/sh' >"$1/etc/passwd"
    echo 'not a program' >"$1/etc/text"
}

# ------------------------------------------------------------------------------------ configuration

# configure [LINE…]: writes shimhost.yaml with further lines.
configure() {
    printf '%s\n' 'version: 1' "state-dir: $STATE" "plugin-dir: $PLUGINS" \
        "default-runtime: ${RUNTIMES%% *}" "$@" >"$SHIMHOST_CONFIG"
}

# configure_runtime NAME [LINE…]: writes runtimes.d/NAME.yaml; a line "KEY: …" replaces the usual one.
configure_runtime() {
    local name=$1 binary line key
    local -A lines=([version]='version: 1' [plugin]="plugin: $name")
    binary=$(runtime_binary "$name") || true
    [[ -z $binary ]] || lines[binary]="binary: $binary"
    [[ $name == process ]] || lines[root]="root: $ROOTS/$name"
    # The bundles have no network of their own, which runsc would want to copy.
    [[ $name != runsc ]] || lines[options]='options: { network: none, ignore-cgroups: true }'
    shift
    for line in "$@"; do
        lines[${line%%:*}]=$line
    done
    for key in version "${!lines[@]}"; do
        [[ ${lines[$key]-} ]] && printf '%s\n' "${lines[$key]}"
        unset "lines[$key]"
    done >"$T/etc/runtimes.d/$name.yaml"
}

# bundle NAME SCRIPT [JQ-FILTER]: makes a bundle whose first process is busybox's shell running SCRIPT, with
# $EVENTS mounted on /events, and prints its path.
bundle() {
    local path=$BUNDLES/$1
    mkdir -p "$path"
    jq --arg script "$2" --arg root "$BATS_FILE_TMPDIR/rootfs" --arg events "$EVENTS" \
        --arg mark "SHIMHOST_TEST=$ID" '
        .process.args = ["sh", "-c", $script] | .process.env += [$mark] | .root.path = $root |
        .mounts += [{destination: "/events", type: "bind", source: $events,
                     options: ["bind", "rw"]}] |
        '"${3:-.}" "$TESTS/config.json" >"$path/config.json"
    echo "$path"
}

# ------------------------------------------------------------------------------------ running

# shimhost ARGUMENT…: the program, which may not take longer than LIMIT seconds. 124: it did.
shimhost() {
    timeout --foreground -k 10 "${LIMIT:-120}" "$SHIMHOST" "$@" </dev/null 3>&-
}

# A sanitizer cannot search for leaks what is traced: ASAN_OPTIONS for it.
UNSEARCHED=${ASAN_OPTIONS-}:detect_leaks=0

# Is this a build with sanitizers?
sanitized() {
    grep -q '^SANITIZER_FLAGS = .*-fsanitize' "$BUILD/Makefile"
}

# For a test of what the sanitizers do in their own ways: flags, and memory that it limits.
without_sanitizers() {
    ! sanitized || skip "the sanitizers have their own ways"
}

# in_background ARGUMENT…: the program as a job of the shell, able to get SIGINT; its pid is $!.
in_background() {
    (exec env --default-signal=INT,QUIT "$SHIMHOST" "$@" </dev/null >"$T/out.$BASHPID" 2>&1 3>&-) &
}

# captures COMMAND…: what it says is in $output, its exit status in $status. (That of bats warns of 127.)
captures() {
    status=0
    output=$("$@" 2>&1) || status=$?
}

# no COMMAND…: it fails. A `!` alone does not end a test.
no() {
    if "$@"; then
        echo "this should not be so: $*"
        return 1
    fi
}

# fails_with STATUS ARGUMENT…: shimhost ends with STATUS. All that it said is in $output.
fails_with() {
    local expected=$1
    shift
    captures shimhost "$@"
    if [[ $status != "$expected" ]]; then
        echo "runtime ${RUNTIME-}: shimhost $*"
        echo "exit status: $status, expected: $expected"
        echo "$output"
        return 1
    fi
}

# works ARGUMENT…
works() {
    fails_with 0 "$@"
}

# gives STATUS ARGUMENT…: `wait` prints this exit status of the process.
gives() {
    local expected=$1
    shift
    works wait "$@"
    is "$output" "$expected" "what wait $* prints"
}

# gave STATUS JOB: the same, of a `wait` in the background.
gave() {
    joins "$2"
    is "$status $output" "0 $1" "exit status and output of wait"
}

# says TEXT…: each is somewhere in $output.
says() {
    local text
    for text in "$@"; do
        if [[ $output != *"$text"* ]]; then
            echo "runtime ${RUNTIME-}: \"$text\" is missing in:"
            echo "$output"
            return 1
        fi
    done
}

# says_not TEXT…
says_not() {
    local text
    for text in "$@"; do
        if [[ $output == *"$text"* ]]; then
            echo "runtime ${RUNTIME-}: \"$text\" should not be in:"
            echo "$output"
            return 1
        fi
    done
}

# is ACTUAL EXPECTED [WHAT]
is() {
    if [[ $1 != "$2" ]]; then
        echo "runtime ${RUNTIME-}: ${3:-value} is \"$1\", expected \"$2\""
        return 1
    fi
}

# field ID JQ-FILTER: of what `state` says.
field() {
    shimhost state "$1" | jq -r "$2"
}

# pid_of ID [PROCESS], monitor_of ID [PROCESS]
pid_of() {
    cat "$STATE/$1/${2:-init}/pid"
}
monitor_of() {
    head -n 1 "$STATE/$1/${2:-init}/monitor"
}

# twenty_wait: as many hosts wait for the container $ID at once.
twenty_wait() {
    waiters=()
    for _ in {1..20}; do
        in_background wait "$ID"
        waiters+=($!)
    done
}

# all_were_told STATUS: each of them.
all_were_told() {
    local waiter
    for waiter in "${waiters[@]}"; do
        gave "$1" "$waiter"
    done
}

# adopted MONITOR: another monitor than this one lives.
adopted() {
    local monitor
    monitor=$(monitor_of "$ID" 2>/dev/null) && [[ $monitor && $monitor != "$1" ]] && ! is_over "$monitor"
}

# ------------------------------------------------------------------------------------ events

# event NAME…: makes FIFOs, which containers see in /events.
event() {
    local name
    for name in "$@"; do
        mkfifo -m 666 "$EVENTS/$name"
    done
}

# await NAME: waits until somebody writes to an event, and prints the line.
await() {
    timeout "$PATIENCE" head -n 1 "$EVENTS/$1" || {
        echo "event $1 did not come within $PATIENCE seconds"
        return 1
    }
}

# give NAME [TEXT]: writes to an event; waits for somebody who reads it.
give() {
    timeout "$PATIENCE" sh -c 'echo "$2" >"$1"' sh "$EVENTS/$1" "${2-go}" || {
        echo "nobody read the event $1 within $PATIENCE seconds"
        return 1
    }
}

# joins JOB: waits for a job of this shell; its exit status is in $status, what it said in $output.
joins() {
    eventually is_over "$1" || {
        echo "runtime ${RUNTIME-}: still running: $(tr '\0' ' ' <"/proc/$1/cmdline")"
        return 1
    }
    status=0
    wait "$1" || status=$?
    output=$(cat "$T/out.$1" 2>/dev/null) || true
}

is_over() {
    local state
    [[ -d /proc/$1 ]] || return 0
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
    [[ -z $state || $state == Z* || $state == X* ]]
}

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/eventually.bash"

kill_and_await() {
    kill -KILL "$1"
    eventually is_over "$1"
}

# holds END PID: the process has something open whose path ends so.
holds() {
    [[ $(find "/proc/$2/fd" -lname "*$1" 2>/dev/null) ]]
}

# kill_monitor [PROCESS]: that of $ID.
kill_monitor() {
    kill_and_await "$(monitor_of "$ID" "$@")"
}

# wrapped BINARY [WORD SCRIPT]…: prints the path of a program that does SCRIPT if WORD is among its arguments, and then,
# unless that has ended it, becomes BINARY, which SCRIPT knows as $real.
wrapped() {
    local path=$T/wrapped/${1##*/}
    mkdir -p "$T/wrapped"
    {
        printf '%s\n' '#!/bin/sh' "real=$1" 'case " $* " in'
        printf '*" %s "*)\n%s\n;;\n' "${@:2}"
        printf '%s\n' 'esac' 'exec "$real" "$@"'
    } >"$path"
    chmod 755 "$path"
    echo "$path"
}

# stops: makes what a wrapped program needs to stop by $STOP, where it waits until the test has `reached` it and `let_go`.
stops() {
    rm -f "$T/reached" "$T/go"
    mkfifo "$T/reached" "$T/go"
    STOP="echo >$T/reached; read -r go <$T/go"
}

reached() {
    timeout "$PATIENCE" cat "$T/reached"
}

let_go() {
    timeout "$PATIENCE" sh -c 'echo >"$1"' - "$T/go"
}

# hold: another host has the lock of the container $ID until the test has `let_go`. Its pid is $holder.
hold() {
    stops
    "$HELPERS/hold-lock" "$STATE/$ID/.lock" sh -c "$STOP" 3>&- &
    holder=$!
    reached
}

# waiters N: so many wait for that lock, as the kernel tells.
waiters() {
    [[ $(grep -c -e "-> OFDLCK .*:$(stat -c %i "$STATE/$ID/.lock") " /proc/locks) == "$1" ]]
}

# has_clients N: more than N sockets are open in the container's monitor, of which one is what listens.
has_clients() {
    (($(find "/proc/$(monitor_of "$ID")/fd" -lname 'socket:*' | wc -l) > $1))
}

# ------------------------------------------------------------------------------------ leftovers

# The processes of this test: monitors and runtimes by their command line, what runs in containers by its environment.
marked_processes() {
    local pid
    : "${ID:?without an id every process of the machine would be marked}"
    {
        grep -lzE "^SHIMHOST_TEST=$ID\$" /proc/[0-9]*/environ
        grep -lzE "(^|[/=])$ID" /proc/[0-9]*/cmdline
    } 2>/dev/null | cut -d/ -f3 | sort -un | while read -r pid; do
        is_over "$pid" || echo "$pid"
    done
}

marked_cgroups() {
    find /sys/fs/cgroup -depth -type d -name "$ID*" \( -fstype cgroup -o -fstype cgroup2 \) 2>/dev/null
}

thaw() {
    local cgroup
    for cgroup in $(marked_cgroups); do
        [[ -w $cgroup/freezer.state ]] && echo THAWED >"$cgroup/freezer.state"
        [[ -w $cgroup/cgroup.freeze ]] && echo 0 >"$cgroup/cgroup.freeze"
    done 2>/dev/null
    true
}

# Prints what is left of this test's containers anywhere: nothing, if all is well.
leftovers() {
    local pid
    [[ ! -d $STATE ]] || ls "$STATE" | sed 's/^/state directory: /'
    find "$ROOTS" -mindepth 2 -name "$ID*" | sed 's/^/runtime state: /'
    marked_cgroups | sed 's/^/cgroup: /'
    for pid in $(marked_processes); do
        echo "process: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    done
}

no_leftovers() {
    [[ -z $(leftovers) ]]
}

nothing_is_left() {
    if ! eventually no_leftovers; then
        echo "runtime ${RUNTIME-}: left behind:"
        leftovers
        return 1
    fi
}

remove_leftovers() {
    local pid runtime path
    thaw
    for pid in $(marked_processes); do
        kill -KILL "$pid" 2>/dev/null
    done
    for runtime in $RUNTIMES; do
        for path in "$ROOTS/$runtime/$ID"*; do
            [[ -d $path ]] || continue
            timeout -k 5 30 "$(runtime_binary "$runtime")" --root "$ROOTS/$runtime" delete -f "$(basename "$path")" \
                </dev/null 3>&-
        done
    done &>/dev/null
    for path in $(marked_cgroups); do
        rmdir "$path" 2>/dev/null
    done
    true
}
