# SPDX-License-Identifier: Apache-2.0
# Walks along the system calls of a host, or of a monitor, and kills it at each, or lets each fail; and looks what becomes
# of the container.
#
#   SHIMHOST_FAULTS           how many steps of each walk are tried, spread over its length, or `all` (default: 1), which
#                             begins with a program's very first call, or of errors with the reading of its
#                             configuration; else those of its start are passed over
#   SHIMHOST_FAULTS_RUNTIMES  over which runtimes (default: fake process)
#   SHIMHOST_FAULTS_ERRORS    which errors are injected (default: ENOSPC EMFILE ENOMEM EIO EACCES EINTR)
#   SHIMHOST_FAULTS_STRIDE    with `all`: only each so-many-th step (default: 1)
#   SHIMHOST_FAULTS_ONLY      only this step of each walk: to look at one again
#   SHIMHOST_FAULTS_SUMMARY   a file to which each walk adds a line
# shellcheck shell=bash disable=SC2034,SC2154

STEPS=${SHIMHOST_FAULTS:-1}
STRIDE=${SHIMHOST_FAULTS_STRIDE:-1}
WALKED=${SHIMHOST_FAULTS_RUNTIMES:-fake process}
ERRORS=${SHIMHOST_FAULTS_ERRORS:-ENOSPC EMFILE ENOMEM EIO EACCES EINTR}
ONLY=${SHIMHOST_FAULTS_ONLY-}
on= # are the calls after the one that fails to fail, too?
declare -gA NUMBER=([ESRCH]=3 [EINTR]=4 [EIO]=5 [ENOMEM]=12 [EACCES]=13 [EMFILE]=24 [ENOSPC]=28 [EDQUOT]=122)
declare -gA CALL=([read]=0 [write]=1 [brk]=12 [ioctl]=16 [clone]=56 [wait4]=61 [fcntl]=72 [unlinkat]=263 [faccessat]=269
    [ppoll]=271 [signalfd4]=289 [dup3]=292 [renameat2]=316 [pidfd_open]=434)
[[ $(uname -m) == x86_64 ]] || CALL=([read]=63 [write]=64 [brk]=214 [ioctl]=29 [clone]=220 [wait4]=260 [fcntl]=25 [unlinkat]=35
    [faccessat]=48 [ppoll]=73 [signalfd4]=74 [dup3]=24 [renameat2]=276 [pidfd_open]=434) # aarch64
FAKE=$BUILD/t/fake-runtime/fake-runtime
export ASAN_OPTIONS=$UNSEARCHED

# Runtimes for the walks: NAME, and NAME-adopt, which differs in its on-monitor-death.
configure_walked() {
    local runtime
    for runtime in $WALKED; do
        case $runtime in
        fake) configure_runtime fake 'plugin: oci' "binary: $FAKE" ;;
        *) configure_runtime "$runtime" ;;
        esac
        { cat "$T/etc/runtimes.d/$runtime.yaml" && echo 'on-monitor-death: adopt'; } \
            >"$T/etc/runtimes.d/$runtime-adopt.yaml"
    done
    RUNTIMES=$WALKED
    configure
    LONG=$(bundle long 'exec sleep 1000')
    SHORT=$(bundle short 'exit 7')
    CHATTY=$(bundle chatty 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "line $i of a log that is rotated"; done; exit 7')
}

quietly() {
    timeout -k 5 60 "$SHIMHOST" "$@" </dev/null &>>"$T/words" 3>&-
}

# ------------------------------------------------------------------------------------ what is walked along

