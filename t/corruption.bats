#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every file of the state directory is spoiled in every way, under containers that live and under some that are over, of a
# runtime that adopts and of one that kills. No command may hang, crash, kill, delete, signal a stranger, or make up a
# status. Here some of it; SHIMHOST_CORRUPTION=all does all of it.
#
# needs a pid namespace
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load bystander

RUNTIMES=
PROCESS=(process.json pid starttime status monitor exit control attach exitStatus exitUnknown oomKilled .exitStatus .cleanup
    .cgroups .pid.runtime .made .plan .changing .cleaned shim-log.json log.json)
FILES=(container.json .lock "${PROCESS[@]/#/init/}")
# Of an exec, and of all containers together.
MORE=(more/{process.json,pid,starttime,status,monitor,exit,control,exitStatus,exitUnknown,.pid.runtime} ../.events)

test_setup() {
    configure_runtime process 'on-monitor-death: adopt'
    configure_runtime fake 'plugin: oci' "binary: $BUILD/t/fake-runtime/fake-runtime" 'on-monitor-death: kill'
    configure 'default-runtime: process'
    sed -i '/^default-runtime: $/d' "$SHIMHOST_CONFIG"
    LIVING=() OVER=() PIDS=()
    begin_containers process
    begin_containers fake
    begin_bystander
    spoiled=0
    candidates=0
}

# begin_containers RUNTIME: one that lives, and one that is over.
begin_containers() {
    local lives=$ID-$1-lives over=$ID-$1-over place=".linux.cgroupsPath = \"/$ID-above/$ID-$1\""
    works run -d -r "$1" --stdout pipe -b "$(bundle "lives-$1" 'exec sleep 1000' "$place")" "$lives"
    works exec -d --id more "$lives" -- sleep 1000
    captures shimhost run -r "$1" -b "$(bundle "over-$1" 'exit 7' "$place")" "$over"
    is "$status" 7
    eventually is_over "$(monitor_of "$over")"
    LIVING+=("$lives")
    OVER+=("$over")
    PIDS+=("$(pid_of "$lives")" "$(monitor_of "$lives")" "$(pid_of "$lives" more)" "$(monitor_of "$lives" more)")
}

# The commands of t/common.bash, as whoever owns the state directory.
asked() {
    status=0
    output=$(timeout -k 5 20 ${AS-} "$SHIMHOST" "$@" 2>&1 </dev/null 3>&-) || status=$?
    # 0 and 1 are answers, and so is 125 of attach; 124 is a hang, 134 and 139 are crashes.
    ((status <= 1)) || [[ $1 == attach && $status == 125 ]] || wrong "shimhost $* ended with $status: $output"
}

wrong() {
    echo "$WHAT: $*" >>"$T/wrong"
}

# answers_well ID PROCESS WORD…: none of the answers may be false. WORD: a status that may be told.
answers_well() {
    local id=$1 process=$2 told
    shift 2
    asked state "$id"
    told=$(sed -n 's/^  "status": "\(.*\)",$/\1/p' <<<"$output")
    [[ $status != 0 || " $* incomplete " == *" $told "* ]] || wrong "state says $told"
    asked list
    [[ $output == *"$id"* ]] || wrong "list does not show it: $output"
    asked wait --process-id "$process" --timeout 1ms "$id"
    if [[ $status == 0 ]]; then
        [[ $id == *-over && $output == 7 ]] || wrong "wait says $output"
    fi
    # This one kills nobody who does not want it to.
    asked kill --process-id "$process" "$id" URG
    [[ $status == 1 || $id == *-lives ]] || wrong "kill has signalled what is over"
    asked check
    asked check --repair
}

# still_whole: nobody was killed or signalled, and nothing deleted.
still_whole() {
    local pid id
    for pid in "${PIDS[@]}"; do
        ! is_over "$pid" || wrong "process $pid is dead"
    done
    for id in "${LIVING[@]}" "${OVER[@]}"; do
        [[ -d $STATE/$id/init ]] || wrong "a directory is gone"
    done
    unharmed >/dev/null || wrong "the bystander got a signal, or died"
}

# chosen N: all of them are, or every Nth.
chosen() {
    candidates=$((candidates + 1))
    [[ ${SHIMHOST_CORRUPTION-} == all ]] || ((candidates % $1 == 0))
}

