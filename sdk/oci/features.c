/* SPDX-License-Identifier: Apache-2.0 */
/* What is installed, whether it can work here, and what is known against it. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------------- versions */

/* One component of a version. Their kinds are ordered: 1.0-rc1 < 1.0 < 1.0.1. */
struct component {
    enum { COMPONENT_LETTERS, COMPONENT_END, COMPONENT_NUMBER } kind;
    const char *text; /* letters */
    size_t length;
    unsigned long number;
};

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether a distribution's revision begins here, as in 1.3.3-0ubuntu1~24.04.3. What it stands
 * behind is no older for it, but 1.3.3-0.rc1 is. */
static int is_revision(const char *p) {
    static const char *const earlier[] = {"rc", "alpha", "beta", "dev", "pre"};
    if (p[0] != '-' || !is_digit(p[1]))
        return 0;
    p += strspn(p, "0123456789.-~_");
    for (size_t i = 0; i < sizeof(earlier) / sizeof(*earlier); i++)
        if (strncmp(p, earlier[i], strlen(earlier[i])) == 0)
            return 0;
    return 1;
}

static struct component next_component(const char **version) {
    struct component component = {COMPONENT_END, NULL, 0, 0};
    const char *p = *version;
    if (is_revision(p))
        return component;
    p += strspn(p, ".-~_");
    component.text = p;
    if (is_digit(*p)) {
        char *end;
        component.kind = COMPONENT_NUMBER;
        component.number = strtoul(p, &end, 10);
        p = end;
    } else if (is_letter(*p)) {
        component.kind = COMPONENT_LETTERS;
        while (is_letter(*p))
            p++;
    }
    component.length = (size_t)(p - component.text);
    *version = p;
    return component;
}

static int compare_components(const struct component *a, const struct component *b) {
    /* A missing number is 0: 1.1 is 1.1.0. */
    int of_numbers = a->kind != COMPONENT_LETTERS && b->kind != COMPONENT_LETTERS;
    if (of_numbers)
        return (a->number > b->number) - (a->number < b->number);
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    size_t shorter = a->length < b->length ? a->length : b->length;
    int r = strncmp(a->text, b->text, shorter);
    return r ? r : (a->length > b->length) - (a->length < b->length);
}

int shim_oci_compare_versions(const char *a, const char *b) {
    for (;;) {
        struct component left = next_component(&a), right = next_component(&b);
        int r = compare_components(&left, &right);
        if (r != 0 || (left.kind == COMPONENT_END && right.kind == COMPONENT_END))
            return r;
    }
}

/* The version in what --version prints: the number in the word after "version", or else in the
 * first word with a number. What a distribution made out of a date, 0.0~20221219.0, is that date.
 */
static void find_version(const char *text, char *version, size_t size) {
    const char *line = strstr(text, "version ");
    line = line ? line + strlen("version ") : text;
    const char *number = line + strcspn(line, "0123456789\n");
    if (strncmp(number, "0.0~", 4) == 0 && is_digit(number[4]))
        number += 4;
    if (is_digit(*number))
        snprintf(version, size, "%.*s", (int)strcspn(number, " \t\r\n,"), number);
}

/* ---------------------------------------------------------------------------------- holes */

/* Room that is kept for the last line. */
#define LAST_LINE 160

static int has_hole(const char *version, const struct shim_oci_hole *hole) {
    return (!hole->first || shim_oci_compare_versions(version, hole->first) >= 0) &&
           (!hole->fixed || shim_oci_compare_versions(version, hole->fixed) < 0);
}

/* Adds one line for a hole, if there is room for a whole one. */
static int add_hole(const struct shim_oci_hole *hole, char *buffer, size_t size) {
    size_t used = strlen(buffer);
    int length = snprintf(buffer + used, size - used, "%s: %s; %s%s\n", hole->id, hole->what,
                          hole->fixed ? "fixed in " : "no fixed version is known",
                          hole->fixed ? hole->fixed : "");
    if (length >= 0 && (size_t)length < size - used)
        return 1;
    buffer[used] = '\0';
    return 0;
}

static void list_holes(const struct shim_oci_runtime *runtime, struct shim_features *features) {
    const struct shim_oci_hole *hole = runtime->holes;
    char *warning = features->warning;
    int left_out = 0;
    if (runtime->holes_date)
        snprintf(features->table_date, sizeof(features->table_date), "%s", runtime->holes_date);
    for (; hole && hole->id; hole++)
        if (has_hole(features->version, hole) &&
            !add_hole(hole, warning, sizeof(features->warning) - LAST_LINE))
            left_out++;
    if (!warning[0])
        return;
    size_t used = strlen(warning);
    if (left_out > 0)
        used += (size_t)snprintf(warning + used, LAST_LINE, "and %d more; ", left_out);
    /* A distribution's version says nothing about what it has repaired. */
    snprintf(warning + used, sizeof(features->warning) - used,
             "distributions repair without changing the number: ask yours about these");
}

/* ---------------------------------------------------------------------------------- the entry */

/* Of a runtime that has no word for it, only whether it is there. */
static int run_version(const struct shim_context *context, struct shim_output *ret_output,
                       struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    if (!oci_has(context, "--version"))
        return oci_check_binary(context, error);
    int r = oci_begin(context, NULL, "--version", &words, error);
    if (r == 0)
        r = oci_execute(context, NULL, "--version", &words, context->runtime->signal_timeout, 0,
                        ret_output, error);
    oci_words_free(&words);
    return r;
}

int shim_oci_features(const struct shim_context *context, struct shim_features *ret_features,
                      struct shim_error *error) {
    const struct shim_oci_runtime *runtime = &oci_of(context)->runtime;
    struct shim_features features;
    struct shim_error problem = oci_error();
    struct shim_output output = oci_output();
    memset(&features, 0, sizeof(features));
    if (oci_of(context)->binary)
        snprintf(features.binary, sizeof(features.binary), "%s", oci_of(context)->binary);
    int r = run_version(context, &output, &problem);
    if (r == -ECANCELED || r == -ENOMEM)
        return oci_fail(context, error, r, problem.reason, "%s", problem.message);
    /* That it does not work is what is asked here, not a failure to answer. */
    if (r < 0) {
        snprintf(features.health, sizeof(features.health), "%.*s", (int)sizeof(features.health) - 1,
                 problem.message);
    } else {
        find_version(output.text ? output.text : "", features.version, sizeof(features.version));
        context->services->output_free(&output);
        if (features.version[0])
            list_holes(runtime, &features);
        if (runtime->check_health)
            runtime->check_health(context, features.health, sizeof(features.health));
    }
    features.size = ret_features->size; /* no more than the caller has room for */
    memcpy(ret_features, &features,
           features.size < sizeof(features) ? features.size : sizeof(features));
    return 0;
}
