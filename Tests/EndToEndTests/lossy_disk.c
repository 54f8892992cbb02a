// A disk that loses what was not synced, put under a process by LD_PRELOAD: at a chosen operation it takes back, tears
// or keeps each write since its file's last sync, as it likes, undoes the last of the names made, changed and removed
// since their directory's last sync, and ends the process. SIGKILL alone proves nothing: the system keeps what was
// written.
//
//   LOSSY_DISK_SEED        of the choices
//   LOSSY_DISK_OPERATIONS  writes, syncs and changes of names until the crash
//   LOSSY_DISK_LIES        syncs do nothing: what a test of durability has to notice
//   LOSSY_DISK_KEEP        a directory of the same file system, for what may have to be brought back
//   LOSSY_DISK_REPORT      a file that is told when it crashed, and what was taken back
//   LOSSY_DISK_CLOCK       milliseconds that the clock is ahead, or behind: a lease on the disk is for those
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

enum change { MADE, RENAMED, REMOVED };

struct name {
    enum change change;
    dev_t device; // Of the directory.
    ino_t directory;
    char path[PATH_MAX];
    char from[PATH_MAX]; // Of a renaming.
    char kept[PATH_MAX]; // What the path led to before, or nothing.
};

static struct unsynced *writes;
static size_t count, capacity;
static struct name *names;
static size_t name_count, name_capacity, names_kept;
static const char *keep, *report;
static long clock_milliseconds;
static uint64_t random_state;
static long operations_left = -1;
static int lies;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_open)(const char *, int, ...);
static int (*real_clock_gettime)(clockid_t, struct timespec *);

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
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_open = dlsym(RTLD_NEXT, "open");
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *seed = getenv("LOSSY_DISK_SEED"), *operations = getenv("LOSSY_DISK_OPERATIONS");
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    if (operations) operations_left = strtol(operations, NULL, 10);
    lies = getenv("LOSSY_DISK_LIES") != NULL;
    keep = getenv("LOSSY_DISK_KEEP");
    report = getenv("LOSSY_DISK_REPORT");
    const char *clock = getenv("LOSSY_DISK_CLOCK");
    if (clock) clock_milliseconds = strtol(clock, NULL, 10);
}

static void restore(const struct unsynced *write, size_t from) {
    if (from >= write->length) return;
    unsigned char *bytes = calloc(1, write->length);
    memcpy(bytes, write->before, write->known);
    real_pwrite(write->descriptor, bytes + from, write->length - from, write->offset + (off_t)from);
    free(bytes);
}

static void undo(const struct name *name) {
    if (name->change == RENAMED) real_rename(name->path, name->from);
    if (name->change == MADE) real_unlink(name->path);
    if (name->kept[0]) real_rename(name->kept, name->path);
}

static void tell(const struct timespec *when, size_t restored, size_t undone) {
    int file = report ? real_open(report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (file < 0) return;
    double seconds = (double)when->tv_sec + (double)when->tv_nsec / 1e9;
    dprintf(file, "%.6f %zu %zu %zu %zu\n", seconds, count, restored, name_count, undone);
    close(file);
}

// The latest first, so that what two writes share comes out as before the earlier one. Of names a journal keeps the
// first ones.
static void crash(void) {
    struct timespec when;
    real_clock_gettime(CLOCK_REALTIME, &when);
    int mode = (int)(next_random() % 3);
    size_t restored = 0;
    for (size_t index = count; index-- > 0;) {
        const struct unsynced *write = &writes[index];
        uint64_t die = next_random() % 100;
        if (mode == 0 || (mode == 1 && die < 50)) {
            restore(write, 0);
            restored++;
        } else if (mode == 2 && die < 70) {
            size_t sectors = (write->length + 511) / 512;
            size_t from = (size_t)(next_random() % (sectors + 1)) * 512;
            // A sector is whole or not at all on the disk, wherever in the file the write begins.
            size_t skew = (size_t)(write->offset % 512);
            restore(write, from > skew ? from - skew : 0);
            restored++;
        }
    }
    size_t standing = name_count ? (size_t)(next_random() % (name_count + 1)) : 0;
    for (size_t index = name_count; index-- > standing;) undo(&names[index]);
    tell(&when, restored, name_count - standing);
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
        int reader = real_open(name, O_RDONLY | O_CLOEXEC);
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

// Notes a change of a name before it is done. A path that does not fit is followed no further.
static void note(enum change change, const char *from, const char *path) {
    char directory[PATH_MAX];
    struct stat facts;
    if (operations_left < 0 || !keep || strlen(path) >= PATH_MAX || (from && strlen(from) >= PATH_MAX)) return;
    strcpy(directory, path);
    char *slash = strrchr(directory, '/');
    if (slash) *slash = 0;
    if (stat(slash ? directory : ".", &facts) != 0) return;
    if (name_count == name_capacity) {
        name_capacity = name_capacity ? name_capacity * 2 : 64;
        names = realloc(names, name_capacity * sizeof *names);
    }
    struct name *name = &names[name_count++];
    *name = (struct name){.change = change, .device = facts.st_dev, .directory = facts.st_ino};
    strcpy(name->path, path);
    if (from) strcpy(name->from, from);
    if (change == MADE || access(path, F_OK) != 0) return;
    snprintf(name->kept, sizeof name->kept, "%s/%d-%zu", keep, (int)getpid(), names_kept++);
    if (link(path, name->kept) != 0) name->kept[0] = 0;
}

int rename(const char *from, const char *to) {
    pthread_mutex_lock(&mutex);
    tick();
    note(RENAMED, from, to);
    int result = real_rename(from, to);
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

int unlink(const char *path) {
    pthread_mutex_lock(&mutex);
    tick();
    if (access(path, F_OK) == 0) note(REMOVED, NULL, path);
    int result = real_unlink(path);
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

static int open_file(const char *path, int flags, mode_t mode) {
    // Other libraries may begin before this one.
    if (!real_open) begin();
    pthread_mutex_lock(&mutex);
    if ((flags & O_CREAT) && access(path, F_OK) != 0) note(MADE, NULL, path);
    int result = real_open(path, flags, mode);
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_file(path, flags | O_LARGEFILE, mode);
}

static void sync_directory(const struct stat *facts) {
    size_t kept = 0;
    for (size_t index = 0; index < name_count; index++) {
        if (names[index].device == facts->st_dev && names[index].directory == facts->st_ino) {
            if (names[index].kept[0]) real_unlink(names[index].kept);
        } else {
            names[kept++] = names[index];
        }
    }
    name_count = kept;
}

static int sync_file(int descriptor, int (*real)(int)) {
    struct stat facts;
    pthread_mutex_lock(&mutex);
    tick();
    int result = 0;
    if (!lies) {
        result = real(descriptor);
        if (result == 0 && fstat(descriptor, &facts) == 0 && S_ISDIR(facts.st_mode)) sync_directory(&facts);
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

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!real_clock_gettime) begin();
    int result = real_clock_gettime(clock, time);
    if (result != 0 || clock != CLOCK_REALTIME || clock_milliseconds == 0) return result;
    int64_t nanoseconds = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + (int64_t)clock_milliseconds * 1000000;
    time->tv_sec = (time_t)(nanoseconds / 1000000000);
    time->tv_nsec = (long)(nanoseconds % 1000000000);
    return 0;
}
