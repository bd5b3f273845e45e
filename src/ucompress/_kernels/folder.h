/* uc_list_folder: the names in a folder and what stat tells of each, in two system calls an entry.
 *
 * A row is UC_FOLDER_COLUMNS numbers of 64 bits; names stand one behind the other, each closed by a
 * zero byte, in the order of the rows, which is the file system's. An entry is plain if it is a regular file
 * without extended attributes whose times fit: what a caller need not look at again. Where the rest is not
 * known it is zero. Nothing is followed, no entry is opened.
 */
#ifndef UCOMPRESS_FOLDER_H
#define UCOMPRESS_FOLDER_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

enum { UC_PLAIN, UC_SIZE, UC_MTIME, UC_CTIME, UC_INODE, UC_DEVICE, UC_MODE, UC_LINKS, UC_FOLDER_COLUMNS };

typedef struct {
    char *names;
    size_t names_size, names_room;
    uint64_t *rows;
    size_t count, rows_room; /* rows */
} uc_folder;

static void uc_free_folder(uc_folder *folder)
{
    free(folder->names);
    free(folder->rows);
}

#ifdef _WIN32

static int uc_list_folder(const char *path, uc_folder *found)
{
    (void)path;
    memset(found, 0, sizeof *found);
    return ENOSYS;
}

#else

#include <dirent.h>
#include <limits.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* Room for one more entry whose name has `length` bytes, zero byte included; 0 or ENOMEM. */
static int uc_folder_room(uc_folder *found, size_t length)
{
    if (found->names_size + length > found->names_room) {
        size_t room = 2 * found->names_room + length + 4096;
        char *names = (char *)realloc(found->names, room);
        if (!names)
            return ENOMEM;
        found->names = names;
        found->names_room = room;
    }
    if (found->count == found->rows_room) {
        size_t room = 2 * found->rows_room + 64;
        uint64_t *rows = (uint64_t *)realloc(found->rows, room * UC_FOLDER_COLUMNS * sizeof *rows);
        if (!rows)
            return ENOMEM;
        found->rows = rows;
        found->rows_room = room;
    }
    return 0;
}

/* Whether a path certainly has no extended attributes. */
static int uc_without_attributes(const char *path)
{
#ifdef __linux__
    ssize_t size = llistxattr(path, NULL, 0);
    return size == 0 || (size < 0 && (errno == ENOTSUP || errno == ENOSYS));
#else
    (void)path; /* Python reads none there either */
    return 1;
#endif
}

static void uc_fill_row(int folder, const char *name, const char *path, uint64_t *row)
{
    struct stat status;
    int64_t mtime, ctime;
    memset(row, 0, UC_FOLDER_COLUMNS * sizeof *row);
    if (!path || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode)
        || !uc_nanoseconds(UC_TIME(status, m), &mtime) || !uc_nanoseconds(UC_TIME(status, c), &ctime)
        || !uc_without_attributes(path))
        return;
    row[UC_PLAIN] = 1;
    row[UC_SIZE] = (uint64_t)status.st_size;
    row[UC_MTIME] = (uint64_t)mtime;
    row[UC_CTIME] = (uint64_t)ctime;
    row[UC_INODE] = (uint64_t)status.st_ino;
    row[UC_DEVICE] = (uint64_t)status.st_dev;
    row[UC_MODE] = (uint64_t)status.st_mode;
    row[UC_LINKS] = (uint64_t)status.st_nlink;
}

/* List a folder; 0 or an errno. `found` is to be freed in either case. */
static int uc_list_folder(const char *path, uc_folder *found)
{
    char whole[PATH_MAX];
    const size_t length = strlen(path);
    int error = 0;
    memset(found, 0, sizeof *found);
    DIR *stream = opendir(path);
    if (!stream)
        return errno;
    if (length + 2 < sizeof whole) {
        memcpy(whole, path, length);
        whole[length] = '/';
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            error = errno;
            break;
        }
        const char *name = entry->d_name;
        const size_t size = strlen(name) + 1;
        if (!strcmp(name, ".") || !strcmp(name, ".."))
            continue;
        if ((error = uc_folder_room(found, size)))
            break;
        const int fits = length + 1 + size <= sizeof whole;
        if (fits)
            memcpy(whole + length + 1, name, size);
        uc_fill_row(dirfd(stream), name, fits ? whole : NULL, found->rows + found->count * UC_FOLDER_COLUMNS);
        memcpy(found->names + found->names_size, name, size);
        found->names_size += size;
        found->count++;
    }
    closedir(stream);
    return error;
}

#endif
#endif
