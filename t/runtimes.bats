#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is peculiar to the runtimes and their plugins: other people's containers and cgroups, what a killed
# runtime leaves, runtimes that are described by YAML alone, runsc, and processes without a runtime.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

FOREVER='while :; do sleep 1000; done'

# The cgroup hierarchies that are mounted here.
hierarchies() {
    awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/self/mounts
}

# ---- what belongs to others

@test "a container that somebody else made through the runtime is left alone" {
    for RUNTIME in $RUNTIMES; do
        bundle=$(bundle theirs "$FOREVER")
        "$RUNTIME" --root "$ROOTS/$RUNTIME" run --detach --bundle "$bundle" --pid-file "$T/pid" "$ID" \
            </dev/null &>/dev/null 3>&-
        fails_with 125 run -r "$RUNTIME" -b "$bundle" "$ID"
        says "already has a container of this id" "$ROOTS/$RUNTIME"
        is "$("$RUNTIME" --root "$ROOTS/$RUNTIME" state "$ID" | jq -r .status)" running
        "$RUNTIME" --root "$ROOTS/$RUNTIME" delete --force "$ID"
        nothing_is_left
    done
}

@test "a cgroup that was there before stays, with what is in it" {
    for RUNTIME in $RUNTIMES; do
        # A runtime that makes nothing and fails: whatever goes then, we have removed.
        printf '#!/bin/sh\nexit 1\n' >"$T/bin/failing"
        chmod 755 "$T/bin/failing"
        configure_runtime failing "plugin: $RUNTIME" "binary: $T/bin/failing" "root: $ROOTS/$RUNTIME"
        place=$(hierarchies | head -n 1)/$ID
        mkdir "$place"
        sleep 1000 3>&- &
        sleeper=$!
        echo "$sleeper" >"$place/cgroup.procs"
        fails_with 125 run -r failing -b "$(bundle fails "$FOREVER")" "$ID"
        [[ -d $place ]]
        kill -0 "$sleeper"
        kill "$sleeper"
        wait "$sleeper" || true
        eventually rmdir "$place" 2>/dev/null
        nothing_is_left
    done
}

@test "what a killed runtime leaves in its cgroups is killed, and they go" {
    for RUNTIME in $RUNTIMES; do
        # It makes a cgroup in each hierarchy, puts a process into them that leaves its session, and fails.
        cat >"$T/bin/littering" <<END
#!/bin/bash
for argument; do case \$argument in run) run=1 ;; esac; done
[[ \$run ]] || exit 0
setsid env SHIMHOST_TEST=$ID sleep 1000 </dev/null >/dev/null 2>&1 &
for place in $(hierarchies | tr '\n' ' '); do
    mkdir "\$place/$ID" "\$place/$ID/below"
    for name in cpuset.cpus cpuset.mems; do
        [[ ! -e \$place/\$name ]] || cat "\$place/\$name" >"\$place/$ID/\$name"
    done
    echo \$! >"\$place/$ID/cgroup.procs"
done
exit 1
END
        chmod 755 "$T/bin/littering"
        configure_runtime littering "plugin: $RUNTIME" "binary: $T/bin/littering" \
            "root: $ROOTS/$RUNTIME"
        fails_with 125 run -r littering -b "$(bundle littering "$FOREVER")" "$ID"
        nothing_is_left
    done
}

@test "linux.cgroupsPath is where a killed runtime's leavings are looked for" {
    for RUNTIME in $RUNTIMES; do
        place=$(hierarchies | head -n 1)
        cat >"$T/bin/littering" <<END
#!/bin/bash
for argument; do case \$argument in run) mkdir -p "$place/$ID-parent/$ID-child"; exit 1 ;; esac; done
END
        chmod 755 "$T/bin/littering"
        configure_runtime littering "plugin: $RUNTIME" "binary: $T/bin/littering" \
            "root: $ROOTS/$RUNTIME"
        bundle=$(bundle path "$FOREVER" ".linux.cgroupsPath = \"/$ID-parent/$ID-child\"")
        fails_with 125 run -r littering -b "$bundle" "$ID"
        [[ ! -e $place/$ID-parent/$ID-child ]]
        rmdir "$place/$ID-parent"
        nothing_is_left
    done
}

@test "a container under linux.cgroupsPath lives and goes" {
    for RUNTIME in $RUNTIMES; do
        bundle=$(bundle path 'exit 9' ".linux.cgroupsPath = \"/$ID-place\"")
        fails_with 9 run --rm -r "$RUNTIME" -b "$bundle" "$ID"
        nothing_is_left
    done
}

# ---- what runtimes say of themselves

