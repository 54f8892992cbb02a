// Descriptors, epoll, signals, threads, memory, the process. See CLinux.h for the conventions.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "retry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int a2_open(const char *path, int how, unsigned mode) {
    int flags = O_RDONLY;
    if (how == A2_OPEN_APPEND) flags = O_WRONLY | O_CREAT | O_APPEND;
    if (how == A2_OPEN_REPLACE) flags = O_WRONLY | O_CREAT | O_TRUNC;
    return RETRY(open(path, flags | O_CLOEXEC, (mode_t)mode));
}

// Not repeated: Linux has released the descriptor even when close was interrupted.
int a2_close(int descriptor) { return close(descriptor) < 0 ? -errno : 0; }

ssize_t a2_read(int descriptor, void *bytes, size_t count) { return RETRY(read(descriptor, bytes, count)); }

ssize_t a2_write(int descriptor, const void *bytes, size_t count) { return RETRY(write(descriptor, bytes, count)); }

int a2_rename(const char *from, const char *to) { return RETRY(rename(from, to)); }

int a2_sync(int descriptor) { return RETRY(fsync(descriptor)); }

int a2_file_permissions(const char *path) {
    struct stat status;
    return stat(path, &status) < 0 ? -errno : (int)(status.st_mode & 07777);
}

int a2_is_terminal(int descriptor) { return isatty(descriptor); }

int a2_is_file(int descriptor, uint64_t device, uint64_t inode) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void a2_error_text(int error, char *text, size_t capacity) {
    char space[256];
    snprintf(text, capacity, "%s", strerror_r(error, space, sizeof space));
}

int a2_epoll_create(void) { return RETRY(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int descriptor, uint32_t interest, uint64_t token) {
    struct epoll_event event = {.events = interest, .data = {.u64 = token}};
    return RETRY(epoll_ctl(epoll, operation, descriptor, &event));
}

int a2_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, interest, token);
}

int a2_epoll_change(int epoll, int descriptor, uint32_t interest, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, interest, token);
}

int a2_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

// Directly for the reason that `a2_receive` gives; not every architecture has the call without a signal mask.
int a2_epoll_wait(int epoll, void *events, int count, int timeout_milliseconds) {
    int ready = (int)syscall(SYS_epoll_pwait, epoll, events, count, timeout_milliseconds, NULL, 8);
    if (ready >= 0) return ready;
    return errno == EINTR ? 0 : -errno;
}

int a2_epoll_wait_precisely(int epoll, void *events, int count, int64_t timeout_nanoseconds) {
    static int is_missing = 0;
    if (!__atomic_load_n(&is_missing, __ATOMIC_RELAXED)) {
        struct timespec timeout = {.tv_sec = timeout_nanoseconds / 1000000000,
                                   .tv_nsec = timeout_nanoseconds % 1000000000};
        int ready = epoll_pwait2(epoll, events, count, &timeout, NULL);
        if (ready >= 0) return ready;
        if (errno == EINTR) return 0;
        if (errno != ENOSYS && errno != EPERM) return -errno;
        __atomic_store_n(&is_missing, 1, __ATOMIC_RELAXED);
    }
    return a2_epoll_wait(epoll, events, count, (int)((timeout_nanoseconds + 999999) / 1000000));
}

int a2_eventfd(void) { return RETRY(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int a2_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    return (int)RETRY(write(descriptor, &one, sizeof one));
}

int a2_eventfd_drain(int descriptor) {
    uint64_t count;
    return (int)RETRY(read(descriptor, &count, sizeof count));
}

int a2_eventfd_await(int descriptor, int timeout_milliseconds) {
    struct pollfd waiting = {.fd = descriptor, .events = POLLIN};
    return RETRY(poll(&waiting, 1, timeout_milliseconds));
}

int a2_signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) return -error;
    signal(SIGPIPE, SIG_IGN);
    return RETRY(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int a2_signals_read(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count = RETRY(read(descriptor, &information, sizeof information));
    return count == sizeof information ? (int)information.ssi_signo : 0;
}

int a2_thread_set_precise_timers(void) { return RETRY(prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0)); }

// Niceness is a thread's own here, whatever POSIX says; a thread for batches does not preempt when it wakes.
int a2_thread_give_way(void) {
    struct sched_param none = {0};
    int result = RETRY(sched_setscheduler(0, SCHED_BATCH, &none));
    return result < 0 ? result : RETRY(setpriority(PRIO_PROCESS, 0, 10));
}

