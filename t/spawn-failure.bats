#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A spawn that goes wrong in the middle: it is told why, and nothing remains.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

# Configures the runtime `slow`: the real one behind a script which, asked to create, run or restore, tells the event `launched`
# and then waits for the event `proceed` ($1 is before), or does so once the real one has finished ($1 is after).
slow_runtime() {
    local when=$1
    shift
    cat >"$T/bin/slow" <<END
#!/bin/bash
hang() { echo "\$PPID" >$EVENTS/launched; read -r line <$EVENTS/proceed; }
for argument; do
    case \$argument in create | run | restore | exec) slow=1 ;; esac
done
[[ \$slow && $when == before ]] && hang
[[ \$slow ]] || exec $(runtime_binary "$RUNTIME") "\$@"
$(runtime_binary "$RUNTIME") "\$@"
status=\$?
[[ $when == after ]] && hang
exit \$status
END
    chmod 755 "$T/bin/slow"
    rm -f "$EVENTS/launched" "$EVENTS/proceed"
    event launched proceed
    configure_runtime slow "plugin: $RUNTIME" "binary: $T/bin/slow" "root: $ROOTS/$RUNTIME" "$@"
}

# broken_runtime SCRIPT: the runtime `broken` is that script for create and run, and the real one for all else.
broken_runtime() {
    cat >"$T/bin/broken" <<END
#!/bin/bash
for argument; do
    case \$argument in create | run | exec) slow=1 ;; esac
done
[[ \$slow ]] || exec $(runtime_binary "$RUNTIME") "\$@"
$1
END
    chmod 755 "$T/bin/broken"
    configure_runtime broken "plugin: $RUNTIME" "binary: $T/bin/broken" "root: $ROOTS/$RUNTIME"
}

FOREVER='while :; do sleep 1000; done'

@test "the monitor is killed before the process exists: the message names the signal" {
    for RUNTIME in $RUNTIMES; do
        for when in before after; do
            slow_runtime "$when"
            in_background create -r slow -b "$(bundle killed "$FOREVER")" "$ID"
            job=$!
            await launched
            kill -KILL "$(monitor_of "$ID")"
            joins "$job"
            is "$status" 1
            says "signal 9" "$ID"
            nothing_is_left
        done
    done
}

@test "what the host has inherited from the shell that executed it outlives the monitor" {
    event orphan
    for RUNTIME in $RUNTIMES; do
        slow_runtime before
        path=$(bundle inherited "$FOREVER")
        (
            (
                read -r _ <"$EVENTS/orphan"
                sleep 1000000 &
            ) &>/dev/null 3>&- &
            exec "$SHIMHOST" create -r slow -b "$path" "$ID" </dev/null &>"$T/out.$BASHPID" 3>&-
        ) &
        job=$!
        await launched
        give orphan
        eventually pgrep -P "$job" -x sleep
        orphan=$(pgrep -P "$job" -x sleep)
        kill -KILL "$(monitor_of "$ID")"
        joins "$job"
        is "$status" 1
        no is_over "$orphan"
        kill "$orphan"
        nothing_is_left
    done
}

