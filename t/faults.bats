#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host, or a monitor, is killed at any of its system calls, or any of them fails. Here some, spread over each walk;
# `make check-faults` tries all.
#
# needs a pid namespace
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load faults

RUNTIMES= # those of the walks are configured by them

test_setup() {
    configure_walked
}

# only_all: there are too many to try some of each in passing.
only_all() {
    [[ ${SHIMHOST_FAULTS-} || $ONLY ]] || skip "make check-faults does that"
}

@test "a host that is killed: create" {
    walk host create
}

@test "a host that is killed: run" {
    walk host run
}

@test "a host that is killed: start" {
    walk host start
}

@test "a host that is killed: exec" {
    walk host exec
}

@test "a host that is killed: kill" {
    walk host kill
}

@test "a host that is killed: wait" {
    walk host wait
}

@test "a host that is killed: wait-over" {
    walk host wait-over
}

@test "a host that is killed: wait-lost" {
    walk host wait-lost
}

@test "a host that is killed: load" {
    walk host load
}

@test "a host that is killed: list" {
    walk host list
}

@test "a host that is killed: pause" {
    walk host pause
}

@test "a host that is killed: resume" {
    walk host resume
}

@test "a host that is killed: delete" {
    walk host delete
}

@test "a host that is killed: delete-exec" {
    walk host delete-exec
}

@test "a host that is killed: delete-force" {
    walk host delete-force
}

@test "a host that is killed: adopt" {
    walk host adopt
}

@test "a monitor that is killed: life" {
    walk monitor life
}

@test "a monitor that is killed: exec-life" {
    # More of them: in a few calls near the end its death once went unnoticed by a host that was its parent.
    [[ $STEPS == all ]] || STEPS=16
    walk monitor exec-life
}

@test "a monitor that is killed: adopt-life" {
    walk monitor adopt-life
}

@test "a monitor that is killed: log" {
    walk monitor log
}

@test "calls of a host that fail: create" {
    only_all
    errors host create
}

@test "calls of a host that fail: run" {
    errors host run
}

@test "calls of a host that fail: start" {
    only_all
    errors host start
}

@test "calls of a host that fail: exec" {
    only_all
    errors host exec
}

@test "calls of a host that fail: kill" {
    only_all
    errors host kill
}

@test "calls of a host that fail: wait" {
    only_all
    errors host wait
}

@test "calls of a host that fail: wait-over" {
    only_all
    errors host wait-over
}

@test "calls of a host that fail: wait-lost" {
    only_all
    errors host wait-lost
}

@test "calls of a host that fail: load" {
    only_all
    errors host load
}

@test "calls of a host that fail: list" {
    only_all
    errors host list
}

@test "calls of a host that fail: pause" {
    only_all
    errors host pause
}

@test "calls of a host that fail: resume" {
    only_all
    errors host resume
}

@test "calls of a host that fail: delete" {
    only_all
    errors host delete
}

@test "calls of a host that fail: delete-exec" {
    only_all
    errors host delete-exec
}

@test "calls of a host that fail: delete-force" {
    only_all
    errors host delete-force
}

@test "calls of a host that fail: adopt" {
    only_all
    errors host adopt
}

@test "calls of a monitor that fail: life" {
    errors monitor life
}

@test "calls of a monitor that fail: exec-life" {
    only_all
    errors monitor exec-life
}

@test "calls of a monitor that fail: adopt-life" {
    only_all
    errors monitor adopt-life
}

@test "calls of a monitor that fail: log" {
    only_all
    errors monitor log
}

@test "calls of a host that fail from then on: run" {
    lasting host run
}

@test "calls of a host that fail from then on: exec" {
    only_all
    lasting host exec
}

@test "calls of a host that fail from then on: delete" {
    only_all
    lasting host delete
}

@test "calls of a host that fail from then on: wait-lost" {
    only_all
    lasting host wait-lost
}

@test "calls of a monitor that fail from then on: life" {
    lasting monitor life
}

# ------------------------------------------------------------------------------------ what walks have found

