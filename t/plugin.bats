#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plugins: what the commands show of them, and which files are refused.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

BROKEN=$BUILD/t/plugins

# refused FILE TEXT…: with one sentence.
refused() {
    local file=$1
    shift
    fails_with 1 plugin info "$file"
    says "$@"
    is "$(wc -l <<<"$output")" 1 "number of lines ($output)"
}

# A copy of a broken plugin in a private place; prints its path.
copy() {
    cp "$BROKEN/.libs/$1.so" "$T/$1.so"
    chmod 755 "$T/$1.so"
    echo "$T/$1.so"
}

# build_plugin NAME: one of t/plugins, as a third party would build it.
build_plugin() {
    needs cc
    cc -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror -D_GNU_SOURCE -I"$SOURCE/sdk/include" \
        -o "$T/$1.so" "$TESTS/plugins/$1.c"
}

@test "plugin list and plugin info show what there is" {
    works plugin list
    for RUNTIME in $RUNTIMES; do
        works plugin list
        says "$RUNTIME"
        works plugin info "$PLUGINS/$RUNTIME.so"
        says "$RUNTIME" pause checkpoint
    done
}

@test "runtimes shows each configured runtime, as a table and as JSON" {
    works runtimes
    for RUNTIME in $RUNTIMES; do
        works runtimes
        says "$RUNTIME"
        works runtimes --format json
        is "$(jq -r '.[] | select(.name == "'"$RUNTIME"'") | .plugin' <<<"$output")" "$RUNTIME"
        is "$(jq -c '.[] | select(.name == "'"$RUNTIME"'") | .features | map(select(. == "pause"))' \
            <<<"$output")" '["pause"]' features
    done
}

@test "a runtime that is not installed is shown as unhealthy, not as an error" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime absent "plugin: $RUNTIME" "binary: $T/nowhere/binary"
        works runtimes
        says absent "$T/nowhere/binary"
    done
}

@test "a good plugin with nothing but the mandatory entries is accepted" {
    works plugin info "$(copy good)"
    says broken
    configure_runtime minimal "plugin: $(copy good)" "binary: /bin/true"
    works runtimes --format json
    is "$(jq -c '.[] | select(.name == "minimal") | [.healthy, .features]' <<<"$output")" '[true,[]]'
    configure_runtime minimal "plugin: $(copy good)" "binary: /bin/true"
    fails_with 125 run -r minimal -b "$(bundle minimal :)" "$ID"
    nothing_is_left
}

@test "a file that others may write is refused before it is loaded" {
    file=$(copy good)
    export PLUGIN_LOADED=$T/loaded
    chmod o+w "$file"
    refused "$file" "$file" writable
    chmod 775 "$file"
    refused "$file" "$file" writable
    [[ ! -e $T/loaded ]]
    chmod 755 "$file"
    works plugin info "$file"
    [[ -e $T/loaded ]]
}

@test "a directory above it that others may write is refused" {
    mkdir -p "$T/loose/deep"
    cp "$(copy good)" "$T/loose/deep/good.so"
    chmod 777 "$T/loose"
    refused "$T/loose/deep/good.so" "$T/loose" writable
    chmod 1777 "$T/loose"
    works plugin info "$T/loose/deep/good.so"
}

@test "a file or directory of somebody else's is refused" {
    file=$(copy good)
    chown 12345 "$file"
    refused "$file" "$file" 12345
    mkdir "$T/theirs"
    cp "$(copy good)" "$T/theirs/good.so"
    chown 12345 "$T/theirs"
    refused "$T/theirs/good.so" "$T/theirs" 12345
}

@test "a symbolic link is judged by what it points to" {
    file=$(copy good)
    ln -s "$file" "$T/link.so"
    works plugin info "$T/link.so"
    chmod o+w "$file"
    refused "$T/link.so" "$file" writable
}

@test "a symbolic link that others can replace is refused" {
    mkdir -p "$T/open"
    ln -s "$(dirname "$(copy good)")" "$T/open/link"
    chmod 777 "$T/open"
    configure_runtime linked "plugin: $T/open/link/good.so"
    fails_with 125 run -r linked -b "$(bundle linked :)" "$ID"
    says "$T/open is writable by others"
    chmod 1777 "$T/open"
    chown -h 12345 "$T/open/link"
    fails_with 125 run -r linked -b "$(bundle linked :)" "$ID"
    says "the symbolic link $T/open/link belongs to uid 12345"
}

@test "a relative path is refused, whatever the working directory" {
    cd "$T"
    copy good
    for path in good.so ./good.so ../good.so; do
        configure_runtime relative "plugin: $path"
        captures shimhost run -r relative -b "$(bundle relative :)" "$ID"
        is "$status" 125 "exit status for $path"
        nothing_is_left
    done
}

@test "what is no plugin is refused in one sentence" {
    echo 'not ELF' >"$T/text.so"
    refused "$T/text.so" "$T/text.so" ELF
    : >"$T/empty.so"
    refused "$T/empty.so" "$T/empty.so"
    head -c 100 "$BROKEN/.libs/good.so" >"$T/short.so"
    refused "$T/short.so" "$T/short.so"
    mkdir "$T/directory.so"
    refused "$T/directory.so" "$T/directory.so"
    mkfifo "$T/fifo.so"
    LIMIT=20 refused "$T/fifo.so" "$T/fifo.so"
    refused "$T/nonexist.so" "$T/nonexist.so"
    refused /bin/ls /bin/ls "position-independent executable"
}

