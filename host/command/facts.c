/* SPDX-License-Identifier: Apache-2.0 */
#include "command/facts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "command/guard.h"
#include "plugin/registry.h"

#define FILE_LIMIT 10000 /* milliseconds for what a file does when it is loaded, and unloaded */

/* One look at a plugin. */
struct look {
    const struct invocation *invocation;
    const char *plugin_dir, *name;
    void (*at)(const struct look *look, struct engine_guard *guard, struct plugin_facts *facts);
};

static void note(const struct shim_plugin *plugin, struct plugin_facts *facts) {
    facts->abi = plugin->abi_version;
    for (size_t i = 0; plugin_entry_name(i); i++)
        facts->entries |= (uint32_t)(plugin_has_entry(plugin, i) != 0) << i;
    snprintf(facts->name, sizeof(facts->name), "%s", plugin->name);
    snprintf(facts->version, sizeof(facts->version), "%s", plugin->version);
    snprintf(facts->summary, sizeof(facts->summary), "%s", plugin->summary);
    facts->opened = true;
}

static void look_at_file(const struct look *look, struct engine_guard *guard,
                         struct plugin_facts *facts) {
    struct shim_error error = ERROR_NONE;
    struct plugin_file *file = NULL;
    guard->enter(guard, look->name, SHIM_PLUGIN_SYMBOL, FILE_LIMIT);
    if (plugin_open(look->plugin_dir, look->name, &file, &error) < 0) {
        snprintf(facts->problem, sizeof(facts->problem), "%s", error.message);
    } else {
        snprintf(facts->path, sizeof(facts->path), "%s", plugin_path(file));
        note(plugin_descriptor(file), facts);
    }
    guard->leave(guard);
    guard->enter(guard, look->name, "unloading", FILE_LIMIT);
    plugin_close(file);
    guard->leave(guard);
}

static void look_at_runtime(const struct look *look, struct engine_guard *guard,
                            struct plugin_facts *facts) {
    struct shim_error error = ERROR_NONE;
    const struct shim_plugin *plugin;
    (void)guard; /* which the engine has */
    if (engine_features(look->invocation->engine, look->name, &plugin, &facts->features, &error) <
        0)
        snprintf(facts->problem, sizeof(facts->problem), "%s", error.message);
    else
        note(plugin, facts);
    engine_close(look->invocation->engine);
}

static _Noreturn void look_apart(const struct look *look, struct plugin_facts *facts) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct engine_guard *guard = guard_set_up(look->invocation->command->name, EXIT_FAILED);
    if (guard) {
        guard_tell(facts->problem, sizeof(facts->problem));
        look->at(look, guard, facts);
        facts->finished = true;
    }
    _exit(EXIT_DONE);
}

/* Of a process that was ended, and could not say why. */
static void describe_end(int status, struct plugin_facts *facts) {
    if (WIFSIGNALED(status))
        snprintf(facts->problem, sizeof(facts->problem),
                 "the process that looked at its plugin was ended: %s",
                 strsignal(WTERMSIG(status)));
    else
        snprintf(facts->problem, sizeof(facts->problem),
                 "the process that looked at its plugin ended with status %d", WEXITSTATUS(status));
}

/* The guard's alarms see to it that the other process comes to its end. */
static void find(const struct look *look, struct plugin_facts *ret_facts) {
    struct plugin_facts *facts =
        mmap(NULL, sizeof(*facts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = facts == MAP_FAILED ? -1 : fork();
    int status;
    if (pid == 0)
        look_apart(look, facts);
    if (pid < 0) {
        *ret_facts = (struct plugin_facts){.opened = false};
        snprintf(ret_facts->problem, sizeof(ret_facts->problem),
                 "cannot look at its plugin in a process of its own: %s", strerror(errno));
    } else {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (!facts->finished && !facts->problem[0])
            describe_end(status, facts);
        *ret_facts = *facts;
    }
    if (facts != MAP_FAILED)
        munmap(facts, sizeof(*facts));
}

void facts_of_file(const struct invocation *invocation, const char *plugin_dir, const char *name,
                   struct plugin_facts *ret_facts) {
    find(&(struct look){invocation, plugin_dir, name, look_at_file}, ret_facts);
}

void facts_of_runtime(const struct invocation *invocation, const char *name,
                      struct plugin_facts *ret_facts) {
    find(&(struct look){invocation, NULL, name, look_at_runtime}, ret_facts);
}
