# SPDX-License-Identifier: Apache-2.0
# Somebody whom nothing here concerns, and who tells of all that is done to him.
# shellcheck shell=bash disable=SC2154

# begin_bystander: tells of every signal that can be caught, and dies of the others. Its pid is $bystander.
begin_bystander() {
    mkfifo "$T/silence"
    bash -c 'for n in {1..64}; do trap "echo $n >>\"$1\"" $n 2>/dev/null; done
        : >"$1"; while :; do read -rt 1000000 <>"$2"; done' bystander "$T/signals" "$T/silence" </dev/null &>/dev/null 3>&- &
    bystander=$!
    eventually test -e "$T/signals"
}

test_teardown() {
    [[ ! ${bystander-} ]] || kill -KILL "$bystander" 2>/dev/null || true
}

# identity_of_bystander [BOOT]: as a process's directory has them: pid, start time, boot id.
identity_of_bystander() {
    echo "$bystander"
    sed 's/.*) //' "/proc/$bystander/stat" | cut -d' ' -f20
    echo "${1:-$(cat /proc/sys/kernel/random/boot_id)}"
}

unharmed() {
    [[ ! -s $T/signals ]] && ! is_over "$bystander" || {
        echo "the bystander got signal $(xargs <"$T/signals"), or died"
        return 1
    }
}