@test "no symbol, another ABI, a size too small, a missing entry: each is named" {
    refused "$(copy without-symbol)" shim_plugin_descriptor
    refused "$(copy new-abi)" "ABI version 99" "version 1"
    refused "$(copy old-abi)" "ABI version 0" "version 1"
    refused "$(copy too-small)" 16
    refused "$(copy without-signal)" signal
}

@test "a future plugin that is larger is accepted" {
    works plugin info "$(copy larger)"
}

@test "the environment does not choose plugins" {
    mkdir -p "$T/evil"
    export PLUGIN_LOADED=$T/loaded
    for RUNTIME in $RUNTIMES; do
        cp "$(copy good)" "$T/evil/$RUNTIME.so"
        for variable in LTDL_LIBRARY_PATH LD_LIBRARY_PATH SHIMHOST_PLUGIN_DIR; do
            captures env "$variable=$T/evil" timeout --foreground 60 "$SHIMHOST" run -r "$RUNTIME" \
                -b "$(bundle evil 'exit 3')" --rm "$ID" </dev/null 3>&-
            is "$status" 3
            [[ ! -e $T/loaded ]]
        done
        cd "$T/evil"
        fails_with 3 run -r "$RUNTIME" -b "$(bundle evil 'exit 3')" --rm "$ID"
        [[ ! -e $T/loaded ]]
    done
}

@test "plugins export one symbol" {
    needs nm
    for file in "$PLUGINS"/*.so; do
        is "$(nm -D --defined-only "$file" | awk '{ print $3 }' | xargs)" shim_plugin_descriptor "$file"
    done
}

# cleans OPTIONS: configures a plugin that says for itself how its containers are cleaned up, and how long that may take.
cleans() {
    configure_runtime cleaning "plugin: $T/cleaning.so" 'timeouts: { delete: 100ms }' "options: { $1 }"
}

# leaves COUNT OPTIONS: that many commands have come to their end.
leaves() {
    cleans "$2"
    works run -d -r cleaning -b "$(bundle cleaning :)" "$ID"
    eventually is_over "$(monitor_of "$ID")"
    is "$(cat "$STATE/$ID/init/cleaned" 2>/dev/null | wc -l)" "$1" "number of commands with $2"
    works delete "$ID"
    nothing_is_left
}

@test "cleanup commands have the time that the plugin says, and else that of the runtime" {
    build_plugin cleaning
    leaves 0 "timeout: 0"
    leaves 1 "timeout: 60000"
    leaves 8 "timeout: -1, cleanups: 8" # without a limit
}

@test "a launch with too many cleanup commands, or too short, is refused" {
    build_plugin cleaning
    cleans "cleanups: 9"
    fails_with 125 run -r cleaning -b "$(bundle cleaning :)" "$ID"
    says "at most 8 cleanup commands"
    nothing_is_left
    cleans "size: 16"
    fails_with 125 run -r cleaning -b "$(bundle cleaning :)" "$ID"
    says "a launch of 16 bytes"
    nothing_is_left
}

# careless OPTION…: configures a plugin that gives back what the options say.
careless() {
    configure_runtime careless "plugin: $T/careless.so" "binary: /bin/true" "options: { $1 }"
}

@test "an exit status that is none, or a result that is no errno, is not taken for one" {
    build_plugin careless
    path=$(bundle careless : '.process.args = ["/bin/sleep", "1000"]')
    careless "features: none"
    works run -d -r careless -b "$path" "$ID"
    works kill "$ID" KILL
    works wait "$ID"
    for number in 256 9999 -5; do
        careless "status: $number"
        fails_with 1 wait "$ID"
        says "runtime careless's plugin: wait gave $number, which is no exit status"
    done
    careless "signal: 1"
    works delete --force "$ID"
    careless "spawn: 7"
    fails_with 125 run -d -r careless -b "$path" "$ID"
    says "runtime careless's plugin: spawn gave 7; expected 0 or a negative errno"
    nothing_is_left
}

@test "a spawn that has made nothing, or fails without a sentence, is told" {
    build_plugin careless
    path=$(bundle careless : '.process.args = ["/bin/sleep", "1000"]')
    careless "spawn: 0"
    fails_with 125 run -d -r careless -b "$path" "$ID"
    says "runtime careless's plugin: spawn gave success, and there is no process"
    nothing_is_left
    careless "spawn: -5"
    fails_with 125 run -d -r careless -b "$path" "$ID"
    says "the plugin said nothing: Input/output error"
    nothing_is_left
}

@test "what a plugin says of itself ends where its room does" {
    build_plugin careless
    careless "features: full"
    works runtimes --format json
    json=$(sed -n '/^\[/,/^\]/p' <<<"$output")
    is "$(jq -c '.[] | select(.name == "careless") | [.version, .health] | map(length)' <<<"$json")" '[63,255]'
}

@test "plugin info shows a terminal nothing that it would act on" {
    build_plugin life
    sed 's/plain processes/plain\\33[31mred/' "$TESTS/plugins/life.h" >"$T/life.h"
    cp "$TESTS/plugins/life.c" "$T/red.c"
    cc -shared -fPIC -fvisibility=hidden -D_GNU_SOURCE -I"$T" -I"$SOURCE/sdk/include" -o "$T/red.so" "$T/red.c"
    works plugin info "$T/red.so"
    says 'plain\x1B[31mred'
}
