/* SPDX-License-Identifier: GPL-2.0-or-later */
/* \vhdboot.cfg: what each key means, and what becomes of lines that are not understood. */
#include "unit/unit.h"
#include "core/base/arena.h"
#include "core/entry/config.h"
#include "core/entry/password.h"

#define SALT "00112233445566778899aabbccddeeff"
#define HASH SALT SALT SALT SALT
#define GOOD "pbkdf2-sha512:20000:" SALT ":" HASH

static struct config config;

static void parse(const char *text)
{
    static uint8_t memory[8192];
    struct arena a;
    struct fail f;
    arena_init(&a, memory, sizeof memory);
    CHECK_EQ(config_parse(&config, (const uint8_t *)text, (uint32_t)strlen(text), &a, &f), ERR_OK);
}

static void count_up(void *ctx, const struct config_complaint *complaint)
{
    unsigned *next = ctx;
    CHECK_EQ(complaint->line, *next);
    CHECK_STR(complaint->word, "bogus");
    ++*next;
}

TEST(config_tells_every_complaint)
{
    static uint8_t memory[8192];
    char text[512] = "";
    struct arena a;
    struct fail f;
    unsigned next = 1;
    for (unsigned i = 0; i < 3 * CONFIG_COMPLAINTS_MAX; i++)
        strcat(text, "bogus = 1\n");
    arena_init(&a, memory, sizeof memory);
    CHECK_EQ(config_parse_telling(&config, (const uint8_t *)text, (uint32_t)strlen(text), &a,
                                  count_up, &next, &f),
             ERR_OK);
    CHECK_EQ(next, 1 + 3 * CONFIG_COMPLAINTS_MAX);
    CHECK_EQ(config.complaint_count, 3 * CONFIG_COMPLAINTS_MAX);
}

TEST(config_memory_keys)
{
    parse("[a]\nvhd = x\nram = yes\ndiscard_max = 64M\n[b]\nvhd = x\nram = perhaps\n"
          "discard_max = 4096\n[c]\nvhd = x\ndiscard_max = 12X\n[d]\nvhd = x\ndiscard_max = G\n"
          "[e]\nvhd = x\ndiscard_max = 99999999999G\n");
    CHECK(config.entry[0].ram && !config.entry[1].ram && !config.entry[2].ram);
    CHECK_EQ(config.entry[0].discard_max, 64u << 20);
    CHECK_EQ(config.entry[1].discard_max, 4096);
    CHECK_EQ(config.entry[2].discard_max, 0);
    CHECK_EQ(config.complaint_count, 4);
    CHECK_EQ(config.complaint[0].line, 7);
    CHECK_EQ(config.complaint[1].line, 11);
}

TEST(config_quiet)
{
    parse("[a]\nvhd = x\nquiet = yes\n[b]\nvhd = x\n[c]\nvhd = x\nquiet = no\n"
          "[d]\nvhd = x\nquiet = very\n");
    CHECK(config.entry[0].quiet && !config.entry[1].quiet && !config.entry[2].quiet);
    CHECK(!config.entry[3].quiet);
    CHECK_EQ(config.complaint_count, 1);
    CHECK_EQ(config.complaint[0].line, 11);
}

/* More than any machine has is what there is, in bytes as well as with a unit. */
TEST(config_sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } sizes[] = {{"268435455", 268435455},
                 {"268435456", 268435456},
                 {"1073741824", 1073741824},
                 {"4294967296", 4294967296},
                 {"17179869184", 17179869184},
                 {"1125899906842624", 1125899906842624},
                 {"1125899906842625", 0},
                 {"18446744073709551617", 0},
                 {"99999999999999999999999999", 0},
                 {"4096k", 4096 << 10},
                 {"300000000K", 307200000000},
                 {"1048576g", 1125899906842624},
                 {"1048577G", 0},
                 {"-1", 0},
                 {"K", 0}};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "[a]\nvhd = x\ndiscard_max = %s\n", sizes[i].text);
        parse(text);
        CHECK_EQ(config.entry[0].discard_max, sizes[i].bytes);
        CHECK_EQ(config.complaint_count, !sizes[i].bytes);
    }
}