# prepare OPERATION: makes what it needs, of the container $C over $RUNTIME.
prepare() {
    case $1 in
    create | run | life | log) ;;
    start) quietly create -r "$RUNTIME" -b "$LONG" "$C" ;;
    exec | exec-life | kill | wait | load | delete-force | list | pause) quietly run -d -r "$RUNTIME" -b "$LONG" "$C" ;;
    wait-over | delete) quietly create -r "$RUNTIME" -b "$SHORT" "$C" && quietly start "$C" && quietly wait "$C" ;;
    resume) quietly run -d -r "$RUNTIME" -b "$LONG" "$C" && quietly pause "$C" ;;
    delete-exec) quietly run -d -r "$RUNTIME" -b "$LONG" "$C" && quietly exec -d --id other "$C" -- true &&
        quietly wait --process-id other "$C" ;;
    wait-lost) quietly run -d -r "$RUNTIME" -b "$LONG" "$C" && kill_and_await "$(monitor_of "$C")" ;;
    adopt | adopt-life) quietly run -d -r "$RUNTIME-adopt" -b "$LONG" "$C" && kill_and_await "$(monitor_of "$C")" ;;
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
    wait) words=(wait --timeout 10ms "$C") ;;
    wait-over | wait-lost) words=(wait --timeout 30s "$C") ;;
    pause | resume) words=("$1" "$C") ;;
    delete-exec) words=(delete --process-id other "$C") ;;
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

# possible PROCESS OPERATION: what `wait` may say of it after a host, or a monitor, was `killed`; or after an error that it
# has `overcome`, or told, and so `failed`, as $way has it. A status; or that it lives, that it is unknown how it ended,
# that its spawn never finished, or that it is gone. Only a process whose monitor was killed is killed by a host that was
# not asked for it, and only its end may be unknown. A deletion that is cut short leaves what looks like a spawn that
# never finished, but only once it has removed the pid. Who writes to a stream that cannot be read gets SIGPIPE.
possible() {
    local removed='unfinished gone'
    [[ ! -e $STATE/$C/$1/pid ]] || removed=
    case "$1 $2 $way" in
    'init create killed' | 'init run killed' | 'other exec killed') echo lives unfinished gone ;;
    'init create failed' | 'init run failed' | 'other exec failed') echo gone ;;
    'init kill overcome') echo 137 ;;
    'init kill '*) echo 137 lives ;;
    'init wait-over '*) echo 7 ;;
    'init wait-lost overcome') echo 137 ;;
    'init wait-lost '*) echo 137 unknown ;;
    'init delete overcome' | 'init delete-force overcome' | 'other delete-exec overcome') echo gone ;;
    'init delete '*) echo 7 $removed ;;
    'init delete-force '*) echo 137 lives $removed ;;
    'other delete-exec '*) echo 0 $removed ;;
    'init life killed' | 'other exec-life killed') echo 7 137 unknown gone ;;
    'init log killed') echo 7 137 141 unknown gone ;;
    'init log overcome') if ((call == CALL[read])); then echo 7 141; else echo 7; fi ;;
    'init life overcome') echo 7 ;;
    'init life failed' | 'init log failed' | 'other exec-life failed') echo gone ;;
    'other exec-life overcome') echo 7 gone ;; # its host removes it
    'init adopt-life killed') echo 137 unknown ;;
    'init adopt-life '*) if grep -q 'has adopted it' "$T/said"; then echo 137; else echo 137 unknown; fi ;;
    *) echo lives ;;
    esac
}

# states OPERATION: what `state` may call a container that lives.
states() {
    case "$1 $way" in
    'create overcome') echo created ;;
    'start overcome' | 'resume overcome') echo running ;;
    'pause overcome') echo paused ;;
    'start '*) echo created running ;;
    'pause '* | 'resume '*) echo running paused ;;
    *) echo running ;;
    esac
}

# ------------------------------------------------------------------------------------ a step

