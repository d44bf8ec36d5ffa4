#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run in the foreground: what comes back, what is passed through, what is left.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

# What $ID runs may say that it is ready before its host knows; only then it can be signalled.
is_told_as_started() {
    [[ $(shimhost events | grep "\"$ID\"" | tail -n 1) == *'"started"'* ]]
}

@test "run passes the exit status of the process through" {
    for RUNTIME in $RUNTIMES; do
        for expected in 0 7 255; do
            fails_with "$expected" run -r "$RUNTIME" -b "$(bundle exit "exit $expected")" --rm "$ID"
            nothing_is_left
        done
    done
}

@test "a death by SIGKILL is 137, by SIGTERM 143" {
    for RUNTIME in $RUNTIMES; do
        event "ready-$RUNTIME"
        fails_with 137 run -r "$RUNTIME" -b "$(bundle kill 'sh -c "kill -KILL \$\$"; exit $?')" --rm "$ID"
        path=$(bundle killed "echo > /events/ready-$RUNTIME; while :; do sleep 1000; done")
        in_background run -r "$RUNTIME" -b "$path" --rm "$ID"
        job=$!
        await "ready-$RUNTIME"
        eventually is_told_as_started
        works kill "$ID" KILL
        joins "$job"
        is "$status" 137
        nothing_is_left
    done
}

@test "a command that is not there is 127, one that is no program 126" {
    for RUNTIME in $RUNTIMES; do
        fails_with 127 run -r "$RUNTIME" -b "$(bundle missing : '.process.args = ["/bin/nonexist"]')" "$ID"
        says /bin/nonexist
        nothing_is_left
        fails_with 127 run -r "$RUNTIME" -b "$(bundle missing : '.process.args = ["nonexist"]')" "$ID"
        says nonexist
        nothing_is_left
        fails_with 126 run -r "$RUNTIME" -b "$(bundle text : '.process.args = ["/etc/text"]')" "$ID"
        nothing_is_left
    done
}

@test "a bad bundle is 125, with the runtime's own reason" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle bad : '.linux.namespaces += [{type: "nonsense"}]')
        fails_with 125 run -r "$RUNTIME" -b "$path" "$ID"
        says "$ID" nonsense
        nothing_is_left
        path=$(bundle rootless : '.root.path = "/nonexist/rootfs"')
        fails_with 125 run -r "$RUNTIME" -b "$path" "$ID"
        says "$ID" /nonexist/rootfs
        nothing_is_left
    done
}

@test "a bundle that is none is 125, and the message names it" {
    for RUNTIME in $RUNTIMES; do
        fails_with 125 run -r "$RUNTIME" -b "$BUNDLES/nowhere" "$ID"
        says "$BUNDLES/nowhere"
        mkdir -p "$BUNDLES/empty"
        fails_with 125 run -r "$RUNTIME" -b "$BUNDLES/empty" "$ID"
        says config.json
        mkdir -p "$BUNDLES/broken"
        echo '{"ociVersion": ' >"$BUNDLES/broken/config.json"
        fails_with 125 run -r "$RUNTIME" -b "$BUNDLES/broken" "$ID"
        nothing_is_left
    done
}

@test "the bundle may be a relative path, or the working directory" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle here 'exit 3')
        cd "$path"
        fails_with 3 run -r "$RUNTIME" --rm "$ID"
        cd ..
        fails_with 3 run -r "$RUNTIME" -b here --rm "$ID"
        nothing_is_left
    done
}

@test "run inherits the standard streams" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle streams 'read -r line; echo "out $line"; echo "err $line" >&2')
        echo hello | timeout 60 "$SHIMHOST" run -r "$RUNTIME" -b "$path" --rm "$ID" \
            >"$T/stdout" 2>"$T/stderr" 3>&-
        is "$(cat "$T/stdout")" "out hello"
        is "$(cat "$T/stderr")" "err hello"
        nothing_is_left
    done
}

@test "streams go to files, to FIFOs and to nowhere" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle targets 'cat; echo out; echo err >&2')
        echo in >"$T/in"
        works run -r "$RUNTIME" -b "$path" --stdin "file:$T/in" --stdout "file:$T/out-$RUNTIME" \
            --stderr "file:$T/err-$RUNTIME" --rm "$ID"
        is "$(cat "$T/out-$RUNTIME")" $'in\nout'
        is "$(cat "$T/err-$RUNTIME")" err
        mkfifo "$T/fifo-$RUNTIME"
        timeout "$PATIENCE" cat "$T/fifo-$RUNTIME" >"$T/read" 3>&- &
        reader=$!
        works run -r "$RUNTIME" -b "$path" --stdin null --stdout "fifo:$T/fifo-$RUNTIME" \
            --stderr null --rm "$ID"
        joins "$reader"
        is "$(cat "$T/read")" out
        nothing_is_left
    done
}