TEST(config_reads_the_whole_form)
{
    parse("timeout = 5                 # seconds\r\n"
          "default = lab\r\n"
          "\r\n"
          "[win]\r\n"
          "vhd = \\a.vhd\r\n"
          "[lab]\r\n"
          "title  = Hyper-V Server 2008 R2\r\n"
          "vhd    = \\vhd\\server #1.vhd    # which one\r\n"
          "write  = none\r\n"
          "force = yes");
    CHECK_EQ(config.complaint_count, 0);
    CHECK_EQ(config.count, 2);
    CHECK_EQ(config.timeout_seconds, 5);
    CHECK_EQ(config.default_entry, 1);
    CHECK_STR(config.entry[0].title, "win");
    CHECK_EQ(config.entry[0].write, WRITE_PERSISTENT);
    CHECK(!config.entry[0].force);
    CHECK_STR(config.entry[1].name, "lab");
    CHECK_STR(config.entry[1].title, "Hyper-V Server 2008 R2");
    CHECK_STR(config.entry[1].vhd, "\\vhd\\server");
    CHECK_EQ(config.entry[1].write, WRITE_NONE);
    CHECK(config.entry[1].force);
}

TEST(config_of_nothing)
{
    parse("");
    CHECK_EQ(config.count, 0);
    CHECK_EQ(config.timeout_seconds, CONFIG_TIMEOUT_UNSET);
    parse("\xef\xbb\xbf# only a comment\n\n  \n");
    CHECK_EQ(config.complaint_count, 0);
}

TEST(config_byte_order_mark_and_case)
{
    parse("\xef\xbb\xbfTimeOut = NONE\n[A]\nVHD=\\x.vhd\nWrite=Discard\n");
    CHECK_EQ(config.complaint_count, 0);
    CHECK_EQ(config.timeout_seconds, CONFIG_TIMEOUT_NONE);
    CHECK_EQ(config.entry[0].write, WRITE_DISCARD);
}

TEST(config_lines_end_with_cr_alone_too)
{
    parse("timeout = 3\r[a]\rvhd = \\a.vhd\r\rbogus = 1\r\nhide = yes\n");
    CHECK_EQ(config.timeout_seconds, 3);
    CHECK_EQ(config.count, 1);
    CHECK_STR(config.entry[0].vhd, "\\a.vhd");
    CHECK(config.entry[0].hide);
    CHECK_EQ(config.complaint_count, 1);
    CHECK_EQ(config.complaint[0].line, 5);
}

TEST(config_in_utf16_is_refused)
{
    static const char *const texts[] = {"\xff\xfe[\0", "\xfe\xff\0[", "[\0a\0", "\0[\0a"};
    for (unsigned i = 0; i < 4; i++) {
        static uint8_t memory[64];
        struct arena a;
        struct fail f;
        arena_init(&a, memory, sizeof memory);
        CHECK_EQ(config_parse(&config, (const uint8_t *)texts[i], 4, &a, &f), ERR_CONFIG);
        CHECK(strstr(f.sentence, "UTF-16"));
    }
}

TEST(config_keeps_a_hash_inside_a_name)
{
    parse("[a]\nvhd = \\c#\\disk#1.vhd\n");
    CHECK_STR(config.entry[0].vhd, "\\c#\\disk#1.vhd");
}

TEST(config_names_what_it_does_not_know_and_goes_on)
{
    parse("colour = red\n"
          "timeout = soon\n"
          "[a]\n"
          "vhd = \\a.vhd\n"
          "ramdisk = 1\n"
          "nonsense\n"
          "write = maybe\n"
          "title =\n"
          "default = a\n");
    CHECK_EQ(config.count, 1);
    CHECK_EQ(config.complaint_count, 7);
    CHECK_EQ(config.complaint[0].line, 1);
    CHECK_STR(config.complaint[0].word, "colour");
    CHECK_EQ(config.complaint[1].line, 2);
    CHECK_STR(config.complaint[1].word, "soon");
    CHECK_EQ(config.complaint[2].line, 5);
    CHECK_STR(config.complaint[2].sentence, "unknown key");
    CHECK_EQ(config.complaint[6].line, 9);
    CHECK_EQ(config.entry[0].write, WRITE_NONE);
    CHECK_STR(config.entry[0].title, "a");
}

