#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The front end for containerd: fifty containers at once.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common
load containerd

@test "fifty at once" {
    local TYPE=io.containerd.shimhost.v1 jobs=() job failed=0 i
    for i in {1..50}; do
        LIMIT=300 ctl run --rm --runtime "$TYPE" --env "SHIMHOST_TEST=$ID" "$IMAGE" "many-$i" \
            sh -c "exit $i" >"$T/many-$i" 2>&1 &
        jobs+=($!)
    done
    for ((i = 1; i <= 50; i++)); do
        status=0
        wait "${jobs[i - 1]}" || status=$?
        [[ $status == "$i" ]] || { echo "number $i: $status"; cat "$T/many-$i"; failed=1; }
    done
    is "$failed" 0
    nothing_remains
}
