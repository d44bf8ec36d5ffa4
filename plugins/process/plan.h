/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin tells shimhost-process-init of a process, in a file of the process's directory:
 * texts of the form KEY=VALUE with a NUL behind each. Not the command line, which everybody can
 * read. */
#ifndef SHIMHOST_PROCESS_PLAN_H
#define SHIMHOST_PROCESS_PLAN_H

#define PLAN_FILE ".plan"
#define START_FIFO ".start"
#define LOG_FILE "log.json"
#define PID_FILE ".pid.runtime"
#define MADE_FILE ".made" /* pid, start time and boot id, each on a line */

#define PLAN_ARGUMENT "arg"    /* in their order */
#define PLAN_ENVIRONMENT "env" /* NAME=VALUE */
#define PLAN_DIRECTORY "cwd"
#define PLAN_UID "uid"
#define PLAN_GID "gid"
#define PLAN_GROUP "group"  /* one of the supplementary groups */
#define PLAN_UMASK "umask"  /* decimal */
#define PLAN_LIMIT "rlimit" /* RESOURCE:SOFT:HARD, numbers */
#define PLAN_SCORE "oom-score"
#define PLAN_NO_NEW_PRIVILEGES "no-new-privileges" /* 1 */
#define PLAN_SIZE "size"                           /* ROWS:COLUMNS of the terminal */
#define PLAN_WAIT "wait"                           /* 1: until somebody writes to START_FIFO */
/* Masks of capabilities, decimal; all five or none. */
#define PLAN_BOUNDING "bounding"
#define PLAN_EFFECTIVE "effective"
#define PLAN_PERMITTED "permitted"
#define PLAN_INHERITABLE "inheritable"
#define PLAN_AMBIENT "ambient"

/*
 * shimhost-process-init --spawn [CONSOLE-SOCKET]
 *     makes the process of PLAN_FILE. Before it goes on, its pid is in PID_FILE, and in MADE_FILE
 *     who it is, for the case that the monitor dies before it can record that.
 * shimhost-process-init --end
 *     kills what the process has left.
 *
 * Both run in the process's directory, as children of its monitor. A failure goes to LOG_FILE and
 * is exit status 1.
 */

/* How the messages of a command that does not exist, or cannot be executed, begin. */
#define MESSAGE_NOT_FOUND "command not found"
#define MESSAGE_NOT_EXECUTABLE "command cannot be executed"

#endif
