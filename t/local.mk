# SPDX-License-Identifier: Apache-2.0
# The tests, TAP throughout: units in C with cmocka, and bats files that use an installed shimhost from outside.

# Sorted by name; each is one file, t/unit/NAME.c.
UNIT_TESTS = \
	%D%/unit/test_attach \
	%D%/unit/test_command \
	%D%/unit/test_command_options \
	%D%/unit/test_command_signals \
	%D%/unit/test_config \
	%D%/unit/test_config_document \
	%D%/unit/test_config_values \
	%D%/unit/test_detach_keys \
	%D%/unit/test_fifo \
	%D%/unit/test_file \
	%D%/unit/test_identity \
	%D%/unit/test_json_out \
	%D%/unit/test_launch \
	%D%/unit/test_log \
	%D%/unit/test_log_record \
	%D%/unit/test_logs \
	%D%/unit/test_manual_keys \
	%D%/unit/test_monitor \
	%D%/unit/test_oci \
	%D%/unit/test_oci_answers \
	%D%/unit/test_oci_remove \
	%D%/unit/test_orphans \
	%D%/unit/test_pidfile \
	%D%/unit/test_process_members \
	%D%/unit/test_process_plan \
	%D%/unit/test_runtime_log \
	%D%/unit/test_state \
	%D%/unit/test_stream_targets \
	%D%/unit/test_streams \
	%D%/unit/test_streams_attach \
	%D%/unit/test_streams_logs \
	%D%/unit/test_streams_terminal \
	%D%/unit/test_text \
	%D%/unit/test_threads

# Sorted by name.
BATS_TESTS = \
	%D%/adoption.bats \
	%D%/attach.bats \
	%D%/attack.bats \
	%D%/abi.bats \
	%D%/bench.bats \
	%D%/changes.bats \
	%D%/check.bats \
	%D%/config.bats \
	%D%/containerd.bats \
	%D%/containerd-calls.bats \
	%D%/containerd-cri.bats \
	%D%/containerd-death.bats \
	%D%/containerd-given-up.bats \
	%D%/containerd-many.bats \
	%D%/containerd-runtimes.bats \
	%D%/containerd-start.bats \
	%D%/containerd-streams.bats \
	%D%/containerd-upgrade.bats \
	%D%/containerd-wire.bats \
	%D%/events.bats \
	%D%/every-runtime.bats \
	%D%/corruption.bats \
	%D%/exec.bats \
	%D%/faults.bats \
	%D%/guard.bats \
	%D%/hardening.bats \
	%D%/hosts.bats \
	%D%/idle.bats \
	%D%/inheritance.bats \
	%D%/isolation.bats \
	%D%/journald.bats \
	%D%/lifecycle.bats \
	%D%/logs.bats \
	%D%/manuals.bats \
	%D%/many.bats \
	%D%/monitor-death.bats \
	%D%/oom.bats \
	%D%/pid-reuse.bats \
	%D%/plugin.bats \
	%D%/plugin-check.bats \
	%D%/plugin-check-ours.bats \
	%D%/reboot.bats \
	%D%/run.bats \
	%D%/runtimes.bats \
	%D%/sdk-example.bats \
	%D%/soak.bats \
	%D%/source.bats \
	%D%/spawn-failure.bats \
	%D%/state-directory.bats \
	%D%/stray-calls.bats \
	%D%/streams.bats \
	%D%/terminal.bats \
	%D%/tutorial.bats

EXTRA_DIST += $(BATS_TESTS) %D%/bats %D%/bystander.bash %D%/common.bash %D%/containerd.bash %D%/containerd-wire.bash %D%/eventually.bash %D%/faults.bash %D%/jobs.bash %D%/long/faults %D%/config.json %D%/guard.ceilings %D%/install-privately \
	%D%/plugin-check.bash %D%/streams.bash %D%/terminal.bash %D%/long/streams \
	%D%/pid-reuse.bash %D%/private-cgroups %D%/tap %D%/unit/capabilities.h %D%/unit/directory_fixture.h .clang-format quickstart

