/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a container or an exec, in good order or not. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "containerd/helper/helper.h"

#define END_TIMEOUT 3000 /* milliseconds, from SIGKILL to a recorded end */

/* How it ended, if that is known; a process that lives is killed first with `force`. */
static int learn_end(struct helper *helper, bool force, struct shim_error *error) {
    const char *container = helper->request->container;
    int32_t exit_status;
    struct shim_error problem = ERROR_NONE;
    int r = engine_wait(helper->engine, container, helper->process, 0, &exit_status, &problem);
    if (r == -ETIMEDOUT && force) {
        problem = (struct shim_error)ERROR_NONE;
        r = engine_signal(helper->engine, container, helper->process, SIGKILL, &problem);
        if (r == 0 || r == -ESRCH)
            r = engine_wait(helper->engine, container, helper->process, END_TIMEOUT, &exit_status,
                            &problem);
    }
    if (r == 0)
        helper_note_end(helper, exit_status);
    return error_pass(error, r, &problem);
}

int verb_recover(struct helper *helper, struct shim_error *error) {
    int r = learn_end(helper, false, error);
    return r == -ETIMEDOUT ? 0 : r; /* it lives: under a new monitor */
}

int verb_delete(struct helper *helper, struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    struct shim_error ignored = ERROR_NONE;
    learn_end(helper, request->force, &ignored); /* not knowing it does not keep us from deleting */
    int r =
        engine_delete(helper->engine, request->container, helper->process, request->force, error);
    /* An exec that has failed leaves nothing, or another's name. */
    bool gone = helper->process && (r == -ENOENT || r == -ENOTDIR);
    if (r < 0 && !gone && helper_container_exists(helper))
        return r;
    logger_end(request->bundle, request->exec_id);
    if (!helper->process)
        mounts_undo(request->bundle);
    return 0;
}

int cleanup_container(struct helper *helper, struct shim_error *error) {
    struct shim_error ignored = ERROR_NONE;
    int r = helper_open(helper, NULL, error);
    if (r < 0)
        return r;
    if (!helper_container_exists(helper))
        return 0;
    learn_end(helper, true, &ignored);
    r = engine_delete(helper->engine, helper->request->container, NULL, true, error);
    return r < 0 && helper_container_exists(helper) ? r : 0;
}
