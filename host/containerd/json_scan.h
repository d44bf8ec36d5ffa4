/* SPDX-License-Identifier: Apache-2.0 */
/* Finds one text in a JSON document without reading it into memory structures: `start` needs
 * nothing else of a config.json, and is to be quick. */
#ifndef SHIMHOST_CONTAINERD_JSON_SCAN_H
#define SHIMHOST_CONTAINERD_JSON_SCAN_H

#include <stddef.h>

/* Copies the text of the member `key` of the object that is the member `object` of the document
 * into `buffer`. Returns its length; -ENOENT: there is no such member, or one of the two is null;
 * -EBADMSG: it is not a text, has escapes in it, does not fit, or the document is no JSON up to
 * there. */
int json_scan_text(const char *document, const char *object, const char *key, char *buffer,
                   size_t size);

#endif
