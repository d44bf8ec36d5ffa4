/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics.pb-c.h"
#include "runtime.pb-c.h"
#include "task.pb-c.h"

#define PATH_SIZE 256

#ifdef __SANITIZE_ADDRESS__
/* These programs leave their memory to their end. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
#endif

void usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

ProtobufCBinaryData read_whole(int fd) {
    ProtobufCBinaryData data = {0, NULL};
    ssize_t n;
    do {
        data.data = realloc(data.data, data.len + 65536);
        n = data.data ? read(fd, data.data + data.len, 65536) : -1;
        if (n < 0)
            usage("cannot read descriptor %d", fd);
        data.len += (size_t)n;
    } while (n > 0);
    return data;
}

/* ---------------------------------------------------------------------------- making */

static ProtobufCBinaryData read_value(const char *value) {
    if (value[0] != '@')
        return (ProtobufCBinaryData){strlen(value), (uint8_t *)strdup(value)};
    int fd = open(value + 1, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        usage("cannot open %s", value + 1);
    ProtobufCBinaryData data = read_whole(fd);
    close(fd);
    return data;
}

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *descriptor) {
    ProtobufCMessage *message = malloc(descriptor->sizeof_message);
    if (!message)
        usage("out of memory");
    protobuf_c_message_init(descriptor, message);
    return message;
}

/* Room for one more element of a repeated field. */
static void *append(void *list_pointer, size_t *count, size_t size) {
    void **list = list_pointer;
    *list = realloc(*list, (*count + 1) * size);
    if (!*list)
        usage("out of memory");
    return (char *)*list + (*count)++ * size;
}

static void set_scalar(void *member, const ProtobufCFieldDescriptor *field, const char *value) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = (char *)read_value(value).data;
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)member = read_value(value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = strcmp(value, "true") == 0;
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        *(int32_t *)member = (int32_t)strtol(value, NULL, 10);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)member = (uint32_t)strtoul(value, NULL, 10);
        break;
    default:
        usage("%s: a field of this kind cannot be set", field->name);
    }
}

static void set(ProtobufCMessage *message, const char *path, const char *value);

static void set_message(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, bool more,
                        const char *rest, const char *value) {
    char *at = (char *)message;
    ProtobufCMessage **member = (ProtobufCMessage **)(void *)(at + field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t *count = (size_t *)(void *)(at + field->quantifier_offset);
        if (more || *count == 0) {
            ProtobufCMessage **last = append(at + field->offset, count, sizeof(void *));
            *last = new_message(field->descriptor);
        }
        member = *(ProtobufCMessage ***)(void *)(at + field->offset) + *count - 1;
    } else if (!*member) {
        *member = new_message(field->descriptor);
    }
    set(*member, rest, value);
}

static void set(ProtobufCMessage *message, const char *path, const char *value) {
    char name[PATH_SIZE];
    size_t length = strcspn(path, ".");
    bool more = length > 0 && path[length - 1] == '+';
    snprintf(name, sizeof(name), "%.*s", (int)(more ? length - 1 : length), path);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (!field)
        usage("%s has no field %s", message->descriptor->name, name);
    char *member = (char *)message + field->offset;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        set_message(message, field, more, path[length] ? path + length + 1 : "", value);
    else if (field->label != PROTOBUF_C_LABEL_REPEATED)
        set_scalar(member, field, value);
    else if (field->type == PROTOBUF_C_TYPE_STRING)
        *(char **)append(member, (size_t *)(void *)((char *)message + field->quantifier_offset),
                         sizeof(char *)) = strdup(value);
    else
        usage("%s: a field of this kind cannot be set", name);
}

ProtobufCMessage *message_make(const ProtobufCMessageDescriptor *descriptor, char **words) {
    ProtobufCMessage *message = new_message(descriptor);
    for (; *words; words++) {
        char *equals = strchr(*words, '=');
        if (!equals)
            usage("%s: expected FIELD=VALUE", *words);
        *equals = '\0';
        set(message, *words, equals + 1);
    }
    return message;
}

ProtobufCBinaryData message_pack(const ProtobufCMessage *message) {
    ProtobufCBinaryData data = {protobuf_c_message_get_packed_size(message), NULL};
    data.data = malloc(data.len + 1);
    if (!data.data)
        usage("out of memory");
    protobuf_c_message_pack(message, data.data);
    return data;
}

/* ---------------------------------------------------------------------------- printing */

static void print(const ProtobufCMessage *message, const char *path);

static void print_bytes(const char *path, const ProtobufCBinaryData *data) {
    printf("%s=", path);
    for (size_t i = 0; i < data->len; i++)
        if (isprint(data->data[i]))
            putchar(data->data[i]);
        else
            printf("\\%02x", data->data[i]);
    putchar('\n');
}

/* What is in an Any, if that is known. */
static void print_any(const Pb__Any *any, const char *path) {
    static const struct {
        const char *type;
        const ProtobufCMessageDescriptor *descriptor;
    } known[] = {
        {"io.containerd.cgroups.v1.Metrics", &pb__metrics1__descriptor},
        {"io.containerd.cgroups.v2.Metrics", &pb__metrics2__descriptor},
        {"containerd.runc.v1.ProcessDetails", &pb__process_details__descriptor},
    };
    printf("%s.type_url=%s\n", path, any->type_url);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(any->type_url, known[i].type) != 0)
            continue;
        ProtobufCMessage *message =
            protobuf_c_message_unpack(known[i].descriptor, NULL, any->value.len, any->value.data);
        if (!message)
            usage("%s: what is in it is malformed", path);
        print(message, path);
        return;
    }
    char name[PATH_SIZE + 8];
    snprintf(name, sizeof(name), "%s.value", path);
    print_bytes(name, &any->value);
}

static void print_value(const ProtobufCFieldDescriptor *field, const void *member,
                        const char *path) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(ProtobufCMessage *const *)member;
        if (message && message->descriptor == &pb__any__descriptor)
            print_any((const Pb__Any *)message, path);
        else if (message)
            print(message, path);
        break;
    }
    case PROTOBUF_C_TYPE_STRING:
        if (**(char *const *)member)
            printf("%s=%s\n", path, *(char *const *)member);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        if (((const ProtobufCBinaryData *)member)->len > 0)
            print_bytes(path, member);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        if (*(const protobuf_c_boolean *)member)
            printf("%s=true\n", path);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        if (*(const int64_t *)member)
            printf(field->type == PROTOBUF_C_TYPE_INT64 ? "%s=%" PRId64 "\n" : "%s=%" PRIu64 "\n",
                   path, *(const int64_t *)member);
        break;
    default:
        if (*(const int32_t *)member)
            printf(field->type == PROTOBUF_C_TYPE_UINT32 ? "%s=%" PRIu32 "\n" : "%s=%" PRId32 "\n",
                   path, *(const int32_t *)member);
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT32:
        return sizeof(uint32_t);
    default:
        return sizeof(void *);
    }
}

static void print(const ProtobufCMessage *message, const char *path) {
    for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message;
        char name[PATH_SIZE];
        snprintf(name, sizeof(name), "%.190s%s%s", path, *path ? "." : "", field->name);
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            print_value(field, at + field->offset, name);
            continue;
        }
        size_t count = *(const size_t *)(const void *)(at + field->quantifier_offset);
        const char *list = *(const char *const *)(const void *)(at + field->offset);
        for (size_t j = 0; j < count; j++)
            print_value(field, list + j * size_of(field), name);
    }
}

void message_print(const ProtobufCMessage *message) {
    print(message, "");
}
