/* SPDX-License-Identifier: Apache-2.0 */
/* Every key that there is. Nothing else in the program knows them: reading, defaults, suggestions,
 * showing and the check of the documents follow these two tables. */
#include <errno.h>
#include <stddef.h>

#include "config/schema.h"

#define FIELD(structure, field) .offset = offsetof(struct structure, field)
#define FIELD_AND_COUNT(structure, field)                                                          \
    .offset = offsetof(struct structure, field),                                                   \
    .count_offset = offsetof(struct structure, n_##field)

#define NAME_EXPECTED "a name of letters, digits and `_.-`, at most 76 long"
#define PATH_EXPECTED "an absolute path"
#define DURATION_EXPECTED "a duration as in 500ms, 30s, 2m or 1h"
#define HOUR INT64_C(3600000) /* milliseconds */
#define DAY (24 * HOUR)
#define KIB INT64_C(1024)
#define TIB (KIB * KIB * KIB * KIB)

static const struct schema_word level_words[] = {{"error", SHIM_LOG_ERROR},
                                                 {"warning", SHIM_LOG_WARNING},
                                                 {"info", SHIM_LOG_INFO},
                                                 {"debug", SHIM_LOG_DEBUG},
                                                 {NULL, 0}};
static const struct schema_word format_words[] = {
    {"text", CONFIG_LOG_TEXT}, {"json", CONFIG_LOG_JSON}, {NULL, 0}};
static const struct schema_word death_words[] = {
    {"kill", CONFIG_MONITOR_DEATH_KILL}, {"adopt", CONFIG_MONITOR_DEATH_ADOPT}, {NULL, 0}};
static const struct schema_word gone_words[] = {
    {"block", CONFIG_WHEN_GONE_BLOCK}, {"drop", CONFIG_WHEN_GONE_DROP}, {NULL, 0}};
static const struct schema_word unlimited_words[] = {{"unlimited", 0}, {NULL, 0}};

static const struct schema_key main_keys[] = {
    {.path = "version",
     .type = SCHEMA_VERSION,
     .standard = "1",
     .expected = "1",
     .about = "The version of this file's format."},
    {.path = "state-dir",
     .type = SCHEMA_PATH,
     FIELD(config, state_dir),
     .expected = PATH_EXPECTED,
     .about = "Where the state of all containers is kept; on a file system that does not outlive a "
              "reboot. Default: /run/shimhost for root, $XDG_RUNTIME_DIR/shimhost for others."},
    {.path = "plugin-dir",
     .type = SCHEMA_PATH,
     FIELD(config, plugin_dir),
     .expected = PATH_EXPECTED,
     .about = "Where plugins are, as NAME.so. Default: where they were installed."},
    {.path = "default-runtime",
     .type = SCHEMA_NAME,
     FIELD(config, default_runtime),
     .standard = "crun",
     .expected = "the name of a file in runtimes.d, without its ending",
     .about = "The runtime of containers that name none."},
    {.path = "log.level",
     .type = SCHEMA_WORD,
     FIELD(config, log_level),
     .words = level_words,
     .standard = "info",
     .expected = "error, warning, info or debug",
     .about = "The least important messages that are written."},
    {.path = "log.format",
     .type = SCHEMA_WORD,
     FIELD(config, log_format),
     .words = format_words,
     .standard = "text",
     .expected = "text or json",
     .about = "How messages are written: for people, or one JSON object a line."},
};

static const struct schema_key runtime_keys[] = {
    {.path = "version",
     .type = SCHEMA_VERSION,
     .standard = "1",
     .expected = "1",
     .about = "The version of this file's format."},
    {.path = "plugin",
     .type = SCHEMA_PLUGIN,
     .required = true,
     FIELD(runtime_config, plugin),
     .expected = "the name of a plugin in plugin-dir, or an absolute path of one",
     .about = "The plugin that drives the runtime."},
    {.path = "binary",
     .type = SCHEMA_PATH,
     FIELD(runtime_config, binary),
     .expected = PATH_EXPECTED,
     .about = "The runtime's program, for plugins that run one."},
    {.path = "args",
     .type = SCHEMA_STRING_LIST,
     FIELD(runtime_config, args),
     .expected = "a list of texts as in [--debug, --log-level=info]",
     .about = "Arguments that come before the subcommand."},
    {.path = "root",
     .type = SCHEMA_PATH,
     FIELD(runtime_config, root),
     .expected = PATH_EXPECTED,
     .about = "Where the runtime keeps its own state. Default: the runtime's own."},
    {.path = "no-pivot-root",
     .type = SCHEMA_BOOL,
     FIELD(runtime_config, no_pivot_root),
     .standard = "false",
     .expected = "true or false",
     .about = "Move the root instead of pivoting into it: for root file systems in a ramdisk."},
    {.path = "on-monitor-death",
     .type = SCHEMA_WORD,
     FIELD(runtime_config, on_monitor_death),
     .words = death_words,
     .standard = "kill",
     .expected = "kill or adopt",
     .about = "What becomes of a process whose monitor was killed: it is killed, too (exit status "
              "137), or runs on under a new monitor."},
    {.path = "timeouts.spawn",
     .type = SCHEMA_DURATION,
     FIELD(runtime_config, timeouts.spawn),
     .minimum = 1,
     .maximum = DAY,
     .standard = "30s",
     .expected = DURATION_EXPECTED,
     .about = "How long it may take until a process exists."},
    {.path = "timeouts.signal",
     .type = SCHEMA_DURATION,
     FIELD(runtime_config, timeouts.signal),
     .minimum = 1,
     .maximum = DAY,
     .standard = "5s",
     .expected = DURATION_EXPECTED,
     .about = "How long the runtime may take to deliver a signal."},
    {.path = "timeouts.delete",
     .type = SCHEMA_DURATION,
     FIELD(runtime_config, timeouts.delete),
     .minimum = 1,
     .maximum = DAY,
     .standard = "10s",
     .expected = DURATION_EXPECTED,
     .about = "How long the runtime may take to remove a container."},
    {.path = "timeouts.drain",
     .type = SCHEMA_DURATION,
     FIELD(runtime_config, timeouts.drain),
     .minimum = 0,
     .maximum = DAY,
     .standard = "10s",
     .expected = DURATION_EXPECTED,
     .about = "How long output is still read after the end of a process, from those that hold its "
              "streams open."},
    {.path = "streams.stdout",
     .type = SCHEMA_WORD,
     FIELD(runtime_config, streams.stdout_gone),
     .words = gone_words,
     .standard = "block",
     .expected = "block or drop",
     .about = "What happens to standard output when its reader is gone: writers wait for the next "
              "one, or output is dropped and counted."},
    {.path = "streams.stderr",
     .type = SCHEMA_WORD,
     FIELD(runtime_config, streams.stderr_gone),
     .words = gone_words,
     .standard = "block",
     .expected = "block or drop",
     .about = "The same for standard error."},
    {.path = "streams.max-size",
     .type = SCHEMA_SIZE,
     FIELD(runtime_config, streams.max_size),
     .words = unlimited_words,
     .minimum = KIB,
     .maximum = TIB,
     .standard = "10MiB",
     .expected = "a size as in 64KiB, 10MiB or 1GiB, or unlimited",
     .about = "How large a log file grows before it is rotated."},
    {.path = "streams.max-files",
     .type = SCHEMA_COUNT,
     FIELD(runtime_config, streams.max_files),
     .minimum = 1,
     .maximum = 1000,
     .standard = "3",
     .expected = "a whole number",
     .about = "How many files of one log are kept, the current one included."},
    {.path = "env",
     .type = SCHEMA_ENVIRONMENT,
     FIELD_AND_COUNT(runtime_config, env),
     .expected = "a mapping as in { NAME: value }",
     .about = "The environment of the runtime's program, besides PATH; PATH may be set here, too."},
    {.path = "options",
     .type = SCHEMA_OPTIONS,
     FIELD_AND_COUNT(runtime_config, options),
     .expected = "a mapping of what the plugin understands",
     .about = "Handed to the plugin as it is."},
};

const struct schema schema_main = {main_keys, sizeof(main_keys) / sizeof(*main_keys)};
const struct schema schema_runtime = {runtime_keys, sizeof(runtime_keys) / sizeof(*runtime_keys)};

int config_key_at(bool of_runtime, size_t index, struct config_key *ret_key) {
    const struct schema *schema = of_runtime ? &schema_runtime : &schema_main;
    if (index >= schema->count)
        return -ENOENT;
    const struct schema_key *key = &schema->keys[index];
    *ret_key = (struct config_key){.path = key->path,
                                   .expected = key->expected,
                                   .standard = key->standard,
                                   .about = key->about,
                                   .required = key->required};
    return 0;
}
