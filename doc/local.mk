# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += \
	%D%/shimhost.1 \
	%D%/shimhost.yaml.5 \
	%D%/shimhost-oci.3 \
	%D%/shimhost-plugin.3

# For authors of plugins.
dist_doc_DATA = %D%/abi.md %D%/bench.md %D%/cost.md %D%/tutorial.md
exampledir = $(docdir)/examples/nice
dist_example_DATA = \
	sdk/examples/nice/Makefile \
	sdk/examples/nice/README.md \
	sdk/examples/nice/nice.c \
	sdk/examples/nice/nice.yaml

EXTRA_DIST += %D%/containerd.md %D%/containerd-shim-shimhost-v1.8
if CONTAINERD
man_MANS = %D%/containerd-shim-shimhost-v1.8
dist_doc_DATA += %D%/containerd.md
endif