# step ROLE OPERATION N [ERROR]: leaves the report of t/helpers/fault in $T/report.
step() {
    local options=(--report "$T/report") words
    [[ $3 == 0 ]] || options+=(--at "$3")
    [[ -z ${4-} ]] || options+=(--error "${NUMBER[$4]}" ${on:+--on})
    : >"$T/report"
    local command=("$SHIMHOST")
    if [[ $1 == monitor ]]; then
        options+=(--monitor)
        command=(sh -c "$(scenario "$2")")
    else
        # What fails before there is a configuration fails in the loader of programs, which is not ours.
        if [[ $STEPS != all ]]; then options+=(--after "$STATE"); elif [[ ${4-} ]]; then options+=(--after "$T/etc"); fi
        words "$2"
        command+=("${words[@]}")
    fi
    ended=0
    # malloc() asks for little at once, and so more often.
    MALLOC_TOP_PAD_=0 timeout -k 5 90 "$HELPERS/fault" "${options[@]}" -- "${command[@]}" </dev/null >"$T/said" 2>&1 3>&- || ended=$?
    count=0 call=0 outcome=
    read -r count call outcome <"$T/report" || true
}

# complains TEXT…: adds to what is wrong with this step.
complains() {
    echo "$*" >>"$T/wrong"
}

# Repairs. All that a death, or an error, leaves must be mendable, but a lost monitor.
mend() {
    local finding
    captures shimhost check --repair
    ((status <= 1)) || complains "check --repair ended with $status: $output"
    while read -r finding; do
        [[ $finding == *"; mended: "* || $finding == *": monitor-lost: "* || $finding == *" containers with "* ]] ||
            complains "check --repair: $finding"
    done <<<"$output"
}

# among WORD WORD…: it is one of these.
among() {
    [[ " ${*:2} " == *" $1 "* ]]
}

# look_at_life OPERATION: what has to live does, and is the one that was there before.
look_at_life() {
    local pid
    [[ $(possible init "$1") == lives ]] || return 0
    pid=$(pid_of "$C" 2>/dev/null) || true
    if [[ ! $pid || $pid != "${PID:-$pid}" ]] || is_over "$pid"; then
        complains "it had pid ${PID:-nothing}, has ${pid:-nothing}, and that does not live any more or is another"
    fi
}

# look_at_what_was_done OPERATION: what was told to be done is, before anybody mends it.
look_at_what_was_done() {
    local monitor
    case $1 in
    kill) quietly wait --timeout 30s "$C" || true ;; # what it was, is seen later
    load | list) grep -q running "$T/said" || complains "it did not say that it is running: $(cat "$T/said")" ;;
    wait) complains "it told an end: $(cat "$T/said")" ;;
    adopt)
        monitor=$(monitor_of "$C") || true
        if [[ ! $monitor || $monitor == "$KEEPER" ]] || is_over "$monitor"; then complains "no new monitor has adopted it"; fi
        ;;
    exec-life) ((ended == 7)) || complains "it ended with $ended" ;;
    esac
}

# look_at_state OPERATION: what `state` says is true.
look_at_state() {
    local state pid told
    told=$(pid_of "$C" 2>/dev/null) || true
    captures shimhost state "$C"
    if [[ $status == 0 ]]; then
        [[ $output =~ '"status": "'([a-z]*) ]] && state=${BASH_REMATCH[1]}
        [[ $output =~ '"pid": '([0-9]*) ]] && pid=${BASH_REMATCH[1]}
        # shellcheck disable=SC2046
        [[ $(possible init "$1") != lives ]] || among "$state" $(states "$1") ||
            complains "state: it is $state; expected: $(states "$1")"
        [[ $state != stopped || ! $told ]] || is_over "$told" || complains "state: it is stopped, but pid $told lives"
        if [[ $state == running || $state == created ]] && is_over "$pid"; then
            captures shimhost state "$C"
            [[ $output == *'"status": "stopped"'* ]] || complains "state: $output, but pid $pid is over"
        fi
        # What is incomplete may lack anything.
        [[ $output == *'"incomplete"'* || $output != *'"problem": "'* ]] || complains "state: $output"
    elif [[ $status != 1 || $output != *"there is no container"* ]]; then
        complains "state ended with $status: $output"
    fi
}

