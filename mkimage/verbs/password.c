/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage password: a config's line out of a password. Asked for twice on a terminal, which shows
 * nothing of it; else one line of standard input. Only what the machine's keyboard can give under
 * any BIOS is taken: ASCII.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/entry/password.h"
#include "host/random.h"
#include "verbs/verbs.h"

/* A tenth of a second on a machine of 2010, some seconds on one of 1995. */
#define ITERATIONS 50000u

#define LINE_SIZE  (PASSWORD_MAX + 3) /* and CR, LF, NUL */

/* One line without its end. */
static enum status read_line(FILE *in, char line[LINE_SIZE])
{
    if (!fgets(line, LINE_SIZE, in))
        return say_error("Type it, or give it on standard input.", "there is no password");
    size_t length = strcspn(line, "\r\n");
    if (!line[length] && length > PASSWORD_MAX)
        return say_error("Take a shorter one.", "a password has at most %d characters",
                         PASSWORD_MAX);
    line[length] = '\0';
    if (!length)
        return say_error("Type one.", "the password is empty");
    for (size_t i = 0; i < length; i++) {
        if (line[i] < ' ' || line[i] > '~')
            return say_error("Take others: the machine's keyboard gives no more before a system "
                             "runs, and as if it were a US one.",
                             "a password has only letters, digits, signs and blanks of ASCII");
    }
    return STATUS_OK;
}

static enum status ask(FILE *terminal, const char *prompt, char line[LINE_SIZE])
{
    struct termios was, silent;
    int fd = fileno(terminal);
    if (tcgetattr(fd, &was))
        return say_error("Give it on standard input.", "the terminal: %s", strerror(errno));
    silent = was;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    sigset_t stops, before; /* a Ctrl-C that leaves the terminal silent would be a nuisance */
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTSTP);
    sigprocmask(SIG_BLOCK, &stops, &before);
    tcsetattr(fd, TCSAFLUSH, &silent);
    fputs(prompt, stderr);
    enum status status = read_line(terminal, line);
    tcsetattr(fd, TCSAFLUSH, &was);
    fputc('\n', stderr);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

static enum status ask_twice(char line[LINE_SIZE])
{
    char again[LINE_SIZE];
    enum status status = ask(stdin, "Password: ", line);
    if (!status)
        status = ask(stdin, "Once more: ", again);
    if (!status && strcmp(line, again))
        status = say_error("Try again.", "the two passwords differ");
    explicit_bzero(again, sizeof again);
    return status;
}

static void print_hex(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", bytes[i]);
}

enum status verb_password(const struct options *options)
{
    (void)options;
    char line[LINE_SIZE];
    uint8_t salt[PASSWORD_SALT_SIZE];
    setvbuf(stdin, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    enum status status = isatty(STDIN_FILENO) ? ask_twice(line) : read_line(stdin, line);
    if (!status)
        status = random_fill(salt, sizeof salt);
    if (!status) {
        struct pbkdf2 k;
        pbkdf2_begin(&k, line, strlen(line), salt, sizeof salt, ITERATIONS);
        while (pbkdf2_go(&k, UINT32_MAX))
            ;
        printf("password = " PASSWORD_SCHEME ":%u:", ITERATIONS);
        print_hex(salt, sizeof salt);
        putchar(':');
        print_hex(k.sum, sizeof k.sum);
        putchar('\n');
        explicit_bzero(&k, sizeof k);
    }
    explicit_bzero(line, sizeof line);
    return status;
}
