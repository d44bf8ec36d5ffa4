# SPDX-License-Identifier: Apache-2.0
# The plugins. They see the SDK and nothing of the host, and export one symbol.
plugin_LTLIBRARIES = \
	%D%/crun.la \
	%D%/oci.la \
	%D%/process.la \
	%D%/runc.la \
	%D%/runsc.la

PLUGIN_CPPFLAGS = -D_GNU_SOURCE -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"' -I$(top_srcdir)/sdk/include
PLUGIN_LDFLAGS = $(HARDENING_LDFLAGS) $(SANITIZER_FLAGS) -module -avoid-version -shared -no-undefined \
	-export-symbols-regex '^shim_plugin_descriptor$$'

%C%_crun_la_SOURCES = %D%/crun/crun.c
%C%_crun_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
%C%_crun_la_LDFLAGS = $(PLUGIN_LDFLAGS)
%C%_crun_la_LIBADD = sdk/liboci.la

%C%_oci_la_SOURCES = %D%/oci/oci.c
%C%_oci_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
%C%_oci_la_LDFLAGS = $(PLUGIN_LDFLAGS)
%C%_oci_la_LIBADD = sdk/liboci.la

%C%_runc_la_SOURCES = %D%/runc/runc.c
%C%_runc_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
%C%_runc_la_LDFLAGS = $(PLUGIN_LDFLAGS)
%C%_runc_la_LIBADD = sdk/liboci.la

%C%_runsc_la_SOURCES = %D%/runsc/runsc.c
%C%_runsc_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
%C%_runsc_la_LDFLAGS = $(PLUGIN_LDFLAGS)
%C%_runsc_la_LIBADD = sdk/liboci.la

# Needs no runtime, but a program of ours that makes the process.
%C%_process_la_SOURCES = \
	%D%/process/make_plan.c %D%/process/make_plan.h \
	%D%/process/members.c %D%/process/members.h \
	%D%/process/plan.h \
	%D%/process/process.c
%C%_process_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DPROCESS_INIT='"$(monitordir)/shimhost-process-init"'
%C%_process_la_LDFLAGS = $(PLUGIN_LDFLAGS)

processinitdir = $(monitordir)
processinit_PROGRAMS = %D%/process/shimhost-process-init
%C%_process_shimhost_process_init_SOURCES = \
	%D%/process/init.c \
	%D%/process/members.c %D%/process/members.h \
	%D%/process/plan.h \
	%D%/process/read_plan.c \
	%D%/process/setup.c %D%/process/setup.h
%C%_process_shimhost_process_init_CPPFLAGS = -D_GNU_SOURCE
%C%_process_shimhost_process_init_LDADD =

# Plugins are found as NAME.so; libtool's own notes on them are of no use there, and without them it does not know what
# to uninstall.
install-data-hook: remove-plugin-notes
remove-plugin-notes:
	cd '$(DESTDIR)$(plugindir)' && for plugin in $(plugin_LTLIBRARIES); do \
		rm -f "$${plugin##*/}" || exit; \
	done
uninstall-hook: uninstall-plugins
uninstall-plugins:
	cd '$(DESTDIR)$(plugindir)' && for plugin in $(plugin_LTLIBRARIES); do \
		plugin=$${plugin##*/}; rm -f "$${plugin%.la}.so" || exit; \
	done
.PHONY: remove-plugin-notes uninstall-plugins
