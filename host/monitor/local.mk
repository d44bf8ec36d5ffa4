# SPDX-License-Identifier: Apache-2.0
# The monitor: a program of its own, which shares no object file with the host. Where it can it stands without a C library, as
# a static, position-independent program that needs no relocation and has no data page.
monitor_PROGRAMS = host/monitor/shimhost-monitor

host_monitor_shimhost_monitor_SOURCES = \
	%D%/adopt.c \
	%D%/attach.c \
	%D%/children.c \
	%D%/cleanup.c \
	%D%/console.c \
	%D%/control.c \
	%D%/copy.c \
	%D%/event.c \
	%D%/launch.c \
	%D%/log.c \
	%D%/logfile.c \
	%D%/machine_aarch64.h \
	%D%/machine_hosted.h \
	%D%/machine_x86_64.h \
	%D%/main.c \
	%D%/oom.c \
	%D%/monitor.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/privileges.c \
	%D%/record.c \
	%D%/start.c \
	%D%/socket.h \
	%D%/streams.c \
	%D%/streams.h \
	%D%/system.h \
	%D%/text.c \
	%D%/text.h \
	%D%/watch.c
host_monitor_shimhost_monitor_LDADD =

if MONITOR_FREESTANDING
host_monitor_shimhost_monitor_CPPFLAGS = $(AM_CPPFLAGS) -DMONITOR_FREESTANDING=1
host_monitor_shimhost_monitor_CFLAGS = $(AM_CFLAGS) $(MONITOR_CFLAGS) -ffreestanding -fpie -ffunction-sections \
	-fno-asynchronous-unwind-tables -fno-unwind-tables
# Not through libtool, to which -static means something else. -z text refuses relocations in the text,
# and the test of the monitor's memory refuses a data page.
host_monitor_shimhost_monitor_LINK = $(CC) $(host_monitor_shimhost_monitor_CFLAGS) $(CFLAGS) \
	-static-pie -nostdlib -nostartfiles $(HARDENING_LDFLAGS) \
	-Wl,-z,noseparate-code,-z,text,--gc-sections,--build-id=none $(LDFLAGS) -o $@
else
host_monitor_shimhost_monitor_CPPFLAGS = $(AM_CPPFLAGS)
host_monitor_shimhost_monitor_CFLAGS = $(AM_CFLAGS)
host_monitor_shimhost_monitor_LINK = $(LINK)
endif
