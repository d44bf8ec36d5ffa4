# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. Each is also an ordinary test, which replays its corpus in t/fuzz/corpus/NAME.

# Sorted by name; each is one file, t/fuzz/NAME.c.
FUZZ_TARGETS = \
	%D%/fuzz_attach_client \
	%D%/fuzz_attach_monitor \
	%D%/fuzz_bundle \
	%D%/fuzz_config \
	%D%/fuzz_config_runtime \
	%D%/fuzz_control \
	%D%/fuzz_copy \
	%D%/fuzz_elf \
	%D%/fuzz_ids \
	%D%/fuzz_log_record \
	%D%/fuzz_logs \
	%D%/fuzz_oom \
	%D%/fuzz_plan \
	%D%/fuzz_process_plan \
	%D%/fuzz_records \
	%D%/fuzz_runtime_log \
	%D%/fuzz_stat \
	%D%/fuzz_state

if CONTAINERD
FUZZ_TARGETS += %D%/fuzz_json_scan %D%/fuzz_ttrpc
endif

# With --enable-fuzzers libFuzzer is the main program, otherwise driver.c.
if FUZZERS
FUZZ_DRIVER =
else
FUZZ_DRIVER = %D%/driver.c
endif

check_LTLIBRARIES += %D%/libfuzz.la %D%/libmonitor.la
%C%_libfuzz_la_SOURCES = %D%/support.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_libfuzz_la_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"$(abs_top_srcdir)/%D%/corpus"'

# The monitor's parts with a C library, so that sanitizers can watch them.
%C%_libmonitor_la_SOURCES = %D%/monitor.c %D%/monitor.h \
	host/monitor/adopt.c host/monitor/attach.c host/monitor/children.c host/monitor/cleanup.c \
	host/monitor/console.c host/monitor/control.c host/monitor/copy.c host/monitor/event.c host/monitor/launch.c \
	host/monitor/log.c host/monitor/logfile.c host/monitor/main.c host/monitor/oom.c host/monitor/plan.c \
	host/monitor/privileges.c host/monitor/record.c host/monitor/start.c host/monitor/streams.c host/monitor/text.c \
	host/monitor/watch.c
%C%_libmonitor_la_CPPFLAGS = $(AM_CPPFLAGS) -DMONITOR_IN_LIBRARY

FUZZ_LDADD = %D%/libfuzz.la $(FUZZER_LIBS)
FUZZ_HOST = $(FUZZ_LDADD) host/libhost.la config/libconfig.la
FUZZ_MONITOR = %D%/libmonitor.la $(FUZZ_LDADD)

%C%_fuzz_attach_client_LDADD = $(FUZZ_HOST)
%C%_fuzz_attach_monitor_LDADD = $(FUZZ_MONITOR)
%C%_fuzz_bundle_LDADD = $(FUZZ_HOST)
%C%_fuzz_config_LDADD = $(FUZZ_HOST)
%C%_fuzz_config_runtime_LDADD = $(FUZZ_HOST)
%C%_fuzz_control_LDADD = $(FUZZ_MONITOR)
# Reads the logs back as the host does; the two share no name.
%C%_fuzz_copy_LDADD = $(FUZZ_MONITOR) host/libhost.la
%C%_fuzz_elf_SOURCES = %D%/fuzz_elf.c host/check/elf.c
%C%_fuzz_elf_LDADD = $(FUZZ_HOST)
%C%_fuzz_ids_LDADD = $(FUZZ_HOST)
%C%_fuzz_log_record_LDADD = $(FUZZ_HOST)
%C%_fuzz_logs_LDADD = $(FUZZ_HOST)
%C%_fuzz_oom_LDADD = $(FUZZ_MONITOR)
%C%_fuzz_plan_LDADD = $(FUZZ_MONITOR)
%C%_fuzz_process_plan_SOURCES = %D%/fuzz_process_plan.c plugins/process/read_plan.c
%C%_fuzz_process_plan_LDADD = $(FUZZ_LDADD)
%C%_fuzz_records_LDADD = $(FUZZ_HOST)
%C%_fuzz_runtime_log_LDADD = $(FUZZ_HOST)
%C%_fuzz_stat_LDADD = $(FUZZ_MONITOR) host/libhost.la
%C%_fuzz_state_LDADD = $(FUZZ_HOST)
%C%_fuzz_json_scan_LDADD = host/containerd/libwire.la $(FUZZ_HOST)
%C%_fuzz_ttrpc_LDADD = host/containerd/libwire.la $(FUZZ_HOST) $(PROTOBUF_C_LIBS)
%C%_fuzz_ttrpc_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS) -Ihost/containerd/proto

check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
EXTRA_DIST += %D%/corpus %D%/run %D%/driver.c

# All targets, each for FUZZ_SECONDS (3600), FUZZ_JOBS (1) of them at once, in a tree of their own that clang builds.
# FUZZ_TARGET names one alone.
check-fuzz:
	MAKE='$(MAKE)' $(srcdir)/%D%/run '$(abs_top_srcdir)' '$(abs_builddir)'
fuzz-targets: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(FUZZ_TARGETS)
print-fuzz-targets:
	@echo $(FUZZ_TARGETS)
.PHONY: check-fuzz fuzz-targets print-fuzz-targets
