# SPDX-License-Identifier: Apache-2.0
# The `shimhost` program and its manual.
bin_PROGRAMS += %D%/shimhost
%C%_shimhost_SOURCES = \
	host/check/bundle.c \
	host/check/check.h \
	host/check/descriptor.c \
	host/check/elf.c host/check/elf.h \
	host/check/failure.c \
	host/check/hosts.c \
	host/check/kit.c host/check/kit.h \
	host/check/life.c \
	host/check/list.c \
	host/check/manners.c \
	host/check/runner.c \
	%D%/attach.c \
	%D%/attaching.c %D%/attaching.h \
	%D%/change.c \
	%D%/check.c \
	%D%/command.h \
	%D%/config_commands.c \
	%D%/container_json.c %D%/container_json.h \
	%D%/events.c \
	%D%/exec.c \
	%D%/facts.c %D%/facts.h \
	%D%/guard.c %D%/guard.h \
	%D%/invocation.c \
	%D%/life.c \
	%D%/list.c \
	%D%/logs.c \
	%D%/main.c \
	%D%/options.c %D%/options.h \
	%D%/plugin_check.c \
	%D%/plugins.c \
	%D%/print.c %D%/print.h \
	%D%/ps.c \
	%D%/run.c \
	%D%/runtimes.c \
	%D%/signals.c %D%/signals.h \
	%D%/spawning.c %D%/spawning.h \
	%D%/state.c \
	%D%/upgrade.c
%C%_shimhost_LDADD = host/libhost.la

include doc/local.mk
