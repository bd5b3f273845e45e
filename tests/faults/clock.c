/* Sets the wall clock of a process forth or back while it runs.
 *
 * Loaded before the C library (LD_PRELOAD). From the reading numbered CLOCK_AT on, from 1, the wall clock is CLOCK_AHEAD seconds
 * ahead of what it is; less than none sets it back. When the process ends, CLOCK_COUNT, if that is set, is a file
 * that gets the number of readings. The clock that counts from the boot is as it is: nobody sets that one.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#include "../interposed.h"

static atomic_long readings;

static time_t ahead(void) {
    const char *at = getenv("CLOCK_AT"), *seconds = getenv("CLOCK_AHEAD");
    long reading = atomic_fetch_add(&readings, 1) + 1;
    return at == NULL || seconds == NULL || reading < atol(at) ? 0 : (time_t)atol(seconds);
}

int clock_gettime(clockid_t clock, struct timespec *told) {
    int failed = REAL(clock_gettime)(clock, told);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) told->tv_sec += ahead();
    return failed;
}

int gettimeofday(struct timeval *told, void *zone) {
    int failed = REAL(gettimeofday)(told, zone);
    if (!failed) told->tv_sec += ahead();
    return failed;
}

time_t time(time_t *told) {
    time_t now = REAL(time)(NULL) + ahead();
    if (told != NULL) *told = now;
    return now;
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("CLOCK_COUNT");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file == NULL) return;
    fprintf(file, "%ld\n", (long)readings);
    fclose(file);
}
