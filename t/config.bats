#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configuration: what is refused, and where it says so.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=${RUNTIMES%% *} # a file is wrong for every runtime alike

# refused PLACE TEXT…: `config check` says one thing, about that place, with these words.
refused() {
    local place=$1
    shift
    fails_with 1 config check
    says "$place:" "$@"
    is "$(grep -c "$T/etc/" <<<"$output")" 1 "number of messages ($output)"
    captures shimhost list
    is "$status" 1
    says "$place:" "$@"
}

# shimhost_yaml LINE…: exactly these lines.
shimhost_yaml() {
    printf '%b\n' "$@" >"$SHIMHOST_CONFIG"
}

# a file that is right
right() {
    printf '%s\n' 'version: 1' "state-dir: $STATE" "plugin-dir: $PLUGINS" "default-runtime: $RUNTIMES"
}

@test "what is right is accepted, and config show says where each value comes from" {
    works config check
    configure_runtime other "plugin: $RUNTIMES" 'on-monitor-death: adopt' 'timeouts: { spawn: 7s }'
    works config show
    says "state-dir: $STATE" "# from $SHIMHOST_CONFIG:2" "# default" adopt 7s
    works --state-dir "$T/elsewhere" config show
    says "$T/elsewhere" "--state-dir"
}

@test "an unknown key, with the one that was meant" {
    shimhost_yaml "$(right)" 'log: { levle: info }'
    refused "$SHIMHOST_CONFIG:5:8" levle level
    shimhost_yaml "$(right)" 'state-dirr: /tmp/x'
    refused "$SHIMHOST_CONFIG:5:1" state-dirr state-dir
}

@test "a wrong type" {
    shimhost_yaml "$(right)" 'log: loud'
    refused "$SHIMHOST_CONFIG:5:6" log
    shimhost_yaml 'version: 1' 'state-dir: [a]'
    refused "$SHIMHOST_CONFIG:2:12" state-dir
    shimhost_yaml 'version: one'
    refused "$SHIMHOST_CONFIG:1:10" version
    shimhost_yaml 'version: 2'
    refused "$SHIMHOST_CONFIG:1:10" version
}

@test "a duplicate key" {
    shimhost_yaml "$(right)" "state-dir: $STATE"
    refused "$SHIMHOST_CONFIG:5:1" state-dir
}

@test "a tab" {
    shimhost_yaml "$(right)" 'log:' '\tlevel: info'
    fails_with 1 config check
    [[ $output =~ shimhost.yaml:6:[0-9]+: ]]
    says tab
    is "$(grep -c "$T/etc/" <<<"$output")" 1
}

@test "a bomb of aliases is refused at once" {
    shimhost_yaml 'a: &a [x,x,x,x,x,x,x,x,x]' 'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]' \
        'c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]' 'd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]' \
        'e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]' 'f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]' \
        'g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]' 'h: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]' \
        'i: [*h,*h,*h,*h,*h,*h,*h,*h,*h]'
    LIMIT=30 fails_with 1 config check
    [[ $output =~ shimhost.yaml:[0-9]+:[0-9]+: ]]
    [[ ${output,,} == *alias* || ${output,,} == *anchor* ]]
    is "$(grep -c "$T/etc/.*\(alias\|anchor\)" <<<"$output")" 1 "messages about aliases ($output)"
}

@test "a file too deep, too big, or no file" {
    shimhost_yaml "$(right)" "log: $(printf '[%.0s' {1..5000})"
    fails_with 1 config check
    [[ $output =~ shimhost.yaml:5:[0-9]+: ]]
    { right; head -c 5000000 /dev/zero | tr '\0' '#'; } >"$SHIMHOST_CONFIG"
    fails_with 1 config check
    says "$SHIMHOST_CONFIG"
    rm "$SHIMHOST_CONFIG"
    mkfifo "$SHIMHOST_CONFIG"
    LIMIT=20 fails_with 1 config check
    says "$SHIMHOST_CONFIG"
    rm "$SHIMHOST_CONFIG"
    fails_with 1 config check
    says "$SHIMHOST_CONFIG"
    mkdir "$SHIMHOST_CONFIG"
    fails_with 1 config check
    says "$SHIMHOST_CONFIG"
}

