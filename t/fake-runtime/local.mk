# SPDX-License-Identifier: Apache-2.0
# A runtime without containers, for tests and benchmarks. Static, so that starting it costs little.
check_PROGRAMS += %D%/fake-runtime
%C%_fake_runtime_SOURCES = %D%/fake-runtime.c %D%/json.c %D%/json.h
%C%_fake_runtime_LDADD =
if !SANITIZERS
%C%_fake_runtime_LDFLAGS = $(HARDENING_LDFLAGS) $(SANITIZER_FLAGS) -all-static
endif
