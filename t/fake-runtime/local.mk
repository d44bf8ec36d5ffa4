# SPDX-License-Identifier: Apache-2.0
# A runtime without containers, for tests and benchmarks. Static, so that starting it costs little, and never with the
# sanitizers: it stands for programs that we do not build, and leaves its memory to its end.
check_PROGRAMS += %D%/fake-runtime
%C%_fake_runtime_SOURCES = %D%/fake-runtime.c %D%/json.c %D%/json.h
%C%_fake_runtime_LDADD =
%C%_fake_runtime_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
%C%_fake_runtime_LDFLAGS = $(HARDENING_LDFLAGS) -all-static
