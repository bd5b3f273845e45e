/* uc_write_files: makes many small files, each in as few system calls as there can be.
 *
 * Every file must be new (O_EXCL) and is opened below a folder's descriptor; a link in the last
 * place of its path is never followed. A file that cannot be made whole is removed again.
 */
#ifndef UCOMPRESS_FILES_H
#define UCOMPRESS_FILES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *path;    /* relative to the folder, closed by a zero byte */
    const uint8_t *data; /* the whole content */
    size_t size;
    int64_t seconds;     /* modification time since 1970; */
    int32_t nanoseconds; /* 0 to 999,999,999 */
    uint32_t mode;       /* permission bits */
    int error;           /* out: 0, or why there is no such file */
} uc_file;

#ifdef _WIN32

static size_t uc_write_files(int folder, uint32_t kept, uc_file *files, size_t count)
{
    (void)folder, (void)kept;
    for (size_t i = 0; i < count; i++)
        files[i].error = ENOSYS;
    return count;
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

static int uc_write_file(int folder, uint32_t kept, const uc_file *file)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const struct timespec times[2] = {
        {(time_t)file->seconds, file->nanoseconds}, {(time_t)file->seconds, file->nanoseconds}};
    int descriptor = openat(folder, file->path, flags, (mode_t)(file->mode & 0777));
    if (descriptor < 0)
        return errno;
    int error = uc_write_all(descriptor, file->data, file->size);
    if (!error && (file->mode & ~kept) && fchmod(descriptor, (mode_t)file->mode))
        error = errno;
    if (!error)
        (void)futimens(descriptor, times); /* a file system may be unable to keep this time */
    if (close(descriptor) && !error && errno != EINTR)
        error = errno;
    if (error)
        (void)unlinkat(folder, file->path, 0);
    return error;
}

/* Write `count` files below `folder`; returns how many failed, each with its `error`.
 * `kept` are the permission bits that creating a file there leaves as they are asked for. */
static size_t uc_write_files(int folder, uint32_t kept, uc_file *files, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        files[i].error = uc_write_file(folder, kept, &files[i]);
        failed += files[i].error != 0;
    }
    return failed;
}

#endif
#endif
