/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal SOCKET: stands in for the system's journal. Prints the entries that are sent to it in the
 * native protocol, and after each an empty line. Prints "ready" first.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static char entry[1 << 20];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
        return 2;
    strcpy(address.sun_path, argv[1]);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror(argv[1]);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    ssize_t got;
    while ((got = recv(fd, entry, sizeof(entry), 0)) >= 0) {
        fwrite(entry, 1, (size_t)got, stdout);
        puts("");
        fflush(stdout);
    }
    return 1;
}