# What the tests of the SDK compile themselves.
EXTRA_DIST += \
	%D%/abi/1/shimhost/oci.h \
	%D%/abi/1/shimhost/plugin.h \
	%D%/abi/print-layout.sh \
	%D%/plugins/blocking.c \
	%D%/plugins/broken-cancel.c \
	%D%/plugins/broken-crash.c \
	%D%/plugins/broken-created.c \
	%D%/plugins/broken-deleted.c \
	%D%/plugins/broken-descriptors.c \
	%D%/plugins/broken-directory.c \
	%D%/plugins/broken-environment.c \
	%D%/plugins/broken-error.c \
	%D%/plugins/broken-exec.c \
	%D%/plugins/broken-exit-status.c \
	%D%/plugins/broken-exit.c \
	%D%/plugins/broken-exports.c \
	%D%/plugins/broken-failed-runtime.c \
	%D%/plugins/broken-failed-spawn-process.c \
	%D%/plugins/broken-failed-spawn-state.c \
	%D%/plugins/broken-features.c \
	%D%/plugins/broken-handler.c \
	%D%/plugins/broken-ignores.c \
	%D%/plugins/broken-input.c \
	%D%/plugins/broken-load-writes.c \
	%D%/plugins/broken-mask.c \
	%D%/plugins/broken-memory.c \
	%D%/plugins/broken-name.c \
	%D%/plugins/broken-output.c \
	%D%/plugins/broken-pause.c \
	%D%/plugins/broken-processes.c \
	%D%/plugins/broken-remembers.c \
	%D%/plugins/broken-result.c \
	%D%/plugins/broken-run.c \
	%D%/plugins/broken-signal-after-end.c \
	%D%/plugins/broken-signals.c \
	%D%/plugins/broken-spawn-deadline.c \
	%D%/plugins/broken-stranger.c \
	%D%/plugins/broken-stray.c \
	%D%/plugins/broken-umask.c \
	%D%/plugins/broken-undefined.c \
	%D%/plugins/broken-wait-alone.c \
	%D%/plugins/broken-wait-deadline.c \
	%D%/plugins/broken-wait-once.c \
	%D%/plugins/careless.c \
	%D%/plugins/cleaning.c \
	%D%/plugins/faulty.c \
	%D%/plugins/future.c \
	%D%/plugins/life.c \
	%D%/plugins/life.h \
	%D%/plugins/linking.c \
	%D%/plugins/other-malloc.c

%C%_unit_test_manual_keys_CPPFLAGS = $(AM_CPPFLAGS) -DMANUAL='"$(abs_top_srcdir)/doc/shimhost.yaml.5"'

# What a unit test links: it is the default of all programs that do not say otherwise.
LDADD = host/libhost.la config/libconfig.la $(CMOCKA_LIBS)

%C%_unit_test_oci_SOURCES = %D%/unit/test_oci.c %D%/unit/oci_fixture.h
%C%_unit_test_oci_LDADD = sdk/liboci.la $(LDADD)
%C%_unit_test_oci_answers_SOURCES = %D%/unit/test_oci_answers.c %D%/unit/oci_fixture.h
%C%_unit_test_oci_answers_LDADD = sdk/liboci.la $(LDADD)
%C%_unit_test_oci_remove_SOURCES = %D%/unit/test_oci_remove.c %D%/unit/oci_fixture.h
%C%_unit_test_oci_remove_LDADD = sdk/liboci.la $(LDADD)

# What is in no library: the files of a plugin and of its program.
%C%_unit_test_process_members_SOURCES = %D%/unit/test_process_members.c plugins/process/members.c
%C%_unit_test_process_plan_SOURCES = %D%/unit/test_process_plan.c %D%/unit/oci_fixture.h \
	plugins/process/make_plan.c plugins/process/read_plan.c plugins/process/setup.c
%C%_unit_test_process_plan_LDADD = sdk/liboci.la $(LDADD)

%C%_unit_test_logs_SOURCES = %D%/unit/test_logs.c %D%/unit/log_fixture.h
%C%_unit_test_logs_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/%D%/golden"'
EXTRA_DIST += \
	%D%/golden/json-file.records \
	%D%/golden/json-file.stdout \
	%D%/golden/k8s-file.records \
	%D%/golden/k8s-file.stdout \
	%D%/golden/log.stderr

# Those of a program take its files, which are in no library.
%C%_unit_test_command_options_SOURCES = %D%/unit/test_command_options.c host/command/options.c
%C%_unit_test_command_signals_SOURCES = %D%/unit/test_command_signals.c host/command/signals.c

if CONTAINERD
UNIT_TESTS += %D%/unit/test_containerd_helper %D%/unit/test_containerd_stats %D%/unit/test_containerd_task \
	%D%/unit/test_containerd_wire
