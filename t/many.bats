#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two hundred containers alive at once.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

MANY=${SHIMHOST_TEST_MANY:-200}

# each COMMAND…: once for the number of each container, four at a time.
each() {
    seq -f "$ID-%03.0f" "$MANY" | timeout -k 10 300 xargs -P 4 -I'{}' "$@" >"$T/each" 2>&1 3>&-
}

@test "two hundred live, are listed, waited for and deleted, and nothing is left" {
    for RUNTIME in $RUNTIMES; do
        event "go-$RUNTIME"
        path=$(bundle many "read line < /events/go-$RUNTIME; exit 17")
        each "$SHIMHOST" run -d -r "$RUNTIME" -b "$path" '{}' || { cat "$T/each"; return 1; }
        works list --format json
        is "$(jq -r '[.[] | select(.status == "running")] | length' <<<"$output")" "$MANY"
        # Whoever waits for the FIFO to be opened is woken up at once.
        give "go-$RUNTIME"
        each sh -c '[ "$("$1" wait "$2")" = 17 ]' sh "$SHIMHOST" '{}' || { cat "$T/each"; return 1; }
        each "$SHIMHOST" delete '{}' || { cat "$T/each"; return 1; }
        nothing_is_left
    done
}
