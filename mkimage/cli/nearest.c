/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names are as far apart as it takes slips of a typist to get from one to the other: a letter
 * wrong, missing, too many, or two exchanged. A third of the letters may be wrong at the most:
 * beyond that a guess is no help.
 */
#include "cli/nearest.h"
#include <stdbool.h>
#include <string.h>

#define LENGTH_MAX 32u

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The slips between the two, by the rows of the classic table: to each beginning of `a`, the slips
 * from each beginning of `b`. */
static unsigned slips(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned row[3][LENGTH_MAX + 1];
    for (unsigned j = 0; j <= b_length; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            now[j] =
                least(before[j - 1] + (a[i - 1] != b[j - 1]), least(before[j] + 1, now[j - 1] + 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return row[a_length % 3][b_length];
}

/* Is the word the beginning, or a whole later word, of the name? */
static bool is_part(const char *word, size_t length, const char *name)
{
    const char *space = strchr(name, ' ');
    return !strncmp(word, name, length) || (space && !strcmp(word, space + 1));
}

void nearest_try(struct nearest *n, const char *name)
{
    size_t length = strlen(n->word), name_length = strlen(name);
    if (!length || length > LENGTH_MAX || name_length > LENGTH_MAX)
        return;
    unsigned longer = (unsigned)(length > name_length ? length : name_length);
    unsigned distance = slips(n->word, length, name, name_length);
    bool near = distance <= (longer + 2) / 3;
    if (length > 2 && is_part(n->word, length, name)) {
        near = true;
        distance = 1;
    }
    if (near && (!n->name || distance < n->distance)) {
        n->name = name;
        n->distance = distance;
    }
}
