/* SPDX-License-Identifier: Apache-2.0 */
#include "config/nearest.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 76 /* letters; nothing that is longer is compared */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Letters without their case, and - for _: how a key is written is not what makes it another. */
static int letter(char character) {
    return character == '_' ? '-' : tolower((unsigned char)character);
}

/* The number of letters put in, left out, mistaken or swapped with their neighbour between two
 * words. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        last[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            int here = letter(a[i - 1]), there = letter(b[j - 1]);
            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (here != there));
            if (i > 1 && j > 1 && here == letter(b[j - 2]) && letter(a[i - 2]) == there)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[width];
}

void nearest_offer(struct nearest *nearest, const char *word) {
    size_t length = strlen(word);
    if (length > LONGEST || strlen(nearest->wanted) > LONGEST)
        return;
    size_t bound = length < 6 ? 1 : length / 3;
    size_t far = distance(nearest->wanted, word);
    if (far > bound || far >= length || far >= strlen(nearest->wanted))
        return; /* too much differs, or nothing is the same */
    if (nearest->found && far >= nearest->distance)
        return;
    nearest->found = word;
    nearest->distance = far;
}
