#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where the streams of a process go: whole, in order, whatever becomes of the reader or the disk.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load streams

SIZE=${SHIMHOST_TEST_STREAM_BYTES:-8388608}
LINES_EACH=${SHIMHOST_TEST_STREAM_LINES:-50000}
ROTATION=${SHIMHOST_TEST_STREAM_ROTATION:-256KiB}

# What a test has mounted goes with it.
test_teardown() {
    for mounted in "$T"/disk-*; do
        ! mountpoint -q "$mounted" || umount -l "$mounted"
    done
}

@test "random bytes arrive as they were through a file, a FIFO whose reader pauses, and a log" {
    for RUNTIME in $RUNTIMES; do
        make_data data "$SIZE"
        path=$(bundle "bytes-$RUNTIME" 'cat /events/data')
        works run -r "$RUNTIME" -b "$path" --rm --stdin null --stdout "file:$T/file-$RUNTIME" --stderr null "$ID"
        is "$(sum_of <"$T/file-$RUNTIME")" "$SUM" "sum through a file"
        rm "$T/file-$RUNTIME"
        mkfifo "$T/fifo-$RUNTIME"
        sha256sum <"$T/fifo-$RUNTIME" >"$T/read" 3>&- &
        reader=$!
        works run -d -r "$RUNTIME" -b "$path" --stdout "fifo:$T/fifo-$RUNTIME" "$ID"
        kill -STOP "$reader"
        eventually waits_for_its_reader
        kill -CONT "$reader"
        joins "$reader"
        is "$(cut -d ' ' -f 1 "$T/read")" "$SUM" "sum through a FIFO"
        is "$(shimhost wait "$ID")" 0
        works delete "$ID"
        works run -r "$RUNTIME" -b "$path" --stdin null --log "k8s-file:$T/log-$RUNTIME" --log-opt max-size=unlimited "$ID"
        has_ended "$ID"
        is "$(shimhost logs "$ID" 2>"$T/complaints" | sum_of)" "$SUM" "sum through k8s-file"
        is "$(cat "$T/complaints")" "" "complaints"
        is_log "$T/log-$RUNTIME"
        rm "$T/log-$RUNTIME"
        works delete "$ID"
        nothing_is_left
    done
}

# Its FIFO is full, or it is over already because the reader was faster than its being stopped.
waits_for_its_reader() {
    local pid
    pid=$(pid_of "$ID")
    is_over "$pid" || some_process_writes "$pid"
}

