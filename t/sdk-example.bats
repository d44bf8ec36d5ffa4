#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example of a third party's plugin: copied elsewhere, built against an installed SDK with nothing else of ours
# in reach, loaded, checked and run.
[[ ${BATS_VERSION-} ]] || exec "$(dirname "$0")/bats" "$0" "$@"
load common

test_setup() {
    needs cc make pkg-config
    [[ -e $BUILD/Makefile ]] || cannot_run "$BUILD is no build directory"
    STAGE=$BATS_FILE_TMPDIR/stage
    if [[ ! -d $STAGE ]]; then
        umask 022
        env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$BUILD" -o Makefile DESTDIR="$STAGE" \
            install-shimhostincludeHEADERS install-pkgconfigDATA install-libLIBRARIES \
            >"$T/install.log" 2>&1 3>&- || {
            cat "$T/install.log"
            return 1
        }
    fi
    cp -R "$SOURCE/sdk/examples/nice" "$T/elsewhere"
    chmod -R u+w "$T/elsewhere"
    cd "$T/elsewhere"
}

# In an environment that knows nothing of us but the staged SDK.
apart() {
    env -i PATH="$PATH" HOME="$T" PKG_CONFIG_SYSROOT_DIR="$STAGE" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
        PKG_CONFIG_LIBDIR="$(dirname "$(find "$STAGE" -name shimhost-sdk.pc)")" "$@" 3>&-
}

@test "it is built with the staged SDK alone" {
    run apart make
    is "$status" 0 "exit status ($output)"
    says_not warning
    [[ -f nice.so ]]
    # Each header comes from the stage or the system.
    output=$(apart sh -c 'cc -M $(pkg-config --cflags shimhost-sdk) nice.c')
    says "$STAGE" shimhost/plugin.h
    says_not " $SOURCE/" " $PREFIX/"
}

@test "it needs nothing of the host, and exports one symbol" {
    needs readelf nm
    apart make >/dev/null
    output=$(readelf -dW nice.so)
    says_not shimhost jansson yaml ltdl
    is "$(nm -D --defined-only nice.so | awk '{ print $3 }' | xargs)" shim_plugin_descriptor symbols
}

@test "pkg-config tells where plugins go and which ABI it is" {
    is "$(apart pkg-config --variable=abi_version shimhost-sdk)" 1 abi_version
    output=$(apart pkg-config --variable=plugindir shimhost-sdk)
    says /shimhost/plugins
    run apart make install DESTDIR="$T/root" plugindir=/plugins
    is "$status" 0 "exit status ($output)"
    [[ -f $T/root/plugins/nice.so ]]
}

@test "it passes the conformance kit, also where the umask is 002" {
    umask 002
    chmod g+w . nice.yaml
    apart make >/dev/null
    chmod go-w . nice.yaml # as README.md says
    run apart make check SHIMHOST="env SHIMHOST_CONFIG=$SHIMHOST_CONFIG $SHIMHOST"
    is "$status" 0 "exit status ($output)"
    says "ok 1 - "
    says_not "not ok"
}

@test "it is loaded and runs a process, as its YAML file says" {
    apart make >/dev/null
    works plugin info "$T/elsewhere/nice.so"
    says nice
    sed "s|^plugin:.*|plugin: $T/elsewhere/nice.so|" nice.yaml >"$T/etc/runtimes.d/nice.yaml"
    mkdir "$BUNDLES/nice"
    jq --arg mark "SHIMHOST_TEST=$ID" '.process.args = ["sh", "-c", "nice; exit 4"] |
        .process.env = ["PATH=/usr/bin:/bin", $mark]' "$TESTS/config.json" >"$BUNDLES/nice/config.json"
    fails_with 4 run --rm -r nice -b "$BUNDLES/nice" "$ID"
    is "$output" "$(($(nice) + 15))" niceness
    # What env would take for something else, and a user that nothing here can become.
    for change in '.env += ["touch"]' '.env += ["--help"]' '.args = ["A=1", "true"]' '.user.uid = 12345'; do
        mkdir -p "$BUNDLES/odd"
        jq ".process |= ($change)" "$BUNDLES/nice/config.json" >"$BUNDLES/odd/config.json"
        fails_with 125 run --rm -r nice -b "$BUNDLES/odd" "$ID"
        says "cannot use the process object"
    done
    sed -i 's/niceness:.*/niceness: much/' "$T/etc/runtimes.d/nice.yaml"
    fails_with 125 run --rm -r nice -b "$BUNDLES/nice" "$ID"
    says "niceness is \`much\`, expected 0 to 19"
    nothing_is_left
}
