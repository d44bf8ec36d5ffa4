/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets as the kernel sees them (linux/socket.h has no more than a few of these). */
#ifndef SHIMHOST_MONITOR_SOCKET_H
#define SHIMHOST_MONITOR_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#define FAMILY_UNIX 1
#define TYPE_STREAM 1
#define TYPE_PACKETS 5
#define SOCKET_NONBLOCK 04000
#define SOCKET_CLOEXEC 02000000
#define LEVEL_SOCKET 1
#define OPTION_SEND_BUFFER 7
#define OPTION_CREDENTIALS 17
#define RIGHTS 1
#define BOTH_DIRECTIONS 2          /* SHUT_RDWR */
#define SEND_AT_ONCE 0x4040        /* MSG_DONTWAIT | MSG_NOSIGNAL */
#define RECEIVE_AT_ONCE 0x40000040 /* MSG_DONTWAIT | MSG_CMSG_CLOEXEC */

struct socket_address {
    uint16_t family;
    char path[108];
};

struct slice {
    const void *base;
    size_t size;
};

struct message {
    void *name;
    int name_size;
    struct slice *slices;
    size_t slice_count;
    void *control;
    size_t control_size;
    unsigned flags;
};

/* A control message with one descriptor. */
struct rights {
    size_t size;
    int level;
    int type;
    int fd;
    int padding;
};

struct credentials {
    int pid;
    unsigned uid;
    unsigned gid;
};

#endif
