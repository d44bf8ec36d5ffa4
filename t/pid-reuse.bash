# SPDX-License-Identifier: Apache-2.0
# The first process of a pid namespace: pid-reuse.bash RUNTIME BUNDLE ID. Runs a container whose monitor and process are
# killed unseen, gives its pid to a stranger, and tries to have the stranger killed by every command.
runtime=$1 bundle=$2 id=$3
say() {
    echo "pid-reuse: $*"
}

# When the pids have all been used, the kernel begins again at 300; one below that would not come back.
for _ in {1..310}; do
    (:)
done
"$SHIMHOST" run -d -r "$runtime" -b "$bundle" "$id"
pid=$(cat "$STATE/$id/init/pid")
monitor=$(head -n 1 "$STATE/$id/init/monitor")
# over PID: it is gone, or a zombie.
over() {
    local state
    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || true
    [[ -z $state || $state == Z ]]
}

# The monitor first: it must not see the process die.
kill -KILL "$monitor"
until over "$monitor"; do
    sleep 0.02
done
kill -KILL "$pid"
# Both are this process's children now, and are reaped by the shell.
for _ in {1..1500}; do
    [[ -d /proc/$pid ]] || break
    sleep 0.02
done
[[ ! -d /proc/$pid ]] || {
    say "pid $pid is still there"
    exit 1
}

rm -f "$T/taken" # of the runtime before this one
"$HELPERS/take-pid" "$pid" >"$T/taken" &
helper=$!
for _ in {1..3000}; do
    [[ -s $T/taken ]] && break
    kill -0 "$helper"
    sleep 0.02
done
say "pid $pid belongs to $(tr '\0' ' ' <"/proc/$pid/cmdline")"

for signal in TERM KILL; do
    if "$SHIMHOST" kill "$id" "$signal" 2>"$T/kill"; then
        say "kill $signal succeeded"
        exit 1
    fi
    grep -q 'not running' "$T/kill" || {
        say "kill said: $(cat "$T/kill")"
        exit 1
    }
done
say "kill: not running"
say "state: $("$SHIMHOST" state "$id" | jq -r .status)"
if timeout 60 "$SHIMHOST" wait "$id" 2>"$T/wait"; then
    say "wait made up an exit status"
    exit 1
fi
say "wait: $(cat "$T/wait")"
"$SHIMHOST" delete --force "$id"
! over "$pid" || {
    say "the stranger is dead"
    exit 1
}
say "the stranger lives"
