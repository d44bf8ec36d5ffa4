/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that leave an attached process: "ctrl-p,ctrl-q". Pure: bytes in, bytes out. */
#ifndef SHIMHOST_STREAM_DETACH_KEYS_H
#define SHIMHOST_STREAM_DETACH_KEYS_H

#include <shimhost/plugin.h>
#include <stdbool.h>

#define DETACH_KEYS_MAX 16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

struct detach_keys {
    unsigned char keys[DETACH_KEYS_MAX];
    size_t count;   /* 0: nothing leaves */
    size_t matched; /* of the sequence, typed and not passed on yet */
};

/* Reads a sequence as Docker writes it: keys with commas between them, each a character or ctrl-
 * and one of a-z @ [ \ ] ^ _. The empty text is the empty sequence. -EINVAL: anything else. */
int detach_keys_parse(const char *text, struct detach_keys *ret_keys, struct shim_error *error);

/* Takes `length` typed bytes and puts what is to be passed on into `output`, which has room for
 * `length` + DETACH_KEYS_MAX bytes; *ret_length is how many. What may be the beginning of the
 * sequence is kept back until it is known not to be. True: the whole sequence was typed; what came
 * before it is in `output`, what came after it is dropped. */
bool detach_keys_filter(struct detach_keys *keys, const unsigned char *input, size_t length,
                        unsigned char *output, size_t *ret_length);

/* There will be no more: puts what is kept back into `output`, of DETACH_KEYS_MAX bytes, and
 * returns how much that is. */
size_t detach_keys_flush(struct detach_keys *keys, unsigned char *output);

#endif
