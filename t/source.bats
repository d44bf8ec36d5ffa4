#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The source itself: format, borders, and what a third party compiles against.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

RUNTIMES=

# The C files of the project, without what a build made.
sources() {
    find "$SOURCE"/{sdk,config,host,plugins,t} -name '*.[ch]' | sort
}

compilers() {
    local compiler
    for compiler in gcc clang; do
        ! command -v "$compiler" >/dev/null || echo "$compiler"
    done
}

# compiles LANGUAGE-OPTIONS… HEADER: alone, with warnings as errors, under every compiler that there is.
compiles() {
    local compiler
    for compiler in $(compilers); do
        echo "#include <${*: -1}>" >"$T/header.c"
        "$compiler" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$SOURCE/sdk/include" \
            "${@:1:$#-1}" "$T/header.c" || {
            echo "$compiler $*"
            return 1
        }
    done
}

@test "the C files are formatted as .clang-format says" {
    command -v clang-format >/dev/null || skip "clang-format is not installed"
    # Other major versions of it format otherwise.
    [[ $(clang-format --version) == *" 14."* ]] || skip "the format is that of clang-format 14"
    cd "$SOURCE"
    sources | xargs clang-format --style=file --dry-run 2>&1 | sed -n 's/:[0-9].*//p' | sort -u >"$T/unformatted"
    is "$(cat "$T/unformatted")" "" "to be given to clang-format -i"
}

@test "each SDK header compiles alone, as C99, C11, C17, C++11 and C++20" {
    [[ $(compilers) ]]
    for header in shimhost/plugin.h $(cd "$SOURCE/sdk/include" && ls shimhost/*.h); do
        for standard in c99 c11 c17; do
            compiles -x c -std="$standard" -Wstrict-prototypes "$header"
        done
        for standard in c++11 c++20; do
            # Without a C++ compiler there is nothing to compile for.
            if ! echo '#include <cstddef>' | gcc -x c++ -fsyntax-only - 2>/dev/null; then
                echo "# no C++ compiler: only C was tried" >&3
                break
            fi
            compiles -x c++ -std="$standard" "$header"
        done
    done
}

# includers PATTERN: files that include such headers.
includers() {
    sources | xargs grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($1)[>\"]" |
        sed "s|^$SOURCE/||" | xargs
}

@test "only the registry includes libltdl, the configuration libyaml, the state records jansson" {
    is "$(includers 'ltdl\.h')" host/plugin/registry.c
    for file in $(includers 'yaml\.h'); do [[ $file == config/* ]] || is "$file" "in config/"; done
    for file in $(includers 'jansson\.h'); do [[ $file == host/state/* ]] || is "$file" "in host/state/"; done
}

@test "the SDK and the plugins include nothing of the host" {
    for file in $(find "$SOURCE"/{sdk,plugins} -name '*.[ch]'); do
        while read -r header; do
            [[ $header == shimhost/* || ! -e $SOURCE/$header && ! -e $SOURCE/host/$header ]] ||
                is "$file includes" "$header"
        done < <(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file")
    done
}

@test "plugins and monitor need none of the host's libraries" {
    needs readelf
    for file in "$PLUGINS"/*.so; do
        output=$(readelf -dW "$file")
        says_not ltdl yaml jansson
    done
    output=$(readelf -dW "$MONITOR" 2>&1)
    says_not ltdl yaml jansson
    if [[ $(uname -m) == x86_64 || $(uname -m) == aarch64 ]]; then
        says_not NEEDED
    fi
}

@test "a program that is linked in a way of its own is linked in one under every condition" {
    # Where such a line is missing make runs the first object file.
    is "$(sed -n 's/^@\(.*\)_TRUE@\([a-z_]*_LINK\) = .*/\1 \2/p' "$SOURCE/Makefile.in" | while read -r condition name; do
        grep -q "^@${condition}_FALSE@$name = " "$SOURCE/Makefile.in" || echo "$name without $condition"
    done)" ""
}

@test "every file says its licence, and none of the product is too long to read" {
    is "$(sources | xargs awk 'FNR <= 2 && /SPDX-License-Identifier: Apache-2.0/ { good[FILENAME] }
        END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in good)) print ARGV[i] }')" "" "without a licence"
    is "$(sources | grep -v "^$SOURCE/t/" | xargs wc -l | awk '$1 > 500 && $2 != "total"')" "" "longer than 500 lines"
}

@test "the library neither prints nor exits" {
    # Programs may, and the monitor has its own words for it.
    files=$(find "$SOURCE"/{host,config} -name '*.c' ! -path '*/command/*' ! -path '*/monitor/*' \
        ! -path '*/containerd/*')
    for word in 'exit' 'printf' 'puts' 'perror' 'system' 'popen'; do
        found=$(grep -nE "(^|[^_a-zA-Z0-9>.])$word\(" $files || true)
        is "$found" "" "calls of $word()"
    done
}

@test "no test goes on after a command that should have failed, and has not" {
    is "$(awk '/^@test/ { inside = 1 } /^}/ { inside = 0 } inside && /^ +! [^-]/ && !/ \|\| / { print FILENAME ": " FNR }' "$SOURCE"/t/*.bats)" "" \
        "lines that begin with !, which ends no test: say \`no\`"
}

@test "the shell files are free of what shellcheck warns of" {
    command -v shellcheck >/dev/null || skip "shellcheck is not installed"
    cd "$SOURCE"
    shellcheck -S warning quickstart autogen.sh .ci/run t/analysis/run t/analysis/sanitizers t/analysis/valgrind t/bats \
        t/fuzz/run t/private-cgroups t/soak/soak t/soak/*.bash t/tap t/install-privately t/common.bash t/jobs.bash
}
