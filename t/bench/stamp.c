/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in a container that is timed.
 *
 *   stamp begin FIFO     writes the time at which it began into a FIFO, and ends
 *   stamp end GO FIFO    waits for a byte from GO, writes the time into a FIFO, and ends at once
 *   stamp sleep          does nothing, for ever
 *   stamp true           ends
 *
 * Static, so that it begins and ends quickly. Times are 8 bytes, nanoseconds on the monotonic
 * clock.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int main(int argc, char **argv) {
    int64_t time = now();
    char byte;
    if (argc == 2 && strcmp(argv[1], "sleep") == 0)
        for (;;)
            pause();
    if (argc == 2 && strcmp(argv[1], "true") == 0)
        return 0;
    if (argc == 3 && strcmp(argv[1], "begin") == 0) {
        int fd = open(argv[2], O_RDWR);
        _exit(write(fd, &time, sizeof(time)) != sizeof(time));
    }
    if (argc == 4 && strcmp(argv[1], "end") == 0) {
        int go = open(argv[2], O_RDONLY), fd = open(argv[3], O_RDWR);
        if (read(go, &byte, 1) != 1)
            _exit(1);
        time = now();
        _exit(write(fd, &time, sizeof(time)) != sizeof(time));
    }
    return 2;
}
