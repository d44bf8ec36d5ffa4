# SPDX-License-Identifier: Apache-2.0
# Walks along the system calls of a host, or of a monitor, and kills it at each, or lets each fail; and looks what becomes
# of the container.
#
#   SHIMHOST_FAULTS           how many steps of each walk are tried, spread over its length, or `all` (default: 1)
#   SHIMHOST_FAULTS_RUNTIMES  over which runtimes (default: fake process)
#   SHIMHOST_FAULTS_ERRORS    which errors are injected (default: ENOSPC EMFILE ENOMEM EIO EACCES EINTR)
#   SHIMHOST_FAULTS_STRIDE    with `all`: only each so-many-th step (default: 1)
#   SHIMHOST_FAULTS_SUMMARY   a file to which each walk adds a line
# shellcheck shell=bash disable=SC2034,SC2154

STEPS=${SHIMHOST_FAULTS:-1}
STRIDE=${SHIMHOST_FAULTS_STRIDE:-1}
WALKED=${SHIMHOST_FAULTS_RUNTIMES:-fake process}
ERRORS=${SHIMHOST_FAULTS_ERRORS:-ENOSPC EMFILE ENOMEM EIO EACCES EINTR}
declare -gA NUMBER=([EINTR]=4 [EIO]=5 [ENOMEM]=12 [EACCES]=13 [EMFILE]=24 [ENOSPC]=28)
FAKE=$BUILD/t/fake-runtime/fake-runtime

# Runtimes for the walks: NAME, and NAME-adopt, which differs in its on-monitor-death.
configure_walked() {
    local runtime
    for runtime in $WALKED; do
        case $runtime in
        fake) configure_runtime fake 'plugin: oci' "binary: $FAKE" ;;
        process) configure_runtime process && sed -i '/^root:/d' "$T/etc/runtimes.d/process.yaml" ;;
        *) configure_runtime "$runtime" ;;
        esac
        { cat "$T/etc/runtimes.d/$runtime.yaml" && echo 'on-monitor-death: adopt'; } \
            >"$T/etc/runtimes.d/$runtime-adopt.yaml"
    done
    configure "default-runtime: ${WALKED%% *}"
    sed -i '/^default-runtime: $/d' "$SHIMHOST_CONFIG"
    LONG=$(bundle long 'exec sleep 1000')
    SHORT=$(bundle short 'exit 7')
    CHATTY=$(bundle chatty 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "line $i of a log that is rotated"; done; exit 7')
}

quietly() {
    timeout -k 5 60 "$SHIMHOST" "$@" </dev/null &>>"$T/words" 3>&-
}

lose_monitor() {
    local monitor
    monitor=$(monitor_of "$C")
    kill -KILL "$monitor"
    eventually is_over "$monitor"
}

# ------------------------------------------------------------------------------------ what is walked along

# prepare OPERATION: makes what it needs, of the container $C over $RUNTIME.
prepare() {
    case $1 in
    create | run | life | log) ;;
    start) quietly create -r "$RUNTIME" -b "$LONG" "$C" ;;
    exec | exec-life | kill | load | delete-force | list) quietly run -d -r "$RUNTIME" -b "$LONG" "$C" ;;
    wait-over | delete) quietly create -r "$RUNTIME" -b "$SHORT" "$C" && quietly start "$C" && quietly wait "$C" ;;
    wait-lost) quietly run -d -r "$RUNTIME" -b "$LONG" "$C" && lose_monitor ;;
    adopt | adopt-life) quietly run -d -r "$RUNTIME-adopt" -b "$LONG" "$C" && lose_monitor ;;
    esac
}

# words OPERATION: sets `words` to the command of a host.
words() {
    case $1 in
    create) words=(create -r "$RUNTIME" -b "$LONG" "$C") ;;
    run) words=(run -d -r "$RUNTIME" -b "$LONG" "$C") ;;
    start) words=(start "$C") ;;
    exec) words=(exec -d --id other "$C" -- sleep 1000) ;;
    kill) words=(kill "$C" KILL) ;;
    wait-over | wait-lost) words=(wait --timeout 30s "$C") ;;
    load) words=(state "$C") ;;
    list) words=(list) ;;
    delete) words=(delete "$C") ;;
    delete-force) words=(delete --force "$C") ;;
    adopt) words=(check --repair) ;;
    esac
}

