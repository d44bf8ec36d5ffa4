/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/bootstrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "containerd/actions.h"
#include "containerd/address.h"
#include "runtime.pb-c.h"

#define RUNC_OPTIONS "containerd.runc.v1.Options"
#define LOG_LEVEL_DEBUG (-4) /* as containerd numbers them; what is less says more */
#define PROTOCOL "ttrpc"
#define ADDRESS_TEXT_SIZE (sizeof(ADDRESS_SCHEME) + ADDRESS_PATH_SIZE)

/* Of the protocol between containerd and us. With version 3 containerd would not call `start` and
 * `delete` for the containers of a pod but the first, so that nobody would be told how they have
 * ended after their server was killed; and it would take us for one that can stream. */
#define VERSION 2

void bootstrap_clear(struct bootstrap *bootstrap) {
    free(bootstrap->socket_directory);
    free(bootstrap->shim_cgroup);
    free(bootstrap->events_address);
}

/* ---------------------------------------------------------------------------- reading */

static char *copy_set(const char *text) {
    return text && *text ? strdup(text) : NULL;
}

static void read_options(const Pb__Any *any, struct bootstrap *bootstrap) {
    if (!any || strcmp(any->type_url, RUNC_OPTIONS) != 0)
        return;
    Pb__RuncOptions *options = pb__runc_options__unpack(NULL, any->value.len, any->value.data);
    if (!options)
        return;
    bootstrap->shim_cgroup = copy_set(options->shim_cgroup);
    pb__runc_options__free_unpacked(options, NULL);
}

static void read_params(const Pb__BootstrapParams *params, struct bootstrap *bootstrap) {
    bootstrap->dialect = DIALECT_MESSAGE;
    bootstrap->debug = params->log_level <= LOG_LEVEL_DEBUG;
    bootstrap->socket_directory = copy_set(params->socket_dir);
    bootstrap->events_address = copy_set(params->containerd_ttrpc_address);
    for (size_t i = 0; i < params->n_extensions && !bootstrap->shim_cgroup; i++)
        read_options(params->extensions[i]->value, bootstrap);
}

/* containerd 2.3 sends parameters, older ones only options; the one reads as the other by accident,
 * so what is in it decides. */
static void read_input(const struct arguments *arguments, const uint8_t *bytes, size_t length,
                       struct bootstrap *bootstrap) {
    Pb__BootstrapParams *params = pb__bootstrap_params__unpack(NULL, length, bytes);
    if (params && strcmp(params->instance_id, arguments->id) == 0 &&
        strcmp(params->namespace_, arguments->namespace) == 0) {
        read_params(params, bootstrap);
    } else {
        Pb__Any *any = pb__any__unpack(NULL, length, bytes);
        read_options(any, bootstrap);
        if (any)
            pb__any__free_unpacked(any, NULL);
    }
    if (params)
        pb__bootstrap_params__free_unpacked(params, NULL);
}

int bootstrap_read(const struct arguments *arguments, struct bootstrap *ret,
                   struct shim_error *error) {
    const char *version = getenv("MAX_SHIM_VERSION"); /* from containerd 1.7 on */
    struct bootstrap bootstrap = {
        .dialect = version && atoi(version) >= VERSION ? DIALECT_JSON : DIALECT_TEXT,
        .debug = arguments->debug,
    };
    uint8_t *input AUTO_FREE = NULL;
    size_t length;
    int r = action_input(&input, &length, error);
    if (r < 0)
        return r;
    read_input(arguments, input, length, &bootstrap);
    bootstrap.debug |= arguments->debug;
    *ret = bootstrap;
    return 0;
}

/* ---------------------------------------------------------------------------- answering */

static int answer_message(char *address, struct shim_error *error) {
    static char protocol[] = PROTOCOL;
    Pb__BootstrapResult result = PB__BOOTSTRAP_RESULT__INIT;
    result.version = VERSION;
    result.address = address;
    result.protocol = protocol;
    return action_output(&result.base, error);
}

/* containerd reads to the end, so there is no line break. The callers who want an object cannot
 * choose the directory, so there is nothing in the path that would need to be escaped. */
static int answer_text(enum dialect dialect, const char *address, struct shim_error *error) {
    char text[ADDRESS_TEXT_SIZE + 64];
    int length = dialect == DIALECT_JSON
                     ? snprintf(text, sizeof(text),
                                "{\"version\":%d,\"address\":\"%s\",\"protocol\":\"" PROTOCOL "\"}",
                                VERSION, address)
                     : snprintf(text, sizeof(text), "%s", address);
    if (write(STDOUT_FILENO, text, (size_t)length) != length)
        return error_set(error, -EIO, "cannot write the address");
    return 0;
}

int bootstrap_answer(const struct bootstrap *bootstrap, const char *path,
                     struct shim_error *error) {
    char address[ADDRESS_TEXT_SIZE];
    snprintf(address, sizeof(address), ADDRESS_SCHEME "%s", path);
    return bootstrap->dialect == DIALECT_MESSAGE ? answer_message(address, error)
                                                 : answer_text(bootstrap->dialect, address, error);
}
