/* Writes down what a process does to files below a folder, in the order in which it does it.
 *
 * Loaded before the C library (LD_PRELOAD). CRASH_ROOT is the folder, CRASH_LOG the file that gets the records:
 *
 *     u8 kind, u64 inode, u64 offset, u32 length of a, u32 length of b, bytes of a, bytes of b
 *
 * kinds: C created (a: path), W written (a: bytes at offset), T cut or grown to offset, S synced,
 * D folder synced (a: path), L linked (a: from, b: to), R renamed (a: from, b: to), U removed (a: path). A record
 * stands after its call has succeeded; a lock keeps records of two threads apart and in the order of the calls.
 * Files that have no name are left out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../interposed.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;

static void put(char kind, uint64_t inode, uint64_t offset, const void *a, uint32_t na, const void *b, uint32_t nb) {
    if (log_file < 0) {
        log_file = REAL(open)(getenv("CRASH_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_file < 0) abort();
    }
    char head[25];
    head[0] = kind;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, &na, 4);
    memcpy(head + 21, &nb, 4);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)a, na}, {(void *)b, nb}};
    if (writev(log_file, parts, 3) != (ssize_t)(sizeof head + na + nb)) abort();
}

static void put_paths(char kind, const char *a, const char *b) {
    put(kind, 0, 0, a, (uint32_t)strlen(a), b, b == NULL ? 0 : (uint32_t)strlen(b));
}

/* The path of a descriptor, or an empty one if it is none of a file or folder below the root. */
static const char *path_of(int descriptor, char *room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, room, PATH_MAX - 1);
    room[length < 0 ? 0 : length] = 0;
    if (!is_below(room, "CRASH_ROOT")) room[0] = 0;
    return room;
}

static int status_of(int descriptor, struct stat *status) {
    char room[PATH_MAX];
    return path_of(descriptor, room)[0] != 0 && fstat(descriptor, status) == 0 && status->st_nlink != 0;
}

/* The whole path of what a call names. */
static const char *whole(int folder, const char *path, char *room) {
    char above[PATH_MAX];
    if (path[0] == '/') return path;
    if (folder == AT_FDCWD) {
        if (getcwd(above, sizeof above) == NULL) return path;
    } else {
        path_of(folder, above);
    }
    if (snprintf(room, PATH_MAX, "%s/%s", above, path) >= PATH_MAX) room[0] = 0;
    return room;
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    const char *name = whole(folder, path, room);
    if (!(flags & (O_CREAT | O_TRUNC)) || !is_below(name, "CRASH_ROOT")) return REAL(openat)(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before;
    int there = fstatat(folder, path, &before, 0) == 0;
    int result = REAL(openat)(folder, path, flags, mode);
    struct stat status;
    if (result >= 0 && fstat(result, &status) == 0 && S_ISREG(status.st_mode)) {
        if (!there) put('C', status.st_ino, 0, name, (uint32_t)strlen(name), NULL, 0);
        else if (flags & O_TRUNC) put('T', status.st_ino, 0, NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

#define OPENING(folder) \
    TAKE_MODE(flags) \
    return opened(folder, path, flags, mode)

int open(const char *path, int flags, ...) { OPENING(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPENING(AT_FDCWD); }
int openat(int folder, const char *path, int flags, ...) { OPENING(folder); }
int openat64(int folder, const char *path, int flags, ...) { OPENING(folder); }

static ssize_t written(int descriptor, ssize_t result, const void *data, off_t at) {
    struct stat status;
    if (result > 0 && status_of(descriptor, &status))
        put('W', status.st_ino, (uint64_t)at, data, (uint32_t)result, NULL, 0);
    return result;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    pthread_mutex_lock(&lock);
    off_t at = lseek(descriptor, 0, SEEK_CUR);
    ssize_t result = REAL(write)(descriptor, data, size);
    int kept = errno;
    if (at >= 0) written(descriptor, result, data, at);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return result;
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
    pthread_mutex_lock(&lock);
    ssize_t result = written(descriptor, REAL(pwrite)(descriptor, data, size, at), data, at);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t at) {
    return pwrite(descriptor, data, size, at);
}

int ftruncate(int descriptor, off_t size) {
    pthread_mutex_lock(&lock);
    int result = REAL(ftruncate)(descriptor, size);
    struct stat status;
    if (result == 0 && status_of(descriptor, &status)) put('T', status.st_ino, (uint64_t)size, NULL, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }

static int synced(int descriptor, int result) {
    char room[PATH_MAX];
    struct stat status;
    if (result == 0 && status_of(descriptor, &status)) {
        if (S_ISDIR(status.st_mode)) put_paths('D', path_of(descriptor, room), NULL);
        else put('S', status.st_ino, 0, NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int descriptor) {
    pthread_mutex_lock(&lock);
    return synced(descriptor, REAL(fsync)(descriptor));
}

int fdatasync(int descriptor) {
    pthread_mutex_lock(&lock);
    return synced(descriptor, REAL(fdatasync)(descriptor));
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char one[PATH_MAX], other[PATH_MAX];
    const char *a = whole(from_folder, from, one), *b = whole(to_folder, to, other);
    pthread_mutex_lock(&lock);
    int result = REAL(renameat2)(from_folder, from, to_folder, to, flags);
    if (result == 0 && is_below(b, "CRASH_ROOT")) put_paths('R', a, b);
    pthread_mutex_unlock(&lock);
    return result;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, 0);
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char one[PATH_MAX], other[PATH_MAX];
    const char *a = whole(from_folder, from, one), *b = whole(to_folder, to, other);
    pthread_mutex_lock(&lock);
    int result = REAL(linkat)(from_folder, from, to_folder, to, flags);
    if (result == 0 && is_below(b, "CRASH_ROOT")) put_paths('L', a, b);
    pthread_mutex_unlock(&lock);
    return result;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *path, int flags) {
    char room[PATH_MAX];
    const char *name = whole(folder, path, room);
    pthread_mutex_lock(&lock);
    int result = REAL(unlinkat)(folder, path, flags);
    if (result == 0 && is_below(name, "CRASH_ROOT")) put_paths('U', name, NULL);
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
