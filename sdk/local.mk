# SPDX-License-Identifier: Apache-2.0
# What authors of plugins get: the headers, the helper for runtimes with the OCI command line, and a file for
# pkg-config.
shimhostincludedir = $(includedir)/shimhost
shimhostinclude_HEADERS = %D%/include/shimhost/oci.h %D%/include/shimhost/plugin.h

pkgconfig_DATA = %D%/shimhost-sdk.pc
EXTRA_DIST += %D%/shimhost-sdk.pc.in

OCI_SOURCES = \
	%D%/oci/cgroup.c \
	%D%/oci/cgroups.c \
	%D%/oci/checkpoint.c \
	%D%/oci/command.c \
	%D%/oci/features.c \
	%D%/oci/internal.h \
	%D%/oci/life.c \
	%D%/oci/open.c \
	%D%/oci/remove.c \
	%D%/oci/spawn.c \
	%D%/oci/words.c
OCI_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/%D%/include

# For plugins of others, who link without libtool. What it defines is visible within their plugin only.
lib_LIBRARIES = %D%/libshimhost-oci.a
%C%_libshimhost_oci_a_SOURCES = $(OCI_SOURCES)
%C%_libshimhost_oci_a_CPPFLAGS = $(OCI_CPPFLAGS)
%C%_libshimhost_oci_a_CFLAGS = $(AM_CFLAGS) -fPIC

# For ours.
noinst_LTLIBRARIES += %D%/liboci.la
%C%_liboci_la_SOURCES = $(OCI_SOURCES)
%C%_liboci_la_CPPFLAGS = $(OCI_CPPFLAGS)
