#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every file of the state directory is spoiled in every way, under a container that lives and under one that is over. No
# command may hang, crash, kill, delete, or make up a status. Here some of it; SHIMHOST_CORRUPTION=all does all of it.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=
FILES=(container.json .lock init/process.json init/pid init/starttime init/status init/monitor init/exit init/control
    init/exitStatus init/exitUnknown init/.cleanup init/.plan init/.changing init/.cleaned init/shim-log.json init/log.json)

test_setup() {
    configure_runtime process 'on-monitor-death: adopt'
    configure 'default-runtime: process'
    sed -i '/^default-runtime: $/d' "$SHIMHOST_CONFIG"
    works run -d -b "$(bundle lives 'exec sleep 1000')" "$ID-lives"
    captures shimhost run -b "$(bundle over 'exit 7')" "$ID-over"
    is "$status" 7
    PID=$(pid_of "$ID-lives")
    MONITOR_PID=$(monitor_of "$ID-lives")
    eventually is_over "$(monitor_of "$ID-over")"
    spoiled=0
    candidates=0
}

# The commands of t/common.bash, as whoever owns the state directory.
asked() {
    status=0
    output=$(timeout -k 5 20 ${AS-} "$SHIMHOST" "$@" 2>&1 </dev/null 3>&-) || status=$?
    # 0 and 1 are answers; 124 is a hang, 134 and 139 are crashes.
    ((status <= 1)) || wrong "shimhost $* ended with $status: $output"
}

wrong() {
    echo "$WHAT: $*" >>"$T/wrong"
}

# answers_well ID WORD…: commands that only look, and none of whose answers may be false. WORD: a status that may be told.
answers_well() {
    local id=$1 told
    shift
    asked state "$id"
    told=$(sed -n 's/^  "status": "\(.*\)",$/\1/p' <<<"$output")
    [[ $status != 0 || " $* incomplete " == *" $told "* ]] || wrong "state says $told"
    asked list
    [[ $output == *"$id"* ]] || wrong "list does not show it: $output"
    asked wait --timeout 1ms "$id"
    if [[ $status == 0 ]]; then
        [[ $id == *-over && $output == 7 ]] || wrong "wait says $output"
    fi
    asked check
}

# still_whole: nobody was killed and nothing deleted.
still_whole() {
    ! is_over "$PID" || wrong "the process is dead"
    ! is_over "$MONITOR_PID" || wrong "the monitor is dead"
    [[ -d $STATE/$ID-lives/init && -d $STATE/$ID-over/init ]] || wrong "a directory is gone"
}

# spoil ID FILE WAY COMMAND…: COMMAND changes the file $F; then everybody is asked; then it is put back.
spoil() {
    local id=$1 file=$2
    candidates=$((candidates + 1))
    [[ ${SHIMHOST_CORRUPTION-} == all ]] || ((candidates % 7 == 0)) || return 0
    WHAT="$1/$2 is $3"
    F=$STATE/$id/$file
    shift 3
    rm -rf "$T/kept"
    [[ ! -e $F ]] || cp -a "$F" "$T/kept"
    "$@"
    if [[ $id == *-lives ]]; then answers_well "$id" running; else answers_well "$id" stopped; fi
    if [[ $id == *-lives ]]; then
        # By now it must not be taken for one that is over.
        asked delete "$id"
        [[ $status == 1 ]] || wrong "delete said: $output"
    fi
    still_whole
    rm -rf "$F"
    [[ ! -e $T/kept ]] || cp -a "$T/kept" "$F"
    spoiled=$((spoiled + 1))
}

all_is_told() {
    echo "# $spoiled files spoiled" >&3
    [[ ! -s $T/wrong ]] || {
        cat "$T/wrong"
        return 1
    }
    still_whole
    is "$(shimhost wait "$ID-over")" 7
    is "$(field "$ID-lives" .status)" running
    works delete "$ID-over"
    works delete --force "$ID-lives"
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
forbidden() { chmod 0 "$F"; }
shortened() { truncate -s "$1" "$F"; }

@test "each file: missing, empty, garbage, huge, a directory, a symbolic link, a FIFO, a device, another's" {
    for id in "$ID-lives" "$ID-over"; do
        for file in "${FILES[@]}"; do
            for way in gone empty garbage numbers huge directory link loop fifo zeroes nothing; do
                # That the monitor's own FIFOs are FIFOs is no harm.
                spoil "$id" "$file" "$way" "$way"
            done
            [[ ! -f $STATE/$id/$file ]] || spoil "$id" "$file" "another's" anothers
        done
    done
    all_is_told
}

@test "each file, cut short at its bytes" {
    for id in "$ID-lives" "$ID-over"; do
        for file in "${FILES[@]}"; do
            [[ -f $STATE/$id/$file ]] || continue
            size=$(stat -c %s "$STATE/$id/$file")
            # At each byte of the small ones, and at some of the long ones.
            for ((length = 1; length < size; length += size / 60 + 1)); do
                spoil "$id" "$file" "cut to $length of $size bytes" shortened "$length"
            done
        done
    done
    all_is_told
}

@test "each directory: missing, empty, a file, a symbolic link, a FIFO, another's" {
    for id in "$ID-lives" "$ID-over"; do
        for directory in "$STATE/$id/init" "$STATE/$id"; do
            for way in gone empty file link fifo; do
                WHAT="$directory is $way"
                mv "$directory" "$T/away"
                case $way in
                empty) mkdir -m 700 "$directory" ;;
                file) : >"$directory" ;;
                link) ln -s "$T/away" "$directory" ;;
                fifo) mkfifo "$directory" ;;
                esac
                asked list
                asked state "$id"
                says_not '"status": "stopped"'
                asked wait --timeout 1ms "$id"
                [[ $status == 1 ]] || wrong "wait says $output"
                asked check
                # Of a container that is gone only its monitor, or its runtime, can tell.
                [[ $way == gone && $directory == "$STATE/$id" || $status == 1 ]] || wrong "check finds nothing"
                rm -rf "$directory"
                mv "$T/away" "$directory"
                still_whole
                spoiled=$((spoiled + 1))
            done
        done
    done
    all_is_told
}

@test "what may not be read is an error, and nobody's end" {
    # Root may read everything, so this is somebody else's state directory.
    other=12345
    works delete "$ID-over"
    works delete --force "$ID-lives"
    chmod 755 "$T" "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
    AS="setpriv --reuid $other --regid $other --clear-groups --inh-caps=-all"
    $AS test -x "$SHIMHOST" || skip "the build cannot be reached by others"
    chown -R "$other" "$STATE" "$EVENTS" "$BUNDLES"
    asked run -d -b "$BUNDLES/lives" "$ID-lives"
    is "$status $output" "0 "
    asked run -d -b "$BUNDLES/over" "$ID-over"
    PID=$(pid_of "$ID-lives")
    MONITOR_PID=$(monitor_of "$ID-lives")
    asked wait "$ID-over"
    is "$output" 7
    eventually is_over "$(monitor_of "$ID-over")"
    for id in "$ID-lives" "$ID-over"; do
        for file in "${FILES[@]}" init .; do
            [[ -e $STATE/$id/$file ]] || continue
            WHAT="$id/$file is unreadable"
            mode=$(stat -c %a "$STATE/$id/$file")
            chmod 0 "$STATE/$id/$file"
            answers_well "$id" running stopped
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
