/* A disk that is slow, for one process and the files of one folder: loaded before the C library (LD_PRELOAD).
 *
 * A file below SLOW_ROOT is fetched when it is read or asked for (posix_fadvise) for the first time: that takes SLOW_MICROSECONDS
 * and a microsecond for each SLOW_RATE bytes, and as many as SLOW_QUEUE are fetched at the same time. Who reads waits for
 * his file; from then on it is in memory. With SLOW_DEAF asking does nothing. `getrusage` counts what was fetched as
 * blocks from a device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../tests/interposed.h"

enum { SLOTS = 1 << 20, MOST_QUEUED = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ino_t inodes[SLOTS];       /* of files that are fetched or under way; 0: free */
static long long ready[SLOTS];    /* when it is there, in ns */
static long long channel[MOST_QUEUED]; /* when each way to the disk is free again */
static long fetched;

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long setting(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value == NULL ? otherwise : atol(value);
}

/* When a file is there; `begins`: it is fetched from now on if nobody has asked for it yet. */
static long long fetch(const struct stat *file, int begins) {
    size_t slot = file->st_ino * 0x9E3779B97F4A7C15ull >> 44;
    pthread_mutex_lock(&lock);
    while (inodes[slot] != 0 && inodes[slot] != file->st_ino) slot = (slot + 1) % SLOTS;
    if (inodes[slot] == 0 && !begins) {
        pthread_mutex_unlock(&lock);
        return LLONG_MAX;
    }
    if (inodes[slot] == 0) {
        long queue = setting("SLOW_QUEUE", 8), first = 0;
        for (long i = 1; i < queue && i < MOST_QUEUED; i++)
            if (channel[i] < channel[first]) first = i;
        long long begun = now() > channel[first] ? now() : channel[first];
        long long takes = 1000 * (setting("SLOW_MICROSECONDS", 1000) + file->st_size / setting("SLOW_RATE", 100));
        inodes[slot] = file->st_ino;
        ready[slot] = channel[first] = begun + takes;
        fetched++;
    }
    long long when = ready[slot];
    pthread_mutex_unlock(&lock);
    return when;
}

/* Whether a descriptor is of a file on the slow disk. */
static int is_slow(int descriptor, struct stat *file) {
    char link[64], path[PATH_MAX];
    if (fstat(descriptor, file) != 0 || !S_ISREG(file->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path, "SLOW_ROOT");
}

static void wait_for(int descriptor) {
    struct stat file;
    if (!is_slow(descriptor, &file)) return;
    long long when = fetch(&file, 1);
    struct timespec until = {when / 1000000000, when % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {}
}

ssize_t pread64(int descriptor, void *data, size_t size, off64_t offset) {
    wait_for(descriptor);
    return REAL(pread64)(descriptor, data, size, offset);
}

ssize_t pread(int descriptor, void *data, size_t size, off_t offset) {
    return pread64(descriptor, data, size, offset);
}

ssize_t preadv64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags) {
    struct stat file;
    if (is_slow(descriptor, &file) && (flags & RWF_NOWAIT) && fetch(&file, 0) > now()) {
        errno = EAGAIN;
        return -1;
    }
    return REAL(preadv64v2)(descriptor, parts, count, offset, flags);
}

int posix_fadvise64(int descriptor, off64_t offset, off64_t length, int advice) {
    struct stat file;
    if (advice == POSIX_FADV_WILLNEED && getenv("SLOW_DEAF") == NULL && is_slow(descriptor, &file)) fetch(&file, 1);
    return REAL(posix_fadvise64)(descriptor, offset, length, advice);
}

int posix_fadvise(int descriptor, off_t offset, off_t length, int advice) {
    return posix_fadvise64(descriptor, offset, length, advice);
}

int getrusage(__rusage_who_t who, struct rusage *usage) {
    int result = REAL(getrusage)(who, usage);
    if (who == RUSAGE_SELF) usage->ru_inblock += fetched;
    return result;
}
