#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# print-layout.sh HEADER-DIR: prints "STRUCT.FIELD OFFSET SIZE" for every field of every structure that the headers in
# HEADER-DIR/shimhost define, and "NAME VALUE" for every number that they define. The names are taken from the header
# itself, so that nothing can be forgotten here.
# print-layout.sh HEADER-DIR padding: prints "STRUCT BYTES" for every structure that ends in padding.
set -eu
include=$1 what=${2-fields}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Without the comments; the macros stay.
for header in "$include"/shimhost/*.h; do
    gcc -w -fpreprocessed -dD -E -P "$header"
done >"$work/headers"

awk '
/^struct [a-z_]+ \{$/ { inside = $2; next }
/^\};/ { if (inside != "") print "last", inside, name; inside = ""; text = ""; next }
inside != "" {
    text = text " " $0
    if ($0 !~ /;[ \t]*$/) next
    declaration = text
    text = ""
    if (match(declaration, /\(\*[a-z_]+\)\(/)) {
        name = substr(declaration, RSTART + 2, RLENGTH - 4)
        print "field", inside, name
        next
    }
    sub(/;[ \t]*$/, "", declaration)
    count = split(declaration, parts, ",")
    for (i = 1; i <= count; i++) {
        name = parts[i]
        sub(/\[[^]]*\]/, "", name)
        sub(/[ \t]+$/, "", name)
        sub(/.*[ \t*]/, "", name)
        print "field", inside, name
    }
}
' "$work/headers" >"$work/names"
# Numbers: constants whose value is an integer.
sed -n 's/^#define \(SHIM_[A-Z_0-9]*\) [(]*\(int64_t)-\)\{0,1\}[0-9][0-9a-fx]*[u)]*$/number \1/p' "$work/headers" >>"$work/names"

{
    echo '#include <stddef.h>'
    echo '#include <stdio.h>'
    for header in "$include"/shimhost/*.h; do
        echo "#include <shimhost/$(basename "$header")>"
    done
    cat <<'END'
#define FIELD(type, field) printf("%s.%s %zu %zu\n", #type, #field, offsetof(struct type, field), \
                                  sizeof(((struct type *)0)->field))
static void padding(const char *type, size_t used, size_t size) {
    if (size != used)
        printf("%s %zu\n", type, size - used);
}
#define LAST(type, field) padding(#type, offsetof(struct type, field) + sizeof(((struct type *)0)->field), \
                                  sizeof(struct type))
END
    echo 'int main(void) {'
    awk -v what="$what" 'what == "padding" {
            if ($1 == "last") printf "    LAST(%s, %s);\n", $2, $3
            next }
        $1 == "field" { printf "    FIELD(%s, %s);\n", $2, $3 }
        $1 == "number" && $2 != "SHIM_ABI_EDITION" {
            printf "    printf(\"%s %%lld\\n\", (long long)(%s));\n", $2, $2 }' "$work/names"
    echo '    return 0;'
    echo '}'
} >"$work/layout.c"
cc -std=c11 -I"$include" -o "$work/layout" "$work/layout.c"
"$work/layout"
