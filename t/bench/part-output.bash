# SPDX-License-Identifier: Apache-2.0
# Output: bytes that pass through a supervisor, and bytes that do not.
# shellcheck shell=bash disable=SC2154

part_output() {
    local WARM_UPS=$((WARM_UPS < 1 ? WARM_UPS : 1)) # they take long
    local lines=${BENCH_LINES:-5000000} size
    report "## Output"
    report ""
    report "$lines lines of 100 bytes, a fifth of them where each is a write of its own; the size of the process's writes" \
        "decides much of what a pipe costs."
    report ""
    for size in 65536 100; do
        race_lines "$((size == 100 ? lines / 5 : lines))" "$size" "${BENCH_OUTPUT_ROUNDS:-5}"
        table "lines-$size" cpu "CPU of what copies, writes of $size bytes"
        table "lines-$size" over "start → all of it is in the file, writes of $size bytes"
    done
    race_raw "${BENCH_BYTES:-1073741824}" "${BENCH_OUTPUT_ROUNDS:-5}"
    table raw cpu "CPU of the supervisor for raw output to a file"
    table raw over "start → over, raw output to a file"
}

# How long a record of k8s-file is, for a line of 100 bytes.
K8S_RECORD=145

# log_candidate DRIVER: of race_lines.
log_candidate() {
    cat <<END
candidate shimhost-$1
run $fill
clock
run $SHIMHOST run -d -r fake -b $bundle --log $1:$W/logs/{id}.log --log-opt max-size=1000GiB {id}
settle cpu shimhost-monito
mark over
run $SHIMHOST delete --force {id}
run rm -f $W/logs/{id}.log
END
}

# race_lines COUNT SIZE ROUNDS
race_lines() {
    local bundle fill="$ROOT/bin/lines fill $(($1 * K8S_RECORD)) 65536 $W/logs/fill"
    bundle=$(bundle fake "lines-$1-$2" /bin/lines write "$1" "$2")
    race "lines-$2" "$3" <<END
candidate read-and-write
run $fill
clock
start $ROOT/bin/lines copied $1 $2 $W/logs/copy $K8S_RECORD
settle cpu lines
mark over
run rm -f $W/logs/copy
candidate cat
run $fill
clock
start $ROOT/bin/lines cat $1 $2 $W/logs/copy
settle cpu cat
mark over
run rm -f $W/logs/copy
$(log_candidate k8s-file)
$(log_candidate json-file)
$(! has conmon || cat <<CONMON
candidate conmon-k8s-file
run $fill
clock
sync $(conmon_words fake "$bundle")
run $(conmon_runtime_words fake) start {id}
join
settle cpu conmon
mark over
run $(conmon_runtime_words fake) delete -f {id}
run rm -f $W/logs/{id}.log
CONMON
)
END
}

# race_raw BYTES ROUNDS: the process has the descriptor itself.
race_raw() {
    local bundle fill="$ROOT/bin/lines fill $1 65536 $W/logs/fill"
    bundle=$(bundle fake "raw-$1" /bin/lines raw "$1" 65536)
    [[ -e $W/raw.fifo ]] || mkfifo "$W/raw.fifo"
    race raw "$2" <<END
candidate cat
run $fill
clock
start $ROOT/bin/lines cat $(($1 / 100)) 65536 $W/logs/copy
settle cpu cat
mark over
run rm -f $W/logs/copy
candidate shimhost-file
run $fill
clock
run $SHIMHOST run -d -r fake -b $bundle --stdout file:$W/logs/{id}.raw {id}
settle cpu shimhost-monito
mark over
run $SHIMHOST delete --force {id}
run rm -f $W/logs/{id}.raw
candidate shimhost-fifo
run $fill
clock
start cat $W/raw.fifo
run $SHIMHOST run -d -r fake -b $bundle --stdout fifo:$W/raw.fifo {id}
settle cpu shimhost-monito
mark over
run $SHIMHOST delete --force {id}
END
}