@test "runtimes tells path, version and known holes, and why one cannot work" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime absent "plugin: $RUNTIME" "binary: /nowhere/$RUNTIME"
        run shimhost runtimes --format json
        is "$status" 0
        json=$(sed -n '/^\[/,$p' <<<"$output")
        is "$(jq -r ".[] | select(.name == \"$RUNTIME\").path" <<<"$json")" \
            "$(runtime_binary "$RUNTIME")"
        [[ $(jq -r ".[] | select(.name == \"$RUNTIME\").version" <<<"$json") == [0-9]* ]]
        [[ $(jq -r ".[] | select(.name == \"$RUNTIME\").warningsFrom" <<<"$json") == 20??-??-?? ]]
        is "$(jq -r '.[] | select(.name == "absent").healthy' <<<"$json")" false
        [[ $(jq -r '.[] | select(.name == "absent").health' <<<"$json") == *"/nowhere/$RUNTIME"* ]]
        fails_with 125 run -r absent -b "$(bundle absent true)" "$ID"
        says "/nowhere/$RUNTIME" "absent.yaml"
        nothing_is_left
    done
}

@test "a checkpoint that fails says what CRIU says" {
    for RUNTIME in $RUNTIMES; do
        works run -d -r "$RUNTIME" -b "$(bundle checkpointed "$FOREVER")" "$ID"
        run shimhost checkpoint --image-path "$T/images" "$ID"
        if [[ $status == 0 ]]; then
            works delete "$ID"
            continue # it works here: see the tests of checkpoints
        fi
        is "$status" 1
        [[ $output == *"CRIU says"* || $output == *"does not support"* || $output == *criu* ]]
        is "$(field "$ID" .status)" running
        works delete --force "$ID"
        nothing_is_left
    done
}

# ---- the plugin oci

@test "oci: a runtime without run is created and started" {
    for RUNTIME in $RUNTIMES; do
        configure_runtime other "plugin: oci" "binary: $(runtime_binary "$RUNTIME")" \
            "root: $ROOTS/$RUNTIME" 'options: { words: { run: "", --no-pivot: "" } }'
        bundle=$(bundle other 'exit 9')
        fails_with 9 run --rm -r other -b "$bundle" "$ID"
        jq '.process.args = ["nonexistent"]' "$bundle/config.json" >"$T/config.json"
        mv "$T/config.json" "$bundle/config.json"
        fails_with 127 run -r other -b "$bundle" "$ID"
        nothing_is_left
    done
}

@test "oci: a runtime without --version is only looked for" {
    configure_runtime other "plugin: oci" "binary: /bin/true" 'options: { words: { --version: "" } }'
    configure_runtime absent "plugin: oci" "binary: /nowhere/true" 'options: { words: { --version: "" } }'
    run shimhost runtimes --format json
    json=$(sed -n '/^\[/,/^\]/p' <<<"$output")
    is "$(jq -c '.[] | select(.name == "other") | [.healthy, .version]' <<<"$json")" '[true,null]'
    is "$(jq -r '.[] | select(.name == "absent").healthy' <<<"$json")" false
}

@test "oci: what it does not know is refused, with the file's name" {
    configure_runtime other "plugin: oci" "binary: /bin/true" 'options: { words: { rum: "" } }'
    fails_with 125 run -r other -b "$(bundle other true)" "$ID"
    says '"rum"'
    configure_runtime other "plugin: oci" "binary: /bin/true" 'options: { wrds: { run: "" } }'
    fails_with 125 run -r other -b "$(bundle other true)" "$ID"
    says "other.yaml" "wrds"
    configure_runtime other "plugin: oci" "binary:"
    sed -i '/^binary/d' "$T/etc/runtimes.d/other.yaml"
    fails_with 125 run -r other -b "$(bundle other true)" "$ID"
    says "other.yaml" "binary"
}

# ---- the plugin runsc

@test "runsc: exit statuses, exec, signals to an exec, checkpoint and restore" {
    needs runsc
    configure_runtime runsc
    bundle=$(bundle sandbox "$FOREVER" 'del(.mounts[] | select(.destination == "/events"))')
    works run -d -r runsc -b "$bundle" "$ID"
    fails_with 3 exec "$ID" -- sh -c 'exit 3'
    fails_with 127 exec "$ID" -- /nonexistent
    fails_with 126 exec "$ID" -- /etc/text
    works exec -d --id long "$ID" -- sleep 1000
    works kill --process-id long "$ID" TERM
    gives 143 --process-id long "$ID"
    works checkpoint --image-path "$T/images" "$ID"
    works delete "$ID"
    works restore -r runsc -b "$bundle" --image-path "$T/images" "$ID"
    is "$(field "$ID" .status)" running
    works kill "$ID" KILL
    gives 137 "$ID"
    works delete "$ID"
    nothing_is_left
}

