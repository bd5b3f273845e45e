/* uc_open_beneath opens a folder by a path from another one; no component of it may be a link.
 *
 * Linux has one call for it (openat2, 5.6). Where that is missing or forbidden, and for paths that it does
 * not take, folders are opened one after the other, each as the last component of its own path. Either way
 * whoever puts a link in a folder's place meanwhile gets nothing opened through it.
 */
#ifndef UCOMPRESS_BENEATH_H
#define UCOMPRESS_BENEATH_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#ifdef _WIN32

static int uc_open_beneath(int folder, const char *path, size_t length, int *opened)
{
    (void)folder, (void)path, (void)length, (void)opened;
    return ENOSYS;
}

#else

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#define UC_FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define UC_LONGEST_NAME 1024
#define UC_LONGEST_PATH 4096

#if defined(__linux__) && !defined(__alpha__)

#include <sys/syscall.h>

#define UC_OPENAT2 437
#define UC_RESOLVE (0x02 | 0x04 | 0x08) /* no magic links, no links, beneath the folder */

/* 0 once the system has turned out to lack the call, or a filter to forbid it. */
static int uc_has_openat2 = 1;

static int uc_open_at_once(int folder, const char *path, size_t length, int *opened)
{
    struct { uint64_t flags, mode, resolve; } how = {UC_FOLDER_FLAGS, 0, UC_RESOLVE};
    char whole[UC_LONGEST_PATH];
    long result;
    if (!__atomic_load_n(&uc_has_openat2, __ATOMIC_RELAXED))
        return ENOSYS;
    if (length >= sizeof whole)
        return ENAMETOOLONG;
    memcpy(whole, path, length);
    whole[length] = 0;
    result = syscall(UC_OPENAT2, folder, whole, &how, sizeof how);
    if (result >= 0) {
        *opened = (int)result;
        return 0;
    }
    if (errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == E2BIG)
        __atomic_store_n(&uc_has_openat2, 0, __ATOMIC_RELAXED);
    return errno;
}

#else

static int uc_open_at_once(int folder, const char *path, size_t length, int *opened)
{
    (void)folder, (void)path, (void)length, (void)opened;
    return ENOSYS;
}

#endif

/* One component after the other. */
static int uc_descend(int folder, const char *path, size_t length, int *opened)
{
    char name[UC_LONGEST_NAME];
    int at = folder;
    for (size_t start = 0; start <= length;) {
        const char *slash = memchr(path + start, '/', length - start);
        size_t end = slash ? (size_t)(slash - path) : length, size = end - start;
        int error = 0, below = -1;
        if (size >= sizeof name)
            error = ENAMETOOLONG;
        else if (size == 0 || (size == 2 && path[start] == '.' && path[start + 1] == '.'))
            error = EXDEV; /* an absolute path, or one that climbs */
        if (!error) {
            memcpy(name, path + start, size);
            name[size] = 0;
            below = openat(at, name, UC_FOLDER_FLAGS);
            error = below < 0 ? errno : 0;
        }
        if (at != folder)
            close(at);
        if (error)
            return error;
        at = below;
        start = end + 1;
    }
    *opened = at;
    return 0;
}

/* Opens the folder at `path`, of `length` bytes, below `folder`; 0 or an errno, which is ELOOP or ENOTDIR
 * where a component is a link or no folder, EXDEV where the path leaves the folder. */
static int uc_open_beneath(int folder, const char *path, size_t length, int *opened)
{
    switch (uc_open_at_once(folder, path, length, opened)) {
    case 0:
        return 0;
    case ENOENT:
        return ENOENT;
    default: /* whatever the reason is, the longer way tells it */
        return uc_descend(folder, path, length, opened);
    }
}

/* The folder around one path after the other: kept open while it stays the same. */
typedef struct {
    int folder;       /* where paths start */
    int opened;       /* the one around the last path; -1 for none */
    const char *path; /* its path, */
    size_t length;    /* of so many bytes */
} uc_around;

static void uc_leave(uc_around *around)
{
    if (around->opened >= 0)
        close(around->opened);
    around->opened = -1;
}

/* Sets the folder around `path`, which stays valid until the next call, and the name in it; 0 or an errno. */
static int uc_go_to(uc_around *around, const char *path, int *folder, const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    *folder = around->folder;
    *name = slash ? slash + 1 : path;
    if (!slash)
        return 0;
    if (around->opened < 0 || around->length != length || memcmp(around->path, path, length) != 0) {
        uc_leave(around);
        int error = uc_open_beneath(around->folder, path, length, &around->opened);
        if (error) {
            around->opened = -1;
            return error;
        }
        around->path = path;
        around->length = length;
    }
    *folder = around->opened;
    return 0;
}

#endif
#endif
