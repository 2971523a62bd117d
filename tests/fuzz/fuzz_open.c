/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the nbdkit plugin does with what it was told: serve_open() over files of the host that the
 * fuzzer makes up (a leaf and its parents), or over a stick with a menu that it changes sectors of;
 * locks that others hold; then some requests, a close, and a second look. The files are memory
 * files with names in /proc/self/fd, so that images can name them as parents. The input:
 *
 *   0  u8   how: see enum how
 *   1  u8   bytes of the file's locks that somebody else holds: see other_locks()
 *   2  u8   which of the files is the leaf
 *   3  u8   number of the entry's name, or of the path on the stick
 *   4  4 times u32: sizes of the files in bytes
 *  20  8 times: u8 what to do, u8 how much, u16 where
 *  52  from here on: u8 file, u32 sector number, 512 bytes (tests/fuzz/seeds_open makes such files)
 *
 * The last file is the stick: open_stick beside this program, as seeds_open leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "fuzz/mutate.h"
#include "fuzz/quick.h"
#include "fuzz/reached.h"
#include "fuzz/seal.h"
#include "serve/serve.h"

#define FILES       4u
#define STICK       3u
#define FD          100 /* the first one's: "100", as images name it */
#define HEAD        52u
#define OPS         8u
#define ENTRY       (5 + SECTOR_SIZE)
#define ENTRIES_IN  300u
#define SIZE_MAX_   (96u << 20)
#define READ_MAX    (64 * SECTOR_SIZE)
#define PIECE       (16u << 10)
#define TOUCHED_MAX (2 * ENTRIES_IN + FILES * 4)

enum how {
    HOW_WRITE = 3,   /* enum write_mode; 3: as the entry says */
    HOW_STICK = 4,   /* the stick's entry, else a file */
    HOW_PATH = 8,    /* with HOW_STICK: a path on it, by target and file */
    HOW_DIRECT = 16, /* past the page cache */
    HOW_VHDX = 32,   /* which checksums are made right */
    HOW_RAW = 64,    /* they are left as they are */
};

/* The files as they are. Between two inputs they are all zeros, but for the stick. */
static struct shown {
    uint8_t *byte; /* SIZE_MAX_ of address space */
    uint64_t size;
} shown[FILES];

static uint8_t *stick; /* as it was */
static size_t stick_size;
static bool stick_used[SIZE_MAX_ / PIECE]; /* what is not all zeros */

/* Where the input's sectors and their checksums went. */
static struct touched {
    unsigned file;
    uint32_t len;
    uint64_t off;
} touched[TOUCHED_MAX];
static unsigned touches;

static void die(const char *what)
{
    perror(what);
    abort();
}

/* --- The files */

static void put(unsigned file, const void *buf, size_t len, uint64_t off)
{
    if (touches == TOUCHED_MAX)
        abort();
    touched[touches++] = (struct touched){file, (uint32_t)len, off};
    memcpy(shown[file].byte + off, buf, len);
}

static void seal_get(void *ctx, uint64_t off, void *buf, uint64_t len)
{
    memcpy(buf, shown[*(const unsigned *)ctx].byte + off, len);
}

static void seal_put(void *ctx, uint64_t off, const void *buf, uint64_t len)
{
    put(*(const unsigned *)ctx, buf, len, off);
}

static void file_resize(unsigned file, uint64_t size)
{
    if (size != shown[file].size && ftruncate(FD + (int)file, (off_t)size))
        die("memory file");
    shown[file].size = size;
}

static void range_clear(unsigned file, uint64_t off, uint64_t len)
{
    if (!range_ok(off, 0, shown[file].size))
        return;
    if (len > shown[file].size - off)
        len = shown[file].size - off;
    if (file == STICK)
        memcpy(shown[file].byte + off, stick + off, len);
    else
        memset(shown[file].byte + off, 0, len);
}

/* As between two inputs, whatever became of it. */
static void file_clear(unsigned file)
{
    shown[file].size = UINT64_MAX;
    file_resize(file, 0);
    file_resize(file, file == STICK ? stick_size : 0);
    for (size_t at = 0; at < shown[file].size; at += PIECE) {
        if (stick_used[at / PIECE])
            range_clear(file, at, PIECE);
    }
}

/* `written`: the file that the engine may have written to. */
static void files_clear(unsigned written)
{
    struct stat st;
    if (fstat(FD + (int)written, &st))
        die("memory file");
    uint64_t size = shown[written].size;
    shown[written].size = (uint64_t)st.st_size;
    file_resize(written, size);
    for (unsigned i = 0; i < quick.writes && !quick.more; i++)
        range_clear(written, quick.write[i].off, quick.write[i].len);
    for (unsigned i = 0; i < touches; i++)
        range_clear(touched[i].file, touched[i].off, touched[i].len);
    if (quick.more)
        file_clear(written);
    touches = 0;
}

