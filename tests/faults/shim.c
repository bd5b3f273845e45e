/* Lets one call of a process fail, or kills the process there.
 *
 * Loaded before the C library (LD_PRELOAD). Of the calls named FAULT_CALL that concern files below FAULT_ROOT (malloc, which
 * an anonymous mmap is, too: that come from our own extensions) whose path contains FAULT_NAME, if that is set, the one
 * numbered FAULT_AT, from 1, fails with FAULT_ERRNO. A file without a name has a path that ends in " (deleted)". Instead of a number, "short" lets it do half of what it was asked, "kill" ends the process
 * before the call, "torn" after half of it. FAULT_CALL "any" is all calls but malloc. Calls that may take a path or a
 * descriptor have one name; "peek" is a read that does not wait, "lock" a record lock, "flock" one of a whole file. FAULT_COUNT is a file that gets a line
 * for each such call: its name and the path.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../interposed.h"

static atomic_long calls;

static int is_wanted(const char *call) {
    const char *wanted = getenv("FAULT_CALL");
    if (wanted == NULL) return 0;
    return strcmp(call, wanted) == 0 || (strcmp(wanted, "any") == 0 && strcmp(call, "malloc") != 0);
}

/* 0: go on; 1: fail, errno is set; 2: do half; 3: do half and die. */
static int verdict(const char *call, const char *path, const char *name) {
    const char *count = getenv("FAULT_COUNT"), *what = getenv("FAULT_ERRNO");
    if (count != NULL) {
        int descriptor = REAL(open)(count, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (descriptor < 0 || dprintf(descriptor, "%s %s/%s\n", call, path, name) < 0) abort();
        REAL(close)(descriptor);
    }
    if (atomic_fetch_add(&calls, 1) + 1 != atol(getenv("FAULT_AT"))) return 0;
    if (strcmp(what, "short") == 0) return 2;
    if (strcmp(what, "torn") == 0) return 3;
    if (strcmp(what, "kill") == 0) kill(getpid(), SIGKILL);
    errno = atoi(what);
    return 1;
}

/* `name` stands in the folder at `path`, or is empty. */
static int of_file(const char *call, const char *path, const char *name) {
    const char *part = getenv("FAULT_NAME");
    if (!is_below(path, "FAULT_ROOT")) return 0;
    return part == NULL || strstr(path, part) != NULL || strstr(name, part) != NULL ? verdict(call, path, name) : 0;
}

static int below_descriptor(const char *call, int descriptor, const char *name) {
    char link[64], path[PATH_MAX];
    if (!is_wanted(call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = REAL(readlink)(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return of_file(call, path, name);
}

static int of_descriptor(const char *call, int descriptor) { return below_descriptor(call, descriptor, ""); }

static int of_path(const char *call, int folder, const char *path) {
    if (!is_wanted(call)) return 0;
    if (path[0] == '/') return of_file(call, path, "");
    if (folder != AT_FDCWD) return below_descriptor(call, folder, path);
    char here[PATH_MAX];
    return getcwd(here, sizeof here) != NULL ? of_file(call, here, path) : 0;
}

#define OPENING(folder) \
    TAKE_MODE(flags) \
    if (of_path((flags & O_TMPFILE) == O_TMPFILE ? "nameless" : "open", folder, path) == 1) return -1; \
    return REAL(openat)(folder, path, flags, mode)

int open(const char *path, int flags, ...) { OPENING(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPENING(AT_FDCWD); }
int openat(int folder, const char *path, int flags, ...) { OPENING(folder); }
int openat64(int folder, const char *path, int flags, ...) { OPENING(folder); }

/* The C library has no name for openat2. */
long syscall(long number, ...) {
    long given[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++) given[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_openat2 && of_path("open", (int)given[0], (const char *)given[1]) == 1) return -1;
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

#define HALF(size) ((size) > 1 ? (size) / 2 : (size))
#define MOVING(name, call, ...) \
    int fault = of_descriptor(call, descriptor); \
    if (fault == 1) return -1; \
    if (fault > 1) size = HALF(size); \
    ssize_t done = REAL(name)(descriptor, data, size, ##__VA_ARGS__); \
    if (fault == 3) kill(getpid(), SIGKILL); \
    return done

ssize_t read(int descriptor, void *data, size_t size) { MOVING(read, "read"); }
ssize_t write(int descriptor, const void *data, size_t size) { MOVING(write, "write"); }
ssize_t pread(int descriptor, void *data, size_t size, off_t at) { MOVING(pread, "read", at); }
ssize_t pread64(int descriptor, void *data, size_t size, off_t at) { MOVING(pread64, "read", at); }
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) { MOVING(pwrite, "write", at); }
ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t at) { MOVING(pwrite64, "write", at); }

int fsync(int descriptor) { return of_descriptor("sync", descriptor) == 1 ? -1 : REAL(fsync)(descriptor); }
int fdatasync(int descriptor) { return of_descriptor("sync", descriptor) == 1 ? -1 : REAL(fdatasync)(descriptor); }
int ftruncate(int descriptor, off_t size) {
    return of_descriptor("truncate", descriptor) == 1 ? -1 : REAL(ftruncate)(descriptor, size);
}
int ftruncate64(int descriptor, off_t size) {
    return of_descriptor("truncate", descriptor) == 1 ? -1 : REAL(ftruncate)(descriptor, size);
}

static int reserve(int descriptor, off_t at, off_t size) {
    return of_descriptor("reserve", descriptor) == 1 ? errno : REAL(posix_fallocate)(descriptor, at, size);
}
int posix_fallocate(int descriptor, off_t at, off_t size) { return reserve(descriptor, at, size); }
int posix_fallocate64(int descriptor, off_t at, off_t size) { return reserve(descriptor, at, size); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return of_path("rename", to_folder, to) == 1 ? -1 : REAL(renameat)(from_folder, from, to_folder, to);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return of_path("rename", to_folder, to) == 1 ? -1 : REAL(renameat2)(from_folder, from, to_folder, to, flags);
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int mkdirat(int folder, const char *path, mode_t mode) {
    return of_path("mkdir", folder, path) == 1 ? -1 : REAL(mkdirat)(folder, path, mode);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int unlinkat(int folder, const char *path, int flags) {
    return of_path("unlink", folder, path) == 1 ? -1 : REAL(unlinkat)(folder, path, flags);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int fstat(int descriptor, struct stat *status) {
    return of_descriptor("stat", descriptor) == 1 ? -1 : REAL(fstat)(descriptor, status);
}
int fstat64(int descriptor, struct stat64 *status) {
    return of_descriptor("stat", descriptor) == 1 ? -1 : REAL(fstat64)(descriptor, status);
}
int fstatat(int folder, const char *path, struct stat *status, int flags) {
    return of_path("stat", folder, path) == 1 ? -1 : REAL(fstatat)(folder, path, status, flags);
}
int fstatat64(int folder, const char *path, struct stat64 *status, int flags) {
    return of_path("stat", folder, path) == 1 ? -1 : REAL(fstatat64)(folder, path, status, flags);
}
int lstat(const char *path, struct stat *status) {
    return of_path("stat", AT_FDCWD, path) == 1 ? -1 : REAL(lstat)(path, status);
}
int lstat64(const char *path, struct stat64 *status) {
    return of_path("stat", AT_FDCWD, path) == 1 ? -1 : REAL(lstat64)(path, status);
}
int stat(const char *path, struct stat *status) {
    return of_path("stat", AT_FDCWD, path) == 1 ? -1 : REAL(stat)(path, status);
}
int stat64(const char *path, struct stat64 *status) {
    return of_path("stat", AT_FDCWD, path) == 1 ? -1 : REAL(stat64)(path, status);
}

struct dirent64 *readdir64(DIR *folder) { return of_descriptor("list", dirfd(folder)) == 1 ? NULL : REAL(readdir64)(folder); }
struct dirent *readdir(DIR *folder) { return of_descriptor("list", dirfd(folder)) == 1 ? NULL : REAL(readdir)(folder); }

DIR *opendir(const char *path) { return of_path("open", AT_FDCWD, path) == 1 ? NULL : REAL(opendir)(path); }

/* The descriptor is closed, whatever it says. */
int close(int descriptor) {
    int fault = of_descriptor("close", descriptor) == 1 ? errno : 0;
    int done = REAL(close)(descriptor);
    if (fault == 0) return done;
    errno = fault;
    return -1;
}

/* Calls on a descriptor, on a path, and on a path from a folder, which give -1 where they fail. */
#define ON_DESCRIPTOR(kind, call, name, declared, ...) \
    kind name declared { return of_descriptor(call, descriptor) == 1 ? -1 : REAL(name)(__VA_ARGS__); }
#define ON_PATH(kind, call, name, declared, ...) \
    kind name declared { return of_path(call, AT_FDCWD, path) == 1 ? -1 : REAL(name)(__VA_ARGS__); }
#define ON_NAME(kind, call, name, declared, ...) \
    kind name declared { return of_path(call, folder, path) == 1 ? -1 : REAL(name)(__VA_ARGS__); }

ON_DESCRIPTOR(off_t, "seek", lseek, (int descriptor, off_t at, int from), descriptor, at, from)
ON_DESCRIPTOR(off64_t, "seek", lseek64, (int descriptor, off64_t at, int from), descriptor, at, from)
ON_DESCRIPTOR(ssize_t, "peek", preadv2, (int descriptor, const struct iovec *parts, int count, off_t at, int flags),
              descriptor, parts, count, at, flags)
ON_DESCRIPTOR(ssize_t, "peek", preadv64v2, (int descriptor, const struct iovec *parts, int count, off64_t at, int flags),
              descriptor, parts, count, at, flags)

ON_DESCRIPTOR(int, "mode", fchmod, (int descriptor, mode_t mode), descriptor, mode)
ON_PATH(int, "mode", chmod, (const char *path, mode_t mode), path, mode)
ON_NAME(int, "mode", fchmodat, (int folder, const char *path, mode_t mode, int flags), folder, path, mode, flags)
ON_DESCRIPTOR(int, "owner", fchown, (int descriptor, uid_t user, gid_t group), descriptor, user, group)
ON_DESCRIPTOR(int, "time", futimens, (int descriptor, const struct timespec times[2]), descriptor, times)
ON_NAME(int, "time", utimensat, (int folder, const char *path, const struct timespec times[2], int flags), folder, path,
        times, flags)

ON_PATH(int, "symlink", symlink, (const char *target, const char *path), target, path)
ON_NAME(int, "symlink", symlinkat, (const char *target, int folder, const char *path), target, folder, path)
ON_PATH(int, "link", link, (const char *old, const char *path), old, path)
ON_NAME(int, "link", linkat, (int from, const char *old, int folder, const char *path, int flags), from, old, folder, path,
        flags)
ON_PATH(ssize_t, "target", readlink, (const char *path, char *found, size_t size), path, found, size)
ON_NAME(ssize_t, "target", readlinkat, (int folder, const char *path, char *found, size_t size), folder, path, found, size)
ON_PATH(int, "unlink", rmdir, (const char *path), path)
ON_PATH(int, "access", access, (const char *path, int mode), path, mode)
ON_NAME(int, "access", faccessat, (int folder, const char *path, int mode, int flags), folder, path, mode, flags)

ON_PATH(ssize_t, "attributes", listxattr, (const char *path, char *found, size_t size), path, found, size)
ON_PATH(ssize_t, "attributes", llistxattr, (const char *path, char *found, size_t size), path, found, size)
ON_DESCRIPTOR(ssize_t, "attributes", flistxattr, (int descriptor, char *found, size_t size), descriptor, found, size)
ON_PATH(ssize_t, "attributes", getxattr, (const char *path, const char *name, void *value, size_t size), path, name, value,
        size)
ON_PATH(ssize_t, "attributes", lgetxattr, (const char *path, const char *name, void *value, size_t size), path, name, value,
        size)
ON_DESCRIPTOR(ssize_t, "attributes", fgetxattr, (int descriptor, const char *name, void *value, size_t size), descriptor,
              name, value, size)
ON_PATH(int, "attributes", setxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path,
        name, value, size, flags)
ON_PATH(int, "attributes", lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path,
        name, value, size, flags)
ON_DESCRIPTOR(int, "attributes", fsetxattr, (int descriptor, const char *name, const void *value, size_t size, int flags),
              descriptor, name, value, size, flags)

ON_PATH(int, "space", statvfs, (const char *path, struct statvfs *found), path, found)
ON_PATH(int, "space", statvfs64, (const char *path, struct statvfs64 *found), path, found)
ON_DESCRIPTOR(int, "space", fstatvfs, (int descriptor, struct statvfs *found), descriptor, found)
ON_DESCRIPTOR(int, "space", fstatvfs64, (int descriptor, struct statvfs64 *found), descriptor, found)

ON_DESCRIPTOR(int, "flock", flock, (int descriptor, int what), descriptor, what)

static int is_lock(int what) {
    return what == F_SETLK || what == F_SETLKW || what == F_GETLK || what == F_OFD_SETLK || what == F_OFD_SETLKW ||
           what == F_OFD_GETLK;
}
#define CONTROLLING(name) \
    va_list rest; \
    va_start(rest, what); \
    void *given = va_arg(rest, void *); \
    va_end(rest); \
    const char *call = is_lock(what) ? "lock" : what == F_DUPFD || what == F_DUPFD_CLOEXEC ? "duplicate" : NULL; \
    return call != NULL && of_descriptor(call, descriptor) == 1 ? -1 : REAL(name)(descriptor, what, given)
int fcntl(int descriptor, int what, ...) { CONTROLLING(fcntl); }
int fcntl64(int descriptor, int what, ...) { CONTROLLING(fcntl64); }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

/* Whether the call comes from one of our extensions; dladdr may allocate, so that it is not asked about itself. */
static int from_us(void *caller) {
    static _Thread_local int asking;
    Dl_info found;
    if (asking || getenv("FAULT_CALL") == NULL || !is_wanted("malloc")) return 0;
    asking = 1;
    int ours = dladdr(caller, &found) != 0 && found.dli_fname != NULL && strstr(found.dli_fname, "/ucompress/_") != NULL;
    int fault = ours && verdict("malloc", "", "") == 1;
    asking = 0;
    return fault;
}

static void *map(void *caller, void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    if (descriptor == -1 ? from_us(caller) : of_descriptor("map", descriptor) == 1) return MAP_FAILED;
    return REAL(mmap)(at, size, protection, flags, descriptor, offset);
}
void *mmap(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map(__builtin_return_address(0), at, size, protection, flags, descriptor, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map(__builtin_return_address(0), at, size, protection, flags, descriptor, offset);
}

void *malloc(size_t size) { return from_us(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) {
    return from_us(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    return from_us(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
