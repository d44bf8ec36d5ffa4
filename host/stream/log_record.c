/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/log_record.h"

#include <string.h>

#define SECOND INT64_C(1000000000) /* nanoseconds */

/* ------------------------------------------------------------------------------ times */

/* What is left to be read. */
struct scan {
    const char *at, *end;
};

static bool skip(struct scan *scan, char expected) {
    if (scan->at == scan->end || *scan->at != expected)
        return false;
    scan->at++;
    return true;
}

/* Exactly `digits` of them, for a number from `least` to `most`. */
static bool number(struct scan *scan, int digits, int least, int most, int *ret) {
    int value = 0;
    if (scan->end - scan->at < digits)
        return false;
    for (int i = 0; i < digits; i++, scan->at++) {
        if (*scan->at < '0' || *scan->at > '9')
            return false;
        value = value * 10 + (*scan->at - '0');
    }
    *ret = value;
    return value >= least && value <= most;
}

static bool fraction(struct scan *scan, int64_t *ret_nanoseconds) {
    int64_t value = 0, unit = SECOND / 10;
    *ret_nanoseconds = 0;
    if (!skip(scan, '.'))
        return true;
    const char *first = scan->at;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++, unit /= 10)
        value += unit * (*scan->at - '0');
    *ret_nanoseconds = value;
    return scan->at > first;
}

static bool offset(struct scan *scan, int64_t *ret_seconds) {
    int hours, minutes, sign = 1;
    *ret_seconds = 0;
    if (skip(scan, 'Z') || skip(scan, 'z'))
        return true;
    if (skip(scan, '-'))
        sign = -1;
    else if (!skip(scan, '+'))
        return false;
    if (!number(scan, 2, 0, 23, &hours) || !skip(scan, ':') || !number(scan, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* Days since 1970 in the Gregorian calendar. The year is counted from March, so that the leap day
 * is its last. */
static int64_t days(int year, int month, int day) {
    int64_t years = month > 2 ? year : year - 1;
    int64_t before = years * 365 + years / 4 - years / 100 + years / 400;
    return before + (153 * ((month + 9) % 12) + 2) / 5 + day - 1 - 719468;
}

static int days_of_month(int year, int month) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : lengths[month - 1];
}

size_t log_time_parse(const char *text, size_t length, int64_t *ret_time) {
    struct scan scan = {text, text + length};
    int year, month, day, hour, minute, second;
    int64_t nanoseconds, east;
    if (!number(&scan, 4, 1678, 2261, &year) || !skip(&scan, '-') ||
        !number(&scan, 2, 1, 12, &month) || !skip(&scan, '-') ||
        !number(&scan, 2, 1, days_of_month(year, month), &day))
        return 0;
    if ((!skip(&scan, 'T') && !skip(&scan, 't')) || !number(&scan, 2, 0, 23, &hour) ||
        !skip(&scan, ':') || !number(&scan, 2, 0, 59, &minute) || !skip(&scan, ':') ||
        !number(&scan, 2, 0, 60, &second) || !fraction(&scan, &nanoseconds) ||
        !offset(&scan, &east))
        return 0;
    int64_t seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    *ret_time = seconds * SECOND + nanoseconds;
    return (size_t)(scan.at - text);
}

/* ------------------------------------------------------------------------------ k8s-file */

static bool word(struct scan *scan, const char *expected) {
    size_t length = strlen(expected);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, expected, length) != 0)
        return false;
    scan->at += length;
    return true;
}

static const char *parse_k8s(char *bytes, size_t length, struct log_record *record) {
    struct scan scan = {bytes, bytes + length};
    size_t time = log_time_parse(bytes, length, &record->time);
    scan.at += time;
    if (time == 0 || !skip(&scan, ' '))
        return "it does not begin with a time";
    if (word(&scan, "stdout "))
        record->stream = LOG_STDOUT;
    else if (word(&scan, "stderr "))
        record->stream = LOG_STDERR;
    else
        return "behind the time stands neither stdout nor stderr";
    if (word(&scan, "F"))
        record->whole = true;
    else if (word(&scan, "P"))
        record->whole = false;
    else
        return "behind the stream stands neither F nor P";
    /* More tags may follow after a colon (the CRI leaves room for them). */
    if (scan.at < scan.end && *scan.at == ':')
        while (scan.at < scan.end && *scan.at != ' ')
            scan.at++;
    if (!skip(&scan, ' '))
        return "there is no text";
    record->text = scan.at;
    record->length = (size_t)(scan.end - scan.at);
    return NULL;
}

/* ------------------------------------------------------------------------------ json-file */

/* A JSON text that is read where it stands. */
struct json {
    char *at, *end;
};

static void skip_space(struct json *json) {
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\r' || *json->at == '\n'))
        json->at++;
}

static bool json_skip(struct json *json, char expected) {
    skip_space(json);
    if (json->at == json->end || *json->at != expected)
        return false;
    json->at++;
    return true;
}

