# SPDX-License-Identifier: Apache-2.0
# For a script with jobs in the background: each gets a process group of its own, and who interrupts the script interrupts
# all of them. The script's EXIT trap calls end_jobs.
# shellcheck shell=bash
set -m
trap 'exit 1' HUP INT TERM

end_jobs() {
    local job
    for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done
    wait
}
