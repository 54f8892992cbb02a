// A disk that loses what was not synced, put under a process by LD_PRELOAD: at a chosen operation it takes back, tears
// or keeps each write since its file's last sync, as it likes, and ends the process. SIGKILL alone proves nothing: the
// system keeps what was written.
//
//   LOSSY_DISK_SEED        of the choices
//   LOSSY_DISK_OPERATIONS  writes and syncs until the crash
//   LOSSY_DISK_LIES        syncs do nothing: what a test of durability has to notice
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct unsynced {
    dev_t device;
    ino_t file;
    int descriptor; // Of our own, open as long as the write may be taken back.
    off_t offset;
    size_t length;
    size_t known; // Bytes of `before`; what lay behind the end of the file was nothing.
    unsigned char *before;
};

static struct unsynced *writes;
static size_t count, capacity;
static uint64_t random_state;
static long operations_left = -1;
static int lies;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);

static uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    const char *seed = getenv("LOSSY_DISK_SEED"), *operations = getenv("LOSSY_DISK_OPERATIONS");
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    if (operations) operations_left = strtol(operations, NULL, 10);
    lies = getenv("LOSSY_DISK_LIES") != NULL;
}

static void restore(const struct unsynced *write, size_t from) {
    if (from >= write->length) return;
    unsigned char *bytes = calloc(1, write->length);
    memcpy(bytes, write->before, write->known);
    real_pwrite(write->descriptor, bytes + from, write->length - from, write->offset + (off_t)from);
    free(bytes);
}

// The latest first, so that what two writes share comes out as before the earlier one.
static void crash(void) {
    int mode = (int)(next_random() % 3);
    for (size_t index = count; index-- > 0;) {
        const struct unsynced *write = &writes[index];
        uint64_t die = next_random() % 100;
        if (mode == 0 || (mode == 1 && die < 50)) {
            restore(write, 0);
        } else if (mode == 2 && die < 70) {
            size_t sectors = (write->length + 511) / 512;
            size_t from = (size_t)(next_random() % (sectors + 1)) * 512;
            // A sector is whole or not at all on the disk, wherever in the file the write begins.
            size_t skew = (size_t)(write->offset % 512);
            restore(write, from > skew ? from - skew : 0);
        }
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void tick(void) {
    if (operations_left >= 0 && operations_left-- == 0) crash();
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    struct stat facts;
    pthread_mutex_lock(&mutex);
    tick();
    if (operations_left >= 0 && fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode)) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            writes = realloc(writes, capacity * sizeof *writes);
        }
        struct unsynced *write = &writes[count++];
        *write = (struct unsynced){facts.st_dev, facts.st_ino, -1, offset, length, 0, malloc(length ? length : 1)};
        write->descriptor = dup(descriptor);
        // The descriptor may be for writing only: what was there is read by another.
        char name[40];
        snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
        int reader = open(name, O_RDONLY | O_CLOEXEC);
        if (reader >= 0) {
            ssize_t got = pread(reader, write->before, length, offset);
            write->known = got > 0 ? (size_t)got : 0;
            close(reader);
        }
    }
    ssize_t result = real_pwrite(descriptor, bytes, length, offset);
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

static int sync_file(int descriptor, int (*real)(int)) {
    struct stat facts;
    pthread_mutex_lock(&mutex);
    tick();
    int result = 0;
    if (!lies) {
        result = real(descriptor);
        if (result == 0 && fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode)) {
            size_t kept = 0;
            for (size_t index = 0; index < count; index++) {
                if (writes[index].device == facts.st_dev && writes[index].file == facts.st_ino) {
                    close(writes[index].descriptor);
                    free(writes[index].before);
                } else {
                    writes[kept++] = writes[index];
                }
            }
            count = kept;
        }
    }
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

int fdatasync(int descriptor) { return sync_file(descriptor, real_fdatasync); }
int fsync(int descriptor) { return sync_file(descriptor, real_fsync); }