%C%_unit_test_containerd_stats_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_unit_test_containerd_stats_LDADD = host/containerd/libwire.la $(LDADD) $(PROTOBUF_C_LIBS)
# Programs' files, which are in no library.
%C%_unit_test_containerd_helper_SOURCES = %D%/unit/test_containerd_helper.c host/containerd/helper_call.c host/containerd/helper/guard.c \
	host/containerd/loop.c host/containerd/upgrade.c
%C%_unit_test_containerd_helper_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_unit_test_containerd_helper_LDADD = host/containerd/libwire.la $(LDADD) $(PROTOBUF_C_LIBS)
# The same; and copies of texts fail when they are told to.
%C%_unit_test_containerd_task_SOURCES = %D%/unit/test_containerd_task.c host/containerd/task.c host/containerd/loop.c
%C%_unit_test_containerd_task_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_unit_test_containerd_task_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=strdup
%C%_unit_test_containerd_task_LDADD = host/containerd/libwire.la $(LDADD) $(PROTOBUF_C_LIBS)
%C%_unit_test_containerd_wire_LDADD = host/containerd/libwire.la $(LDADD)
endif

if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
TESTS += $(BATS_TESTS)

# ---- programs that the bats files use

check_PROGRAMS += %D%/helpers/fault
%C%_helpers_fault_SOURCES = %D%/helpers/fault.c
%C%_helpers_fault_LDADD =

check_PROGRAMS += %D%/helpers/hold-lock
%C%_helpers_hold_lock_SOURCES = %D%/helpers/hold-lock.c
%C%_helpers_hold_lock_LDADD =

check_PROGRAMS += %D%/helpers/journal
%C%_helpers_journal_SOURCES = %D%/helpers/journal.c
%C%_helpers_journal_LDADD =

check_PROGRAMS += %D%/helpers/orphanage
%C%_helpers_orphanage_SOURCES = %D%/helpers/orphanage.c
%C%_helpers_orphanage_LDADD =

check_PROGRAMS += %D%/helpers/without-pidfd-info
%C%_helpers_without_pidfd_info_SOURCES = %D%/helpers/without-pidfd-info.c
%C%_helpers_without_pidfd_info_LDADD =

check_PROGRAMS += %D%/helpers/take-pid
%C%_helpers_take_pid_SOURCES = %D%/helpers/take-pid.c
%C%_helpers_take_pid_LDADD =

if CONTAINERD
CONTAINERD_CLIENT = %D%/helpers/message.c %D%/helpers/message.h %D%/helpers/wire.c %D%/helpers/wire.h
check_PROGRAMS += %D%/helpers/bad-client %D%/helpers/event-sink %D%/helpers/shim-client
%C%_helpers_bad_client_SOURCES = %D%/helpers/bad-client.c $(CONTAINERD_CLIENT)
%C%_helpers_bad_client_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_helpers_bad_client_LDADD = host/containerd/libwire.la host/libhost.la $(PROTOBUF_C_LIBS)
%C%_helpers_event_sink_SOURCES = %D%/helpers/event-sink.c $(CONTAINERD_CLIENT)
%C%_helpers_event_sink_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_helpers_event_sink_LDADD = host/containerd/libwire.la host/libhost.la $(PROTOBUF_C_LIBS)
%C%_helpers_shim_client_SOURCES = %D%/helpers/shim-client.c $(CONTAINERD_CLIENT)
%C%_helpers_shim_client_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_helpers_shim_client_LDADD = host/containerd/libwire.la host/libhost.la $(PROTOBUF_C_LIBS)
if PROTOBUF_C_ARCHIVE
if !SANITIZERS
# The benchmark counts what it costs to start it, which containerd would not have to.
%C%_helpers_shim_client_LDFLAGS = $(HARDENING_LDFLAGS) $(SANITIZER_FLAGS) -all-static
endif
endif
endif
EXTRA_DIST += %D%/helpers/bad-client.c %D%/helpers/event-sink.c %D%/helpers/shim-client.c \
	%D%/helpers/message.c %D%/helpers/message.h %D%/helpers/wire.c %D%/helpers/wire.h

