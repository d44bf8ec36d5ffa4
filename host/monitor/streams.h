/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor copies, where it has to.
 *
 *   streams.c   sets them up, waits for them, and ends them
 *   copy.c      from a source (a pipe, or the terminal) to its sinks
 *   logfile.c   one of the sinks: a log file, its formats, its rotation
 *   attach.c    another one: clients of a socket, who may also write
 *   console.c   how a terminal comes to us
 *
 * Buffers are mapped when there is something to copy. A second after the last byte their pages are
 * given back, but for the one with the beginning of a line that has not ended.
 */
#ifndef SHIMHOST_MONITOR_STREAMS_H
#define SHIMHOST_MONITOR_STREAMS_H

#include <stdbool.h>
#include "system.h"

enum { STREAM_INPUT, STREAM_OUTPUT, STREAM_ERRORS };

#define READ_SIZE (64 * 1024)     /* what a pipe holds */
#define PART_SIZE (16 * 1024)     /* longer lines are logged in parts */
#define RECORDS_SIZE (128 * 1024) /* log records on their way; more than one part can become */
#define COPY_PADDING 64           /* what fast copying and searching may touch beyond the end */
#define PACKET_SIZE (32 * 1024)   /* of data from or to a client */
#define CLIENTS 16

/* What to wait for; see streams_poll(). */
enum {
    SLOT_SOURCE,                 /* of stdout, and of stderr */
    SLOT_SINK = SLOT_SOURCE + 2, /* of both */
    SLOT_LISTENER = SLOT_SINK + 2,
    SLOT_CONSOLE,
    SLOT_INPUT,      /* what the process reads from */
    SLOT_INPUT_FIFO, /* what feeds its terminal */
    SLOT_CLIENT,
    STREAM_SLOTS = SLOT_CLIENT + CLIENTS,
};

/* Standard output or error. The buffer holds first the beginning of a line that the log has not
 * seen the end of, then the last read. */
struct output {
    int source;     /* the pipe's read end, or the terminal; -1: none, or it has ended */
    int sink;       /* a FIFO or program, or -1 */
    char *buffer;   /* READ_SIZE beyond PART_SIZE, or NULL */
    uint32_t begun; /* bytes of a line that has not ended */
    uint32_t end;   /* of what has been read */
    uint32_t sunk;  /* up to here the sink has taken it, */
    uint32_t owned; /* and up to here the owner */
    bool sink_full; /* after a splice: wait for the sink, not for the source */
    bool terminal;
    uint8_t last_reads;  /* that are still made of what is in the source at the end */
    uint64_t lost;       /* bytes that the sink did not take, not yet told, */
    uint64_t lost_total; /* and in all */
};

struct log_file {
    int fd;        /* or -1 */
    uint64_t size; /* of the file */
    uint64_t lost; /* bytes of records that could not be written, not yet told */
    char *records; /* RECORDS_SIZE, or NULL */
    uint32_t used;
    char stamp[40]; /* the time of the last read */
    uint8_t stamp_length;
};

struct client {
    int fd;        /* or -1 */
    bool gone;     /* it has hung up, but there may be packets of it */
    uint64_t lost; /* bytes that it did not take, not yet told */
};

struct streams {
    bool active;   /* there is something to copy */
    bool over;     /* the process has ended */
    bool late;     /* and so has the time for draining: only the owner is still waited for */
    bool awaiting; /* nobody has attached yet */
    int64_t drain_until;
    bool busy;       /* something was copied lately */
    int64_t idle_at; /* when the buffers' pages are to be given back, or 0 */
    struct output outputs[2];
    struct log_file log;

    int input;       /* the pipe's write end, or the terminal (also an output's source); or -1 */
    int input_fifo;  /* or -1 */
    bool input_ends; /* once the process has taken what waits */
    char last_fed;   /* the last character of its input so far */
    char *packet;    /* the last one of a client, PACKET_SIZE + 1, or NULL */
    char *waiting;   /* PACKET_SIZE of input that could not be written yet, or NULL */
    uint32_t waiting_from, waiting_to;

