/* uc_rename_new: a new name for what has another, unless something stands there; in one step.
 *
 * Returns 0, EEXIST, another errno, or ENOSYS where the system or the file system has no such call.
 */
#ifndef UCOMPRESS_RENAMING_H
#define UCOMPRESS_RENAMING_H

#include <errno.h>

#if defined(__linux__)

#include <sys/syscall.h>
#include <unistd.h>

#define UC_NO_REPLACE 1u

/* Newer C libraries have it by name. */
extern int renameat2(int, const char *, int, const char *, unsigned) __attribute__((weak));

static int uc_rename_new(int from_folder, const char *from, int to_folder, const char *to)
{
    long result = -1;
    if (renameat2) {
        result = renameat2(from_folder, from, to_folder, to, UC_NO_REPLACE);
    } else {
#if defined(SYS_renameat2)
        result = syscall(SYS_renameat2, from_folder, from, to_folder, to, UC_NO_REPLACE);
#else
        errno = ENOSYS;
#endif
    }
    if (result == 0) {
        return 0;
    }
    return errno == EINVAL ? ENOSYS : errno; /* the file system does not know the flag */
}

#else

static int uc_rename_new(int from_folder, const char *from, int to_folder, const char *to)
{
    (void)from_folder;
    (void)from;
    (void)to_folder;
    (void)to;
    return ENOSYS;
}

#endif

#endif
