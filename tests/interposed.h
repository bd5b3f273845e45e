/* What libraries that stand before the C library have in common (LD_PRELOAD; see `compile_shim`). */
#ifndef INTERPOSED_H
#define INTERPOSED_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The mode that `open` was given, where its flags say that there is one. */
#define TAKE_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

/* Whether a path lies below the folder that an environment variable names. */
static inline int is_below(const char *path, const char *variable) {
    const char *root = getenv(variable);
    return root != NULL && strncmp(path, root, strlen(root)) == 0;
}

#endif