@test "runsc: a bundle without a network namespace needs a word in the file" {
    needs runsc
    configure_runtime runsc "root: $ROOTS/runsc" "options: { ignore-cgroups: true }"
    bundle=$(bundle sandbox "$FOREVER" 'del(.mounts[] | select(.destination == "/events"))')
    fails_with 125 run -r runsc -b "$bundle" "$ID"
    says "network: none" "runsc.yaml"
    configure_runtime runsc "options: { root: /tmp }"
    fails_with 125 run -r runsc -b "$bundle" "$ID"
    says "options.root"
    nothing_is_left
}

# The process that runsc names for one within is the sandbox, which was there before.
@test "runsc: a pod's sandbox is a container as any other, and what would join it is refused" {
    needs runsc
    configure_runtime runsc
    for annotation in io.kubernetes.cri.container-type io.kubernetes.cri-o.ContainerType; do
        works run -d -r runsc -b "$(bundle sandbox "$FOREVER" \
            "del(.mounts[] | select(.destination == \"/events\")) | .annotations[\"$annotation\"] = \"sandbox\"")" "$ID"
        fails_with 3 exec "$ID" -- sh -c 'exit 3'
        member=$(bundle member true ".annotations = {\"$annotation\": \"container\",
            \"io.kubernetes.cri.sandbox-id\": \"$ID\", \"io.kubernetes.cri-o.SandboxID\": \"$ID\"}")
        fails_with 125 run -d -r runsc -b "$member" "$ID-2"
        says "runtime runsc cannot run a container within the sandbox of another one" "$annotation"
        fails_with 1 create -r runsc -b "$member" "$ID-2"
        says "runtime runsc cannot run"
        fails_with 1 restore -r runsc -b "$member" --image-path "$T" "$ID-2"
        says "runtime runsc cannot run"
        is "$(field "$ID" .status)" running
        works kill "$ID" KILL
        gives 137 "$ID"
        works delete "$ID"
        nothing_is_left
    done
}

# ---- the plugin process

# process_bundle SCRIPT [JQ-FILTER]
process_bundle() {
    bundle host "$1" '.process.env = ["PATH=/usr/bin:/bin", "SHIMHOST_TEST='"$ID"'"] | '"${2:-.}"
}

@test "process: exit statuses are those of a shell, also when nothing can be executed" {
    configure_runtime process
    fails_with 9 run --rm -r process -b "$(process_bundle 'exit 9')" "$ID"
    fails_with 137 run --rm -r process -b "$(process_bundle 'kill -9 $$')" "$ID"
    fails_with 127 run -r process -b "$(process_bundle '' '.process.args = ["nonexistent"]')" "$ID"
    fails_with 126 run -r process -b "$(process_bundle '' '.process.args = ["/etc/passwd"]')" "$ID"
    printf 'no format' >"$T/no-format"
    chmod 755 "$T/no-format"
    fails_with 126 run -r process \
        -b "$(process_bundle '' ".process.args = [\"$T/no-format\"]")" "$ID"
    fails_with 125 run -r process -b "$(process_bundle '' '.process.cwd = "/nonexistent"')" "$ID"
    says "/nonexistent"
    nothing_is_left
}

@test "process: user, capabilities, limits and directory are the bundle's; its environment is no secret to others" {
    configure_runtime process
    works run --rm -r process -b "$(process_bundle \
        'id -u; id -G; pwd; ulimit -n; umask; grep -E "CapBnd|NoNewPrivs" /proc/self/status' \
        '.process.user = {uid: 65534, gid: 65534, additionalGids: [5], umask: 63} |
         .process.cwd = "/usr" | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 64, hard: 64}]')" \
        "$ID"
    is "$output" "65534
65534 5
/usr
64
0077
CapBnd:	00000000000000e0
NoNewPrivs:	1"
    works create -r process -b "$(process_bundle true '.process.env += ["SECRET=hidden"]')" "$ID"
    is "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c "^SECRET=hidden")" 0
    works start "$ID"
    gives 0 "$ID"
    works delete "$ID"
    nothing_is_left
}

@test "process: twenty thousand arguments arrive" {
    configure_runtime process
    works run -d -r process -b "$(process_bundle 'exec sleep 1000')" "$ID"
    LIMIT=30 works exec "$ID" -- sh -c 'echo "$# ${20000}"' sh {1..20000}
    is "$output" "20000 20000"
    works delete --force "$ID"
    nothing_is_left
}

# The kernel takes an id of all ones for: as it is, which is root.
@test "process: what is no user or group is refused, and nothing runs" {
    configure_runtime process
    for user in '{uid: 4294967295, gid: 0}' '{uid: 4294967296, gid: 0}'; do
        fails_with 125 run -r process -b "$(process_bundle "id >'$T/ran'" ".process.user = $user")" "$ID"
        says "/user/uid is not a user id"
    done
    fails_with 125 run -r process -b "$(process_bundle "id >'$T/ran'" '.process.user.gid = 4294967295')" "$ID"
    says "/user/gid is not a group id"
    [[ ! -e $T/ran ]]
    nothing_is_left
}