/* The sectors as the input has them; calls `each` for those that lie in their file. */
static void entries(const uint8_t *data, size_t size,
                    void (*each)(unsigned file, uint64_t off, const uint8_t *sector, void *ctx),
                    void *ctx)
{
    unsigned count = 0;
    for (size_t at = HEAD; at + ENTRY <= size && count++ < ENTRIES_IN; at += ENTRY) {
        le32 number;
        memcpy(&number, data + at + 1, sizeof number);
        unsigned file = data[at] % FILES;
        uint64_t off = (uint64_t)le32_get(number) << SECTOR_SHIFT;
        if (range_ok(off, SECTOR_SIZE, shown[file].size))
            each(file, off, data + at + 5, ctx);
    }
}

static void sector_put(unsigned file, uint64_t off, const uint8_t *sector, void *ctx)
{
    (void)ctx;
    put(file, sector, SECTOR_SIZE, off);
}

static void sector_seal(unsigned file, uint64_t off, const uint8_t *sector, void *ctx)
{
    const bool *is_vhdx = ctx;
    (void)sector;
    if (file != STICK)
        seal_sector(&(struct seal){shown[file].size, &file, seal_get, seal_put}, off, *is_vhdx);
}

static void files_make(const uint8_t *data, size_t size)
{
    bool is_vhdx = data[0] & HOW_VHDX;
    for (unsigned i = 0; i < STICK; i++) {
        le32 wanted;
        memcpy(&wanted, data + 4 + 4 * i, sizeof wanted);
        file_resize(i, le32_get(wanted) % SIZE_MAX_);
    }
    entries(data, size, sector_put, NULL);
    if (data[0] & HOW_RAW)
        return;
    for (unsigned i = 0; is_vhdx && i < STICK; i++)
        seal_vhdx(&(struct seal){shown[i].size, &i, seal_get, seal_put});
    entries(data, size, sector_seal, &is_vhdx);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    char path[PATH_MAX + 16];
    struct stat st;
    snprintf(path, PATH_MAX, "%s", (*argv)[0]);
    strcat(dirname(path), "/open_stick");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        die(path);
    stick_size = (size_t)st.st_size;
    stick = mmap(NULL, stick_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (stick == MAP_FAILED || stick_size > SIZE_MAX_)
        die(path);
    for (size_t at = 0; at < stick_size; at += PIECE)
        stick_used[at / PIECE] =
            !bytes_are(stick + at, stick_size - at < PIECE ? stick_size - at : PIECE, 0);
    for (unsigned i = 0; i < FILES; i++) {
        int memory = memfd_create("image", 0);
        if (memory < 0 || dup2(memory, FD + (int)i) < 0)
            die("memory file");
        close(memory);
        shown[i].byte = mmap(NULL, SIZE_MAX_, PROT_READ | PROT_WRITE, MAP_SHARED, FD + (int)i, 0);
        if (shown[i].byte == MAP_FAILED)
            die("memory file");
    }
    file_clear(STICK);
    setenv("TMPDIR", "/dev/shm", 1);
    FILE *nowhere = fopen("/dev/null", "we");
    if (!nowhere)
        die("/dev/null");
    stderr = nowhere; /* libFuzzer has its own */
    return 0;
}

/* --- Somebody else */

/* A program that has the file open as QEMU would; -1: none. */
static int other_locks(uint8_t which, const char *path)
{
    static const off_t at[] = {100, 101, 103, 200, 201, 203};
    int fd = which & 0x3f ? open(path, O_RDWR | O_CLOEXEC) : -1;
    for (unsigned i = 0; fd >= 0 && i < sizeof at / sizeof at[0]; i++) {
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at[i], .l_len = 1};
        if (which >> i & 1 && fcntl(fd, F_OFD_SETLK, &lock))
            abort(); /* we left one behind */
    }
    return fd;
}

/* --- Sessions */

static void judge(const struct fail *f)
{
    char text[400];
    if (!f->sentence || !f->err)
        abort();
    errors_format(f, text, sizeof text);
}

/* What the last requests made of places of the disk. */
struct done {
    uint64_t off, len;
    int byte; /* -1: nobody knows */
};