# spoil ID FILE WAY COMMAND…: COMMAND changes the file $F; then everybody is asked; then it is put back.
spoil() {
    local id=$1 file=$2 process=init
    WHAT="$1/$2 is $3"
    F=$STATE/$id/$file
    [[ $file != more/* ]] || process=more
    shift 3
    # Monitors have the files themselves open, so it is copies that are spoiled.
    rm -rf "$T/kept" "$T/over"
    if [[ $id == *-over ]]; then cp -a "$STATE/$id" "$T/over"; fi
    [[ ! -e $F ]] || { mv "$F" "$T/kept" && cp -a "$T/kept" "$F"; }
    "$@"
    if [[ $id == *-lives ]]; then
        answers_well "$id" "$process" running
        # By now it must not be taken for one that is over.
        asked delete --process-id "$process" "$id"
        [[ $status == 1 ]] || wrong "delete said: $output"
        [[ $file != */attach ]] || asked attach "$id"
    else
        answers_well "$id" init stopped
    fi
    still_whole
    [[ -d ${F%/*} ]] || all_is_told
    rm -rf "$F"
    [[ ! -e $T/kept ]] || mv "$T/kept" "$F"
    # What has been mended on account of it was none of its faults.
    if [[ $id == *-over ]]; then rm -rf "${STATE:?}/$id" && cp -a "$T/over" "$STATE/$id"; fi
    spoiled=$((spoiled + 1))
}

# files_of ID: all that may be there.
files_of() {
    printf '%s\n' "${FILES[@]}"
    [[ $1 != "${LIVING[0]}" ]] || printf '%s\n' "${MORE[@]}"
}

all_is_told() {
    local id
    echo "# $spoiled files spoiled" >&3
    [[ ! -s $T/wrong ]] || {
        cat "$T/wrong"
        return 1
    }
    for id in "${OVER[@]}"; do
        is "$(shimhost wait "$id")" 7
        works delete "$id"
    done
    for id in "${LIVING[@]}"; do
        is "$(field "$id" .status)" running
        works delete --force --process-id more "$id"
        works delete --force "$id"
    done
    nothing_is_left
}

gone() { rm -f "$F"; }
empty() { rm -f "$F" && : >"$F"; }
garbage() { rm -f "$F" && printf '\377\0{"[\n%%s 99999999999999999999 ../.. \033[2J' >"$F"; }
numbers() { rm -f "$F" && printf '%s\n' -1 4294967297 18446744073709551616 >"$F"; }
huge() { rm -f "$F" && truncate -s 3G "$F"; }
directory() { rm -f "$F" && mkdir "$F"; }
link() {
    rm -rf "$F" "$T/elsewhere"
    if [[ -f $T/kept ]]; then cp -a "$T/kept" "$T/elsewhere"; else : >"$T/elsewhere"; fi
    ln -s "$T/elsewhere" "$F"
}
loop() { rm -f "$F" && ln -s "$(basename "$F")" "$F"; }
fifo() { rm -f "$F" && mkfifo "$F"; }
zeroes() { rm -f "$F" && mknod "$F" c 1 5; }
nothing() { rm -f "$F" && mknod "$F" c 1 3; }
anothers() { chown 12345:12345 "$F"; }
shortened() { truncate -s "$1" "$F"; }

@test "each file: missing, empty, garbage, huge, a directory, a symbolic link, a FIFO, a device, another's" {
    for id in "${LIVING[@]}" "${OVER[@]}"; do
        for file in $(files_of "$id"); do
            for way in gone empty garbage numbers huge directory link loop fifo zeroes nothing; do
                # That the monitor's own FIFOs are FIFOs is no harm.
                ! chosen 61 || spoil "$id" "$file" "$way" "$way"
            done
            [[ ! -f $STATE/$id/$file ]] || ! chosen 61 || spoil "$id" "$file" "another's" anothers
        done
    done
    all_is_told
}

@test "each file, cut short at its bytes" {
    for id in "${LIVING[@]}" "${OVER[@]}"; do
        for file in $(files_of "$id"); do
            # It grows with all that happens.
            [[ -f $STATE/$id/$file && $file != ../.events ]] || continue
            size=$(stat -c %s "$STATE/$id/$file")
            for ((length = 1; length < size; length++)); do
                ! chosen 307 || spoil "$id" "$file" "cut to $length of $size bytes" shortened "$length"
            done
        done
    done
    all_is_told
}

# The bystander's in the place of its own.
bystanders() {
    case $1 in
    */starttime) identity_of_bystander | tail -n 2 >"$F" ;;
    */monitor) identity_of_bystander >"$F" ;;
    *) echo "$bystander" >"$F" ;;
    esac
}

@test "a pid, a start time or a monitor that is a bystander's" {
    for id in "${LIVING[@]}" "${OVER[@]}"; do
        for file in {init,more}/{pid,.pid.runtime,starttime,monitor}; do
            F=$STATE/$id/$file
            [[ -e $F ]] && chosen 5 || continue
            WHAT="$id/$file is the bystander's"
            mv "$F" "$T/kept"
            bystanders "$file"
            answers_well "$id" "${file%/*}" running stopped
            still_whole
            mv "$T/kept" "$F"
            spoiled=$((spoiled + 1))
        done
    done
    all_is_told
}

