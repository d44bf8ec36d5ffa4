/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "text.h"

/* A whole word that is a number. */
static bool number(const char *value, uint64_t limit, uint64_t *ret_number) {
    return text_number(&value, limit, ret_number) && !*value;
}

static bool flag(const char *value, bool *ret_flag) {
    *ret_flag = text_equal(value, "1");
    return *ret_flag || text_equal(value, "0");
}

static bool milliseconds(const char *value, int64_t *ret_time) {
    uint64_t result;
    if (!number(value, INT64_MAX / 1000000, &result))
        return false;
    *ret_time = (int64_t)result;
    return true;
}

static bool descriptor(const char *value, int *ret_fd) {
    uint64_t result;
    if (!number(value, INT32_MAX, &result) || result < 3)
        return false;
    *ret_fd = (int)result;
    return true;
}

static bool status(const char *value, const char **ret_status) {
    *ret_status = value;
    return text_equal(value, "created") || text_equal(value, "running");
}

/* A name in the working directory. */
static bool file_name(const char *value, const char **ret_name) {
    *ret_name = value;
    for (const char *at = value; *at; at++)
        if (*at == '/')
            return false;
    return *value;
}

static bool keep(const char *value, unsigned *ret_keep) {
    for (; *value >= '0' && *value <= '2'; value++) {
        *ret_keep |= 1u << (*value - '0');
        if (*++value != ',')
            return !*value;
    }
    return false;
}

static bool descriptors(const char *value, struct plan *plan) {
    uint64_t fd;
    do {
        if (plan->held_count == PLAN_HELD || !text_number(&value, INT32_MAX, &fd) || fd < 3)
            return false;
        plan->held[plan->held_count++] = (int)fd;
    } while (*value == ',' && *++value);
    return !*value;
}

/* Two numbers with `between` in the middle. */
static bool pair(const char *value, char between, uint64_t limit, uint64_t *first,
                 uint64_t *second) {
    return text_number(&value, limit, first) && *value++ == between && number(value, limit, second);
}

static bool owner(const char *value, struct plan *plan) {
    uint64_t uid, gid;
    if (!pair(value, ':', UINT32_MAX, &uid, &gid))
        return false;
    plan->owner = (int)uid;
    plan->group = (int)gid;
    return true;
}

static bool size(const char *value, struct plan *plan) {
    uint64_t columns, rows;
    if (!pair(value, 'x', UINT16_MAX, &columns, &rows))
        return false;
    plan->columns = (unsigned)columns;
    plan->rows = (unsigned)rows;
    return true;
}

/* What stands behind "stdout" or "stderr". */
static bool output(const char *rest, struct plan_output *output) {
    const char *value;
    if (text_equal(rest, "=copy"))
        return output->copy = true;
    if ((value = text_after(rest, "-fifo=")))
        return descriptor(value, &output->fifo);
    if ((value = text_after(rest, "-program=")))
        return output->program = descriptor(value, &output->fifo);
    if (text_equal(rest, "-gone=drop"))
        return output->drop = true;
    return text_equal(rest, "-gone=block");
}

static bool log_word(const char *rest, struct plan *plan) {
    const char *value;
    uint64_t files;
    if ((value = text_after(rest, "fd=")))
        return descriptor(value, &plan->log_fd);
    if ((value = text_after(rest, "path=")))
        return (plan->log_path = value)[0] == '/';
    if ((value = text_after(rest, "max-size=")))
        return number(value, INT64_MAX, &plan->log_max_size);
    if ((value = text_after(rest, "max-files="))) {
        bool valid = number(value, 1000, &files) && files > 0;
        plan->log_max_files = valid ? (unsigned)files : 1;
        return valid;
    }
    if ((value = text_after(rest, "format="))) {
        plan->log_format = text_equal(value, "k8s-file")    ? LOG_K8S
                           : text_equal(value, "json-file") ? LOG_JSON
                                                            : LOG_RAW;
        return plan->log_format != LOG_RAW || text_equal(value, "raw");
    }
    if ((value = text_after(rest, "streams="))) {
        plan->outputs[1].logged = !text_equal(value, "stderr");
        plan->outputs[2].logged = !text_equal(value, "stdout");
        return !plan->outputs[1].logged || !plan->outputs[2].logged || text_equal(value, "both");
    }
    return false;
}

