#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The state directory: whom it may belong to, and what may be in it.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=${RUNTIMES%% *}

# refused TEXT…: by a command that reads and by one that writes.
refused() {
    fails_with 1 list
    says "$STATE" "$@"
    fails_with 125 run -b "$(bundle refused :)" "$ID"
    says "$STATE" "$@"
}

@test "it is made, private, with all directories above it" {
    configure
    STATE=$T/deep/er/state
    configure
    works run -b "$(bundle deep :)" --rm "$ID"
    is "$(stat -c '%a %u' "$STATE")" "700 0"
    is "$(ls "$STATE")" ""
}

@test "one that others may enter is refused" {
    mkdir -p "$STATE"
    for mode in 777 770 707 755; do
        chmod "$mode" "$STATE"
        refused "$mode"
    done
}

@test "one of somebody else's is refused" {
    mkdir -p "$STATE"
    chmod 700 "$STATE"
    chown 12345 "$STATE"
    refused 12345
}

@test "a symbolic link or a file in its place is refused" {
    mkdir "$T/real"
    chmod 700 "$T/real"
    ln -s "$T/real" "$STATE"
    captures shimhost run -b "$(bundle link :)" "$ID"
    [[ $status == 125 ]]
    rm "$STATE"
    echo >"$STATE"
    refused
    rm "$STATE"
}

@test "--state-dir comes before the configuration" {
    works run -b "$(bundle here :)" "$ID"
    works --state-dir "$T/other" list --format json
    is "$(jq length <<<"$output")" 0
    works delete "$ID"
}

@test "an empty --state-dir is none, and not the working directory" {
    mkdir "$T/here"
    cd "$T/here"
    fails_with 2 --state-dir "" list
    says "--state-dir: it is empty; expected a directory"
    fails_with 2 --state-dir= run -b "$(bundle here :)" "$ID"
    is "$(ls -A)" "" "what is in the working directory"
}

@test "a damaged container is shown as such, and does not hide the others" {
    works run -b "$(bundle whole :)" "$ID-whole"
    mkdir -m 700 "$STATE/$ID-damaged" "$STATE/$ID-empty"
    echo '{' >"$STATE/$ID-damaged/container.json"
    works list
    says "$ID-whole" "$ID-damaged" "$ID-empty"
    works list --format json
    is "$(jq length <<<"$output")" 3
    works delete "$ID-whole"
    works delete "$ID-empty"
    captures shimhost delete --force "$ID-damaged"
    rm -rf "${STATE:?}/$ID-damaged"
    nothing_is_left
}

@test "symbolic links in it are not followed" {
    works run -b "$(bundle links :)" "$ID"
    mkdir "$T/elsewhere"
    echo precious >"$T/elsewhere/exitStatus"
    rm "$STATE/$ID/init/exitStatus"
    ln -s "$T/elsewhere/exitStatus" "$STATE/$ID/init/exitStatus"
    fails_with 1 wait "$ID"
    mv "$STATE/$ID" "$T/moved"
    ln -s "$T/moved" "$STATE/$ID"
    captures shimhost wait "$ID"
    [[ $status != 0 ]]
    captures shimhost delete --force "$ID"
    is "$(cat "$T/elsewhere/exitStatus")" precious
    [[ -d $T/moved/init ]]
    rm "$STATE/$ID"
}

@test "a permission error is an error, not stopped" {
    works run -d -b "$(bundle permission 'while :; do sleep 1000; done')" "$ID"
    # Root may read everything; somebody else may not, and must not be told that nothing is there.
    captures setpriv --reuid 12345 --regid 12345 --clear-groups -- \
        timeout 60 "$SHIMHOST" --state-dir "$STATE" state "$ID" </dev/null 3>&-
    [[ $status != 0 ]]
    says_not stopped
    works delete --force "$ID"
}

# refuses_all COMMAND…: of what has containers of another namespace nothing is told, and nothing is done.
refuses_all() {
    local words
    for words in list "state $ID" "wait $ID" "kill $ID KILL" "delete $ID" "delete --force $ID" "check --repair" \
        "run -b $BUNDLES/other $ID-2"; do
        # shellcheck disable=SC2086
        captures timeout -k 5 30 "$@" "$SHIMHOST" $words </dev/null 3>&-
        [[ $status != 0 && $status != 124 ]]
        says "other namespaces" "$STATE/.namespace"
    done
}

@test "a container of another pid or time namespace is not taken for dead" {
    elsewhere=(unshare --pid --fork --kill-child --mount-proc --)
    bundle other :
    for RUNTIME in process $RUNTIMES; do
        configure_runtime "$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle long 'while :; do sleep 1000; done')" "$ID"
        refuses_all "${elsewhere[@]}"
        ! unshare --time true || refuses_all unshare --time --boottime 100000 --fork --
        is "$(field "$ID" .status)" running
        works check
        works delete --force "$ID"
    done
    # What is empty is anybody's, and belongs to whoever puts something into it. What is of another boot is nobody's.
    here=$(readlink /proc/self/ns/pid)
    for owner in "$(cat /proc/sys/kernel/random/boot_id) pid:[1] time:[1]" "$OTHER_BOOT pid:[1] time:[1]" nonsense; do
        ln -sfn "$owner" "$STATE/.namespace"
        works list
        is "$(readlink "$STATE/.namespace")" "$owner"
        works run -d -r process -b "$BUNDLES/long" "$ID"
        [[ $(readlink "$STATE/.namespace") == *"$here"* ]]
        ln -sfn "$OTHER_BOOT pid:[1] time:[1]" "$STATE/.namespace"
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
    done
}

@test "whose namespace it is of nobody knows any more: an error, as long as it has a container" {
    configure_runtime process
    works run -d -r process -b "$(bundle long 'while :; do sleep 1000; done')" "$ID"
    for spoil in 'ln -s nonsense' 'mkdir' 'touch' 'mkfifo'; do
        rm -rf "$STATE/.namespace"
        $spoil "$STATE/.namespace"
        fails_with 1 delete --force "$ID"
        says "$STATE/.namespace"
    done
    rm "$STATE/.namespace"
    is "$(field "$ID" .status)" running
    works delete --force "$ID"
}

@test "by whatever path it is named, it is the same" {
    configure_runtime process
    mkdir -p "$T/a/real"
    ln -s real "$T/a/link"
    STATE=$T/a/real/state
    works --state-dir "$T/a/link/state/" run -d -r process -b "$(bundle long 'while :; do sleep 1000; done')" "$ID"
    monitor=$(monitor_of "$ID")
    pid=$(pid_of "$ID")
    works --state-dir "$T/a/link/state/" check
    rm -r "${STATE:?}/$ID"
    fails_with 1 --state-dir "$T/a/link/state/" check
    says stray-monitor "process $monitor"
    kill -KILL "$pid" "$monitor"
    eventually is_over "$pid"
}

@test "another boot's container is stopped, and its exit status not known" {
    works run -d -b "$(bundle boot 'while :; do sleep 1000; done')" "$ID"
    pid=$(pid_of "$ID")
    kill -KILL "$(monitor_of "$ID")"
    sed -i "2s/.*/$OTHER_BOOT/" "$STATE/$ID/init/starttime"
    sed -i "3s/.*/$OTHER_BOOT/" "$STATE/$ID/init/monitor"
    is "$(field "$ID" .status)" stopped
    fails_with 1 kill "$ID" KILL
    says "not running"
    fails_with 1 wait "$ID"
    no is_over "$pid"
    kill -KILL "$pid"
    eventually is_over "$pid"
    works delete "$ID"
    nothing_is_left
}