@test "a stream target that is none is refused" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle target :)
        for target in nonsense:x file: "file:$T/nowhere/out" "fifo:$T/nofifo"; do
            fails_with 125 run -r "$RUNTIME" -b "$path" --stdout "$target" "$ID"
            [[ -n $output ]]
            nothing_is_left
        done
    done
}

@test "SIGTERM and SIGINT on run are passed on to the process" {
    for RUNTIME in $RUNTIMES; do
        for signal in TERM INT; do
            event "ready-$RUNTIME-$signal"
            path=$(bundle "trap-$signal" "trap 'exit 9' $signal
                echo > /events/ready-$RUNTIME-$signal; sleep 1000 & wait")
            in_background run -r "$RUNTIME" -b "$path" --rm "$ID"
            job=$!
            await "ready-$RUNTIME-$signal"
            eventually is_told_as_started
            kill "-$signal" "$job"
            joins "$job"
            is "$status" 9
            nothing_is_left
        done
    done
}

@test "run --rm leaves nothing; without it, the container stays and keeps its exit status" {
    for RUNTIME in $RUNTIMES; do
        fails_with 5 run -r "$RUNTIME" -b "$(bundle stay 'exit 5')" "$ID"
        works state "$ID"
        is "$(field "$ID" .status)" stopped
        is "$(field "$ID" .exitStatus)" 5
        gives 5 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "run -d returns while the container runs" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle detached 'while :; do sleep 1000; done')" "$ID"
        is "$(field "$ID" .status)" running
        works kill "$ID" KILL
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

@test "an id that is taken is refused, and the container is left alone" {
    for RUNTIME in $RUNTIMES; do
        path=$(bundle taken 'while :; do sleep 1000; done')
        works run -d -r "$RUNTIME" -b "$path" "$ID"
        pid=$(pid_of "$ID")
        fails_with 125 run -r "$RUNTIME" -b "$path" "$ID"
        says "$ID" already
        is "$(pid_of "$ID")" "$pid"
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}

@test "the runtime and its YAML may be wrong in many ways, each is 125 with a reason" {
    path=$(bundle wrong :)
    fails_with 125 run -r nonexist -b "$path" "$ID"
    says nonexist
    configure_runtime broken 'plugin: nonexist' "binary: /bin/true"
    fails_with 125 run -r broken -b "$path" "$ID"
    says nonexist
    for RUNTIME in $RUNTIMES; do
        configure_runtime broken "plugin: $RUNTIME" "binary: $T/nowhere/runtime"
        fails_with 125 run -r broken -b "$path" "$ID"
        says "$T/nowhere/runtime"
        nothing_is_left
    done
}

@test "the default runtime is the configured one" {
    for RUNTIME in $RUNTIMES; do
        configure "default-runtime: $RUNTIME" 2>/dev/null
        sed -i '/^default-runtime:/d' "$SHIMHOST_CONFIG"
        echo "default-runtime: $RUNTIME" >>"$SHIMHOST_CONFIG"
        works run -b "$(bundle default :)" "$ID"
        is "$(field "$ID" .runtime)" "$RUNTIME"
        works delete "$ID"
    done
}

@test "usage errors are told on standard error" {
    fails_with 125 run
    fails_with 125 run --nonsense "$ID"
    fails_with 2 nonsense
    fails_with 2
    fails_with 2 wait
    fails_with 2 state
    fails_with 2 kill
    works --help
    says run exec
    works --version
    says 0.1.0
}

@test "--pid-file gets the pid of the process" {
    for RUNTIME in $RUNTIMES; do
        works run -d --pid-file "$T/pid" -r "$RUNTIME" -b "$(bundle pid 'sleep 1000')" "$ID"
        is "$(cat "$T/pid")" "$(pid_of "$ID")"
        works delete --force "$ID"
    done
}

@test "no pivot_root and further runtime arguments reach the runtime" {
    for RUNTIME in $RUNTIMES; do
        works run --no-pivot --runtime-arg --no-new-keyring -r "$RUNTIME" -b "$(bundle pivot :)" --rm "$ID"
        nothing_is_left
        fails_with 125 run --runtime-arg --nonsense-argument -r "$RUNTIME" -b "$(bundle pivot :)" "$ID"
        nothing_is_left
    done
}
