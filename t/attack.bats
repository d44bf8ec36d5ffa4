#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Those who mean harm: by what they ask for, by what they put in the way, from other users, and from inside a container.
# (Plugins and configuration of others: plugin.bats, config.bats. What a monitor inherits: inheritance.bats. The state
# directory: state-directory.bats.)
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

NOBODY=65534

# Names that must not become paths, nor reach a terminal as they are.
hostile_names() {
    printf '%s\0' .. . ../x ../../etc a/b /etc/passwd a/../b .hidden '' ' ' $'a\nb' $'a\e[31mb' $'a\x7f' $'\xff\xfe' 'a b' \
        "$(printf 'a%.0s' {1..77})" "$(printf 'a%.0s' {1..10240})" 'a;b' 'a$b' '*'
}

# printable: the output has no control characters but newlines.
printable() {
    [[ $output != *[$'\x01'-$'\x09'$'\x0b'-$'\x1f'$'\x7f']* ]] || {
        echo "control characters in: $(cat -v <<<"$output")"
        return 1
    }
}

# ------------------------------------------------------------------------------ what they ask for

@test "ids that are paths, control characters or too long are refused, and touch nothing" {
    mkdir -p "$STATE" "$T/x"
    chmod 700 "$STATE"
    path=$(bundle plain :)
    before=$(ls -lR --time-style=full-iso "$T/x" /etc/passwd)
    commands=(state kill wait start pause attach)
    n=0
    while IFS= read -rd '' name; do
        captures shimhost run -b "$path" -- "$name"
        [[ $status == 125 || $status == 2 ]] || is "$status" "125 or 2" "exit status of run $(cat -v <<<"$name")"
        printable
        # All of them find the container in the same way, so they take turns.
        for command in "${commands[n++ % 6]}" delete; do
            captures shimhost "$command" -- "$name"
            [[ $status == [12] || $command:$status == attach:125 ]] || is "$status" "1 or 2" "exit status of $command $(cat -v <<<"$name")"
            printable
        done
    done < <(hostile_names)
    is "$(ls -A "$STATE")" ""
    is "$(ls -lR --time-style=full-iso "$T/x" /etc/passwd)" "$before"
}

@test "so are the ids of processes and the names of runtimes" {
    works run -d -b "$(bundle host 'exec sleep 1000000')" "$ID"
    before=$(ls -A "$STATE/$ID" | xargs)
    while IFS= read -rd '' name; do
        captures shimhost exec --id "$name" "$ID" -- true
        [[ $status == 125 || $status == 2 ]] || is "$status" "125 or 2" "exec --id $(cat -v <<<"$name")"
        printable
        captures shimhost kill --process-id "$name" "$ID"
        [[ $status == 1 || $status == 2 ]] || is "$status" "1 or 2" "kill --process-id $(cat -v <<<"$name")"
        printable
        captures shimhost run -r "$name" -b "$(bundle plain :)" "$ID-x"
        [[ $status == 125 || $status == 2 ]] || is "$status" "125 or 2" "run -r $(cat -v <<<"$name")"
        printable
    done < <(hostile_names)
    is "$(ls -A "$STATE/$ID" | xargs)" "$before"
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
    nothing_is_left
}