int a2_thread_yield(void) { return RETRY(sched_yield()); }

// The kernel keeps 15 bytes of a name and refuses longer ones.
int a2_thread_set_name(const char *name) {
    char kept[16];
    snprintf(kept, sizeof kept, "%s", name);
    return -pthread_setname_np(pthread_self(), kept);
}

int a2_thread_set_core(int core) {
    if (core < 0 || core >= CPU_SETSIZE) return -EINVAL;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    return RETRY(sched_setaffinity(0, sizeof set, &set));
}

int a2_core_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    return count > 0 ? count : 1;
}

void a2_futex_wait(const void *word, uint32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void a2_futex_wake_one(const void *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

int a2_random(void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t result = RETRY(getrandom((char *)bytes + done, count - done, 0));
        if (result < 0) return (int)result;
        done += (size_t)result;
    }
    return 0;
}

void *a2_map(size_t bytes, size_t alignment) {
    // Maps more than asked for and gives back what lies before and after the aligned part.
    size_t whole = alignment > 4096 ? bytes + alignment : bytes;
    char *base = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return NULL;
    if (whole == bytes) return base;
    size_t before = -(uintptr_t)base & (alignment - 1);
    if (before > 0) munmap(base, before);
    if (alignment > before) munmap(base + before + bytes, alignment - before);
    return base + before;
}

int a2_unmap(void *base, size_t bytes) { return RETRY(munmap(base, bytes)); }

int a2_advise_huge(void *base, size_t bytes) { return RETRY(madvise(base, bytes, MADV_HUGEPAGE)); }

// MADV_POPULATE_WRITE, which Debian 12's headers know and older kernels refuse.
int a2_populate(void *base, size_t bytes) { return RETRY(madvise(base, bytes, 23)); }

int a2_advise_unneeded(void *base, size_t bytes) { return RETRY(madvise(base, bytes, MADV_DONTNEED)); }

void a2_trim_heap(void) { malloc_trim(0); }

static int64_t microseconds(struct timeval time) { return (int64_t)time.tv_sec * 1000000 + time.tv_usec; }

void a2_read_cpu_times(struct a2_cpu_times *times) {
    struct rusage self = {0}, children = {0}, thread = {0};
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    getrusage(RUSAGE_THREAD, &thread);
    *times = (struct a2_cpu_times){
        microseconds(self.ru_utime),     microseconds(self.ru_stime),   microseconds(children.ru_utime),
        microseconds(children.ru_stime), microseconds(thread.ru_utime), microseconds(thread.ru_stime),
    };
}

int64_t a2_resident_bytes(void) {
    int descriptor = a2_open("/proc/self/statm", A2_OPEN_READ, 0);
    if (descriptor < 0) return 0;
    char text[256];
    ssize_t count = a2_read(descriptor, text, sizeof text - 1);
    a2_close(descriptor);
    if (count <= 0) return 0;
    text[count] = 0;
    long long total, resident;
    return sscanf(text, "%lld %lld", &total, &resident) == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

int64_t a2_physical_memory_bytes(void) { return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE); }

int64_t a2_raise_descriptor_limit(int64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if ((int64_t)limit.rlim_cur >= wanted || limit.rlim_cur == RLIM_INFINITY) return (int64_t)limit.rlim_cur;
    // Root may raise the hard limit too; others get as far as it.
    struct rlimit higher = {.rlim_cur = (rlim_t)wanted, .rlim_max = limit.rlim_max};
    if (higher.rlim_max < higher.rlim_cur) higher.rlim_max = higher.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0) return wanted;
    higher = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0) return (int64_t)limit.rlim_max;
    return (int64_t)limit.rlim_cur;
}

void a2_system_name(char *text, size_t capacity) {
    struct utsname name;
    if (uname(&name) < 0) memset(&name, 0, sizeof name);
    snprintf(text, capacity, "%s %s %s", name.sysname, name.release, name.machine);
}

int a2_executable_path(char *text, size_t capacity) {
    ssize_t count = RETRY(readlink("/proc/self/exe", text, capacity - 1));
    if (count < 0) return (int)count;
    text[count] = 0;
    return (int)count;
}
