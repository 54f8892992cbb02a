// A disk that stands still, put under a process by LD_PRELOAD: while the file named by STILL_DISK_WHILE is there, nothing
// is written to the node's identity; while the one named by STILL_SYNC_WHILE is there, no sync of data returns.
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_identity(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    return name && strcmp(name, "/identity") == 0;
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    const char *still = getenv("STILL_SYNC_WHILE");
    while (still && access(still, F_OK) == 0) usleep(2000);
    return real(descriptor);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite");
    const char *still = getenv("STILL_DISK_WHILE");
    while (still && access(still, F_OK) == 0 && is_identity(descriptor)) usleep(2000);
    return real(descriptor, bytes, length, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
    return pwrite(descriptor, bytes, length, offset);
}
