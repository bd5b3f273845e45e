/* uc_write_files makes, uc_read_spans reads, uc_look_at looks at many files, each in as few system calls
 * as there can be.
 *
 * Writing: every file must be new (O_EXCL) and is opened below a folder's descriptor; a link in any
 * place of its path is never followed. Neighbours in one folder share its descriptor. A file that cannot be
 * made whole is removed again.
 *
 * Reading: only regular files; a link in the last place is not followed, a FIFO does not block.
 * Neighbouring spans of the same path share one opening. A status that is taken after reading tells of all
 * that was read.
 */
#ifndef UCOMPRESS_FILES_H
#define UCOMPRESS_FILES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "beneath.h"

typedef struct {
    const char *path;    /* relative to the folder, closed by a zero byte */
    const uint8_t *data; /* the whole content */
    size_t size;
    int64_t seconds;     /* modification time since 1970; */
    int32_t nanoseconds; /* 0 to 999,999,999 */
    uint32_t mode;       /* permission bits */
    int error;           /* out: 0, or why there is no such file */
} uc_file;

#define UC_SHORT (-1)

typedef struct {
    uint64_t size;    /* UC_NONE where nothing else is told */
    int64_t mtime_ns; /* nanoseconds since 1970 */
    int64_t ctime_ns;
    uint64_t inode;
    uint64_t device;
} uc_status;

typedef struct {
    const char *path; /* closed by a zero byte; the same pointer for neighbours in one file */
    uint64_t offset;
    uint8_t *data;    /* out: room for `size` bytes */
    size_t size;
    int error;        /* out: 0, UC_SHORT where the file ends before, or an errno */
    uc_status *seen;  /* out, unless NULL: the file's status after reading */
} uc_span;

#define UC_NONE UINT64_MAX

#ifdef _WIN32

static size_t uc_write_files(int folder, uint32_t kept, uc_file *files, size_t count)
{
    (void)folder, (void)kept;
    for (size_t i = 0; i < count; i++)
        files[i].error = ENOSYS;
    return count;
}

static size_t uc_read_spans(uc_span *spans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        spans[i].error = ENOSYS;
        if (spans[i].seen)
            spans[i].seen->size = UC_NONE;
    }
    return count;
}

static void uc_look_at(const char *const *paths, uc_status *found, size_t count)
{
    (void)paths;
    for (size_t i = 0; i < count; i++)
        found[i].size = UC_NONE;
}

#else

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int uc_write_all(int descriptor, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t written = write(descriptor, data, size);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int uc_write_file(uc_around *around, uint32_t kept, const uc_file *file)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const struct timespec times[2] = {
        {(time_t)file->seconds, file->nanoseconds}, {(time_t)file->seconds, file->nanoseconds}};
    const char *name;
    int folder, error = uc_go_to(around, file->path, &folder, &name);
    if (error)
        return error;
    int descriptor = openat(folder, name, flags, (mode_t)(file->mode & 0777));
    if (descriptor < 0)
        return errno;
    error = uc_write_all(descriptor, file->data, file->size);
    if (!error && (file->mode & ~kept) && fchmod(descriptor, (mode_t)file->mode))
        error = errno;
    if (!error && futimens(descriptor, times))
        error = errno;
    if (close(descriptor) && !error && errno != EINTR)
        error = errno;
    if (error)
        (void)unlinkat(folder, name, 0);
    return error;
}

/* Write `count` files below `folder`; returns how many failed, each with its `error`.
 * `kept` are the permission bits that creating a file there leaves as they are asked for. */
static size_t uc_write_files(int folder, uint32_t kept, uc_file *files, size_t count)
{
    size_t failed = 0;
    uc_around around = {folder, -1, NULL, 0};
    for (size_t i = 0; i < count; i++) {
        files[i].error = uc_write_file(&around, kept, &files[i]);
        failed += files[i].error != 0;
    }
    uc_leave(&around);
    return failed;
}

static int uc_open_regular(const char *path, int *descriptor)
{
    struct stat status;
    *descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*descriptor < 0)
        return errno;
    if (fstat(*descriptor, &status))
        return errno;
    return S_ISREG(status.st_mode) ? 0 : EINVAL;
}

static int uc_read_span(int descriptor, const uc_span *span)
{
    size_t done = 0;
    while (done < span->size) {
        ssize_t got = pread(descriptor, span->data + done, span->size - done, (off_t)(span->offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got ? errno : UC_SHORT;
        done += (size_t)got;
    }
    return 0;
}

#ifdef __APPLE__
#define UC_TIME(status, which) (status).st_##which##timespec
#else
#define UC_TIME(status, which) (status).st_##which##tim
#endif

/* 1 where a time can be told in nanoseconds. */
static int uc_nanoseconds(struct timespec time, int64_t *told)
{
    return !__builtin_mul_overflow((int64_t)time.tv_sec, (int64_t)1000000000, told)
        && !__builtin_add_overflow(*told, (int64_t)time.tv_nsec, told);
}

/* Tell a status, or that there is none. */
static void uc_tell(const struct stat *status, uc_status *told)
{
    told->size = UC_NONE;
    if (!status || !S_ISREG(status->st_mode) || !uc_nanoseconds(UC_TIME(*status, m), &told->mtime_ns)
        || !uc_nanoseconds(UC_TIME(*status, c), &told->ctime_ns))
        return;
    told->size = (uint64_t)status->st_size;
    told->inode = (uint64_t)status->st_ino;
    told->device = (uint64_t)status->st_dev;
}

/* Read `count` spans; returns how many failed, each with its `error`. */
static size_t uc_read_spans(uc_span *spans, size_t count)
{
    size_t failed = 0;
    int descriptor = -1, opened = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || spans[i].path != spans[i - 1].path) {
            if (descriptor >= 0)
                close(descriptor);
            opened = uc_open_regular(spans[i].path, &descriptor);
        }
        spans[i].error = opened ? opened : uc_read_span(descriptor, &spans[i]);
        if (spans[i].seen) {
            struct stat status;
            uc_tell(spans[i].error || fstat(descriptor, &status) ? NULL : &status, spans[i].seen);
        }
        failed += spans[i].error != 0;
    }
    if (descriptor >= 0)
        close(descriptor);
    return failed;
}

/* The status of what stands at each path, no link followed; of regular files only. */
static void uc_look_at(const char *const *paths, uc_status *found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        uc_tell(lstat(paths[i], &status) ? NULL : &status, &found[i]);
    }
}

#endif
#endif
