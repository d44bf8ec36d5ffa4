# SPDX-License-Identifier: Apache-2.0
# What the files about streams share beyond common.bash.
# shellcheck shell=bash disable=SC2034,SC2154

# A JQ filter for bundle: the process has a terminal, and the container the devices that this takes.
TERMINAL='.process.terminal = true | .mounts += [{destination: "/dev/pts", type: "devpts", source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}]'
# The same devices, for the terminals of execs.
TERMINALS=${TERMINAL/.process.terminal = true | /}

# make_data NAME BYTES: random bytes that containers see as /events/NAME. The sum is in $SUM.
make_data() {
    head -c "$2" /dev/urandom >"$EVENTS/$1"
    SUM=$(sum_of <"$EVENTS/$1")
}

sum_of() {
    sha256sum | cut -d ' ' -f 1
}

# is_writing PID: it sleeps in write(2) or sendfile(2), of x86_64 or aarch64.
is_writing() {
    local number
    read -r number _ <"/proc/$1/syscall" || return 1
    [[ $number == 1 || $number == 40 || $number == 64 || $number == 71 ]]
}

# some_process_writes PID: the first process of a container, or a child of it, sleeps in write(2).
some_process_writes() {
    local pid
    for pid in "$1" $(pgrep -P "$1"); do
        ! is_writing "$pid" || return 0
    done
    return 1
}

# cpu_ticks PID: what it has used of the processor, in hundredths of a second.
cpu_ticks() {
    local stat
    stat=$(<"/proc/$1/stat")
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    echo $((${12} + ${13}))
}

# is_log FILE…: nothing but whole records of the k8s format.
is_log() {
    local file
    for file in "$@"; do
        [[ -z $(tail -c 1 "$file" | tr -d '\n') ]] || {
            echo "$file does not end with a newline"
            return 1
        }
        ! LC_ALL=C grep -avnE \
            '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z (stdout|stderr) [FP] ' "$file" || return 1
    done
}

# All that a container's process and its monitor had to do is done.
has_ended() {
    eventually is_over "$(monitor_of "$@")"
}
