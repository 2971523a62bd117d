/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest test harness that builds for -m32 and -m64 alike (Debian has no 32-bit cmocka on an
 * amd64 machine). TEST(name) { CHECK(...); } registers itself; the program runs all of them, or
 * those whose names are given, prints `ok NAME` or `not ok NAME` with the place, and exits with 0
 * or 1. `--list` prints the names, by which tests/conftest.py runs each in a process of its own.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
    const char *name;
    void (*run)(void);
    struct unit_test *next;
};

void unit_register(struct unit_test *test);
void unit_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    __attribute__((constructor)) static void unit_register_##name(void)                            \
    {                                                                                              \
        static struct unit_test test = {#name, test_##name, NULL};                                 \
        unit_register(&test);                                                                      \
    }                                                                                              \
    static void test_##name(void)

/* A failed check ends its test. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            unit_failed(__FILE__, __LINE__, "%s", #condition);                                     \
    } while (0)

#define CHECK_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        unsigned long long unit_a = (unsigned long long)(actual);                                  \
        unsigned long long unit_e = (unsigned long long)(expected);                                \
        if (unit_a != unit_e)                                                                      \
            unit_failed(__FILE__, __LINE__, "%s is %llu (0x%llx), expected %llu (0x%llx)",         \
                        #actual, unit_a, unit_a, unit_e, unit_e);                                  \
    } while (0)

#define CHECK_STR(actual, expected)                                                                \
    do {                                                                                           \
        const char *unit_s = (actual);                                                             \
        if (strcmp(unit_s, (expected)))                                                            \
            unit_failed(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #actual, unit_s,      \
                        (expected));                                                               \
    } while (0)

#endif