@test "a spawn that cannot open or lock the directory that it has made leaves nothing" {
    RUNTIME=fake
    for error in EMFILE EACCES EIO; do
        for name in "$ID" .lock; do
            with_error "$error" "$name" run -d -b "$LONG" "$ID"
            is "$status" 125
            is "$(ls "$STATE")" "" "what is left"
        done
    done
    works run -d -b "$LONG" "$ID"
    for error in EMFILE EACCES; do
        with_error "$error" other exec -d --id other "$ID" -- sleep 1000
        is "$status" 125
        [[ ! -e $STATE/$ID/other ]]
    done
    works delete --force "$ID"
    nothing_is_left
}

@test "a host that cannot wait for a lock, so that it can be cancelled, says so and leaves nothing" {
    RUNTIME=fake
    works run -d -b "$LONG" "$ID"
    hold
    for error in "ENOMEM clone" "EMFILE pidfd_open" "ENOMEM ppoll"; do
        failing "${error% *}" --after .lock --call "${CALL[${error#* }]}" --at 1 -- exec --id other "$ID" -- true
        is "$status" 125
        says "cannot lock container $ID"
        [[ ! -e $STATE/$ID/other ]]
        waiters 0
    done
    let_go
    joins "$holder"
    for call in ppoll wait4; do
        hold
        (failing EINTR --after .lock --call "${CALL[$call]}" --at 1 -- exec -d "$ID" -- true && is "$status" 0) 3>&- &
        job=$!
        eventually waiters 1
        let_go
        joins "$holder"
        joins "$job"
        is "$status" 0
    done
    works delete --force "$ID"
    nothing_is_left
}

# The shell command that does this with shimhost.
shell() {
    printf '%q ' "$SHIMHOST" "$@"
}

@test "a spawn whose directory is removed as a leftover before it has the lock makes it again" {
    RUNTIME=fake
    # Before it opens it, before it opens the lock, and before it has it.
    for call in "--after $ID --at 1" "--after $ID --at 2" "--after .lock --call ${CALL[fcntl]} --at 1"; do
        for command in "delete $ID" "check --repair"; do
            # shellcheck disable=SC2086
            of_shimhost at_call --meanwhile "'$SHIMHOST' $command >$T/said" $call -- run -d -b "$LONG" "$ID"
            is "$status $output" "0 "
            is "$(field "$ID" .status)" running
            works delete --force "$ID"
            nothing_is_left
        done
    done
}

@test "a spawn that loses its directory before it has the lock leaves another one's alone" {
    RUNTIME=fake
    meanwhile "$(shell delete "$ID") && $(shell run -d -b "$LONG" "$ID")" --after "$ID" -- \
        run -d -b "$LONG" "$ID"
    is "$status" 125
    says "there is a container $ID already"
    works check
    no is_over "$(pid_of "$ID")"
    works kill "$ID" KILL
    gives 137 "$ID"
    works delete "$ID"
    nothing_is_left
}

# an_ended_container: of $ID, which nobody watches any more.
an_ended_container() {
    captures shimhost run -b "$SHORT" "$ID"
    is "$status" 7
    eventually is_over "$(monitor_of "$ID")"
}

@test "a deletion that comes while another one removes the directory leaves the next container of that name alone" {
    RUNTIME=fake
    an_ended_container
    # The last that a deletion removes is the container's own directory.
    captures "$HELPERS/fault" --call "${CALL[unlinkat]}" --report "$T/report" -- "$SHIMHOST" delete "$ID"
    read -r last _ <"$T/report"
    an_ended_container
    mkfifo "$T/go"
    second="'$HELPERS/fault' --after .lock --call ${CALL[faccessat]} --at 1 \
        --meanwhile 'touch $T/locked; read -r go <$T/go' -- $(shell delete "$ID")"
    # It has taken a lock there; or it waits for the end of the first one.
    meets="test -e $T/locked || grep -q -e '-> FLOCK .*:$(stat -c %i "$STATE/$ID") ' /proc/locks"
    of_shimhost at_call --at "$last" --call "${CALL[unlinkat]}" \
        --meanwhile "$second >$T/second 2>&1 & echo \$! >$T/pid; until $meets; do :; done" -- delete "$ID"
    is "$status $output" "0 "
    works run -d -b "$LONG" "$ID"
    [[ ! -e $T/locked ]] || let_go
    eventually is_over "$(cat "$T/pid")"
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
    nothing_is_left
}