@test "process: what restrains it is refused where it is of the wrong type, and null is nothing" {
    configure_runtime process
    for change in 'noNewPrivileges = 1' 'rlimits = 5' 'rlimits = [{soft: 1, hard: 1}]' 'capabilities.bounding = "CAP_KILL"' \
        'env = "A=1"' 'user = 5'; do
        fails_with 125 run -r process -b "$(process_bundle "id >'$T/ran'" ".process.$change")" "$ID"
        says "the process object's /${change%%[. ]*}"
    done
    [[ ! -e $T/ran ]]
    fails_with 9 run --rm -r process -b "$(process_bundle 'exit 9' \
        '.process.user.umask = null | .process.oomScoreAdj = null | .annotations = null')" "$ID"
    nothing_is_left
}

@test "a command that cannot be found or executed has the exit status for that" {
    configure_runtime process
    for RUNTIME in $RUNTIMES process; do
        path=$(bundle words : '.process.args = ["/etc/passwd/x"]')
        fails_with 127 run -r "$RUNTIME" -b "$path" "$ID"
        jq --arg long "/$(printf 'a%.0s' {1..300})" '.process.args = [$long]' "$path/config.json" >"$T/config.json"
        cp "$T/config.json" "$path"
        fails_with 126 run -r "$RUNTIME" -b "$path" "$ID"
        nothing_is_left
    done
    fails_with 127 run -r process -b "$(process_bundle : '.process.args = [""]')" "$ID"
    nothing_is_left
}

@test "process: all that its processes have brought forth belongs to the container" {
    configure_runtime process
    event ready
    works run -d -r process -b "$(process_bundle \
        "sleep 1001 & setsid sleep 1002 & echo up >$EVENTS/ready; exec sleep 1003")" "$ID"
    await ready
    works exec -d --id more "$ID" -- sh -c 'sleep 1004 & exec sleep 1005'
    eventually lists_five
    works pause "$ID"
    is "$(states)" TTTTT
    works resume "$ID"
    is "$(states | tr RD S)" SSSSS
    works kill "$ID" KILL
    gives 137 "$ID"
    gives 137 --process-id more "$ID"
    works delete "$ID"
    nothing_is_left
}

lists_five() {
    [[ $(pids | wc -l) == 5 ]]
}

pids() {
    shimhost ps "$ID" | awk 'NR > 1 {print $1}'
}

# The first letter of the state of each process.
states() {
    local pid
    for pid in $(pids); do
        sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status"
    done | tr -d '\n'
}

@test "process: what the first process leaves ends with it" {
    configure_runtime process
    fails_with 9 run -r process -b "$(process_bundle 'setsid sleep 1000 & exit 9')" "$ID"
    works delete "$ID"
    nothing_is_left
}

@test "process: a clean-up whose monitor was killed takes nobody else for the container's" {
    mkdir "$T/init"
    run timeout -k 5 60 unshare --pid --fork --kill-child --mount-proc -- bash -c '
        sleep 1000 &
        stranger=$!
        cd "$2" && "$1" --end # its parent is the process that inherits every orphan
        kill -0 "$stranger" && echo "the stranger lives"
    ' sh "$PREFIX/libexec/shimhost/shimhost-process-init" "$T/init" </dev/null 3>&-
    says "the stranger lives"
}

# as_ordinary_user COMMAND…
as_ordinary_user() {
    setpriv --reuid 65534 --regid 65534 --clear-groups -- env -u XDG_RUNTIME_DIR "$@"
}

@test "process: an ordinary user needs nobody's permission" {
    needs setpriv
    as_ordinary_user test -x "$SHIMHOST" || skip "an ordinary user cannot reach $SHIMHOST"
    home=$(mktemp -d)
    mkdir -p "$home/etc/runtimes.d" "$home/bundle"
    printf 'version: 1\nstate-dir: %s\nplugin-dir: %s\n' "$home/state" "$PLUGINS" \
        >"$home/etc/shimhost.yaml"
    printf 'version: 1\nplugin: process\n' >"$home/etc/runtimes.d/process.yaml"
    cp "$(process_bundle 'id -u; exit 9')/config.json" "$home/bundle"
    chown -R 65534:65534 "$home"
    run as_ordinary_user env SHIMHOST_CONFIG="$home/etc/shimhost.yaml" \
        timeout 60 "$SHIMHOST" run --rm -r process -b "$home/bundle" "$ID" </dev/null 3>&-
    rm -r "$home"
    is "$status" 9
    says 65534
}
