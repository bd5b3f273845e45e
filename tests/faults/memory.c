/* Counts what our extensions allocate, knows what of it they hold, and lets one allocation fail when it is told to.
 *
 * Loaded before the C library (LD_PRELOAD), and called by the process itself: between `memory_watch` and `memory_count`
 * allocations are counted, and the one numbered `at`, from 1, fails. Counted are malloc, calloc, realloc and anonymous mmap
 * that our extensions call, and those of at least `least` bytes that anybody calls. One thread only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "../interposed.h"

#define SLOTS ((size_t)1 << 16)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static void *held[SLOTS]; /* what our extensions hold: open addressing by address */
static long holding, count, failing;
static size_t least_bytes;
static int watching;

static size_t slot_of(const void *memory) { return (uintptr_t)memory * UINT64_C(0x9E3779B97F4A7C15) >> 48; }

static void hold(void *memory) {
    size_t at = slot_of(memory);
    while (held[at] != NULL) at = (at + 1) % SLOTS;
    held[at] = memory;
    if (++holding > (long)SLOTS / 2) abort();
}

static void let_go(const void *memory) {
    size_t at = slot_of(memory), next;
    while (held[at] != NULL && held[at] != memory) at = (at + 1) % SLOTS;
    if (memory == NULL || held[at] == NULL) return;
    holding--;
    /* Those behind move up, but for one that would come before its own slot. */
    for (next = (at + 1) % SLOTS; held[next] != NULL; next = (next + 1) % SLOTS) {
        if ((next - slot_of(held[next])) % SLOTS >= (next - at) % SLOTS) held[at] = held[next], at = next;
    }
    held[at] = NULL;
}

/* Whether the call comes from one of our extensions; dladdr may allocate, so that it is not asked about itself. */
static int from_us(void *caller) {
    static _Thread_local int asking;
    Dl_info found;
    if (asking) return 0;
    asking = 1;
    int ours = dladdr(caller, &found) != 0 && found.dli_fname != NULL && strstr(found.dli_fname, "/ucompress/_") != NULL;
    asking = 0;
    return ours;
}

static int must_fail(int ours, size_t bytes) {
    if (!watching || (!ours && bytes < least_bytes) || ++count != failing) return 0;
    errno = ENOMEM;
    return 1;
}

static void *kept(int ours, void *memory) {
    if (ours && memory != NULL) hold(memory);
    return memory;
}

__attribute__((visibility("default"))) void memory_watch(long at, size_t least) {
    count = 0, failing = at, least_bytes = least, watching = 1;
}
__attribute__((visibility("default"))) long memory_count(void) {
    watching = 0;
    return count;
}
__attribute__((visibility("default"))) long memory_held(void) { return holding; }

void *malloc(size_t size) {
    int ours = from_us(__builtin_return_address(0));
    return must_fail(ours, size) ? NULL : kept(ours, __libc_malloc(size));
}
void *calloc(size_t number, size_t size) {
    int ours = from_us(__builtin_return_address(0));
    return must_fail(ours, number * size) ? NULL : kept(ours, __libc_calloc(number, size));
}
void *realloc(void *old, size_t size) {
    int ours = from_us(__builtin_return_address(0));
    if (must_fail(ours, size)) return NULL;
    void *memory = __libc_realloc(old, size);
    if (memory != NULL) let_go(old);
    return kept(ours, memory);
}
void free(void *memory) {
    let_go(memory);
    __libc_free(memory);
}

static void *map(int ours, void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    if (descriptor != -1) ours = 0;
    if (ours && must_fail(ours, size)) return MAP_FAILED;
    void *memory = REAL(mmap)(at, size, protection, flags, descriptor, offset);
    if (ours && memory != MAP_FAILED) hold(memory);
    return memory;
}
void *mmap(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map(from_us(__builtin_return_address(0)), at, size, protection, flags, descriptor, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map(from_us(__builtin_return_address(0)), at, size, protection, flags, descriptor, offset);
}
int munmap(void *memory, size_t size) {
    let_go(memory);
    return REAL(munmap)(memory, size);
}