@test "a container that is deleted while it is looked at is no finding" {
    RUNTIME=fake
    for call in "--after $ID --at 1" "--after $ID --at 2" "--after .lock --call ${CALL[fcntl]} --at 1"; do
        for command in "check --format json" "check --repair --format json"; do
            an_ended_container
            # shellcheck disable=SC2086
            of_shimhost at_call --meanwhile "$(shell delete "$ID")" $call -- $command
            is "$status $(jq -c '[.findings, .containers, .busy]' <<<"$output")" "0 [[],0,0]"
            nothing_is_left
        done
    done
}

# The exec `other` of $ID has come, and gone with its monitor.
an_exec_ends() {
    works exec -d --id other "$ID" -- true
    works wait --process-id other "$ID"
    eventually is_over "$(monitor_of "$ID" other)"
}

with_an_ended_exec() {
    RUNTIME=fake
    works run -d -b "$LONG" "$ID"
    an_exec_ends
}

@test "the deletion of an exec is not that of the next one with its id" {
    with_an_ended_exec
    meanwhile "$(shell delete --process-id other "$ID") && $(shell exec -d --id other "$ID" -- sleep 1000)" \
        --after exitStatus -- delete --process-id other "$ID"
    is "$status" 1
    says "was removed meanwhile by another host"
    works check
    no is_over "$(pid_of "$ID" other)"
    works delete --force "$ID"
    nothing_is_left
}

@test "a deletion that meets a monitor which has just launched does not wait for it" {
    [[ " $WALKED " == *" fake "* ]] || skip "needs the runtime fake"
    RUNTIME=fake
    stops
    sed -i "s,^binary: .*,binary: $(wrapped "$FAKE" create "$STOP")," "$T/etc/runtimes.d/fake.yaml"
    in_background create -b "$LONG" "$ID"
    host=$!
    reached
    kill_and_await "$host"
    meanwhile "echo >$T/go; until test -e $STATE/$ID/init/status; do :; done" --call "${CALL[pidfd_open]}" -- delete "$ID"
    is "$status" 1
    says "container $ID is created; kill it first"
    works delete --force "$ID"
    nothing_is_left
}

@test "of what a host was told of the journal was told before" {
    for RUNTIME in $WALKED; do
        # It has told the host, and has nothing to do with signals other than of children any more.
        of_shimhost at_call --monitor --call "${CALL[signalfd4]}" --at 2 -- run -d -r "$RUNTIME" -b "$LONG" "$ID"
        is "$status $(cat "$T/report")" "0 2 ${CALL[signalfd4]} done"
        is "$(shimhost events | jq -r .type | xargs)" "created started"
        works delete --force "$ID"
        rm "$STATE/.events"
        nothing_is_left
    done
}

@test "what a process has written is logged before its end is told" {
    for RUNTIME in $WALKED; do
        # Told that it is over, the monitor dies: of six files that it puts in their places, that is the last.
        of_shimhost at_call --monitor --call "${CALL[renameat2]}" --at 6 -- run -r "$RUNTIME" -b "$CHATTY" --log "k8s-file:$T/log" "$ID"
        is "$status $(cat "$T/report")" "7 6 ${CALL[renameat2]} done"
        is "$(grep -c 'stdout F line' "$T/log")" 60
        works delete --force "$ID"
        rm "$T/log"
        nothing_is_left
    done
}

@test "what a monitor records while a host looks is no contradiction" {
    works run -d -b "$LONG" "$ID"
    mkdir "$T/aside"
    for command in "state $ID" check; do
        mv "$STATE/$ID/init"/{starttime,status} "$T/aside"
        # The call after that which does not find it.
        meanwhile "mv $T/aside/* $STATE/$ID/init" --after starttime --at 2 -- $command
        is "$status" 0
        says_not "is missing"
    done
    works delete --force "$ID"
    nothing_is_left
}

@test "an exec that is removed while it is looked at is no finding" {
    with_an_ended_exec
    of_shimhost at_call --at 2 --meanwhile "$(shell delete --process-id other "$ID")" --after other -- check
    is "$status" 0
    [[ ! -e $STATE/$ID/other ]]
    works delete --force "$ID"
    nothing_is_left
}

