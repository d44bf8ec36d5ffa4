# SPDX-License-Identifier: Apache-2.0
# `make bench`: what supervising costs, beside what others do. README.md in this folder says how to use it.
BENCH_HELPERS = %D%/lines %D%/machine %D%/race %D%/stamp
check_PROGRAMS += $(BENCH_HELPERS)

%C%_race_SOURCES = %D%/race.c %D%/script.c %D%/script.h %D%/steps.c %D%/steps.h
%C%_race_LDADD =
%C%_lines_SOURCES = %D%/lines.c
%C%_lines_LDADD =
%C%_machine_SOURCES = %D%/machine.c
%C%_machine_LDADD =
%C%_stamp_SOURCES = %D%/stamp.c
%C%_stamp_LDADD =
if !SANITIZERS
%C%_lines_LDFLAGS = $(HARDENING_LDFLAGS) $(SANITIZER_FLAGS) -all-static
%C%_stamp_LDFLAGS = $(HARDENING_LDFLAGS) $(SANITIZER_FLAGS) -all-static
endif

EXTRA_DIST += \
	%D%/README.md \
	%D%/bench \
	%D%/common.bash \
	%D%/counts.bash \
	%D%/part-containerd.bash \
	%D%/part-cost.bash \
	%D%/part-death.bash \
	%D%/part-list.bash \
	%D%/part-memory.bash \
	%D%/part-output.bash \
	%D%/part-start.bash \
	%D%/report.bash

bench: $(BENCH_HELPERS) t/fake-runtime/fake-runtime $(check_DATA)
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/%D%/bench
.PHONY: bench
