# SPDX-License-Identifier: Apache-2.0
# `make check-soak`: very many lives, and long ones. README.md in this folder says how to use it.
SOAK_HELPERS = %D%/drive %D%/strain
check_PROGRAMS += $(SOAK_HELPERS)

%C%_drive_SOURCES = %D%/drive.c t/bench/script.c t/bench/script.h
%C%_drive_LDADD =
%C%_strain_SOURCES = %D%/strain.c
%C%_strain_LDADD = host/libhost.la

EXTRA_DIST += \
	%D%/README.md \
	%D%/measure.bash \
	%D%/part-containerd.bash \
	%D%/part-cycles.bash \
	%D%/part-execs.bash \
	%D%/part-hosts.bash \
	%D%/part-many.bash \
	%D%/part-monitors.bash \
	%D%/part-starts.bash \
	%D%/place.bash \
	%D%/soak

check-soak: check-am-programs
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/%D%/soak
.PHONY: check-soak