%C%_unit_test_threads_SOURCES = %D%/unit/test_threads.c %D%/unit/launch_fixture.h
%C%_unit_test_launch_SOURCES = %D%/unit/test_launch.c %D%/unit/launch_fixture.h
%C%_unit_test_monitor_SOURCES = %D%/unit/test_monitor.c %D%/unit/launch_fixture.h
%C%_unit_test_streams_SOURCES = %D%/unit/test_streams.c %D%/unit/launch_fixture.h %D%/unit/streams_fixture.h
%C%_unit_test_streams_attach_SOURCES = %D%/unit/test_streams_attach.c %D%/unit/launch_fixture.h %D%/unit/streams_fixture.h
%C%_unit_test_streams_logs_SOURCES = %D%/unit/test_streams_logs.c %D%/unit/launch_fixture.h %D%/unit/streams_fixture.h
%C%_unit_test_streams_terminal_SOURCES = %D%/unit/test_streams_terminal.c %D%/unit/launch_fixture.h %D%/unit/streams_fixture.h

include t/fake-runtime/local.mk
include t/bench/local.mk
include t/soak/local.mk
include t/fuzz/local.mk
include t/analysis/local.mk

# ---- plugins that are wrong in one way each

BROKEN_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
check_LTLIBRARIES += \
	%D%/plugins/good.la \
	%D%/plugins/larger.la \
	%D%/plugins/new-abi.la \
	%D%/plugins/old-abi.la \
	%D%/plugins/too-small.la \
	%D%/plugins/without-signal.la \
	%D%/plugins/without-symbol.la

%C%_plugins_good_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_good_la_CPPFLAGS = $(AM_CPPFLAGS) -DWITH_CONSTRUCTOR
%C%_plugins_good_la_LDFLAGS = $(BROKEN_LDFLAGS)
%C%_plugins_larger_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_larger_la_CPPFLAGS = $(AM_CPPFLAGS) -DLARGER
%C%_plugins_larger_la_LDFLAGS = $(BROKEN_LDFLAGS)
%C%_plugins_new_abi_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_new_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_ABI=99
%C%_plugins_new_abi_la_LDFLAGS = $(BROKEN_LDFLAGS)
%C%_plugins_old_abi_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_old_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_ABI=0
%C%_plugins_old_abi_la_LDFLAGS = $(BROKEN_LDFLAGS)
%C%_plugins_too_small_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_too_small_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_SIZE=16
%C%_plugins_too_small_la_LDFLAGS = $(BROKEN_LDFLAGS)
%C%_plugins_without_signal_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_without_signal_la_CPPFLAGS = $(AM_CPPFLAGS) -DWITHOUT_SIGNAL
%C%_plugins_without_signal_la_LDFLAGS = $(BROKEN_LDFLAGS)
%C%_plugins_without_symbol_la_SOURCES = %D%/plugins/broken.c
%C%_plugins_without_symbol_la_CPPFLAGS = $(AM_CPPFLAGS) -DWITHOUT_SYMBOL
%C%_plugins_without_symbol_la_LDFLAGS = $(BROKEN_LDFLAGS)

# ---- how they are run

TEST_EXTENSIONS = .bats
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
BATS_LOG_DRIVER = $(TAP_DRIVER)
BATS_LOG_COMPILER = $(top_srcdir)/%D%/bats
AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	SHIMHOST_PREFIX='$(TEST_PREFIX)'; export SHIMHOST_PREFIX; \
	SHIMHOST_TEST_BUILD='$(abs_builddir)'; export SHIMHOST_TEST_BUILD;

# The paths of the monitor, the plugins and the configuration are compiled in, so tests need a shimhost that was
# configured for the place where it is installed. A tree whose prefix is build/installed is that already (quickstart
# makes such trees); any other gets a second, private one.
TEST_PREFIX = $(abs_builddir)/installed
check_DATA = %D%/installed
%D%/installed: all-am
	$(AM_V_GEN)MAKE='$(MAKE)' $(SHELL) $(srcdir)/%D%/install-privately '$(abs_top_srcdir)' \
		'$(abs_builddir)' '$(prefix)' '$(TEST_PREFIX)'
.PHONY: %D%/installed

# Large figures: minutes, not for every day.
check-streams-long: check-am-programs
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/%D%/long/streams
# A host and a monitor killed, or failing, at each of their system calls; each state file spoiled in each way. Hours; less:
# `SHIMHOST_FAULTS_RUNTIMES=crun t/long/faults "that is killed"`; it and t/faults.bash explain the variables.
check-faults: check-am-programs
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/%D%/long/faults
.PHONY: check-faults
check-am-programs: $(check_PROGRAMS) $(check_DATA)
.PHONY: check-streams-long check-am-programs

# The names of the unit tests, for quickstart.
print-unit-tests:
	@echo $(UNIT_TESTS) $(FUZZ_TARGETS)
.PHONY: print-unit-tests

clean-local:
	-rm -rf installed %D%/private %D%/install.log
