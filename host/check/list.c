/* SPDX-License-Identifier: Apache-2.0 */
/* All checks, in the order in which they run. */
#include "check/kit.h"

#define QUICK 30  /* seconds: something hangs */
#define USUAL 120 /* for a few containers on a busy machine */
#define LONG 600  /* for many of them */

const struct check checks[] = {
    {"the file is loaded and its descriptor accepted", QUICK, check_loads},
    {"the descriptor is as it should be", QUICK, check_descriptor},
    {"one symbol is exported", QUICK, check_exports},
    {"every symbol that it needs is found", QUICK, check_symbols},
    {"features describes the runtime", QUICK, check_features},

    {"a created process waits for its start", USUAL, check_create},
    {"a process runs and is found running", USUAL, check_run},
    {"exit statuses are those of the processes", USUAL, check_exit_statuses},
    {"a process reads its standard input", USUAL, check_input},
    {"a process ignores no signal", USUAL, check_default_signals},
    {"signals arrive", USUAL, check_signals},
    {"a signal after the end is refused", USUAL, check_signal_after_end},
    {"load changes nothing", USUAL, check_load_changes_nothing},
    {"a deleted container is gone, and its id free", USUAL, check_delete},
    {"pause and resume", USUAL, check_pause},
    {"exec has a life of its own", USUAL, check_exec},
    {"processes lists the container's", USUAL, check_processes},

    {"wait gives the same answer twice", USUAL, check_wait_twice},
    {"several hosts wait at once", USUAL, check_wait_concurrently},
    {"a fresh host takes over after SIGKILL of the first", USUAL, check_fresh_host},
    {"a signal never reaches a stranger", USUAL, check_stranger},

    {"a command that does not exist leaves nothing", USUAL, check_failed_command},
    {"a runtime that fails leaves nothing", USUAL, check_failed_runtime},
    {"wait keeps its deadline", QUICK, check_wait_deadline},
    {"wait can be cancelled", QUICK, check_wait_cancelled},
    {"spawn keeps its deadline", QUICK, check_spawn_deadline},
    {"a failure touches no result", QUICK, check_results_untouched},

    {"the working directory stays", USUAL, check_directory_kept},
    {"the umask stays", USUAL, check_umask_kept},
    {"the signal mask stays", USUAL, check_mask_kept},
    {"the signal handlers stay", USUAL, check_handlers_kept},
    {"the environment stays", USUAL, check_environment_kept},
    {"nothing is written to descriptors 0 to 2", USUAL, check_output_kept},
    {"no child is left", USUAL, check_no_strays},
    {"many lives leak no descriptor", LONG, check_no_leaked_descriptors},
    {"many lives leak no memory", LONG, check_no_leaked_memory},
    {NULL, 0, NULL},
};