static bool stream_word(struct plan *plan, const char *word) {
    const char *value;
    if ((value = text_after(word, "stdout")))
        return output(value, &plan->outputs[1]);
    if ((value = text_after(word, "stderr")))
        return output(value, &plan->outputs[2]);
    if ((value = text_after(word, "log-")))
        return log_word(value, plan);
    if ((value = text_after(word, "hold=")))
        return descriptors(value, plan);
    if ((value = text_after(word, "hold-stdin=")))
        return descriptor(value, &plan->held_input);
    if ((value = text_after(word, "stdin-fifo=")))
        return descriptor(value, &plan->input_fifo);
    if (text_equal(word, "stdin=pipe"))
        return plan->feed = true;
    if ((value = text_after(word, "attach=")))
        return flag(value, &plan->attachable);
    if ((value = text_after(word, "await-attach=")))
        return flag(value, &plan->await);
    if ((value = text_after(word, "console=")))
        return flag(value, &plan->console);
    if ((value = text_after(word, "term=")))
        return size(value, plan);
    if ((value = text_after(word, "owner=")))
        return owner(value, plan);
    if ((value = text_after(word, "drain-timeout=")))
        return milliseconds(value, &plan->drain_timeout);
    return false;
}

/* Words that are KEY=VALUE and nothing more. */
static bool read_word(struct plan *plan, const char *word) {
    const char *value;
    if ((value = text_after(word, "ready=")))
        return descriptor(value, &plan->ready_fd);
    if ((value = text_after(word, "status=")))
        return status(value, &plan->status);
    if ((value = text_after(word, "pid-file=")))
        return file_name(value, &plan->pid_file);
    if ((value = text_after(word, "spawn-timeout=")))
        return milliseconds(value, &plan->spawn_timeout);
    if ((value = text_after(word, "cleanup-timeout=")))
        return milliseconds(value, &plan->cleanup_timeout);
    if ((value = text_after(word, "keep=")))
        return keep(value, &plan->keep);
    if ((value = text_after(word, "direct=")))
        return flag(value, &plan->direct);
    if ((value = text_after(word, "adopt=")))
        return flag(value, &plan->adopt);
    if ((value = text_after(word, "unclean=")))
        return flag(value, &plan->unclean);
    return stream_word(plan, word);
}

/* Words that a command follows. Moves the command one place down, over the word itself, which makes
 * room for a NULL behind it. Returns how many arguments the command has, or 0: it is no such word,
 * or a bad one. */
static int read_command(struct plan *plan, char **words, int left) {
    const char *value = text_after(words[0], "launch=");
    bool launch = value;
    if (!value)
        value = text_after(words[0], "cleanup=");
    uint64_t count;
    if (!value || !number(value, (uint64_t)left - 1, &count) || count == 0)
        return 0;
    if (launch ? (plan->launch != NULL) : (plan->cleanup_count == PLAN_CLEANUPS))
        return 0;
    memmove(words, words + 1, count * sizeof(*words));
    words[count] = NULL;
    if (launch)
        plan->launch = words;
    else
        plan->cleanup[plan->cleanup_count++] = words;
    return (int)count;
}

const char *plan_read(struct plan *plan, int argc, char **argv, char **environment) {
    const struct plan_output no_output = {.fifo = -1, .logged = true};
    *plan = (struct plan){.environment = environment,
                          .status = "running",
                          .ready_fd = -1,
                          .held_input = -1,
                          .input_fifo = -1,
                          .log_fd = -1,
                          .log_max_files = 1,
                          .owner = -1,
                          .group = -1,
                          .drain_timeout = 10000,
                          .outputs = {no_output, no_output, no_output}};
    if (argc < 2)
        return "the name of the process";
    plan->name = argv[1];
    for (int i = 2; i < argc; i++) {
        if (read_word(plan, argv[i]))
            continue;
        int count = read_command(plan, argv + i, argc - i);
        if (!count)
            return argv[i];
        i += count;
    }
    if (plan->adopt ? plan->launch != NULL : plan->launch == NULL)
        return "either launch or adopt";
    if (plan->launch && plan->direct == (plan->pid_file != NULL))
        return "either direct or pid-file";
    return NULL;
}

bool plan_is_init(const struct plan *plan) {
    const char *name = plan->name;
    while (*name && *name != '/')
        name++;
    return text_equal(name, "/init");
}
