/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race ROUNDS WARM-UPS PREFIX SCRIPT RESULTS: runs what the candidates of a script do, one after
 * the other, round for round, and appends the times that they took to RESULTS. Ids of containers
 * begin with PREFIX.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "steps.h"

int main(int argc, char **argv) {
    if (argc != 6)
        errx(2, "usage: race ROUNDS WARM-UPS PREFIX SCRIPT RESULTS");
    int rounds = atoi(argv[1]), warm_ups = atoi(argv[2]);
    struct script *script = script_read(argv[4]);
    FILE *results = fopen(argv[5], "ae");
    if (!results)
        err(2, "%s", argv[5]);
    /* What monitors leave to init is left to us: its end is waited for, and its CPU time known. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        err(1, "PR_SET_CHILD_SUBREAPER");
    for (int round = -warm_ups; round < rounds; round++)
        for (size_t i = 0; i < script->n_candidates; i++) {
            char id[64];
            struct candidate *candidate = script->candidates + i;
            snprintf(id, sizeof(id), "%s-%d-%zu", argv[3], round + warm_ups, i);
            struct lap lap = {
                .candidate = candidate->name, .id = id, .round = round, .results = results};
            lap_run(&lap, candidate);
        }
    if (fclose(results) != 0)
        err(1, "%s", argv[5]);
    return 0;
}