TEST(config_section_without_image_is_left_out)
{
    parse("default = a\n[a]\ntitle = x\n[b]\nvhd = \\b.vhd\n");
    CHECK_EQ(config.count, 1);
    CHECK_STR(config.entry[0].name, "b");
    CHECK_EQ(config.default_entry, 0);
    CHECK_EQ(config.complaint_count, 2);
    CHECK_EQ(config.complaint[0].line, 2);
    CHECK_EQ(config.complaint[1].line, 1);
}

TEST(config_bad_sections_do_not_leak_their_lines)
{
    parse("[a\ntimeout = 3\n[]\ntimeout = 4\n[x]\nvhd=1\n[X]\nvhd=2\n[");
    CHECK_EQ(config.timeout_seconds, CONFIG_TIMEOUT_UNSET);
    CHECK_EQ(config.count, 1);
    CHECK_STR(config.entry[0].vhd, "1");
    CHECK_EQ(config.complaint_count, 4);
}

TEST(config_entries_that_start_something_else)
{
    parse("default = d\n[n]\nboot = next\n[d]\nBoot = disk 81h   # the other one\ntitle = Other\n"
          "[p]\nboot = partition 2\n[f]\nboot = \\boot\\boot mgr\n");
    CHECK_EQ(config.complaint_count, 0);
    CHECK_EQ(config.count, 4);
    CHECK_EQ(config.default_entry, 1);
    CHECK_EQ(config.entry[0].start.kind, START_NEXT);
    CHECK_STR(config.entry[0].vhd, "");
    CHECK_STR(config.entry[0].title, "n");
    CHECK_EQ(config.entry[1].start.kind, START_DISK);
    CHECK_EQ(config.entry[1].start.number, 0x81);
    CHECK_STR(config.entry[1].title, "Other");
    CHECK_EQ(config.entry[2].start.number, 2);
    CHECK_STR(config.entry[3].start.path, "\\boot\\boot mgr");
}

TEST(config_boot_lines_that_cannot_be)
{
    parse(
        "[a]\nboot = disk\n[b]\nvhd = \\b.vhd\nboot = next\n[c]\nboot = partition 0\nboot = next\n"
        "[d]\nboot = next\nboot = disk x\n");
    CHECK_EQ(config.count, 2);
    CHECK_EQ(config.complaint_count, 6);
    CHECK_EQ(config.complaint[0].line, 2);
    CHECK(strstr(config.complaint[0].sentence, "disk N"));
    CHECK_EQ(config.complaint[1].line, 1);
    CHECK(strstr(config.complaint[1].sentence, "neither"));
    CHECK_EQ(config.complaint[2].line, 3);
    CHECK(strstr(config.complaint[2].sentence, "not both"));
    CHECK_EQ(config.entry[0].start.kind, START_IMAGE);
    CHECK_STR(config.entry[0].vhd, "\\b.vhd");
    CHECK_EQ(config.entry[1].start.kind, START_NEXT);
    CHECK(!config.entry[1].start.path);
}

TEST(config_too_many_sections)
{
    static char text[40 * 32];
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "[s%d]\nvhd = \\%d.vhd\n", i, i);
    parse(text);
    CHECK_EQ(config.count, CONFIG_ENTRIES_MAX);
    CHECK_EQ(config.complaint_count, 8);
    CHECK_STR(config.complaint[0].word, "s32");
}