# scenario OPERATION: a monitor's life, as a shell script of commands.
scenario() {
    local s="'$SHIMHOST'"
    case $1 in
    life) echo "$s create -r $RUNTIME -b $SHORT $C && $s start $C && $s wait --timeout 30s $C" ;;
    exec-life) echo "$s exec --id other $C -- sh -c 'exit 7'" ;;
    adopt-life) echo "$s check --repair; $s kill $C KILL && $s wait --timeout 30s $C" ;;
    log) echo "$s create -r $RUNTIME -b $CHATTY --log k8s-file:$T/log --log-opt max-size=1KiB --log-opt max-files=3 $C &&
        $s start $C && $s wait --timeout 30s $C" ;;
    esac
}

# The exit statuses that may be told.
possible() {
    case $1 in
    life) echo 7 137 ;;
    log) echo 7 137 141 ;;
    delete | wait-over) echo 7 ;;
    *) echo 137 ;;
    esac
}

# ------------------------------------------------------------------------------------ a step

# step ROLE OPERATION N [ERROR]: prints the report of t/helpers/fault.
step() {
    local options=(--report "$T/report") words
    [[ $3 == 0 ]] || options+=(--at "$3")
    [[ -z ${4-} ]] || options+=(--error "${NUMBER[$4]}")
    : >"$T/report"
    local command=("$SHIMHOST")
    if [[ $1 == monitor ]]; then
        options+=(--monitor)
        command=(sh -c "$(scenario "$2")")
    else
        options+=(--after "$STATE")
        words "$2"
        command+=("${words[@]}")
    fi
    ended=0
    timeout -k 5 90 "$HELPERS/fault" "${options[@]}" -- "${command[@]}" </dev/null >"$T/said" 2>&1 3>&- || ended=$?
}

# complains TEXT…: adds to what is wrong with this step.
complains() {
    echo "$*" >>"$T/wrong"
}

# The kinds of findings that a death, or an error, may leave. They must all be mendable but a lost monitor's.
may_be_found() {
    local kinds kind
    kinds=$(jq -r '.findings[] | .kind + " " + (.mended | tostring)' "$T/findings" 2>&1) ||
        complains "check printed: $(cat "$T/findings")"
    while read -r kind mended; do
        case "$kind $mended" in
        " " | "monitor-lost "* | *" true") ;;
        *) complains "check --repair: $(jq -c '.findings[]' "$T/findings")" ;;
        esac
    done <<<"$kinds"
}

# A fresh host looks, waits and deletes; then nothing may be left.
look_after() {
    local operation=$1 state pid
    if ((($2 & 1) == 1)); then
        status=0
        timeout -k 5 60 "$SHIMHOST" check --repair --format json </dev/null >"$T/findings" 2>>"$T/words" 3>&- ||
            status=$?
        ((status <= 1)) || complains "check --repair ended with $status"
        may_be_found
    fi
    status=0
    output=$(shimhost state "$C" 2>"$T/problem") || status=$?
    [[ $status == 0 ]] || output=$(cat "$T/problem")
    if [[ $status == 0 ]]; then
        read -r state pid < <(jq -r '"\(.status) \(.pid)"' <<<"$output")
        if [[ $state == running || $state == created ]] && is_over "$pid"; then
            output=$(shimhost state "$C" 2>/dev/null) || true
            [[ $(jq -r .status <<<"$output") == stopped ]] || complains "state: $output, but pid $pid is over"
        fi
        # What is incomplete may lack anything.
        [[ $output == *'"incomplete"'* ]] || ! jq -e .problem <<<"$output" >/dev/null || complains "state: $output"
    elif [[ $status != 1 || $output != *"there is no container"* ]]; then
        complains "state ended with $status: $output"
    fi
    captures shimhost wait --timeout 1ms "$C"
    case "$status $output" in
    "0 "*) [[ " $(possible "$operation") " == *" $output "* ]] || complains "wait printed $output" ;;
    "1 "*"timed out"* | "1 "*"there is no container"* | "1 "*"never finished"* | "1 "*"status is unknown"*) ;;
    "1 "*"has no process init"* | "1 "*"cannot read process.json: No such file"*) ;; # cut short before there was one
    *) complains "wait ended with $status: $output" ;;
    esac
    # Without namespaces an exec outlives its container.
    [[ $operation != exec* ]] || captures shimhost delete --force --process-id other "$C"
    captures shimhost delete --force "$C"
    [[ $status == 0 || $output == *"there is no container"* ]] || complains "delete ended with $status: $output"
    captures shimhost check
    [[ $status == 0 ]] || complains "in the end check says: $output"
    eventually no_leftovers || complains "left behind: $(leftovers)"
}