@test "no YAML at all" {
    shimhost_yaml 'version: 1' 'log: { level: info'
    fails_with 1 config check
    [[ $output =~ shimhost.yaml:[0-9]+:[0-9]+: ]]
    printf 'version: 1\0\n' >"$SHIMHOST_CONFIG"
    fails_with 1 config check
    printf 'version: \xff\xfe\n' >"$SHIMHOST_CONFIG"
    fails_with 1 config check
    : >"$SHIMHOST_CONFIG"
    captures shimhost config check
    [[ $status == 0 || $status == 1 ]]
}

@test "all that is wrong in all files is told at once" {
    shimhost_yaml "$(right)" 'nonsense: 1' 'log: { level: loud, format: xml }'
    configure_runtime bad 'plugin: [x]' 'timeouts: { spawn: 30 parsecs, signal: -5s }' 'on-monitor-death: mourn' \
        'no-pivot-root: perhaps' 'binary: relative/path'
    fails_with 1 config check
    says nonsense loud xml parsecs -5s mourn perhaps relative/path
    is "$(grep -c "^.*$T/etc/" <<<"$output")" 9 "number of messages ($output)"
}

@test "what a runtime's file may get wrong" {
    file=$T/etc/runtimes.d/bad.yaml
    while IFS='|' read -r line place words; do
        printf 'version: 1\nplugin: %s\n%s\n' "$RUNTIMES" "$line" >"$file"
        fails_with 1 config check
        says "$file:$place:"
        for word in $words; do says "$word"; done
    done <<'END'
binarry: /bin/true|3:1|binarry binary
timeouts: { spawn: soon }|3:20|timeouts.spawn soon
timeouts: { spwan: 3s }|3:13|spwan spawn
on-monitor-death: mourn|3:19|mourn kill adopt
no-pivot-root: perhaps|3:16|perhaps
env: [A, B]|3:6|env
args: {a: b}|3:7|args
binary: true|3:9|binary
root: relative|3:7|root
END
}

@test "only the commands that need a runtime read its file" {
    printf 'nonsense\n' >"$T/etc/runtimes.d/bad.yaml"
    works list
    fails_with 1 config check
    fails_with 125 run -r bad -b "$(bundle bad :)" "$ID"
    says bad.yaml
}

@test "a file of somebody else's, or that others may write, is refused" {
    chmod o+w "$SHIMHOST_CONFIG"
    fails_with 1 config check
    says "$SHIMHOST_CONFIG"
    chmod 600 "$SHIMHOST_CONFIG"
    works config check
    chown 12345 "$SHIMHOST_CONFIG"
    fails_with 1 config check
    says "$SHIMHOST_CONFIG"
}

@test "--config comes before SHIMHOST_CONFIG; a file that is named must exist" {
    printf 'nonsense: 1\n' >"$T/other.yaml"
    fails_with 1 --config "$T/other.yaml" config check
    says "$T/other.yaml:1:1"
    fails_with 1 --config "$T/nonexist.yaml" list
    says "$T/nonexist.yaml"
    SHIMHOST_CONFIG=$T/nonexist2.yaml fails_with 1 list
    says "$T/nonexist2.yaml"
}

@test "the installed configuration is right" {
    (unset SHIMHOST_CONFIG && works config check)
    (unset SHIMHOST_CONFIG && works config show && says "$PREFIX/etc/shimhost")
}

@test "a control character in a file does not reach the terminal" {
    shimhost_yaml "$(right)" '"a\\e[31mb": 1'
    fails_with 1 config check
    says_not $'\e'
}

@test "an empty --config is not the installed one" {
    fails_with 2 --config '' config show
    says "--config: it is empty"
}

@test "what stands before the command and is wrong is bad usage" {
    for option in --log-level --log-format; do
        fails_with 2 "$option" foo list
        says "$option" foo
    done
}

@test "a directory of runtimes that others may write is told once" {
    chmod 777 "$T/etc/runtimes.d"
    fails_with 1 config check
    is "$(grep -c "everybody can write it" <<<"$output")" 1 "how often ($output)"
}

@test "an option without a value is refused, as an argument is" {
    printf '%s\n' 'version: 1' 'plugin: oci' 'binary: /bin/true' 'options:' '  state-root: ~' >"$T/etc/runtimes.d/none.yaml"
    fails_with 1 config check
    says "none.yaml" "state-root: has no value; expected a single value"
}