TEST(config_long_words_are_cut_between_characters)
{
    parse("[a]\nvhd=1\n"
          "0123456789012345678901234567890123456\xc3\xa4\xc3\xa4 = 1\n");
    CHECK_EQ(strlen(config.complaint[0].word), 39);
    parse("[a]\nvhd=1\n"
          "01234567890123456789012345678901234567\xc3\xa4\xc3\xa4 = 1\n");
    CHECK_EQ(strlen(config.complaint[0].word), 38);
}

TEST(config_parents_in_their_order)
{
    parse("[a]\nvhd = \\c.vhd\nparent = BASES:\\vhd\\b.vhd\nparent = \\old\\b.vhd\n"
          "[b]\nvhd = \\d.vhd\n"
          "parent=1\nparent=2\nparent=3\nparent=4\nparent=5\nparent=6\nparent=7\nparent=8\n"
          "parent=9\n");
    CHECK_EQ(config.entry[0].parent_count, 2);
    CHECK_STR(config.entry[0].parent[0], "BASES:\\vhd\\b.vhd");
    CHECK_STR(config.entry[0].parent[1], "\\old\\b.vhd");
    CHECK_EQ(config.entry[1].parent_count, CONFIG_PARENTS_MAX);
    CHECK_EQ(config.complaint_count, 1);
    CHECK_STR(config.complaint[0].word, "9");
}

TEST(config_without_memory)
{
    static uint8_t memory[32];
    struct arena a;
    struct fail f;
    arena_init(&a, memory, sizeof memory);
    const char *text = "[a name that is longer than the memory]\nvhd = 1\n";
    CHECK_EQ(config_parse(&config, (const uint8_t *)text, (uint32_t)strlen(text), &a, &f),
             ERR_MEMORY);
}

TEST(config_hides_drives)
{
    parse("[a]\nvhd = x\nhide = yes\n[b]\nvhd = x\nhide = No\n[c]\nvhd = x\n");
    CHECK_EQ(config.complaint_count, 0);
    CHECK(config.entry[0].hide);
    CHECK(!config.entry[1].hide);
    CHECK(!config.entry[2].hide);
}

TEST(config_hides_drives_where_it_does_not_understand)
{
    parse("[a]\nvhd = x\nhide = maybe\n");
    CHECK_EQ(config.complaint_count, 1);
    CHECK_EQ(config.complaint[0].line, 3);
    CHECK_STR(config.complaint[0].word, "maybe");
    CHECK(config.entry[0].hide);
}

TEST(config_via)
{
    parse("[a]\nvhd = a\nvia = bootmgr\n[b]\nvhd = b\n");
    CHECK(config.entry[0].native && !config.entry[1].native);
    CHECK_EQ(config.complaint_count, 0);
    parse("[a]\nvhd = a\nvia = grub\n[b]\nboot = next\nvia = bootmgr\n");
    CHECK(!config.entry[0].native && !config.entry[1].native);
    CHECK_EQ(config.complaint_count, 2);
}

TEST(config_windows)
{
    parse("[a]\nvhd = a\n");
    CHECK(!config.no_windows && !config.default_given);
    CHECK_EQ(config.sections, 1);
    parse("windows = no\ndefault = b\n[a]\nvhd = a\n");
    CHECK(config.no_windows && config.default_given);
    parse("windows = yes\n[a]\nvhd = a\n");
    CHECK(!config.no_windows);
    CHECK_EQ(config.complaint_count, 0);
    parse("windows = 7\n");
    CHECK(!config.no_windows);
    CHECK_EQ(config.complaint_count, 1);
    CHECK_EQ(config.sections, 0);
}

TEST(config_hidden)
{
    parse("[a]\nvhd = x\nhidden = yes\n[b]\nvhd = x\n[c]\nvhd = x\nhidden = maybe\n");
    CHECK(config.entry[0].hidden && !config.entry[1].hidden && config.entry[2].hidden);
    CHECK_EQ(config.complaint_count, 1);
}