@test "a process that ends while it is looked at is no contradiction" {
    for RUNTIME in $WALKED; do
        works run -d -r "$RUNTIME" -b "$LONG" "$ID"
        # Once it has been seen to live.
        of_shimhost at_call --at 3 --meanwhile "$(shell kill "$ID" KILL); $(shell wait "$ID")" --after "/proc/$(pid_of "$ID")/" -- check
        is "$status" 0
        works delete "$ID"
        nothing_is_left
    done
}

@test "who waits for an exec that is removed is not told that it never began" {
    with_an_ended_exec
    of_shimhost at_call --at 2 --meanwhile "$(shell delete --process-id other "$ID")" --after process.json -- wait --process-id other "$ID"
    is "$status" 1
    says "was removed meanwhile"
    # One that never began is deleted by itself.
    an_exec_ends
    rm "$STATE/$ID/other"/{pid,starttime,status,exitStatus,monitor}
    fails_with 1 wait --process-id other "$ID"
    says "run: shimhost delete --process-id other $ID"
    works delete --process-id other "$ID"
    works delete --force "$ID"
    nothing_is_left
}

@test "a process that ends while it is being adopted is over, and can be deleted" {
    for RUNTIME in $WALKED; do
        for _ in {1..8}; do
            works run -d -r "$RUNTIME-adopt" -b "$LONG" "$ID"
            kill -KILL "$(monitor_of "$ID")"
            # It kills the process, and finds that there is no monitor to tell the end.
            works delete --force "$ID"
            nothing_is_left
        done
    done
}

# orphan: a container that lives, whose monitor is dead, and which is to be adopted.
orphan() {
    works run -d -r "$RUNTIME-adopt" -b "$LONG" "$ID"
    kill_monitor
}

# it_is_adopted: its end is seen by whoever has adopted it.
it_is_adopted() {
    works kill "$ID" KILL
    works wait --timeout 30s "$ID"
    works delete "$ID"
    nothing_is_left
}

@test "a monitor that cannot look at the process that it is to adopt does not take it for ended" {
    for RUNTIME in $WALKED; do
        for error in EIO EACCES EINTR ESRCH; do
            orphan
            pid=$(pid_of "$ID")
            failing "$error" --monitor --after "/proc/$pid/stat" --at 1 -- check --repair
            is "$status" 1
            says_not "a new monitor has adopted it"
            [[ ! -e $STATE/$ID/init/exitUnknown && ! -e $STATE/$ID/init/exitStatus ]]
            no is_over "$pid"
            works check --repair
            it_is_adopted
        done
    done
}

@test "a host that cannot get a pidfd of its new monitor waits for what that says" {
    for RUNTIME in $WALKED; do
        for error in EMFILE ENOMEM; do
            orphan
            # Its call of pidfd_open for the monitor comes last.
            captures "$HELPERS/fault" --call "${CALL[pidfd_open]}" --report "$T/report" -- "$SHIMHOST" check
            read -r before _ <"$T/report"
            failing "$error" --call "${CALL[pidfd_open]}" --at $((before + 1)) -- check --repair
            is "$status" 0
            says "a new monitor has adopted it"
            it_is_adopted
        done
    done
}

