/* SPDX-License-Identifier: Apache-2.0 */
/* FIFOs of a process's directory. Nothing here ever hangs. */
#ifndef SHIMHOST_PROCESS_FIFO_H
#define SHIMHOST_PROCESS_FIFO_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* Makes a FIFO of mode 0600, whatever the umask. One that is there already is left, and 0 returned;
 * -EEXIST: something else has the name, and the error says what. */
int fifo_create(int directory_fd, const char *name, struct shim_error *error);

/* Opens a FIFO, non-blocking, close-on-exec, never through a symbolic link, into *ret_fd, for the
 * caller to close. `mode` is O_RDONLY, O_WRONLY or O_RDWR. -ENXIO: O_WRONLY, and nobody reads;
 * -ENOENT; -EINVAL: it is not a FIFO, or not such a mode; -ELOOP: a symbolic link. */
int fifo_open(int directory_fd, const char *name, int mode, int *ret_fd, struct shim_error *error);

/* Will the FIFO, open for reading, tell when its last writer has gone? Not if it had none any more
 * when it was opened: a monitor that is being killed loses its descriptors some time before it is
 * dead. */
bool fifo_has_writer(int fd);

/* What a process's monitor is told by the lines of its control FIFO; 2 has it reopen logs. */
#define CONTROL_CLOSE_STDIN 0
#define CONTROL_RESIZE 1

#endif