TEST(config_password_of_an_entry)
{
    parse("[a]\nvhd = x\n[b]\nvhd = x\npassword = " GOOD "\n");
    CHECK(!config.complaint_count);
    CHECK(!config_password(&config, 0, true) && !config_password(&config, 0, false));
    CHECK(config_password(&config, 1, true) && config_password(&config, 1, true)->iterations);
}

TEST(config_password_of_all_but_the_plain_default)
{
    parse("password = " GOOD "\ndefault = b\n[a]\nvhd = x\n[b]\nvhd = x\n");
    CHECK(config.password && config_password(&config, 0, true) == config.password);
    CHECK(!config_password(&config, 1, true));
    CHECK(config_password(&config, 1, false) == config.password);
}

/* The first entry is not what was to start without a password. */
TEST(config_password_and_a_lost_default)
{
    parse("password = " GOOD "\ndefault = c\n[a]\nvhd = x\n");
    CHECK(config_password(&config, 0, true) == config.password);
    parse("password = " GOOD "\n[c]\nvdh = x\n[a]\nvhd = x\n");
    CHECK(config_password(&config, 0, true) == config.password);
    parse("password = " GOOD "\n[c\nvhd = x\n[a]\nvhd = x\n");
    CHECK(config_password(&config, 0, true) == config.password);
    parse("password = " GOOD "\n[a]\nvhd = x\n[c]\nvdh = x\n");
    CHECK(!config_password(&config, 0, true));
}

TEST(config_bad_passwords_stay_locked)
{
    static const char *const bad[] = {
        "password = secret\n",
        "password =\n",
        "PASSWORD\n",
        "password " GOOD "\n",
        "password: " GOOD "\n",
        "password = pbkdf2-sha512:4:" SALT ":" HASH "\n",
        "password = " GOOD "\npassword = " GOOD "\n",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[2000];
        snprintf(text, sizeof text, "[a]\nvhd = x\n[b]\nvhd = x\n%s", bad[i]);
        parse(text);
        CHECK_EQ(config.complaint_count, 1);
        CHECK(!strstr(config.complaint[0].word, "secret"));
        CHECK(config.secret && config_password(&config, 1, true));
        CHECK_EQ(config_password(&config, 1, true)->iterations, 0);
        snprintf(text, sizeof text, "%s[a]\nvhd = x\n[b]\nvhd = x\n", bad[i]);
        parse(text);
        CHECK(config_password(&config, 1, true));
        CHECK_EQ(config_password(&config, 1, true)->iterations, 0);
    }
}

TEST(config_console)
{
    parse("[a]\nvhd = x\n");
    CHECK(config.console == CONSOLE_SCREEN);
    CHECK(config.serial_port == 1 && config.serial_baud == 115200);
    parse("console = both\nserial = com2 9600\n[a]\nvhd = x\n");
    CHECK(config.console == CONSOLE_BOTH);
    CHECK(config.serial_port == 2 && config.serial_baud == 9600 && !config.complaint_count);
    parse("console = serial\nserial = COM4\n[a]\nvhd = x\n");
    CHECK(config.console == CONSOLE_SERIAL && config.serial_port == 4);
    parse("console = tty\nserial = COM5\nserial = COM\nserial = COM1 9601\nserial = COM19600\n"
          "serial = COM1 x\n[a]\nvhd = x\n");
    CHECK_EQ(config.complaint_count, 6);
    CHECK(config.serial_port == 1 && config.serial_baud == 115200);
}

/* Whose password it was is not known, so none of the others is open. */
TEST(config_password_of_a_section_that_is_left_out)
{
    parse("[a]\nvhd = x\n[a]\nvhd = x\npassword = " GOOD "\n");
    CHECK(config_password(&config, 0, true) && !config_password(&config, 0, true)->iterations);
    parse("[a]\nvhd = x\n[b\nvhd = x\npassword = " GOOD "\n");
    CHECK(config_password(&config, 0, true) && !config_password(&config, 0, true)->iterations);
    parse("password = " GOOD "\n[a]\nvhd = x\n[a]\nvhd = x\npassword = " GOOD "\n");
    CHECK(config_password(&config, 0, true) == config.password);
}