# refuses_bundle: quickly, in one sentence, in little memory.
refuses_bundle() {
    status=0
    output=$(ulimit -v 400000 && timeout 20 "$SHIMHOST" run -b "$BUNDLES/hostile" "$ID" 2>&1 </dev/null 3>&-) || status=$?
    is "$status" 125 "exit status of $1"
    says config.json
    printable
    ((${#output} < 2000)) || is "${#output}" "less than 2000" "length of what is said of $1"
    is "$(ls -A "$STATE" 2>/dev/null)" ""
}

@test "a config.json that is deep, huge, endless or no file is refused at once" {
    without_sanitizers
    file=$BUNDLES/hostile/config.json
    mkdir -p "$BUNDLES/hostile"
    head -c 1000000 /dev/zero | tr '\0' '[' >"$file"
    refuses_bundle "a million lists in each other"
    { printf '{"ociVersion":"1.0.2","a":'; yes '{"a":' | head -n 500000 | tr -d '\n'; } >"$file"
    refuses_bundle "half a million objects in each other"
    { printf '{"ociVersion":"'; head -c 3000000 /dev/zero | tr '\0' x; printf '","process":[]}'; } >"$file"
    refuses_bundle "a version of three megabytes"
    truncate -s 1G "$file"
    refuses_bundle "a gigabyte"
    ln -sf /dev/zero "$file"
    refuses_bundle "an endless device"
    rm "$file"
    mkfifo "$file"
    refuses_bundle "a FIFO"
    rm "$file"
    mkdir "$file"
    refuses_bundle "a directory"
    rmdir "$file"
    printf '{"ociVersion":"1.0.2","process":{"args":["\xff\xfe"]}}' >"$file"
    refuses_bundle "what is no UTF-8"
    printf '{"ociVersion":"\\u001b[31m","process":"\\u001b[2J"}' >"$file"
    refuses_bundle "escapes for a terminal"
}

# ------------------------------------------------------------------------------ around the host

@test "nothing of the caller's environment reaches monitor, runtime or container" {
    for RUNTIME in $RUNTIMES; do
        # A runtime that first tells what it was given.
        printf '%s\n' '#!/bin/sh' "env >>'$T/environment'; pwd >>'$T/directories'; exec $(runtime_binary "$RUNTIME") \"\$@\"" \
            >"$T/bin/runtime"
        chmod 755 "$T/bin/runtime"
        configure_runtime "$RUNTIME" "binary: $T/bin/runtime"
        event told
        path=$(bundle "env-$RUNTIME" 'env >/events/told; exec sleep 1000000')
        LD_PRELOAD=/nonexistent/evil.so LD_LIBRARY_PATH=/nonexistent LTDL_LIBRARY_PATH=/nonexistent BASH_ENV=/nonexistent \
            ENV=/nonexistent GCONV_PATH=/nonexistent EVIL=1 timeout 120 "$SHIMHOST" run -d -r "$RUNTIME" -b "$path" "$ID" \
            </dev/null &>/dev/null 3>&-
        output=$(timeout "$PATIENCE" cat "$EVENTS/told"; tr '\0' '\n' <"/proc/$(monitor_of "$ID")/environ"; cat "$T/environment")
        says PATH=
        says_not nonexistent EVIL
        works delete --force "$ID"
        nothing_is_left
        rm "$EVENTS"/* "$T"/{environment,directories}
    done
}

@test "no program is taken from the caller's PATH or working directory" {
    mkdir "$T/evil"
    for name in runc crun sh shimhost-monitor shimhost-journald umount mount; do
        printf '%s\n' '#!/bin/sh' "echo \"\$0\" >>'$T/was-run'" >"$T/evil/$name"
        chmod 755 "$T/evil/$name"
    done
    for RUNTIME in $RUNTIMES; do
        (cd "$T/evil" && PATH=.:$T/evil:$PATH works run --rm -r "$RUNTIME" -b "$(bundle "path-$RUNTIME" :)" "$ID")
        [[ ! -e $T/was-run ]] || is "$(cat "$T/was-run")" ""
    done
    nothing_is_left
}

@test "a working directory that is gone, or another's, is no trouble" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "cwd-$RUNTIME" 'exit 4')
        mkdir "$T/gone"
        (cd "$T/gone" && rmdir "$T/gone" && fails_with 4 run --rm -r "$RUNTIME" -b "$path" "$ID")
        (cd /proc/self/fd && fails_with 4 run --rm -r "$RUNTIME" -b "$path" "$ID")
        nothing_is_left
    done
}

@test "with hardly any descriptors, or files that may not grow, it works or says why, and leaves nothing" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "limit-$RUNTIME" 'exit 4')
        for limit in '-n 3' '-n 5' '-n 8' '-n 12' '-n 20' '-f 0' '-u 1'; do
            status=0
            # shellcheck disable=SC2086
            output=$( (ulimit $limit; exec timeout --foreground 120 "$SHIMHOST" run --rm -r "$RUNTIME" -b "$path" "$ID") \
                2>&1 </dev/null 3>&-) || status=$?
            [[ $status == 4 || $status == 125 || ($status == 127 && $output == *timeout:*) ]] ||
                is "$status" "4 or 125" "exit status with ulimit $limit ($output)"
            [[ $status == 4 || $output ]]
            works list
            captures shimhost delete --force "$ID"
            nothing_is_left
        done
    done
}

# ------------------------------------------------------------------------------ other users

as_nobody() {
    timeout 20 setpriv --reuid $NOBODY --regid $NOBODY --clear-groups --inh-caps=-all --bounding-set=-all -- "$@" </dev/null
}

opens_as_nobody() {
    as_nobody sh -c 'exec 3<>"$1"' sh "$1" 2>/dev/null
}

@test "another user reaches neither control FIFO, exit FIFO, attach socket nor records" {
    needs setpriv
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T" 2>/dev/null || true
    as_nobody test -x "$SHIMHOST" || cannot_run "the build cannot be reached by others"
    # What is open to all can be reached in these ways.
    mkfifo -m 666 "$T/open"
    opens_as_nobody "$T/open"
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "other-$RUNTIME" 'exec cat')" -i --stdin pipe --stdout pipe --stderr null "$ID"
        monitor=$(monitor_of "$ID")
        for name in control exit attach status process.json; do
            test -e "$STATE/$ID/init/$name"
            no as_nobody test -e "$STATE/$ID/init/$name"
        done
        # By way of the monitor's own descriptors.
        is "$(as_nobody sh -c 'ls "/proc/$1/fd" 2>/dev/null; cat "/proc/$1/cwd/process.json" 2>/dev/null' sh "$monitor" || true)" ""
        no as_nobody kill -KILL "$monitor" 2>/dev/null
        captures as_nobody "$SHIMHOST" --state-dir "$STATE" kill "$ID" KILL
        is "$status" 1
        says "$STATE" "Permission denied"
        # And were the directories open, by nobody's mistake: the files themselves are closed.
        is "$(find "$STATE/$ID/init" ! -type d -perm /077 ! -name '*.json' ! -name .pid.runtime | xargs)" "" "files that others may use"
        chmod 755 "$STATE" "$STATE/$ID" "$STATE/$ID/init"
        for name in control exit status; do
            as_nobody test -e "$STATE/$ID/init/$name"
            no opens_as_nobody "$STATE/$ID/init/$name"
        done
        as_nobody test -S "$STATE/$ID/init/attach"
        no as_nobody test -w "$STATE/$ID/init/attach"
        captures as_nobody "$SHIMHOST" --state-dir "$STATE" attach "$ID"
        is "$status" 125
        says "$STATE belongs to uid 0"
        chmod 700 "$STATE" "$STATE/$ID" "$STATE/$ID/init"
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}

# ------------------------------------------------------------------------------ from inside

@test "a log that the container replaces by a link, a FIFO or a device is not followed" {
    for RUNTIME in $RUNTIMES; do
        event ready go
        echo precious >"$T/precious"
        works run -d -r "$RUNTIME" --log "k8s-file:$EVENTS/log" --log-opt max-size=1KiB --log-opt max-files=2 \
            -b "$(bundle "log-$RUNTIME" 'while read -r line; do echo "$line"; echo >/events/ready; done <>/events/go')" "$ID"
        give go first
        await ready
        for kind in link fifo device; do
            rm -f "$EVENTS/log"
            case $kind in
            link) ln -s "$T/precious" "$EVENTS/log" ;;
            fifo) mkfifo "$EVENTS/log" ;;
            device) mknod "$EVENTS/log" c 1 3 2>/dev/null || cannot_run "no device can be made here" ;;
            esac
            echo '2 0 0' >"$STATE/$ID/init/control"
            give go "after $kind"
            await ready
            is "$(cat "$T/precious")" precious
            output=$(ls -l "/proc/$(monitor_of "$ID")/fd")
            says_not "-> $EVENTS/log"$'\n' /precious
            captures timeout 20 "$SHIMHOST" logs "$ID"
            [[ $status != 124 ]]
            says_not precious
        done
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
        rm -f "$EVENTS"/* "$T/precious"
    done
}

@test "a container that forks without end is killed, and nothing is left" {
    for RUNTIME in $RUNTIMES; do
        event ready
        works run -d -r "$RUNTIME" -b "$(bundle "bomb-$RUNTIME" \
            'sleep 1000 & end=$!; echo >/events/ready; bomb() { bomb 2>/dev/null | bomb 2>/dev/null & }; bomb & wait $end' \
            '.linux.resources.pids = {limit: 40}')" "$ID"
        await ready
        is "$(field "$ID" .status)" running
        works kill "$ID" KILL
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
        rm "$EVENTS"/*
    done
}

@test "one that kills its process group, or all that it can, ends as it should, and its monitor tells so" {
    for RUNTIME in $RUNTIMES; do
        for script in 'kill -KILL 0; exit 3' 'kill -KILL -1; exit 3' 'trap "" TERM; kill -TERM 0; exit 3' 'kill -SEGV $$; exit 3'; do
            works run -d -r "$RUNTIME" -b "$(bundle "group-$RUNTIME" "$script")" "$ID"
            # The first process of a pid namespace does not hear its own signals (pid_namespaces(7)).
            LIMIT=$PATIENCE gives 3 "$ID"
            works delete "$ID"
            nothing_is_left
        done
        # Without one it does. Were the group another's, this would be no place for such a signal.
        works run -d -r "$RUNTIME" -b "$(bundle "shared-$RUNTIME" \
            '[ "$(cut -d " " -f 5 /proc/self/stat)" = $$ ] && kill -KILL 0; exit 3' \
            '.linux.namespaces |= map(select(.type != "pid"))')" "$ID"
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "who leaves the session and loses all parents is still the container's, and goes with it" {
    for RUNTIME in $RUNTIMES; do
        event ready
        works run -d -r "$RUNTIME" -b "$(bundle "daemon-$RUNTIME" \
            '(setsid sh -c "echo \$\$ >/events/ready; exec sleep 1000000" & ) ; exit 6' \
            '.process.args[0] = "/bin/busybox" | .process.args = ["/bin/busybox", "sh", "-c", .process.args[2]] |
            .process.env += ["PATH=/bin"] | .linux.namespaces |= map(select(.type != "pid"))')" "$ID"
        LIMIT=$PATIENCE gives 6 "$ID"
        works delete --force "$ID"
        nothing_is_left
        rm "$EVENTS"/*
    done
}
