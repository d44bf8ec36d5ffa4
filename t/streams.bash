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

# is_writing PID: it sleeps in write(2).
is_writing() {
    local number
    read -r number _ <"/proc/$1/syscall"
    [[ $number == 1 || $number == 64 ]]
}

# cpu_ticks PID: what it has used of the processor, in hundredths of a second.
cpu_ticks() {
    local stat
    stat=$(<"/proc/$1/stat")
    stat=${stat##*) }
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

monitor_is_over() {
    is_over "$1"
}

# All that a container's process and its monitor had to do is done.
has_ended() {
    eventually is_over "$(monitor_of "$@")"
}