@test "a monitor that cannot tell its host how the launch went has launched" {
    RUNTIME=fake
    # Its first write to a pipe is that.
    for error in ENOSPC EIO; do
        failing "$error" --monitor --pipe --at 1 -- run -d -b "$LONG" "$ID"
        is "$status $output" "0 "
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "a monitor that cannot put /dev/null in place of a stream puts no file of its own there" {
    RUNTIME=fake
    for call in "--after /dev/null --at 1" "--call ${CALL[dup3]} --at "{1,2,3}; do
        # shellcheck disable=SC2086
        failing EMFILE --monitor $call -- run -d -b "$LONG" "$ID"
        is "$status $output" "0 "
        monitor=$(monitor_of "$ID")
        for fd in 0 1 2; do
            target=$(readlink "/proc/$monitor/fd/$fd")
            [[ $target && $target != "$STATE"/* ]] || is "$call: $fd: $target" "something else"
        done
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "a process that is reaped while its new monitor asks for its end loses no status" {
    for RUNTIME in $WALKED; do
        # Where it is asked before the reaping, /proc tells.
        for ((i = 0; i < 5; i++)); do
            orphan
            failing_in ESRCH --monitor --call "${CALL[ioctl]}" --at 1 -- \
                sh -c "'$SHIMHOST' check --repair; '$SHIMHOST' kill $ID KILL"
            gives 137 "$ID"
            works delete "$ID"
        done
    done
    nothing_is_left
}

@test "a deletion that was cut short at any file can be done again" {
    RUNTIME=fake
    captures shimhost run -b "$SHORT" "$ID"
    eventually is_over "$(monitor_of "$ID")"
    files=$(find "$STATE/$ID" | wc -l)
    "$HELPERS/fault" --error "${NUMBER[EACCES]}" --report "$T/report" -- "$SHIMHOST" delete "$ID"
    read -r count _ <"$T/report"
    # Its last calls are the removal, a file each.
    for ((n = count - files; n <= count; n++)); do
        captures shimhost run -b "$SHORT" "$ID"
        eventually is_over "$(monitor_of "$ID")"
        captures timeout -k 5 60 "$HELPERS/fault" --error "${NUMBER[EACCES]}" --at "$n" -- "$SHIMHOST" delete "$ID"
        [[ $status == 0 || $status == 1 ]]
        captures shimhost wait --timeout 1ms "$ID"
        [[ "$status $output" == "0 7" || $status == 1 ]]
        captures shimhost delete "$ID"
        [[ $status == 0 || $output == *"there is no container"* ]] || is "call $n: $output" "deleted"
        [[ ! -e $STATE/$ID ]]
    done
    nothing_is_left
}

@test "a host for which there is no memory says so" {
    without_sanitizers # they have an allocator of their own
    local n
    export MALLOC_TOP_PAD_=0
    # The first one only asks where the heap is.
    for ((n = 2; ; n++)); do
        captures timeout -k 5 60 "$HELPERS/fault" --error "${NUMBER[ENOMEM]}" --call "${CALL[brk]}" --at "$n" \
            --report "$T/report" -- "$SHIMHOST" list
        [[ $(cat "$T/report") == *" done" ]] || break
        [[ $status == 0 ]] || says "memory"
    done
    ((n > 4))
}

@test "a host writes the end where it may, too, if its quota is used up" {
    RUNTIME=fake
    works run -d -b "$LONG" "$ID"
    kill_monitor
    failing EDQUOT --after .exitStatus. --call "${CALL[write]}" --at 1 -- wait "$ID"
    is "$status $output" "0 137"
    works delete "$ID"
    nothing_is_left
}

@test "a disk that is full lets no container begin, and those that are there end" {
    mkdir "$STATE"
    for RUNTIME in $WALKED; do
        mount -t tmpfs -o size=1m,nr_inodes=200,mode=700 shimhost-test "$STATE" || cannot_run "tmpfs cannot be mounted"
        works create -r "$RUNTIME" -b "$SHORT" "$ID-over"
        works start "$ID-over"
        gives 7 "$ID-over"
        works run -d -r "$RUNTIME" -b "$LONG" "$ID-old"
        works run -d -r "$RUNTIME" -b "$LONG" "$ID-lost"
        files=0
        for what in room names; do
            case $what in
            room) cat /dev/zero >"$STATE/.ballast" || true ;;
            names) while touch "$STATE/.ballast.$((++files))"; do :; done ;;
            esac
            before=$(ls "$STATE")
            fails_with 125 run -d -r "$RUNTIME" -b "$LONG" "$ID-new"
            says "No space left on device"
            fails_with 125 exec -d --id other "$ID-old" -- sleep 1000
            says "No space left on device"
            [[ ! -e $STATE/$ID-old/other ]]
            is "$(ls "$STATE")" "$before" "what is there"
        done
        works kill "$ID-old" KILL
        gives 137 "$ID-old"
        gives 7 "$ID-over"
        # A host has its end to write where the monitor cannot.
        kill_and_await "$(monitor_of "$ID-lost")"
        gives 137 "$ID-lost"
        for old in old over lost; do works delete "$ID-$old"; done
        nothing_is_left
        umount "$STATE"
    done
}