@test "lines arrive whole and in order through each log driver, also when it is rotated and followed" {
    for RUNTIME in $RUNTIMES; do
        for driver in k8s-file json-file; do
            event "go-$driver-$RUNTIME"
            path=$(bundle "lines-$RUNTIME" "read -r x </events/go-$driver-$RUNTIME; cat /events/lines")
            [[ -e $EVENTS/lines ]] ||
                seq -f 'line number %.0f, which is as long as a line that programs tend to log is on average: 100 bytes.' 1 "$LINES_EACH" >"$EVENTS/lines"
            mkdir "$T/$driver-$RUNTIME"
            works run -d -r "$RUNTIME" -b "$path" --log "$driver:$T/$driver-$RUNTIME/log" \
                --log-opt "max-size=$ROTATION" --log-opt max-files=1000 "$ID"
            rm -f "$T/followed" # of the log before this one
            "$SHIMHOST" logs --follow "$ID" </dev/null >"$T/followed" 2>"$T/complaints" 3>&- &
            follower=$!
            give "go-$driver-$RUNTIME"
            eventually test -s "$T/followed"
            kill -STOP "$follower"
            is "$(shimhost wait "$ID")" 0
            has_ended "$ID"
            kill -CONT "$follower"
            joins "$follower"
            cmp "$T/followed" "$EVENTS/lines"
            shimhost logs "$ID" 2>>"$T/complaints" | cmp - "$EVENTS/lines"
            is "$(cat "$T/complaints")" "" "complaints"
            sizes=$(stat -c %s "$T/$driver-$RUNTIME"/* | sort -n)
            is "$(($(tail -n 1 <<<"$sizes") <= $(numfmt --from=iec-i "${ROTATION%B}")))" 1 "no file is too large"
            (($(wc -l <<<"$sizes") > 3))
            is "$(stat -c %a "$T/$driver-$RUNTIME"/* | sort -u)" 640
            for file in "$T/$driver-$RUNTIME"/*; do
                is "$(tail -c 1 "$file" | od -An -c | tr -d ' ')" '\n' "the last byte of $file"
            done
            works delete "$ID"
            rm -r "$T/$driver-$RUNTIME"
        done
        nothing_is_left
    done
}

@test "a log keeps no more files than it may" {
    for RUNTIME in $RUNTIMES; do
        mkdir "$T/few-$RUNTIME"
        path=$(bundle "few-$RUNTIME" 'seq 1 20000')
        works run -r "$RUNTIME" -b "$path" --stdin null --log "k8s-file:$T/few-$RUNTIME/log" \
            --log-opt max-size=64KiB --log-opt max-files=3 "$ID"
        has_ended "$ID"
        is "$(ls "$T/few-$RUNTIME" | xargs)" "log log.1 log.2"
        is_log "$T/few-$RUNTIME"/*
        is "$(shimhost logs --tail 1 "$ID")" 20000
        works delete "$ID"
    done
}

@test "a FIFO with block: the process waits for the next reader, and nothing is lost" {
    for RUNTIME in $RUNTIMES; do
        mkfifo "$T/fifo-$RUNTIME"
        event "done-$RUNTIME"
        path=$(bundle "block-$RUNTIME" "seq 1 50000; echo end >/events/done-$RUNTIME")
        works run -d -r "$RUNTIME" -b "$path" --stdout "fifo:$T/fifo-$RUNTIME" --when-gone block "$ID"
        exec 7<"$T/fifo-$RUNTIME"
        read -r -u 7 first
        is "$first" 1
        exec 7<&-
        eventually some_process_writes "$(pid_of "$ID")"
        timeout "$PATIENCE" cat "$T/fifo-$RUNTIME" >"$T/rest" 3>&- &
        reader=$!
        await "done-$RUNTIME"
        joins "$reader"
        is "$(sum_of <"$T/rest")" "$(seq 2 50000 | sum_of)" "sum of the rest"
        is "$(shimhost wait "$ID")" 0
        works delete "$ID"
    done
}

@test "a FIFO with drop: the process never waits, and the next reader is told how much is lost" {
    for RUNTIME in $RUNTIMES; do
        mkfifo "$T/fifo-$RUNTIME"
        event "done-$RUNTIME" "go-$RUNTIME" "over-$RUNTIME"
        make_data data 1048576
        path=$(bundle "drop-$RUNTIME" "cat /events/data; echo done >/events/done-$RUNTIME
            read -r go </events/go-$RUNTIME; echo; echo after; read -r over </events/over-$RUNTIME")
        works run -d -r "$RUNTIME" -b "$path" --stdout "fifo:$T/fifo-$RUNTIME" --when-gone drop "$ID"
        await "done-$RUNTIME"
        timeout "$PATIENCE" cat "$T/fifo-$RUNTIME" >"$T/read-$RUNTIME" 3>&- &
        reader=$!
        eventually test -s "$T/read-$RUNTIME"
        give "go-$RUNTIME"
        eventually grep -aqx after "$T/read-$RUNTIME"
        give "over-$RUNTIME"
        joins "$reader"
        notes=0 told=0 lost=0
        while read -r note; do
            notes=$((notes + 1)) told=$((told + ${#note})) number=${note#*: }
            lost=$((lost + ${number%% *}))
        done < <(grep -aoE '\[shimhost: [0-9]+ bytes lost\]' "$T/read-$RUNTIME")
        rest=$(($(stat -c %s "$T/read-$RUNTIME") - told))
        echo "lost $lost, $notes times; read $rest"
        ((lost > 500000 && lost + rest >= 1048576 + 7))
        ((lost + rest <= 1048576 + 7 + 2 * notes)) # newlines around the notes
        works delete "$ID"
    done
}

@test "a reader that comes late misses nothing, and one that never comes hangs nothing" {
    for RUNTIME in $RUNTIMES; do
        mkfifo "$T/late-$RUNTIME" "$T/never-$RUNTIME"
        event "written-$RUNTIME" "end-$RUNTIME"
        path=$(bundle "late-$RUNTIME" "echo early; echo err >&2; echo >/events/written-$RUNTIME; read -r x </events/end-$RUNTIME")
        LIMIT=30 works run -d -r "$RUNTIME" -b "$path" --stdout "fifo:$T/late-$RUNTIME" --stderr "fifo:$T/never-$RUNTIME" "$ID"
        await "written-$RUNTIME"
        rm -f "$T/read" # of the runtime before this one
        timeout "$PATIENCE" cat "$T/late-$RUNTIME" >"$T/read" 3>&- &
        reader=$!
        eventually test -s "$T/read"
        give "end-$RUNTIME"
        joins "$reader" # the end is there with the last holder
        is "$(cat "$T/read")" early
        is "$(shimhost wait "$ID")" 0
        works delete "$ID"
    done
}

@test "a background child that keeps an output neither delays the exit, nor costs time, nor loses anything" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" 'timeouts: { drain: 2s }'
        path=$(bundle "background-$RUNTIME" 'while :; do sleep 1000; done')
        works run -d -r "$RUNTIME" -b "$path" "$ID"
        works exec -d --id x --stdout "k8s-file:$T/log-$RUNTIME" "$ID" -- sh -c 'sleep 1000 & echo done; exit 3'
        monitor=$(monitor_of "$ID" x)
        start=$(date +%s%N)
        is "$(shimhost wait --process-id x "$ID")" 3
        taken=$((($(date +%s%N) - start) / 1000000))
        echo "the exit was seen after $taken ms"
        ((taken < 1500)) # the machine may be busy; a drain would take 2000
        no is_over "$monitor" # it is draining
        eventually is_over "$monitor"
        is "$(shimhost logs --process-id x "$ID")" "done"
        works delete --process-id x "$ID"
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "delete waits for what is still drained" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime "$RUNTIME" 'timeouts: { drain: 10s, delete: 500ms }'
        works run -d -r "$RUNTIME" -b "$(bundle "late-$RUNTIME" 'while :; do sleep 1000; done')" "$ID"
        works exec -d --id x --stdout "k8s-file:$T/log-$RUNTIME" "$ID" -- sh -c '(sleep 1.5; echo late) & exit 3'
        is "$(shimhost wait --process-id x "$ID")" 3
        works delete --process-id x "$ID"
        [[ $(cat "$T/log-$RUNTIME") == *late ]]
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "draining does not spin" {
    RUNTIME=${RUNTIMES%% *}
    configure_runtime "$RUNTIME" 'timeouts: { drain: 1h }'
    works run -d -r "$RUNTIME" -b "$(bundle spin 'while :; do sleep 1000; done')" "$ID"
    works exec -d --id x --stdout "k8s-file:$T/log" "$ID" -- sh -c 'sleep 1000 & echo done; exit 3'
    monitor=$(monitor_of "$ID" x)
    is "$(shimhost wait --process-id x "$ID")" 3
    before=$(cpu_ticks "$monitor")
    # Something that takes its time: what would spin would have used much of it.
    works exec "$ID" -- sleep 2
    after=$(cpu_ticks "$monitor")
    echo "ticks before: $before, after: $after"
    ((after - before <= 5))
    works delete --force "$ID"
}

@test "a full disk stops no container, and what follows is whole" {
    [[ $EUID == 0 ]] || cannot_run "it takes root to mount"
    for RUNTIME in $RUNTIMES; do
        mkdir -p "$T/disk-$RUNTIME"
        mount -t tmpfs -o size=4m shimhost-test "$T/disk-$RUNTIME" || cannot_run "tmpfs cannot be mounted"
        head -c 3000000 /dev/zero >"$T/disk-$RUNTIME/ballast"
        event "full-$RUNTIME" "go-$RUNTIME"
        path=$(bundle "disk-$RUNTIME" "seq 1 100000; echo >/events/full-$RUNTIME; read -r x </events/go-$RUNTIME; seq 200001 200100")
        works run -d -r "$RUNTIME" -b "$path" --log "k8s-file:$T/disk-$RUNTIME/log" --log-opt max-size=unlimited "$ID"
        await "full-$RUNTIME"
        rm "$T/disk-$RUNTIME/ballast"
        give "go-$RUNTIME"
        is "$(shimhost wait "$ID")" 0
        has_ended "$ID"
        is_log "$T/disk-$RUNTIME/log"
        shimhost logs "$ID" >"$T/read" 2>"$T/complaints"
        is "$(cat "$T/complaints")" "" "complaints"
        is "$(tail -n 100 "$T/read" | sum_of)" "$(seq 200001 200100 | sum_of)" "sum of the last 100 lines"
        is "$(head -n 1000 "$T/read" | sum_of)" "$(seq 1 1000 | sum_of)" "sum of the first 1000 lines"
        # What is there in between is lines that were written, or notes.
        no grep -vxE '[0-9]{1,6}|.*shimhost: .* lost.*' "$T/read"
        works delete "$ID"
        umount "$T/disk-$RUNTIME"
    done
}

@test "a log is opened anew after somebody has moved it" {
    for RUNTIME in $RUNTIMES; do
        event "one-$RUNTIME" "go-$RUNTIME"
        path=$(bundle "reopen-$RUNTIME" "echo one; echo >/events/one-$RUNTIME; read -r x </events/go-$RUNTIME; echo two")
        works run -d -r "$RUNTIME" -b "$path" --log "k8s-file:$T/log-$RUNTIME" "$ID"
        await "one-$RUNTIME"
        eventually grep -q one "$T/log-$RUNTIME"
        mv "$T/log-$RUNTIME" "$T/moved-$RUNTIME"
        echo '2 0 0' >"$STATE/$ID/init/control"
        eventually test -e "$T/log-$RUNTIME"
        give "go-$RUNTIME"
        is "$(shimhost wait "$ID")" 0
        has_ended "$ID"
        is "$(cut -d ' ' -f 4- "$T/moved-$RUNTIME")" one
        is "$(cut -d ' ' -f 4- "$T/log-$RUNTIME")" two
        works delete "$ID"
    done
}

@test "stdout and stderr of one log are told apart and keep their order" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "order-$RUNTIME" 'for i in 1 2 3; do echo "out $i"; echo "err $i" >&2; done')
        works run -r "$RUNTIME" -b "$path" --stdin null --log "k8s-file:$T/log-$RUNTIME" "$ID"
        has_ended "$ID"
        is "$(cut -d ' ' -f 2- "$T/log-$RUNTIME" | grep stdout | xargs)" "stdout F out 1 stdout F out 2 stdout F out 3"
        is "$(cut -d ' ' -f 2- "$T/log-$RUNTIME" | grep stderr | xargs)" "stderr F err 1 stderr F err 2 stderr F err 3"
        works delete "$ID"
    done
}

@test "targets that cannot be are refused before anything runs" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle "refused-$RUNTIME" 'exit 0')
        ln -sf /etc/hostname "$T/link"
        fails_with 125 run -r "$RUNTIME" -b "$path" --stdout "k8s-file:$T/link" "$ID"
        says "$ID" stdout "$T/link" "symbolic link"
        fails_with 125 run -r "$RUNTIME" -b "$path" --stdout "k8sfile:$T/x" "$ID"
        says "did you mean k8s-file"
        fails_with 125 run -r "$RUNTIME" -b "$path" --stdout "fifo:$T/none" "$ID"
        says "$T/none" mkfifo
        fails_with 125 run -r "$RUNTIME" -b "$path" --stdout "file:$T/nowhere/x" "$ID"
        says "there is no directory $T/nowhere"
        fails_with 125 run -r "$RUNTIME" -b "$path" --log "k8s-file:$T/x" --log-opt max-sice=1MiB "$ID"
        says "max-size"
        nothing_is_left
    done
}

@test "a process has no descriptors but its three" {
    for RUNTIME in $RUNTIMES; do
        mkfifo "$T/in-$RUNTIME" "$T/out-$RUNTIME"
        path=$(bundle "descriptors-$RUNTIME" 'ls /proc/self/fd >/events/fds')
        for streams in "--stdin null --log k8s-file:$T/log" "--stdin pipe --stdout pipe --stderr pipe" \
            "--stdin fifo:$T/in-$RUNTIME --stdout fifo:$T/out-$RUNTIME --stderr fifo:$T/out-$RUNTIME" \
            "--stdin null --stdout file:$T/file --stderr null --when-gone drop"; do
            # shellcheck disable=SC2086
            works run -d -r "$RUNTIME" -b "$path" $streams "$ID"
            is "$(shimhost wait "$ID")" 0
            is "$(xargs <"$EVENTS/fds")" "0 1 2 3" "descriptors with $streams" # 3 is the listed directory
            works delete "$ID"
        done
        nothing_is_left
    done
}

@test "a monitor that hands everything over copies nothing and keeps no more than it needs" {
    for RUNTIME in $RUNTIMES; do
        mkfifo "$T/out-$RUNTIME"
        works run -d -r "$RUNTIME" -b "$(bundle "fds-$RUNTIME" 'while :; do sleep 1000; done')" \
            --stdout "fifo:$T/out-$RUNTIME" --stderr "file:$T/err" "$ID"
        fds=$(ls -l "/proc/$(monitor_of "$ID")/fd")
        echo "$fds"
        is "$(grep -c "$T/out-$RUNTIME" <<<"$fds")" 1 "descriptors of the FIFO"
        is "$(grep -c "$T/err" <<<"$fds")" 0 "descriptors of the file"
        is "$(grep -c socket <<<"$fds")" 0 "sockets"
        works delete --force "$ID"
    done
}

@test "the input of -i is passed on, and so is its end" {
    for RUNTIME in $RUNTIMES; do
        make_data input 1048576
        path=$(bundle "input-$RUNTIME" 'sha256sum | cut -d " " -f 1; echo "rest: $(cat)"')
        timeout "$PATIENCE" "$SHIMHOST" run -i -r "$RUNTIME" -b "$path" --rm "$ID" <"$EVENTS/input" >"$T/read" 3>&-
        is "$(cat "$T/read")" "$SUM"$'\nrest: '
        nothing_is_left
        works run -d -r "$RUNTIME" -b "$(bundle "idle-$RUNTIME" 'while :; do sleep 1000; done')" "$ID"
        is "$(timeout "$PATIENCE" "$SHIMHOST" exec -i "$ID" -- sh -c sha256sum <"$EVENTS/input" 3>&- | cut -d ' ' -f 1)" "$SUM"
        run timeout "$PATIENCE" "$SHIMHOST" exec -i "$ID" -- sh -c 'exit 9' <"$EVENTS/input" 3>&-
        is "$status" 9
        works delete --force "$ID"
    done
}

@test "close-stdin ends the input, and once more does no harm" {
    for RUNTIME in $RUNTIMES; do
        works run -d -i -r "$RUNTIME" -b "$(bundle "close-$RUNTIME" 'cat; exit 4')" "$ID"
        works close-stdin "$ID"
        is "$(shimhost wait "$ID")" 4
        works delete "$ID"
        mkfifo "$T/in-$RUNTIME"
        event "first-$RUNTIME"
        path=$(bundle "fifo-in-$RUNTIME" "read -r x; echo \"\$x\" >/events/first-$RUNTIME; cat >/dev/null; exit 5")
        works run -d -r "$RUNTIME" -b "$path" --stdin "fifo:$T/in-$RUNTIME" "$ID"
        echo hello >"$T/in-$RUNTIME" # this writer leaves; the input goes on
        is "$(await "first-$RUNTIME")" hello
        fails_with 1 wait --timeout 300ms "$ID"
        works close-stdin "$ID"
        is "$(shimhost wait "$ID")" 5
        works delete "$ID"
        works run -d -i -r "$RUNTIME" -b "$(bundle "open-$RUNTIME" 'while :; do sleep 1000; done')" "$ID"
        works close-stdin "$ID"
        works close-stdin "$ID"
        works delete --force "$ID"
    done
}

@test "exec keeps stdout and stderr apart, and ends after the last byte" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle "exec-$RUNTIME" 'while :; do sleep 1000; done')" "$ID"
        status=0
        timeout "$PATIENCE" "$SHIMHOST" exec "$ID" -- sh -c 'seq 1 10000; seq 1 10000 >&2; echo last; exit 6' \
            >"$T/stdout" 2>"$T/stderr" </dev/null 3>&- || status=$?
        is "$status" 6
        is "$(sum_of <"$T/stdout")" "$({ seq 1 10000; echo last; } | sum_of)"
        is "$(sum_of <"$T/stderr")" "$(seq 1 10000 | sum_of)"
        works delete --force "$ID"
    done
}
