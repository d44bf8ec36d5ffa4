#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages of the SDK: complete, and well formed.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

# The function pointers of a structure in plugin.h.
functions_of() {
    sed -n "/^struct $1 {/,/^};/p" "$SOURCE/sdk/include/shimhost/plugin.h" |
        sed -n 's/^    [a-z].*(\*\([a-z_]*\))(.*/\1/p'
}

@test "shimhost-plugin(3) has a heading for each entry and each service" {
    for name in $(functions_of shim_plugin) $(functions_of shim_services); do
        grep -qx ".Ss $name" "$SOURCE/doc/shimhost-plugin.3" || is "$name" "a heading"
    done
    [[ $(functions_of shim_services | wc -l) -ge 23 && $(functions_of shim_plugin | wc -l) -ge 17 ]]
}

# The fields of a structure in oci.h.
fields_of() {
    sed -n "/^struct $1 {/,/^};/p" "$OCI_HEADER" |
        sed -nE 's/^    [a-z][^(]*[ *]([a-z_]+);.*/\1/p; s/^    [a-z].*\(\*([a-z_]+)\)\(.*/\1/p'
}

@test "shimhost-oci(3) has a heading for each function, and for nothing else, and each field" {
    OCI_HEADER=$SOURCE/sdk/include/shimhost/oci.h
    declared=$(sed -n 's/^[a-z].*[ *]\(shim_oci_[a-z_]*\)(.*/\1/p' "$OCI_HEADER")
    is "$(sed -n 's/^\.Ss \(shim_oci_.*\)/\1/p' "$SOURCE/doc/shimhost-oci.3" | sort)" "$(sort <<<"$declared")" headings
    for name in SHIM_OCI_PLUGIN "struct shim_oci_word" "struct shim_oci_phrase" "struct shim_oci_hole"; do
        grep -qx ".Ss $name" "$SOURCE/doc/shimhost-oci.3" || is "$name" "a heading"
    done
    for structure in runtime word phrase hole; do
        fields=$(fields_of "shim_oci_$structure")
        [[ $(wc -w <<<"$fields") -ge 2 ]]
        for name in $fields; do
            grep -qx ".It Va $name" "$SOURCE/doc/shimhost-oci.3" || is "$structure.$name" "a field"
        done
    done
}

@test "the manual pages are formatted without a warning" {
    command -v groff >/dev/null || skip "groff is not installed"
    for page in "$SOURCE"/doc/*.[1358]; do
        is "$(groff -mdoc -Tutf8 -ww -z "$page" 2>&1)" "" "$page"
    done
}

@test "the manual pages are installed" {
    for page in man1/shimhost.1 man3/shimhost-plugin.3 man3/shimhost-oci.3 man5/shimhost.yaml.5; do
        [[ -f $PREFIX/share/man/$page ]] || is "$page" installed
    done
    [[ ! -x $PREFIX/bin/containerd-shim-shimhost-v1 ]] ||
        [[ -f $PREFIX/share/man/man8/containerd-shim-shimhost-v1.8 ]]
}
