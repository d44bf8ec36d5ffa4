# SPDX-License-Identifier: Apache-2.0
# The front end for containerd: its shim, which holds no plugin, and the helper, which does. Both speak messages that are
# generated from proto/.
CONTAINERD_PROTOS = \
	%D%/proto/events.proto \
	%D%/proto/helper.proto \
	%D%/proto/metrics.proto \
	%D%/proto/runtime.proto \
	%D%/proto/server.proto \
	%D%/proto/snapshot.proto \
	%D%/proto/task.proto \
	%D%/proto/ttrpc.proto \
	%D%/proto/types.proto
EXTRA_DIST += $(CONTAINERD_PROTOS)

# What the unit tests want, too, is in libraries.
CONTAINERD_WIRE = \
	%D%/address.c %D%/address.h \
	%D%/arguments.c %D%/arguments.h \
	%D%/cgroup.c %D%/cgroup.h \
	%D%/json_scan.c %D%/json_scan.h \
	%D%/sha256.c %D%/sha256.h \
	%D%/stats.h \
	%D%/stats_v1.c \
	%D%/stats_v2.c \
	%D%/ttrpc.c %D%/ttrpc.h
CONTAINERD_SERVER = \
	%D%/action.c %D%/actions.h \
	%D%/begin.c \
	%D%/bootstrap.c %D%/bootstrap.h \
	%D%/bundle.c %D%/bundle.h \
	%D%/change.c \
	%D%/client.c %D%/client.h \
	%D%/connection.c %D%/connection.h \
	%D%/create.c \
	%D%/delete.c \
	%D%/event.c %D%/event.h \
	%D%/exits.c \
	%D%/helper_call.c \
	%D%/helper_process.c %D%/helper_process.h \
	%D%/info.c \
	%D%/look.c \
	%D%/loop.c %D%/loop.h \
	%D%/main.c \
	%D%/methods.h \
	%D%/oom.c \
	%D%/operation.c \
	%D%/publisher.c \
	%D%/serve.c %D%/serve.h \
	%D%/server.h \
	%D%/service.c \
	%D%/snapshot.h \
	%D%/snapshot_restore.c \
	%D%/snapshot_take.c \
	%D%/start.c \
	%D%/stats.c \
	%D%/task.c %D%/task.h \
	%D%/upgrade.c \
	%D%/upgrade_all.c
CONTAINERD_HELPER = \
	%D%/helper/features.c \
	%D%/helper/guard.c \
	%D%/helper/helper.h \
	%D%/helper/logger.c \
	%D%/helper/main.c \
	%D%/helper/mounts.c \
	%D%/helper/options.c \
	%D%/helper/remove.c \
	%D%/helper/setup.c \
	%D%/helper/spawn.c \
	%D%/helper/stdio.c \
	%D%/helper/verbs.c
EXTRA_DIST += $(CONTAINERD_WIRE) $(CONTAINERD_SERVER) $(CONTAINERD_HELPER)

if CONTAINERD
CONTAINERD_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS) -I%D%/proto \
	-DHELPER_PATH='"$(monitordir)/shimhost-task"'

CONTAINERD_GENERATED = \
	%D%/proto/events.pb-c.c %D%/proto/events.pb-c.h \
	%D%/proto/helper.pb-c.c %D%/proto/helper.pb-c.h \
	%D%/proto/metrics.pb-c.c %D%/proto/metrics.pb-c.h \
	%D%/proto/runtime.pb-c.c %D%/proto/runtime.pb-c.h \
	%D%/proto/server.pb-c.c %D%/proto/server.pb-c.h \
	%D%/proto/snapshot.pb-c.c %D%/proto/snapshot.pb-c.h \
	%D%/proto/task.pb-c.c %D%/proto/task.pb-c.h \
	%D%/proto/ttrpc.pb-c.c %D%/proto/ttrpc.pb-c.h \
	%D%/proto/types.pb-c.c %D%/proto/types.pb-c.h

# All at once: one stamp stands for all that protoc-c makes of them.
%D%/proto/generated: $(CONTAINERD_PROTOS)
	$(AM_V_GEN)$(MKDIR_P) %D%/proto && $(PROTOC_C) -I $(srcdir)/%D%/proto --c_out=%D%/proto $(srcdir)/%D%/proto/*.proto && touch $@
$(CONTAINERD_GENERATED): %D%/proto/generated
	@:
BUILT_SOURCES += $(CONTAINERD_GENERATED)
CLEANFILES += $(CONTAINERD_GENERATED) %D%/proto/generated

noinst_LTLIBRARIES += %D%/libwire.la
%C%_libwire_la_SOURCES = $(CONTAINERD_WIRE)
nodist_%C%_libwire_la_SOURCES = $(CONTAINERD_GENERATED)
%C%_libwire_la_CPPFLAGS = $(CONTAINERD_CPPFLAGS)

# Of the host's library the shim takes a few objects, which need none of the libraries that others in it need; --as-needed
# leaves those away, and what they would cost.
bin_PROGRAMS += %D%/containerd-shim-shimhost-v1
%C%_containerd_shim_shimhost_v1_SOURCES = $(CONTAINERD_SERVER)
%C%_containerd_shim_shimhost_v1_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_containerd_shim_shimhost_v1_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed
%C%_containerd_shim_shimhost_v1_LDADD = %D%/libwire.la host/libhost.la $(PROTOBUF_C_LIBS)

monitor_PROGRAMS += %D%/shimhost-task
%C%_shimhost_task_SOURCES = $(CONTAINERD_HELPER)
%C%_shimhost_task_CPPFLAGS = $(CONTAINERD_CPPFLAGS)
%C%_shimhost_task_LDADD = %D%/libwire.la host/libhost.la $(PROTOBUF_C_LIBS)
endif