@test "cgroups, cut short where that is the name of another one" {
    local id=${OVER[1]} list name
    list=$(cat "$STATE/$id/init/.cgroups")
    cp -a "$STATE/$id" "$T/over"
    for name in $list; do
        mkdir "${name%/*}" || cannot_run "no cgroup can be made here"
        echo "$bystander" >"${name%/*}/cgroup.procs" || true # not every one takes it as it is
    done 2>/dev/null
    for name in $list; do
        WHAT="$id/.cgroups ends with ${name%/*}"
        printf %s "${list%%"$name"*}${name%/*}" >"$STATE/$id/init/.cgroups"
        rm "$STATE/$id/init/.cleaned"
        answers_well "$id" init stopped
        still_whole
        rm -rf "${STATE:?}/$id"
        cp -a "$T/over" "$STATE/$id"
        spoiled=$((spoiled + 1))
    done
    is_over "$bystander" || kill_and_await "$bystander"
    for name in $list; do rmdir "${name%/*}" 2>/dev/null || true; done
    all_is_told
}

# spoil_directory ID DIRECTORY WAY
spoil_directory() {
    local id=$1 directory=$STATE/$1${2:+/$2} process=init
    WHAT="$1/$2 is $3"
    [[ $2 != more ]] || process=more
    if [[ $3 == "another's" ]]; then
        chown 12345:12345 "$directory"
        answers_well "$id" "$process" running stopped
        chown 0:0 "$directory"
    else
        mv "$directory" "$T/away"
        case $3 in
        empty) mkdir -m 700 "$directory" ;;
        file) : >"$directory" ;;
        link) ln -s "$T/away" "$directory" ;;
        fifo) mkfifo "$directory" ;;
        esac
        asked list
        asked state "$id"
        says_not '"status": "stopped"'
        asked wait --process-id "$process" --timeout 1ms "$id"
        [[ $status == 1 ]] || wrong "wait says $output"
        asked kill --process-id "$process" "$id" URG
        [[ $status == 1 ]] || wrong "kill says $output"
        asked check
        # Of what is gone only its monitor, or its runtime, can tell.
        [[ $3 == gone && $2 != init || $status == 1 ]] || wrong "check finds nothing"
        # What is empty is a spawn that never finished, which it would remove.
        [[ $3 == gone || $3 == empty ]] || asked check --repair
        rm -rf "$directory"
        mv "$T/away" "$directory"
    fi
    still_whole
    spoiled=$((spoiled + 1))
}

@test "each directory: missing, empty, a file, a symbolic link, a FIFO, another's" {
    for id in "${LIVING[@]}" "${OVER[@]}"; do
        for directory in more init ''; do
            [[ -d $STATE/$id/$directory ]] || continue
            for way in gone empty file link fifo "another's"; do
                ! chosen 5 || spoil_directory "$id" "$directory" "$way"
            done
        done
    done
    all_is_told
}

@test "what may not be read is an error, and nobody's end" {
    # Root may read everything, so this is somebody else's state directory.
    other=12345
    for id in "${LIVING[@]}" "${OVER[@]}"; do works delete --force "$id"; done
    LIVING=("$ID-lives") OVER=("$ID-over")
    chmod 755 "$T" "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
    AS="setpriv --reuid $other --regid $other --clear-groups --inh-caps=-all"
    $AS test -x "$SHIMHOST" || skip "the build cannot be reached by others"
    chown -R "$other" "$STATE" "$EVENTS" "$BUNDLES"
    asked run -d -b "$BUNDLES/lives-process" "$ID-lives"
    is "$status $output" "0 "
    asked run -d -b "$BUNDLES/over-process" "$ID-over"
    PIDS=("$(pid_of "$ID-lives")" "$(monitor_of "$ID-lives")")
    asked wait "$ID-over"
    is "$output" 7
    eventually is_over "$(monitor_of "$ID-over")"
    for id in "$ID-lives" "$ID-over"; do
        for file in "${FILES[@]}" init .; do
            [[ -e $STATE/$id/$file ]] && chosen 3 || continue
            WHAT="$id/$file is unreadable"
            mode=$(stat -c %a "$STATE/$id/$file")
            chmod 0 "$STATE/$id/$file"
            answers_well "$id" init running stopped
            chmod "$mode" "$STATE/$id/$file"
            still_whole
            spoiled=$((spoiled + 1))
        done
    done
    echo "# $spoiled files spoiled" >&3
    [[ ! -s $T/wrong ]] || { cat "$T/wrong" && return 1; }
    asked delete --force "$ID-lives"
    asked delete "$ID-over"
    is "$status $output" "0 "
    nothing_is_left
}
