/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a process without a runtime: any bytes. */
#include "t/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

#include "plugins/process/plan.h"
#include "plugins/process/setup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct plan plan;
    struct problem problem = {.code = 0};
    fuzz_put(PLAN_FILE, data, size);
    CHECK(chdir(fuzz_directory()) == 0);
    if (plan_read(&plan, &problem) == 0) {
        CHECK(plan.arguments[0] && plan.n_limits <= PLAN_LIMITS);
        for (char **variable = plan.environment; *variable; variable++)
            CHECK(strlen(*variable) <= size);
    } else {
        CHECK(problem.what[0]);
    }
    CHECK(chdir("/") == 0);
    plan_clear(&plan);
    return 0;
}
