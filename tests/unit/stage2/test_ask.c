/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking for a password: right and wrong ones, how the wait grows, what is left in memory. */
#include "unit/unit.h"

static uint8_t low_memory[0x600];
#define BIOS_LOW_MEMORY low_memory

static const char *keys; /* typed next; at its end nobody is there, and then Esc comes */
static uint32_t ticks, esc_at = UINT32_MAX;
static unsigned asked;
static char said[4000];

#include "ask.c"

const uint8_t hash64[1];

bool long_mode_exists(void)
{
    return false;
}

uint32_t long_mode_call(const void *code, uint32_t a, uint32_t b)
{
    (void)code, (void)a, (void)b;
    return 0;
}

unsigned console_key(void)
{
    return KEY_NONE;
}

unsigned console_wait_key(uint32_t wait)
{
    if (wait == UINT32_MAX)
        return *keys ? (unsigned)(uint8_t)*keys++ : KEY_ESCAPE;
    ticks += wait;
    return ticks >= esc_at ? KEY_ESCAPE : KEY_NONE;
}

uint32_t console_ticks(void)
{
    return ticks;
}

void console_flush_keys(void)
{
}

void console_erase(void)
{
}

void console_text(const char *s)
{
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s", s);
}

void console_print(const char *s)
{
    asked += strstr(s, "password?") != NULL;
    console_text(s);
}

void console_line(const char *a, const char *b)
{
    console_text(a);
    console_text(b);
}

static struct password password_of(const char *text)
{
    struct password p = {.iterations = 300};
    struct pbkdf2 hashed;
    pbkdf2_begin(&hashed, text, strlen(text), p.salt, sizeof p.salt, p.iterations);
    while (pbkdf2_go(&hashed, 1000))
        ;
    memcpy(p.hash, hashed.sum, sizeof p.hash);
    return p;
}

static bool ask(const struct password *p, const char *typed)
{
    struct fail f;
    keys = typed;
    said[0] = '\0';
    asked = 0;
    bool right = ask_password(p, "x", &f);
    CHECK_EQ(f.err, ERR_OK);
    return right;
}

static void start(void)
{
    wrong = 0;
    wait_seconds = 0;
    esc_at = UINT32_MAX;
}

TEST(password_right_or_given_up)
{
    struct password p = password_of("Open, sesame");
    start();
    CHECK(ask(&p, "Open, sesame\r"));
    CHECK(ask(&p, "no\rOpen, sesamee\b\r"));
    CHECK(!ask(&p, "open, sesame\r\x1b"));
    CHECK(!ask(&p, ""));
    CHECK(!strstr(said, "sesame"));
}

TEST(password_wait_grows_and_ends)
{
    static const unsigned waits[] = {0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 640, 640};
    struct password p = password_of("x");
    start();
    for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        uint32_t before = ticks;
        CHECK(!ask(&p, "y\r\x1b"));
        /* the prompt that Esc ends has waited for what this wrong one costs */
        unsigned next = i + 1 < sizeof waits / sizeof waits[0] ? waits[i + 1] : 640;
        CHECK_EQ((ticks - before) / TICKS_PER_SECOND, next);
        CHECK_EQ(asked, 2);
    }
    CHECK(ask(&p, "x\r"));
}

TEST(password_wait_is_not_skipped_by_esc)
{
    struct password p = password_of("x");
    start();
    for (unsigned i = 0; i < 3; i++)
        count_wrong();
    esc_at = ticks + 4 * TICKS_PER_SECOND;
    CHECK(!ask(&p, "x\r"));
    CHECK_EQ(asked, 0);
    CHECK(wait_seconds >= 6 && wait_seconds <= 7); /* what was waited for counts */
    esc_at = UINT32_MAX;
    uint32_t before = ticks;
    CHECK(ask(&p, "x\r"));
    CHECK((ticks - before) / TICKS_PER_SECOND >= 6);
}

TEST(password_leaves_no_trace)
{
    struct password p = password_of("secret");
    start();
    memset(low_memory + BDA_KEYS, 's', BDA_KEYS_END - BDA_KEYS);
    CHECK(ask(&p, "secret\r"));
    for (unsigned at = BDA_KEYS; at < BDA_KEYS_END; at++)
        CHECK_EQ(low_memory[at], 0);
}

TEST(password_bad_line_asks_nothing)
{
    struct password bad = {0};
    struct fail f;
    keys = "x\r";
    asked = 0;
    CHECK(!ask_password(&bad, "entry", &f));
    CHECK_EQ(f.err, ERR_CONFIG);
    CHECK_EQ(asked, 0);
}