    int slave;      /* of the terminal, so that there is always one who holds it; or negative */
    bool hung_up;   /* the terminal has nevertheless, for the moment */
    int console;    /* the console socket, or -1 */
    int connection; /* of the runtime with it, or -1 */
    int listener;   /* for clients, or -1 */
    bool refusing;  /* none can be accepted for the moment */
    int owner;      /* index of the client who loses nothing, or -1 */
    struct client clients[CLIENTS];
};

struct monitor;

/* ---- copy.c ------------------------------------------------------------------------------------
 */

/* Reads what there is, within reason, and hands it on. */
void copy_output(struct monitor *monitor, struct output *output);

/* Hands on what a sink or the owner had no room for. True: there is nothing of that left. */
bool copy_held(struct monitor *monitor, struct output *output);

/* Is there something that a sink or the owner has to take before more is read? */
bool copy_holds(const struct monitor *monitor, const struct output *output);

/* Moves what has been begun to the front of the buffer. */
void copy_settle(struct output *output);

/* The source has ended, or nobody waits for its end any more. */
void copy_end(struct monitor *monitor, struct output *output);

/* Feeds the process. What does not fit waits; no more is taken then. */
void copy_input(struct monitor *monitor, const char *bytes, size_t size);
void copy_waiting_input(struct monitor *monitor);
void copy_input_fifo(struct monitor *monitor);
/* Closes it, or writes what a terminal takes for the end; once what waits has been taken. */
void copy_end_input(struct monitor *monitor);

/* Copies `size` bytes, fast; touches up to COPY_PADDING bytes beyond both ends. */
static inline char *copy_bytes(char *to, const char *from, size_t size) {
    typedef long long block __attribute__((vector_size(16), aligned(1), may_alias));
    for (size_t at = 0; at < size; at += sizeof(block))
        *(block *)(to + at) = *(const block *)(from + at);
    return to + size;
}

/* ---- logfile.c ---------------------------------------------------------------------------------
 */

/* Takes note of the time, for the records to come. */
void log_file_stamp(struct log_file *log);

/* Logs the complete lines, and parts of over-long ones, of `bytes`, whose first `seen` bytes hold
 * no newline. Returns how many bytes are left over; `all` leaves none. */
size_t log_file_take(struct monitor *monitor, int stream, char *bytes, size_t size, size_t seen,
                     bool all);

/* Writes the records that are on their way. */
void log_file_flush(struct monitor *monitor);

/* Opens the file anew, under its name. */
void log_file_reopen(struct monitor *monitor);

/* ---- attach.c ----------------------------------------------------------------------------------
 */

int attach_listen(struct monitor *monitor);
void attach_accept(struct monitor *monitor);
/* Something happened to a client. */
void attach_event(struct monitor *monitor, struct client *client, int events);
/* What to wait for of the client with this index. */
int attach_wanted(const struct streams *streams, int index);
/* Sends to all clients. For the owner, `owned` says what it has taken already; what it has after
 * this is returned. */
uint32_t attach_send(struct monitor *monitor, int stream, const char *bytes, uint32_t from,
                     uint32_t to);
/* Sends to the owner alone what it had no room for. */
uint32_t attach_send_owner(struct monitor *monitor, int stream, const char *bytes, uint32_t from,
                           uint32_t to);
bool attach_any(const struct streams *streams);
void attach_close(struct monitor *monitor);

/* ---- console.c ---------------------------------------------------------------------------------
 */

/* Makes the console socket. 0 or a negative errno. */
int console_listen(struct monitor *monitor);
/* Puts the path of the socket, as the runtime can reach it, in the place of its placeholder. */
void console_fill_in(const struct monitor *monitor, char **argv, char *buffer, size_t size);
/* The runtime has connected, or should have: takes the terminal. 0; -EAGAIN: not yet; else it
 * cannot be had. */
int console_receive(struct monitor *monitor);
void console_resize(int terminal, unsigned columns, unsigned rows);
/* What a program which reads from the terminal takes for the end of its input, after this last
 * character. Within a line the first such character only hands over what there is of it. Returns
 * how many. */
size_t console_end_of_input(int terminal, char last, char end[2]);

#endif
