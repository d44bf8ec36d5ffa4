# SPDX-License-Identifier: Apache-2.0
# The log program of the target `journald`: the only one that links libsystemd.
if JOURNALD
AM_CPPFLAGS += -DJOURNALD_PATH='"$(monitordir)/shimhost-journald"'
monitor_PROGRAMS += %D%/shimhost-journald
%C%_shimhost_journald_SOURCES = %D%/main.c
%C%_shimhost_journald_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
%C%_shimhost_journald_LDADD = $(SYSTEMD_LIBS)
endif