static void operate(struct serve *serve, const uint8_t *op, unsigned number, struct done *d,
                    bool *well)
{
    static uint8_t data[READ_MAX];
    struct fail f = {0};
    uint64_t size = serve_size(serve), where = op[2] | (unsigned)op[3] << 8;
    uint64_t unit = op[0] & 8 ? size >> 16 ? size >> 16 : 1 : op[0] & 16 ? 1 : SECTOR_SIZE;
    *d =
        (struct done){where * unit % size, (op[1] % 64 + 1u) * (op[0] & 16 ? 37 : SECTOR_SIZE), -1};
    if (d->len > size - d->off)
        d->len = size - d->off;
    int error = 0;
    uint64_t run;
    bool zero;
    switch (op[0] & 7) {
    case 0:
    case 1:
        d->byte = (int)number + 1;
        memset(data, d->byte, d->len);
        error = serve_write(serve, data, d->len, d->off, &f);
        break;
    case 2:
        d->byte = 0;
        error = serve_zero(serve, d->len, d->off, op[0] & 32, &f);
        break;
    case 3:
        error = serve_trim(serve, d->len, d->off, &f);
        break;
    case 4:
        d->len = 0;
        error = serve_flush(serve, &f);
        break;
    case 5:
        d->len = 0;
        error = serve_extent(serve, d->off, &run, &zero, &f);
        if (!error && (!run || run > size - d->off))
            abort();
        break;
    default:
        error = serve_read(serve, data, d->len, d->off, &f);
        d->len = 0;
    }
    if (!error)
        return;
    judge(&f);
    if (!serve_writable(serve))
        d->len = 0; /* nothing was changed */
    d->byte = -1;
    *well = false;
}

/* Each byte that a request was the last one to touch. */
static void compare(struct serve *serve, const struct done *done)
{
    static uint8_t data[READ_MAX];
    struct fail f;
    for (unsigned i = 0; i < OPS; i++) {
        bool known = done[i].byte >= 0 && done[i].len;
        for (unsigned k = i + 1; k < OPS; k++)
            known &= done[k].off >= done[i].off + done[i].len ||
                     done[i].off >= done[k].off + done[k].len;
        if (!known)
            continue;
        if (serve_read(serve, data, done[i].len, done[i].off, &f))
            abort();
        if (!bytes_are(data, done[i].len, (uint8_t)done[i].byte))
            abort();
    }
}

static struct serve_options options_of(const uint8_t *data, const char *leaf, const char *target)
{
    static const char *const names[] = {NULL, "a", "b", "child", "nowhere", "fixed", "x", ""};
    static const char *const paths[] = {"\\a.vhd",     "/child.vhd", "\\b.vhdx",    "\\fixed.vhd",
                                        "vol:\\a.vhd", "/$MFT",      "/dir/c.vhdx", "/"};
    unsigned write = data[0] & HOW_WRITE;
    bool on_stick = data[0] & HOW_STICK;
    return (struct serve_options){
        .target = on_stick ? target : NULL,
        .file = !on_stick            ? leaf
                : data[0] & HOW_PATH ? paths[data[3] % 8]
                                     : NULL,
        .entry = on_stick && !(data[0] & HOW_PATH) ? names[data[3] % 8] : NULL,
        .write = write == HOW_WRITE ? WRITE_PERSISTENT : (enum write_mode)write,
        .write_of_entry = write == HOW_WRITE,
        .direct_if_able = data[0] & HOW_DIRECT,
    };
}

static void session(const uint8_t *data, const struct serve_options *options)
{
    struct fail f = {0};
    struct serve *serve = serve_open(options, &f);
    if (!serve) {
        judge(&f);
        return;
    }
    if (!serve_size(serve) || serve_size(serve) % SECTOR_SIZE)
        abort();
    reached(REACHED_OPENED);
    bool kept = serve_write_mode(serve) == WRITE_PERSISTENT, well = true;
    struct done done[OPS];
    for (unsigned i = 0; i < OPS; i++)
        operate(serve, data + 20 + 4 * i, i, &done[i], &well);
    if (serve_writable(serve))
        compare(serve, done);
    if (serve_close(serve, &f)) {
        judge(&f);
        return;
    }
    if (!well)
        return;
    reached(REACHED_DONE);
    if (!kept)
        return;
    struct serve_options again = *options;
    again.write = WRITE_NONE;
    again.write_of_entry = false;
    serve = serve_open(&again, &f);
    if (!serve)
        abort();
    compare(serve, done);
    (void)serve_close(serve, &f);
    reached(REACHED_AGAIN);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    return mutate(data, size, max, seed, HEAD, ENTRY, ENTRY - SECTOR_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reached(REACHED_INPUT);
    if (size < HEAD)
        return 0;
    files_make(data, size);
    quick = (struct quick){0};
    char leaf[32], target[32];
    snprintf(leaf, sizeof leaf, "/proc/self/fd/%d", FD + data[2] % (int)STICK);
    snprintf(target, sizeof target, "/proc/self/fd/%d", FD + (int)STICK);
    const struct serve_options options = options_of(data, leaf, target);
    int other = other_locks(data[1], data[1] & 0x40 ? leaf : options.target ? target : leaf);
    session(data, &options);
    if (other >= 0)
        close(other);
    files_clear(options.target ? STICK : data[2] % STICK);
    return 0;
}