static bool hexadecimal(struct json *json, unsigned int *ret) {
    unsigned int value = 0;
    if (json->end - json->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *json->at++;
        unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
                             : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10
                             : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A') + 10
                                                    : 16;
        if (digit == 16)
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* Never longer than the escape that it comes from: \uXXXX makes at most three bytes, a pair of
 * surrogates four. */
static char *put_utf8(char *out, unsigned int character) {
    if (character < 0x80) {
        *out++ = (char)character;
    } else if (character < 0x800) {
        *out++ = (char)(0xc0 | character >> 6);
        *out++ = (char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        *out++ = (char)(0xe0 | character >> 12);
        *out++ = (char)(0x80 | (character >> 6 & 0x3f));
        *out++ = (char)(0x80 | (character & 0x3f));
    } else {
        *out++ = (char)(0xf0 | character >> 18);
        *out++ = (char)(0x80 | (character >> 12 & 0x3f));
        *out++ = (char)(0x80 | (character >> 6 & 0x3f));
        *out++ = (char)(0x80 | (character & 0x3f));
    }
    return out;
}

/* Behind "\u". A surrogate without its other half becomes U+FFFD. */
static bool unescape_unicode(struct json *json, char **out) {
    unsigned int character, low;
    if (!hexadecimal(json, &character))
        return false;
    if (character >= 0xd800 && character < 0xdc00 && json->end - json->at >= 6 &&
        json->at[0] == '\\' && json->at[1] == 'u') {
        struct json next = {json->at + 2, json->end};
        if (!hexadecimal(&next, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000) {
            json->at = next.at;
            character = 0x10000 + ((character - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    if (character >= 0xd800 && character < 0xe000)
        character = 0xfffd;
    *out = put_utf8(*out, character);
    return true;
}

/* Behind a backslash. */
static bool unescape(struct json *json, char **out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end)
        return false;
    char name = *json->at++;
    if (name == 'u')
        return unescape_unicode(json, out);
    const char *found = name ? strchr(names, name) : NULL;
    if (found)
        *(*out)++ = values[found - names];
    return found;
}

static bool json_string(struct json *json, char **ret_text, size_t *ret_length) {
    if (!json_skip(json, '"'))
        return false;
    char *out = json->at;
    *ret_text = out;
    while (json->at < json->end && *json->at != '"') {
        char c = *json->at++;
        if (c != '\\')
            *out++ = c;
        else if (!unescape(json, &out))
            return false;
    }
    *ret_length = (size_t)(out - *ret_text);
    return json_skip(json, '"');
}

static bool is_structure(char c) {
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
}

/* A value of no interest: a text, a number or word, an object or array as deep as it likes. */
static bool skip_value(struct json *json) {
    int depth = 0;
    char *text;
    size_t length;
    do {
        skip_space(json);
        if (json->at == json->end)
            return false;
        char c = *json->at;
        if (c == '"') {
            if (!json_string(json, &text, &length))
                return false;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return false;
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        json->at++;
        if (!is_structure(c))
            while (json->at < json->end && !is_structure(*json->at) && *json->at != '"')
                json->at++;
    } while (depth > 0);
    return true;
}

/* What has been found of the three members. */
struct members {
    bool time, stream, log;
};

static const char *take_member(struct json *json, const char *name, size_t name_length,
                               struct log_record *record, struct members *found) {
    char *text;
    size_t length;
    bool log = name_length == 3 && memcmp(name, "log", 3) == 0;
    bool stream = name_length == 6 && memcmp(name, "stream", 6) == 0;
    bool time = name_length == 4 && memcmp(name, "time", 4) == 0;
    if (!log && !stream && !time)
        return skip_value(json) ? NULL : "it is not a JSON object";
    if (!json_string(json, &text, &length))
        return "one of its members log, stream and time is not a text";
    if (log) {
        record->text = text;
        record->length = length;
        found->log = true;
    } else if (stream) {
        found->stream = length == 6;
        if (length == 6 && memcmp(text, "stdout", 6) == 0)
            record->stream = LOG_STDOUT;
        else if (length == 6 && memcmp(text, "stderr", 6) == 0)
            record->stream = LOG_STDERR;
        else
            return "its stream is neither stdout nor stderr";
    } else {
        found->time = log_time_parse(text, length, &record->time) == length && length > 0;
        if (!found->time)
            return "its time is none";
    }
    return NULL;
}

static const char *parse_json(char *bytes, size_t length, struct log_record *record) {
    struct json json = {bytes, bytes + length};
    struct members found = {false, false, false};
    if (!json_skip(&json, '{'))
        return "it is not a JSON object";
    do {
        char *name;
        size_t name_length;
        if (!json_string(&json, &name, &name_length) || !json_skip(&json, ':'))
            return "it is not a JSON object";
        const char *wrong = take_member(&json, name, name_length, record, &found);
        if (wrong)
            return wrong;
    } while (json_skip(&json, ','));
    if (!json_skip(&json, '}'))
        return "it is not a JSON object";
    skip_space(&json);
    if (json.at != json.end)
        return "something follows the JSON object";
    if (!found.log || !found.stream || !found.time)
        return "one of its members log, stream and time is missing";
    record->whole = record->length > 0 && record->text[record->length - 1] == '\n';
    if (record->whole)
        record->length--;
    return NULL;
}

const char *log_record_parse(enum log_kind kind, char *bytes, size_t length,
                             struct log_record *ret_record) {
    return kind == LOG_K8S_FILE ? parse_k8s(bytes, length, ret_record)
                                : parse_json(bytes, length, ret_record);
}
