# SPDX-License-Identifier: Apache-2.0
# The host: one library for the programs, and the programs.
noinst_LTLIBRARIES += host/libhost.la
host_libhost_la_SOURCES = \
	%D%/base/await.c %D%/base/await.h \
	%D%/base/clock.c %D%/base/clock.h \
	%D%/base/error.c %D%/base/error.h \
	%D%/base/fd.h \
	%D%/base/file.c %D%/base/file.h \
	%D%/base/json_out.c %D%/base/json_out.h \
	%D%/base/log.c %D%/base/log.h \
	%D%/base/sized.h \
	%D%/base/text.c %D%/base/text.h \
	%D%/process/command.c %D%/process/command.h \
	%D%/process/fifo.c %D%/process/fifo.h \
	%D%/process/identity.c %D%/process/identity.h \
	%D%/process/launch.c %D%/process/launch.h \
	%D%/process/launch_failure.c %D%/process/launch_failure.h \
	%D%/process/launch_words.c %D%/process/launch_words.h \
	%D%/process/orphans.c %D%/process/orphans.h \
	%D%/process/pidfile.c %D%/process/pidfile.h \
	%D%/process/runtime_log.c %D%/process/runtime_log.h \
	%D%/process/workers.c %D%/process/workers.h \
	%D%/state/bundle.c \
	%D%/state/bundle_vary.c \
	%D%/state/journal.c %D%/state/journal.h \
	%D%/state/journal_print.c \
	%D%/state/json.c %D%/state/json.h \
	%D%/state/json_value.c %D%/state/json_value.h \
	%D%/state/lock.c %D%/state/lock.h \
	%D%/state/namespace.c %D%/state/namespace.h \
	%D%/state/record.c %D%/state/record.h \
	%D%/state/status.c %D%/state/status.h \
	%D%/state/store.c %D%/state/store.h \
	%D%/stream/attach.c %D%/stream/attach.h \
	%D%/stream/detach_keys.c %D%/stream/detach_keys.h \
	%D%/stream/log_files.c %D%/stream/log_files.h \
	%D%/stream/log_lines.c %D%/stream/log_lines.h \
	%D%/stream/log_record.c %D%/stream/log_record.h \
	%D%/stream/log_tail.c %D%/stream/log_tail.h \
	%D%/stream/logs.c %D%/stream/logs.h \
	%D%/stream/terminal.c %D%/stream/terminal.h \
	%D%/plugin/registry.c %D%/plugin/registry.h \
	%D%/engine/call.c %D%/engine/call.h \
	%D%/engine/check.c %D%/engine/check.h \
	%D%/engine/check_files.c \
	%D%/engine/check_internal.h \
	%D%/engine/check_machine.c \
	%D%/engine/check_process.c \
	%D%/engine/engine.c %D%/engine/engine.h \
	%D%/engine/inspect.c \
	%D%/engine/internal.h \
	%D%/engine/launch.c \
	%D%/engine/life.c \
	%D%/engine/process.c \
	%D%/engine/recover.c \
	%D%/engine/remove.c \
	%D%/engine/services.c \
	%D%/engine/spawn.c \
	%D%/engine/stream_files.c %D%/engine/stream_set.h \
	%D%/engine/stream_journald.c %D%/engine/stream_journald.h \
	%D%/engine/stream_target.c %D%/engine/stream_target.h \
	%D%/engine/streams.c \
	%D%/engine/wait.c
host_libhost_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
host_libhost_la_LIBADD = config/libconfig.la $(JANSSON_LIBS) $(LTDL_LIBS)

include host/monitor/local.mk
include host/journald/local.mk
include host/command/local.mk
include host/containerd/local.mk
