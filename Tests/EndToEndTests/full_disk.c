// A disk without room for more, put under a process by LD_PRELOAD: while the file named by FULL_DISK_WHILE is there, no
// file gets any longer. What is allocated already can be written.
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    static int (*real)(int, int, off_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "fallocate");
    const char *full = getenv("FULL_DISK_WHILE");
    if (full && access(full, F_OK) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return real(descriptor, mode, offset, length);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
    return fallocate(descriptor, mode, offset, length);
}