@test "an exec that is being spawned is its host's: a deletion waits for it" {
    for RUNTIME in $RUNTIMES; do
        slow_runtime before
        works run -d -r "$RUNTIME" -b "$(bundle busy "$FOREVER")" "$ID"
        sed -i 's/"runtime": *"[^"]*"/"runtime": "slow"/' "$STATE/$ID/container.json"
        in_background exec -d --id worker "$ID" -- sh -c "$FOREVER"
        job=$!
        await launched
        in_background delete --process-id worker "$ID"
        deletion=$!
        eventually holds "/$ID/.lock" "$deletion"
        give proceed
        joins "$job"
        is "$status $output" "0 "
        joins "$deletion"
        is "$status" 1
        says "is running; kill it first"
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "what cannot be undone is kept, and can be deleted" {
    for RUNTIME in $RUNTIMES; do
        slow_runtime after 'timeouts: {spawn: 2s}'
        real=$(runtime_binary "$RUNTIME")
        sed -i "2i case \" \$* \" in *\" delete \"*) [[ -e $T/deletable ]] || { echo no; exit 1; } ;; esac" "$T/bin/slow"
        rm -f "$T/deletable"
        fails_with 1 create -r slow -b "$(bundle kept "$FOREVER")" "$ID"
        says "timed out" "run: shimhost delete $ID"
        [[ -d $STATE/$ID ]]
        fails_with 1 delete "$ID"
        touch "$T/deletable"
        works delete "$ID"
        nothing_is_left
    done
}

@test "run says 125 of it" {
    for RUNTIME in $RUNTIMES; do
        slow_runtime before
        in_background run -r slow -b "$(bundle killed "$FOREVER")" "$ID"
        job=$!
        await launched
        kill -KILL "$(monitor_of "$ID")"
        joins "$job"
        is "$status" 125
        nothing_is_left
    done
}

@test "the runtime fails without a word: the message has its exit status or signal" {
    for RUNTIME in $RUNTIMES; do
        broken_runtime 'exit 33'
        fails_with 125 run -r broken -b "$(bundle silent :)" "$ID"
        says "$ID" 33
        nothing_is_left
        broken_runtime 'kill -SEGV $$'
        fails_with 125 run -r broken -b "$(bundle silent :)" "$ID"
        says "signal 11"
        nothing_is_left
    done
}

@test "the runtime succeeds and leaves no pid, or nonsense in its place" {
    for RUNTIME in $RUNTIMES; do
        broken_runtime 'exit 0'
        fails_with 125 run -r broken -b "$(bundle nopid :)" "$ID"
        says "$ID"
        nothing_is_left
        broken_runtime 'for a; do [[ $next ]] && echo nonsense >"$a"; next=; [[ $a == --pid-file ]] && next=1; done; exit 0'
        fails_with 125 run -r broken -b "$(bundle nopid :)" "$ID"
        nothing_is_left
    done
}

@test "a runtime that floods its output and its log is no trouble" {
    for RUNTIME in $RUNTIMES; do
        broken_runtime 'head -c 5000000 /dev/zero | tr "\0" x >&2
            for a; do [[ $next ]] && head -c 5000000 /dev/zero | tr "\0" y >"$a"; next=; [[ $a == --log ]] && next=1; done
            exit 4'
        fails_with 125 run -r broken -b "$(bundle flood :)" --stderr null --stdout null "$ID"
        ((${#output} < 10000))
        nothing_is_left
    done
}

@test "the deadline of spawn passes" {
    for RUNTIME in $RUNTIMES; do
        for when in before after; do
            slow_runtime "$when" 'timeouts: { spawn: 1s }'
            in_background create -r slow -b "$(bundle deadline "$FOREVER")" "$ID"
            job=$!
            await launched
            joins "$job"
            is "$status" 1
            says "timed out" 1s "$ID"
            nothing_is_left
        done
    done
}

@test "Ctrl-C and SIGTERM during spawn" {
    for RUNTIME in $RUNTIMES; do
        for when in before after; do
            for signal in INT TERM; do
                slow_runtime "$when"
                in_background run -r slow -b "$(bundle cancelled "$FOREVER")" "$ID"
                job=$!
                await launched
                kill "-$signal" "$job"
                joins "$job"
                    is "$status" 125
                says cancelled "$ID"
                nothing_is_left
            done
        done
    done
}

@test "a host that is killed during spawn does not stop the monitor" {
    for RUNTIME in $RUNTIMES; do
        slow_runtime before
        in_background create -r slow -b "$(bundle alone 'exit 21')" "$ID"
        job=$!
        await launched
        kill -KILL "$job"
        joins "$job"
        give proceed
        eventually created "$ID"
        works start "$ID"
        gives 21 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

created() {
    [[ $(cat "$STATE/$1/init/status" 2>/dev/null) == created ]]
}

@test "what a spawn that never finished leaves is shown, refused by all else, and removed by delete" {
    for RUNTIME in $RUNTIMES; do
        for when in before after; do
            slow_runtime "$when"
            in_background create -r slow -b "$(bundle leftover "$FOREVER")" "$ID"
            job=$!
            await launched
            monitor=$(monitor_of "$ID")
            kill -KILL "$job"
            joins "$job"
            kill -KILL "$monitor"
            eventually is_over "$monitor"
            works list
            says "$ID" incomplete
            works list --format json
            is "$(jq -r '.[0].status' <<<"$output")" incomplete
            fails_with 1 start "$ID"
            says "$ID"
            fails_with 1 kill "$ID"
            captures shimhost wait "$ID"
            [[ $status != 0 && $status != 124 ]]
            [[ -d $STATE/$ID ]]
            works delete "$ID"
            nothing_is_left
        done
    done
}

@test "while a spawn goes on, nobody takes it for a leftover" {
    for RUNTIME in $RUNTIMES; do
        slow_runtime before
        in_background create -r slow -b "$(bundle busy 'exit 22')" "$ID"
        job=$!
        await launched
        LIMIT=20 works list
        says "$ID"
        captures env LIMIT=5 timeout --foreground -k 5 5 "$SHIMHOST" delete "$ID"
        [[ $status != 0 ]]
        give proceed
        joins "$job"
        is "$status" 0
        works start "$ID"
        gives 22 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "an exec whose monitor is killed before it exists" {
    for RUNTIME in $RUNTIMES; do
        slow_runtime before
        in_background run -d -r slow -b "$(bundle exec "$FOREVER")" "$ID"
        job=$!
        await launched
        give proceed
        joins "$job"
        is "$status" 0
        in_background exec --id doomed "$ID" -- true
        job=$!
        await launched
        kill -KILL "$(monitor_of "$ID" doomed)"
        joins "$job"
        is "$status" 125
        says "signal 9"
        [[ ! -e $STATE/$ID/doomed ]]
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}
