/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim reads from strangers: frames, command lines, a config.json; and the names that it
 * makes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "containerd/address.h"
#include "containerd/arguments.h"
#include "containerd/json_scan.h"
#include "containerd/sha256.h"
#include "containerd/ttrpc.h"

/* ---------------------------------------------------------------------------- frames */

/* The bytes of the contract: Connect on stream 1. */
static const uint8_t connect_frame[] = {
    0,   0,   0,    0x2e, 0,    0,   0,   1,    1,    0,    0x0a, 0x17, 'c',  'o',
    'n', 't', 'a',  'i',  'n',  'e', 'r', 'd',  '.',  't',  'a',  's',  'k',  '.',
    'v', '2', '.',  'T',  'a',  's', 'k', 0x12, 7,    'C',  'o',  'n',  'n',  'e',
    'c', 't', 0x1a, 4,    0x0a, 2,   'k', '1',  0x20, 0x80, 0xe4, 0x97, 0xd0, 0x12,
};

static void frames_come_in_any_pieces(void **state) {
    (void)state;
    for (size_t piece = 1; piece <= sizeof(connect_frame); piece++) {
        struct ttrpc_reader reader = {.buffer = NULL};
        struct ttrpc_frame frame;
        int seen = 0;
        for (size_t at = 0; at < sizeof(connect_frame) * 3; at += piece) {
            uint8_t bytes[sizeof(connect_frame)];
            size_t length =
                sizeof(connect_frame) * 3 - at < piece ? sizeof(connect_frame) * 3 - at : piece;
            for (size_t i = 0; i < length; i++)
                bytes[i] = connect_frame[(at + i) % sizeof(connect_frame)];
            assert_int_equal(ttrpc_feed(&reader, bytes, length), 0);
            while (ttrpc_next(&reader, &frame) == 1) {
                seen++;
                assert_int_equal(frame.stream, 1);
                assert_int_equal(frame.type, TTRPC_REQUEST);
                assert_false(frame.oversized);
                assert_int_equal(frame.length, 0x2e);
                assert_memory_equal(frame.data, connect_frame + TTRPC_HEADER_SIZE, frame.length);
            }
        }
        assert_int_equal(seen, 3);
        assert_null(reader.buffer); /* nothing is held while nothing is under way */
    }
}

static void an_oversized_frame_is_reported_at_once_and_skipped(void **state) {
    (void)state;
    struct ttrpc_reader reader = {.buffer = NULL};
    struct ttrpc_frame frame;
    uint8_t header[TTRPC_HEADER_SIZE], *bytes = calloc(1, 100000);
    size_t left = TTRPC_DATA_MAX + 1;
    ttrpc_header(header, 7, TTRPC_REQUEST, left);
    assert_int_equal(ttrpc_feed(&reader, header, sizeof(header)), 0);
    assert_int_equal(ttrpc_next(&reader, &frame), 1);
    assert_true(frame.oversized);
    assert_int_equal(frame.stream, 7);
    while (left > 0) {
        size_t part = left < 100000 ? left : 100000;
        assert_int_equal(ttrpc_feed(&reader, bytes, part), 0);
        assert_int_equal(ttrpc_next(&reader, &frame), 0);
        assert_null(reader.buffer);
        left -= part;
    }
    assert_int_equal(ttrpc_feed(&reader, connect_frame, sizeof(connect_frame)), 0);
    assert_int_equal(ttrpc_next(&reader, &frame), 1);
    assert_int_equal(frame.stream, 1);
    assert_int_equal(ttrpc_next(&reader, &frame), 0);
    free(bytes);
}

static void a_frame_that_promises_much_holds_little(void **state) {
    (void)state;
    struct ttrpc_reader reader = {.buffer = NULL};
    struct ttrpc_frame frame;
    uint8_t header[TTRPC_HEADER_SIZE];
    ttrpc_header(header, 1, TTRPC_REQUEST, TTRPC_DATA_MAX);
    assert_int_equal(ttrpc_feed(&reader, header, sizeof(header)), 0);
    assert_int_equal(ttrpc_next(&reader, &frame), 0);
    assert_true(reader.room < 4096);
    ttrpc_reader_clear(&reader);
}

/* Any bytes in any pieces: it ends, and never gives out more than came. */
static void noise_is_survived(void **state) {
    (void)state;
    unsigned int seed = 20170131;
    for (int round = 0; round < 2000; round++) {
        struct ttrpc_reader reader = {.buffer = NULL};
        struct ttrpc_frame frame;
        size_t fed = 0, given = 0;
        for (int piece = 0; piece < 20; piece++) {
            uint8_t bytes[64];
            size_t length = (size_t)rand_r(&seed) % sizeof(bytes);
            for (size_t i = 0; i < length; i++) /* small numbers make frames that fit */
                bytes[i] = (uint8_t)(rand_r(&seed) % (round % 2 ? 256 : 3));
            assert_int_equal(ttrpc_feed(&reader, bytes, length), 0);
            fed += length;
            while (ttrpc_next(&reader, &frame) == 1) {
                given += TTRPC_HEADER_SIZE + frame.length;
                assert_true(given <= fed);
                assert_true(frame.length <= TTRPC_DATA_MAX);
            }
        }
        ttrpc_reader_clear(&reader);
    }
}

/* ---------------------------------------------------------------------------- the command line */

static int read_line(struct arguments *arguments, const char *line) {
    static char copy[512];
    static char name[] = "shim";
    char *argv[32] = {name}, *rest = copy;
    int argc = 1;
    snprintf(copy, sizeof(copy), "%s", line);
    while ((argv[argc] = strsep(&rest, " ")))
        argc++;
    return arguments_read(argc, argv, arguments, NULL);
}

