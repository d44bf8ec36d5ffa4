#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A plugin that crashes, exits or blocks takes down the command that called it, and nothing else.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

test_setup() {
    needs cc
    FAULTY=$BATS_FILE_TMPDIR/faulty.so
    if [[ ! -e $FAULTY ]]; then
        umask 022
        cc -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror -D_GNU_SOURCE \
            -I"$SOURCE/sdk/include" -o "$FAULTY" "$TESTS/plugins/faulty.c"
        chmod 755 "$FAULTY"
    fi
    mkdir -p "$BUNDLES/faulty"
    jq --arg mark "SHIMHOST_TEST=$ID" \
        '.process.args = ["/bin/sleep", "1000"] | .process.env += [$mark] | .root.path = "/"' \
        "$TESTS/config.json" >"$BUNDLES/faulty/config.json"
    sound
}

# What the plugin does in which entry, from now on.
faulty() {
    printf '%s\n' 'version: 1' "plugin: $FAULTY" 'timeouts: { spawn: 500ms, signal: 500ms, delete: 500ms }' \
        "options: { entry: $1, fault: $2, mark: $T/mark }" >"$T/etc/runtimes.d/faulty.yaml"
}
sound() {
    faulty none none
}

# A container that runs, whose pid is $PID.
running() {
    works run -d -r faulty -b "$BUNDLES/faulty" "$ID"
    PID=$(pid_of "$ID")
}

# The container is as it was: it runs, and every command works.
unharmed() {
    sound
    is "$(pid_of "$ID")" "$PID" pid
    works state "$ID"
    is "$(jq -r .status <<<"$output")" running status
    works kill "$ID" KILL
    works wait "$ID"
    is "$output" 137 "exit status of the container"
    works delete "$ID"
    nothing_is_left
}

@test "a crash in an entry is told, and the next command works" {
    running
    for fault in crash abort; do
        for entry in load signal; do
            faulty "$entry" "$fault"
            fails_with 1 kill "$ID" TERM
            says "shimhost: kill: plugin $FAULTY crashed in its entry $entry" "unharmed"
        done
    done
    faulty wait crash
    fails_with 1 wait "$ID"
    says "crashed in its entry wait (segmentation fault)"
    unharmed
}

@test "an exit in an entry is told, and fails the command" {
    running
    faulty load exit
    fails_with 1 state "$ID"
    says "shimhost: state: plugin $FAULTY called exit() in its entry load"
    faulty signal exit
    fails_with 1 kill "$ID" TERM
    says "called exit() in its entry signal"
    unharmed
}

@test "run ends with 125 when its plugin crashes or exits, and what it began can be deleted" {
    for fault in crash exit; do
        for entry in spawn spawn-late; do
            faulty "$entry" "$fault"
            fails_with 125 run -d -r faulty -b "$BUNDLES/faulty" "$ID"
            says "in its entry spawn"
            sound
            works list
            says "$ID"
            works delete --force "$ID"
            nothing_is_left
        done
    done
}

@test "a plugin that blocks is left after its time, and plugin and entry are named" {
    running
    faulty load block
    LIMIT=60 fails_with 1 state "$ID"
    says "shimhost: state: plugin $FAULTY did not return in time from its entry load"
    unharmed
}

@test "a plugin that blocks in the middle of a list is left after its time, too" {
    running
    faulty load block
    LIMIT=60 fails_with 1 list
    says "shimhost: list: plugin $FAULTY did not return in time from its entry load"
    unharmed
}

@test "a plugin that blocks with all signals blocked is killed" {
    running
    faulty load deaf
    LIMIT=60 run shimhost state "$ID"
    is "$status" 137 "exit status ($output)"
    unharmed
}

@test "a blocked plugin does not stop another host, nor its container" {
    running
    faulty signal block
    in_background kill "$ID" TERM
    local blocked=$!
    eventually test -e "$T/mark"
    sound
    works state "$ID"
    joins "$blocked"
    is "$status" 1 "exit status"
    unharmed
}

@test "--verbose shows each call with its time" {
    works --verbose run -d -r faulty -b "$BUNDLES/faulty" "$ID"
    [[ $output =~ runtime=faulty.*:\ spawn:\ done\ after\ [0-9]+\.[0-9]{3}\ ms ]]
    PID=$(pid_of "$ID")
    run shimhost --verbose state "$ID"
    [[ $output =~ load:\ done\ after\ [0-9]+\.[0-9]{3}\ ms ]]
    run shimhost --verbose wait --timeout 0s "$ID"
    [[ $output =~ wait:\ .*\ after\ [0-9]+\.[0-9]{3}\ ms ]]
    run shimhost state "$ID"
    says_not "load: done"
    unharmed
}

@test "a crash in features is the health of that runtime, and the others are told" {
    configure_runtime sound "plugin: $PLUGINS/process.so" "binary: /bin/true"
    for fault in crash exit block; do
        faulty features "$fault"
        LIMIT=60 works runtimes --format json
        is "$(jq -r '.[] | select(.name == "sound").healthy' <<<"$output")" true "health of the other"
        is "$(jq -r '.[] | select(.name == "faulty").healthy' <<<"$output")" false "health with $fault"
        [[ $(jq -r '.[] | select(.name == "faulty").health' <<<"$output") == *"$FAULTY"*"its entry features"* ]]
    done
}

# linking AT FAULT: builds a plugin that does it as a constructor or destructor; prints its path.
linking() {
    cc -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror -D_GNU_SOURCE -I"$SOURCE/sdk/include" -DAT="$1" \
        -DFAULT="$2" -o "$T/plugins/linking.so" "$TESTS/plugins/linking.c"
    chmod 755 "$T/plugins/linking.so"
}

@test "a plugin that crashes, exits or blocks while it is linked is told, and the others are shown" {
    mkdir "$T/plugins"
    cp "$PLUGINS/process.so" "$T/plugins"
    sed -i "s|^plugin-dir: .*|plugin-dir: $T/plugins|" "$SHIMHOST_CONFIG"
    for at in constructor destructor; do
        for fault in 'raise(SIGSEGV)' 'exit(0)' 'pause()'; do
            linking "$at" "$fault"
            LIMIT=60 works plugin list
            says "a supervised process of this host" "plugin $T/plugins/linking.so"
            LIMIT=60 fails_with 1 plugin info linking
            says "shimhost: plugin info: plugin linking"
        done
    done
    # Half of it is there: the rest of the mapped file is beyond its end.
    head -c 5000 "$PLUGINS/process.so" >"$T/plugins/linking.so"
    works plugin list
    says "a supervised process of this host" "$T/plugins/linking.so"
}

@test "a crash while a plugin is unlinked is told, after the command has given its answer" {
    mkdir "$T/plugins"
    linking destructor 'raise(SIGSEGV)'
    configure_runtime linking "plugin: $T/plugins/linking.so" "binary: /bin/true"
    works run -d -r faulty -b "$BUNDLES/faulty" "$ID"
    sed -i 's/"runtime": *"faulty"/"runtime":"linking"/' "$STATE/$ID/container.json"
    fails_with 1 list
    says "$ID" "plugin $T/plugins/linking.so crashed in its entry unloading (segmentation fault)"
    rm "$T/plugins/linking.so"
    sed -i 's/"runtime":"linking"/"runtime":"faulty"/' "$STATE/$ID/container.json"
    works delete --force "$ID"
    nothing_is_left
}