# look_at_end PROCESS OPERATION: what `wait` says is true.
look_at_end() {
    local answer
    captures shimhost wait --timeout 1ms --process-id "$1" "$C"
    case "$status $output" in
    "0 "*) answer=$output ;;
    "1 "*"timed out, still running"*) answer=lives ;;
    "1 "*"the exit status is unknown"*) answer=unknown ;;
    "1 "*"its spawn never finished"* | "1 "*"cannot read process.json: No such file"*) answer=unfinished ;;
    "1 "*"there is no container"* | "1 "*"has no process $1"*) answer=gone ;;
    *) answer="something else" ;;
    esac
    # shellcheck disable=SC2046
    among "$answer" $(possible "$@") || complains "wait for $1: $output ($answer); expected: $(possible "$@")"
    # What was told once is told again.
    [[ $2 != *life && $2 != log && $2 != wait-* || $ended != 0 || $answer == "$(tail -n 1 "$T/said")" ]] ||
        complains "wait for $1: $answer, but before: $(cat "$T/said")"
}

# look_after OPERATION N: a fresh host looks, waits and deletes; then nothing may be left.
look_after() {
    look_at_life "$1"
    [[ $way != overcome ]] || look_at_what_was_done "$1"
    look_at_state "$1"
    if ((($2 & 1) == 1)); then
        mend
        look_at_state "$1"
    fi
    look_at_end init "$1"
    if [[ $1 == *exec* ]]; then
        look_at_end other "$1"
        # Without namespaces an exec outlives its container.
        captures shimhost delete --force --process-id other "$C"
    fi
    captures shimhost delete --force "$C"
    [[ $status == 0 || $output == *"there is no container"* ]] || complains "delete ended with $status: $output"
    captures shimhost check
    [[ $status == 0 ]] || complains "in the end check says: $output"
    eventually nothing_of_it || complains "left behind: $(leftovers)"
}

