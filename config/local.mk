# SPDX-License-Identifier: Apache-2.0
# The reader of the configuration, and the files that are shipped.
noinst_LTLIBRARIES += %D%/libconfig.la
%C%_libconfig_la_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/config.c %D%/config.h \
	%D%/document.c %D%/document.h \
	%D%/encoding.c %D%/encoding.h \
	%D%/nearest.c %D%/nearest.h \
	%D%/problem.c %D%/problem.h \
	%D%/read_value.c \
	%D%/runtime.c %D%/runtime.h \
	%D%/schema.c %D%/schema.h \
	%D%/show.c \
	%D%/source.c %D%/source.h \
	%D%/tables.c \
	%D%/value.c %D%/value.h
# O_PATH and asprintf() are GNU's. The top folder's config.h cannot say so: here it is another file.
%C%_libconfig_la_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
%C%_libconfig_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
%C%_libconfig_la_LIBADD = $(YAML_LIBS)

# ---- its unit tests; t/local.mk lists them

CONFIG_TEST_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE -DCONFIG_SOURCE='"$(abs_top_srcdir)/%D%"'
t_unit_test_config_SOURCES = t/unit/test_config.c t/unit/config_fixture.h
t_unit_test_config_CPPFLAGS = $(CONFIG_TEST_CPPFLAGS)
t_unit_test_config_document_SOURCES = t/unit/test_config_document.c t/unit/config_fixture.h
t_unit_test_config_document_CPPFLAGS = $(CONFIG_TEST_CPPFLAGS)
t_unit_test_config_values_SOURCES = t/unit/test_config_values.c t/unit/config_fixture.h
t_unit_test_config_values_CPPFLAGS = $(CONFIG_TEST_CPPFLAGS)

# ---- shipped files, relative to this folder and to where they are installed

SHIPPED_CONFIG = shimhost.yaml runtimes.d/crun.yaml runtimes.d/process.yaml runtimes.d/runc.yaml \
	runtimes.d/runsc.yaml
EXTRA_DIST += %D%/shimhost.yaml %D%/runtimes.d/crun.yaml %D%/runtimes.d/process.yaml \
	%D%/runtimes.d/runc.yaml %D%/runtimes.d/runsc.yaml

# A file that is there is the administrator's, whatever is in it. The modes are fixed, because
# shimhost refuses configuration that others can write.
install-config:
	@for directory in '$(DESTDIR)$(shimhostconfdir)' '$(DESTDIR)$(shimhostconfdir)/runtimes.d'; do \
		test -d "$$directory" || $(INSTALL) -d -m 755 "$$directory" || exit 1; \
	done
	@for file in $(SHIPPED_CONFIG); do \
		to='$(DESTDIR)$(shimhostconfdir)'/$$file; \
		if test -e "$$to" || test -h "$$to"; then \
			echo " $$to is there already and stays as it is"; \
		else \
			echo " $(INSTALL_DATA) $(srcdir)/%D%/$$file $$to"; \
			$(INSTALL_DATA) '$(srcdir)/%D%'/$$file "$$to" || exit 1; \
		fi; \
	done

# Only what is as it was shipped is ours to remove.
uninstall-config:
	@for file in $(SHIPPED_CONFIG); do \
		to='$(DESTDIR)$(shimhostconfdir)'/$$file; \
		if cmp -s '$(srcdir)/%D%'/$$file "$$to"; then \
			echo " rm -f $$to"; rm -f "$$to"; \
		elif test -e "$$to"; then \
			echo " $$to was changed and stays"; \
		fi; \
	done
	@for directory in '$(DESTDIR)$(shimhostconfdir)/runtimes.d' '$(DESTDIR)$(shimhostconfdir)'; do \
		test ! -d "$$directory" || rmdir "$$directory" 2>/dev/null || :; \
	done

install-data-local: install-config
uninstall-local: uninstall-config
.PHONY: install-config uninstall-config
