# SPDX-License-Identifier: Apache-2.0
# Tables and plots out of what was measured.
# shellcheck shell=bash disable=SC2154

report() {
    printf '%s\n' "$*" >>"$RESULTS/bench.md"
}

begin_report() {
    : >"$RESULTS/bench.md"
    report "# What supervising costs"
    report ""
    report "$(uname -srm), $(nproc) processors ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1))," \
        "load at the beginning $(cut -d' ' -f1-3 /proc/loadavg), $(date -u +%F)."
    report "$(versions | paste -sd';' | sed 's/;/; /g')."
    report ""
    report "What \`make bench\` wrote (\`t/bench/README.md\`). The fake runtime costs next to nothing, so that over it what" \
        "remains is the supervisor. On a busy machine only the ratios mean something."
    report ""
    report "Candidates ran in turns (A B C A B C …) after $WARM_UPS rounds of warming up. Medians; the spread is from the" \
        "first to the third quartile. A ratio is of medians, to the first line of its table."
    report ""
    report "## What the machine charges"
    report ""
    report "No supervisor can be quicker: it is a program or two, which have to be started."
    report ""
    report "| | median µs | spread |"
    report "|---|--:|--:|"
    report "$("$BUILD/t/bench/machine" costs "$BUILD/t/bench/stamp")"
    report ""
}

versions() {
    "$SHIMHOST" --version | head -n 1
    local program
    for program in crun runc conmon containerd; do
        ! command -v "$program" >/dev/null || echo "$("$program" --version 2>&1 | head -n 1)"
    done
}

# quartiles FILE MARK: a line for each candidate: name, median, first and third quartile, in the order of the race.
quartiles() {
    local candidate
    for candidate in $(awk -F'\t' -v mark="$2" '$3 == mark && !seen[$2]++ { print $2 }' "$1"); do
        awk -F'\t' -v mark="$2" -v name="$candidate" '$3 == mark && $2 == name { print $4 }' "$1" | sort -g |
            awk -v name="$candidate" '
                function at(part,   index_, low) {
                    index_ = 1 + part * (NR - 1); low = int(index_)
                    return value[low] + (index_ - low) * (value[low < NR ? low + 1 : NR] - value[low])
                }
                { value[NR] = $1 }
                END { printf "%s\t%.1f\t%.1f\t%.1f\n", name, at(0.5), at(0.25), at(0.75) }'
    done
}

# table RACE MARK TITLE: in milliseconds.
table() {
    local file=$RESULTS/$1.tsv
    [[ -s $file ]] || return 0
    quartiles "$file" "$2" >"$RESULTS/$1-$2.quartiles"
    report "**$3** ($(awk -F'\t' '{ if ($1 > n) n = $1 } END { print n + 1 }' "$file") rounds)"
    report ""
    report "| | median ms | spread | over the first | ratio |"
    report "|---|--:|--:|--:|--:|"
    report "$(awk -F'\t' 'NR == 1 { first = $2 }
        { printf "| %s | %.2f | %.2f – %.2f | %+.2f | %.2f |\n", $1, $2 / 1000, $3 / 1000, $4 / 1000,
            ($2 - first) / 1000, (first > 0 ? $2 / first : 0) }' "$RESULTS/$1-$2.quartiles")"
    report ""
    plot "$1-$2" "$3"
}

# plot NAME TITLE: bars out of NAME.quartiles, if there is a gnuplot.
plot() {
    command -v gnuplot >/dev/null || return 0
    gnuplot <<END 2>>"$RESULTS/gnuplot.err" || say "gnuplot could not draw $1"
set terminal svg size 720,300 font "sans-serif,12"
set output "$RESULTS/$1.svg"
set datafile separator "\t"
set title "$2"
set ylabel "ms"
set yrange [0:*]
set style fill solid 0.6
set boxwidth 0.6
set xtics noenhanced
unset key
plot "$RESULTS/$1.quartiles" using 0:(\$2/1000):xtic(1) with boxes, \
    "" using 0:(\$2/1000):(\$3/1000):(\$4/1000) with yerrorbars linecolor rgb "black" pointtype 0
END
}