# Gets rid of all that a bad step has left.
force_away() {
    local pid
    for pid in $(marked_processes); do kill -KILL "$pid" || true; done
    for pid in $(marked_processes); do eventually is_over "$pid" || true; done
    timeout 30 "$SHIMHOST" delete --force "$C" || true
    rm -rf "${STATE:?}/$C" "$ROOTS"/*/"$C"
    remove_leftovers
    true
} &>/dev/null </dev/null 3>&-

# take ROLE OPERATION N [ERROR]: a whole step.
take() {
    C=$ID-$2-$3
    : >"$T/wrong"
    : >"$T/words"
    prepare "$2" || complains "could not be prepared: $(cat "$T/words")"
    step "$@"
    read -r at call done <"$T/report" || complains "no report; it ended with $ended: $(cat "$T/said")"
    if [[ ${4-} ]]; then look_at_error "$@"; fi
    look_after "$2" "$3"
    if [[ -s $T/wrong ]]; then
        bad=$((bad + 1))
        {
            echo "$2 over $RUNTIME: $1 at call $3 of $count (number $call)${4+: $4}: said: $(cat "$T/said")"
            sed 's/^/    /' "$T/wrong"
        } | tee -a "$T/bad"
        force_away
    fi
}

# An injected error is either overcome or told in a sentence.
look_at_error() {
    [[ $1 == host && $done == done ]] || return 0
    ((ended == 0)) && return
    if ((ended != 1 && ended < 125)) || ((ended > 127)); then complains "it ended with $ended"; fi
    [[ -s $T/said ]] || complains "it failed and said nothing"
}

# walk ROLE OPERATION [ERROR]: all steps, or some, over each runtime.
walk() {
    local count at call done n every tried bad=0 failed=0
    for RUNTIME in $WALKED; do
        C=$ID-$2-0
        : >"$T/words"
        prepare "$2" || { cat "$T/words" && return 1; }
        step "$1" "$2" 0 ${3+"$3"}
        read -r count call done <"$T/report"
        ((count > 0 && (ended == 0 || ended == 7))) || { echo "only $count calls: $(cat "$T/said")" && return 1; }
        captures shimhost delete --force --process-id other "$C"
        captures shimhost delete --force "$C"
        every=$STRIDE
        [[ $STEPS == all ]] || every=$(((count + STEPS - 1) / STEPS))
        tried=0
        for ((n = 1 + (${#2} * 7 + ${#3} * 3) % every; n <= count; n += every)); do
            take "$1" "$2" "$n" ${3+"$3"}
            [[ $done != done ]] || tried=$((tried + 1))
        done
        echo "$2 over $RUNTIME: $1${3+ $3}: $tried tried of $count calls, $bad bad" |
            tee -a "${SHIMHOST_FAULTS_SUMMARY:-/dev/null}"
        failed=$((failed + bad))
        bad=0
    done
    ((failed == 0))
}

# errors ROLE OPERATION: a walk for each error.
errors() {
    local error failed=0
    for error in $ERRORS; do
        walk "$1" "$2" "$error" || failed=1
    done
    ((failed == 0))
}