static void flags_come_as_go_takes_them(void **state) {
    (void)state;
    struct arguments arguments;
    assert_int_equal(read_line(&arguments, "-namespace k8s.io --id=a -address /run/c.sock "
                                           "-publish-binary /bin/c -debug start"),
                     0);
    assert_string_equal(arguments.namespace, "k8s.io");
    assert_string_equal(arguments.id, "a");
    assert_string_equal(arguments.address, "/run/c.sock");
    assert_string_equal(arguments.action, "start");
    assert_true(arguments.debug);
    assert_int_equal(read_line(&arguments, "-debug=false -unknown -other value -id b delete"), 0);
    assert_false(arguments.debug);
    assert_string_equal(arguments.id, "b");
    assert_string_equal(arguments.action, "delete");
    assert_int_equal(read_line(&arguments, "-info"), 0);
    assert_true(arguments.info);
    assert_int_equal(read_line(&arguments, "-id"), -EINVAL);
    assert_int_equal(read_line(&arguments, "-id ../x start"), -EINVAL);
    assert_int_equal(read_line(&arguments, "-resume x"), -EINVAL);
}

static void a_link_chooses_a_runtime(void **state) {
    (void)state;
    char name[16];
    assert_null(arguments_runtime("/usr/bin/containerd-shim-shimhost-v1", name, sizeof(name)));
    assert_null(arguments_runtime("something-else", name, sizeof(name)));
    assert_null(
        arguments_runtime("containerd-shim-a-name-that-is-too-long-v1", name, sizeof(name)));
    assert_string_equal(arguments_runtime("/x/containerd-shim-crun-v1", name, sizeof(name)),
                        "crun");
    assert_string_equal(
        arguments_runtime("containerd-shim-shimhost-my-crun-v1", name, sizeof(name)), "my-crun");
}

/* ---------------------------------------------------------------------------- names and texts */

static void digests_are_right(void **state) {
    (void)state;
    char hex[SHA256_HEX_SIZE], as[1000];
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(as, 'a', sizeof(as));
    sha256_hex(as, sizeof(as), hex);
    assert_string_equal(hex, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

static void an_address_is_of_a_clean_path(void **state) {
    (void)state;
    char a[ADDRESS_PATH_SIZE], b[ADDRESS_PATH_SIZE];
    assert_int_equal(address_path(NULL, "/run/containerd/containerd.sock", "ns", "id", a, NULL), 0);
    assert_int_equal(
        address_path("", "/run//./x/../containerd/containerd.sock", "ns", "id", b, NULL), 0);
    assert_string_equal(a, b);
    assert_int_equal(strncmp(a, "/run/containerd/s/", 18), 0);
    assert_int_equal(strlen(a), 18 + 64);
    char *directory = malloc(64);
    memset(directory, 'x', 63);
    directory[63] = '\0';
    assert_int_equal(address_path(directory, "/a", "ns", "id", b, NULL), -ENAMETOOLONG);
    free(directory);
}

static void annotations_are_found(void **state) {
    (void)state;
    static const char document[] =
        "{ \"a\" : [1, {\"annotations\":{\"k\":\"no\"}}, \"]\\\"}\"], \"n\": -1.5e3,\n"
        " \"annotations\" : {\"j\":\"x\\\"y\", \"k\" : \"yes\", \"n\":1}, \"k\":\"no\"}";
    char text[8];
    assert_int_equal(json_scan_text(document, "annotations", "k", text, sizeof(text)), 3);
    assert_string_equal(text, "yes");
    assert_int_equal(json_scan_text(document, "annotations", "none", text, sizeof(text)), -ENOENT);
    assert_int_equal(json_scan_text(document, "none", "k", text, sizeof(text)), -ENOENT);
    assert_int_equal(json_scan_text(document, "annotations", "j", text, sizeof(text)), -EBADMSG);
    assert_int_equal(json_scan_text(document, "annotations", "n", text, sizeof(text)), -EBADMSG);
    assert_int_equal(json_scan_text(document, "annotations", "k", text, 3), -EBADMSG);
    assert_int_equal(json_scan_text("{}", "annotations", "k", text, sizeof(text)), -ENOENT);
    assert_int_equal(json_scan_text("{\"a\":null}", "a", "k", text, sizeof(text)), -ENOENT);
    assert_int_equal(json_scan_text("{\"a\" : null , \"b\":1}", "a", "k", text, sizeof(text)),
                     -ENOENT);
    assert_int_equal(json_scan_text("{\"a\":{\"k\":null}}", "a", "k", text, sizeof(text)), -ENOENT);
    assert_int_equal(json_scan_text("{\"a\":nullify}", "a", "k", text, sizeof(text)), -EBADMSG);
    assert_int_equal(json_scan_text("", "annotations", "k", text, sizeof(text)), -EBADMSG);
    /* Every beginning of it ends in an answer. */
    for (size_t length = 0; length < sizeof(document); length++) {
        char part[sizeof(document)];
        memcpy(part, document, length);
        part[length] = '\0';
        int r = json_scan_text(part, "annotations", "k", text, sizeof(text));
        assert_true(r == 3 || r == -EBADMSG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_any_pieces),
        cmocka_unit_test(an_oversized_frame_is_reported_at_once_and_skipped),
        cmocka_unit_test(a_frame_that_promises_much_holds_little),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(flags_come_as_go_takes_them),
        cmocka_unit_test(a_link_chooses_a_runtime),
        cmocka_unit_test(digests_are_right),
        cmocka_unit_test(an_address_is_of_a_clean_path),
        cmocka_unit_test(annotations_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
