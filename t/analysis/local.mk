# SPDX-License-Identifier: Apache-2.0
# What looks for mistakes without knowing what the program is for. README.md here explains.
check-analysis: all
	$(SHELL) $(srcdir)/%D%/run '$(abs_top_srcdir)' '$(abs_builddir)'
check-sanitizers:
	MAKE='$(MAKE)' $(SHELL) $(srcdir)/%D%/sanitizers '$(abs_top_srcdir)' '$(abs_builddir)'
check-valgrind: check-am-programs
	CMOCKA_MESSAGE_OUTPUT=TAP $(SHELL) $(srcdir)/%D%/valgrind '$(abs_builddir)' $(UNIT_TESTS)
.PHONY: check-analysis check-sanitizers check-valgrind
EXTRA_DIST += %D%/README.md %D%/assume.h %D%/known %D%/run %D%/sanitizers %D%/valgrind .clang-tidy
