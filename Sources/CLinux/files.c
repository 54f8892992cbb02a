// Files that must survive a crash. See files.h.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "retry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int a2_file_open(const char *path, int how, unsigned mode) {
    int flags = O_RDONLY;
    if (how == A2_FILE_WRITE) flags = O_RDWR;
    if (how == A2_FILE_CREATE) flags = O_RDWR | O_CREAT | O_EXCL;
    if (how == A2_FILE_REPLACE) flags = O_RDWR | O_CREAT | O_TRUNC;
    if (how == A2_FILE_WRITE_OR_CREATE) flags = O_RDWR | O_CREAT;
    return RETRY(open(path, flags | O_CLOEXEC, (mode_t)mode));
}

int64_t a2_file_length(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) < 0 ? -errno : (int64_t)status.st_size;
}

uint64_t a2_file_home(int descriptor) {
    struct statx status;
    const unsigned wanted = STATX_INO | STATX_BTIME;
    if (statx(descriptor, "", AT_EMPTY_PATH, wanted, &status) < 0) return 0;
    // Numbers alone are used again, and some file systems give others after every mount.
    if ((status.stx_mask & wanted) != wanted) return 0;
    uint64_t born = (uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec;
    // Not zero, however unlikely.
    return (status.stx_ino * 0x9E3779B97F4A7C15u ^ born) | 1;
}

ssize_t a2_read_at(int descriptor, void *bytes, size_t count, int64_t offset) {
    return RETRY(pread(descriptor, bytes, count, (off_t)offset));
}

ssize_t a2_write_at(int descriptor, const void *bytes, size_t count, int64_t offset) {
    return RETRY(pwrite(descriptor, bytes, count, (off_t)offset));
}

// Where the file system cannot allocate, zeros are written behind the end: what posix_fallocate does too, but that
// touches blocks that hold something already.
static int write_zeros(int descriptor, int64_t length) {
    static const char zeros[64 * 1024];
    int64_t at = a2_file_length(descriptor);
    while (at >= 0 && at < length) {
        size_t count = length - at < (int64_t)sizeof zeros ? (size_t)(length - at) : sizeof zeros;
        ssize_t written = a2_write_at(descriptor, zeros, count, at);
        if (written < 0) return (int)written;
        at += written;
    }
    return at < 0 ? (int)at : 0;
}

int a2_file_allocate(int descriptor, int64_t length) {
    if (length <= 0) return 0;
    int result = RETRY(fallocate(descriptor, 0, 0, (off_t)length));
    return result == -EOPNOTSUPP || result == -ENOSYS ? write_zeros(descriptor, length) : result;
}

int a2_file_truncate(int descriptor, int64_t length) { return RETRY(ftruncate(descriptor, (off_t)length)); }

// Not repeated but for signals: after a failure Linux takes the pages for clean, and a second call would succeed.
int a2_data_sync(int descriptor) { return RETRY(fdatasync(descriptor)); }

int a2_file_lock(int descriptor, int exclusive) {
    return RETRY(flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

void *a2_file_map(int descriptor, size_t length, int *error) {
    void *base = mmap(NULL, length, PROT_READ, MAP_SHARED, descriptor, 0);
    if (base == MAP_FAILED) {
        *error = -errno;
        return NULL;
    }
    madvise(base, length, MADV_WILLNEED);
    return base;
}

int a2_make_directory(const char *path, unsigned mode) { return RETRY(mkdir(path, (mode_t)mode)); }

int a2_remove_file(const char *path) { return RETRY(unlink(path)); }

int a2_sync_directory(const char *path) {
    int descriptor = RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor < 0) return descriptor;
    int result = RETRY(fsync(descriptor));
    close(descriptor);
    return result;
}

int64_t a2_list_directory(const char *path, char **names) {
    *names = NULL;
    DIR *directory = opendir(path);
    if (directory == NULL) return -errno;
    size_t used = 0, room = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        size_t length = strlen(entry->d_name) + 1;
        if (used + length > room) {
            room = (used + length) * 2;
            char *larger = realloc(*names, room);
            if (larger == NULL) break;
            *names = larger;
        }
        memcpy(*names + used, entry->d_name, length);
        used += length;
    }
    int error = errno;
    closedir(directory);
    if (error == 0) return (int64_t)used;
    free(*names);
    *names = NULL;
    return -error;
}

void a2_free_names(char *names) { free(names); }