# The same as no_leftovers, without a program where that can be: in a pid namespace of our own every process but those
# that were there before, $OURS of them, is a leftover, and every zombie.
nothing_of_it() {
    local processes=(/proc/[0-9]*) files=("$STATE"/t* "$ROOTS"/*/t*)
    ((${#processes[@]} <= OURS && ${#files[@]} == 2)) && [[ ! -e ${files[0]} && ! -e ${files[1]} ]] || return 1
    [[ $RUNTIME != *run* ]] || [[ -z $(marked_cgroups) ]]
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

# look_at_error OPERATION: an error that is not overcome is told in a sentence, and a spawn that has failed leaves nothing.
look_at_error() {
    if ((ended != 1 && ended < 125)) || ((ended > 127)); then complains "it ended with $ended"; fi
    grep -q '[a-z] [a-z]' "$T/said" || complains "it failed and did not say how"
    if [[ $1 == create || $1 == run || $(cat "$T/said") == *"shimhost: create: "* ]]; then
        [[ ! -e $STATE/$C ]] || complains "it failed and left the container"
    elif [[ $1 == exec* ]]; then
        [[ ! -e $STATE/$C/other ]] || complains "it failed and left the exec"
    fi
}

# take ROLE OPERATION N [ERROR]: a whole step.
take() {
    C=$ID-$2-$3
    : >"$T/wrong"
    : >"$T/words"
    prepare "$2" || complains "could not be prepared: $(cat "$T/words")"
    PID=$(pid_of "$C" 2>/dev/null) KEEPER=$(monitor_of "$C" 2>/dev/null) || true
    step "$@"
    local way=killed
    if [[ ${4-} ]]; then
        way=failed
        if ((ended == 0)) || [[ "$2 $ended" == "exec-life 7" ]]; then way=overcome; fi
    fi
    [[ $outcome ]] || complains "no report; it ended with $ended: $(cat "$T/said")"
    ((ended != 124)) || complains "it did not come to an end"
    if [[ $way == failed && $outcome == "done" ]]; then look_at_error "$2"; fi
    look_after "$2" "$3"
    [[ -s $T/wrong ]] || return 0
    bad=$((bad + 1))
    {
        echo "$2 over $RUNTIME: $1 at call $3 of $count (number $call)${4+: $4${on:+ from then on}}: said: $(cat "$T/said")"
        sed 's/^/    /' "$T/wrong"
    } | tee -a "$T/bad"
    force_away
}

# ------------------------------------------------------------------------------------ walks

# The length of a walk, in $length: how many calls there are if all goes well.
measure() {
    C=$ID-$2-0
    : >"$T/words"
    prepare "$2" || { cat "$T/words" && return 1; }
    step "$1" "$2" 0 ${3+"$3"}
    length=$count
    [[ $count${3-} != 0 && ($ended == 0 || $ended == 7 || ($2 == wait && $ended == 1)) ]] || {
        echo "$2: ended with $ended after $count calls: $(cat "$T/said")"
        return 1
    }
    captures shimhost delete --force --process-id other "$C"
    captures shimhost delete --force "$C"
}

# walk ROLE OPERATION [ERROR]: all steps, or some, over each runtime. With `all` it goes on until the program has come to
# its end: no two runs are of the same length.
walk() {
    local count call outcome length n every tried bad=0 failed=0 what=killed
    [[ -z ${3-} ]] || what=injected
    # What bats does at each command, for its reports, would take longer than all the rest.
    trap - DEBUG
    local processes=(/proc/[0-9]*)
    OURS=${#processes[@]}
    for RUNTIME in $WALKED; do
        measure "$@" || return 1
        every=$STRIDE n=1 tried=0
        if [[ $ONLY ]]; then
            n=$ONLY every=1000000
        elif [[ $STEPS != all && $length != 0 ]]; then
            every=$(((length + STEPS - 1) / STEPS))
            n=$((1 + (${#2} * 7 + ${#3} * 3) % every))
        fi
        while ((n <= length)); do
            take "$1" "$2" "$n" ${3+"$3"}
            if [[ $outcome == "done" ]]; then
                tried=$((tried + 1))
                [[ $STEPS != all || $ONLY ]] || ((n < length)) || length=$((n + every))
            fi
            n=$((n + every))
        done
        echo "$2 over $RUNTIME: $1${3+ $3}${on:+ from then on}: $tried $what of $length calls, $bad bad" |
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

# lasting ROLE OPERATION: a walk on which the disk stays full from the call that fails on.
lasting() {
    local on=yes
    walk "$1" "$2" ENOSPC
}

# at_call OPTION… -- COMMAND…: which is what the options of t/helpers/fault say, or the test fails.
at_call() {
    captures timeout -k 5 60 "$HELPERS/fault" --report "$T/report" "$@"
    [[ $(cat "$T/report") == *" done" ]] || { echo "no call was hit of $*: $output" && return 1; }
}

# failing_in ERROR OPTION… -- COMMAND…: of which the call that the options choose fails so.
failing_in() {
    at_call --error "${NUMBER[$1]}" "${@:2}"
}

# of_shimhost FUNCTION WORD… -- ARGUMENT…: one of these with shimhost as the command.
of_shimhost() {
    local before=()
    while [[ $1 != -- ]]; do before+=("$1") && shift; done
    "${before[@]}" -- "$SHIMHOST" "${@:2}"
}

# failing ERROR OPTION… -- ARGUMENT…
failing() {
    of_shimhost failing_in "$@"
}

# meanwhile COMMAND OPTION… -- ARGUMENT…: it waits before the call that the options choose until the shell command has ended.
meanwhile() {
    of_shimhost at_call --at 1 --meanwhile "$@"
}

# with_error ERROR PREFIX ARGUMENT…: the first call from the opening of PREFIX on that can fail so.
with_error() {
    failing "$1" --after "$2" --at 1 -- "${@:3}"
}
