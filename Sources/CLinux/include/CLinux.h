// What Swift's Glibc module lacks or its importer refuses: epoll, eventfd, signalfd, accept4, futexes,
// affinity, macros that are not constants.
//
// Every function that makes a system call returns its result, or the negated errno: Swift may run code of its
// own (a release of a reference) between a call and a read of `errno`, so nobody outside this target reads it.
// Calls interrupted by a signal are repeated here, except the waits.
//
// This header must not ask for _GNU_SOURCE, only the C files do: Swift's Glibc module is built without it, and
// with it fd_set would be another type here than there.
#pragma once

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "files.h"
#include "secret.h"

// Descriptors. `flags` of a2_open are the A2_OPEN_* below; everything is close-on-exec.
enum {
    A2_OPEN_READ = 0,
    A2_OPEN_APPEND = 1,
    A2_OPEN_REPLACE = 2,
};
int a2_open(const char *_Nonnull path, int how, unsigned mode);
int a2_close(int descriptor);
ssize_t a2_read(int descriptor, void *_Nonnull bytes, size_t count);
ssize_t a2_write(int descriptor, const void *_Nonnull bytes, size_t count);
int a2_rename(const char *_Nonnull from, const char *_Nonnull to);
int a2_sync(int descriptor);
// The permission bits of a file.
int a2_file_permissions(const char *_Nonnull path);
int a2_is_terminal(int descriptor);
// Whether the descriptor is the very file named by device and inode: how JOURNAL_STREAM is checked.
int a2_is_file(int descriptor, uint64_t device, uint64_t inode);
// The text of an error number, into `text`.
void a2_error_text(int error, char *_Nonnull text, size_t capacity);

// Sockets: all are non-blocking. `address` is numeric or a host name; "*" is every IPv4 address.
int a2_listen(const char *_Nonnull address, uint16_t port, int backlog, int share_port);
int a2_accept(int listener);
int a2_connect(const char *_Nonnull address, uint16_t port, int timeout_milliseconds);
// Where a name leads.
struct a2_address {
    uint32_t length;
    uint8_t bytes[128];
};
// The addresses of a name, at most `capacity`, and returns how many. With `numeric` names are refused, and nothing
// is asked of anybody.
int a2_resolve(const char *_Nonnull name, uint16_t port, int numeric, struct a2_address *_Nonnull addresses,
               int capacity);
int a2_address_is_ipv6(const struct a2_address *_Nonnull address);
int a2_address_is_loopback(const struct a2_address *_Nonnull address);
int a2_address_text(const struct a2_address *_Nonnull address, char *_Nonnull text, size_t capacity);
// Begins to connect and returns the socket, which becomes writable when that has succeeded or failed.
int a2_connect_begin(const struct a2_address *_Nonnull address);
// A stream socket at a path.
int a2_connect_unix(const char *_Nonnull path);
// Waits for a few descriptors; returns how many are ready, or the negated errno, -EINTR included.
int a2_poll(struct pollfd *_Nonnull descriptors, int count, int timeout_milliseconds);
// "ip" of an interface that is up and not the loopback, into `text`; returns the length, 0 when there is none.
int a2_outside_address(char *_Nonnull text, size_t capacity);
ssize_t a2_receive(int socket, void *_Nonnull bytes, size_t count);
ssize_t a2_send(int socket, const void *_Nonnull bytes, size_t count);
ssize_t a2_send_vector(int socket, const struct iovec *_Nonnull parts, int count);
int a2_shutdown(int socket);
// Ends the output alone: the other end reads the end of the stream after what was sent.
int a2_end_output(int socket);
int a2_set_no_delay(int socket, int on);
int a2_expect_no_congestion(int socket);
int a2_set_keep_alive(int socket, int idle_seconds);
// Gives a connection up when what was sent stays unacknowledged this long.
int a2_set_user_timeout(int socket, int milliseconds);
int a2_set_send_buffer(int socket, int bytes);
int a2_socket_error(int socket);
// "ip:port", IPv6 in brackets, into `text`; returns the length.
int a2_local_address(int socket, char *_Nonnull text, size_t capacity);
int a2_peer_address(int socket, char *_Nonnull text, size_t capacity);
// Whether the other end is this machine (127.0.0.0/8, ::1 or a mapped loopback address).
int a2_peer_is_loopback(int socket);
// getaddrinfo's own failures come back as A2_RESOLVE_FAILED − code.
enum { A2_RESOLVE_FAILED = -100000 };
const char *_Nonnull a2_resolve_error_text(int result);
// One datagram to a unix socket; '@' in front names an abstract one.
int a2_notify(const char *_Nonnull path, const void *_Nonnull text, size_t count);

// epoll.
enum {
    A2_READABLE = EPOLLIN,
    A2_WRITABLE = EPOLLOUT,
    A2_FAILED = EPOLLERR,
    A2_HUNG_UP = EPOLLHUP,
    A2_PEER_CLOSED = EPOLLRDHUP,
};
#define A2_EDGE_TRIGGERED ((uint32_t)EPOLLET)
enum { A2_EVENT_BYTES = sizeof(struct epoll_event) };
int a2_epoll_create(void);
int a2_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t token);
int a2_epoll_change(int epoll, int descriptor, uint32_t interest, uint64_t token);
int a2_epoll_remove(int epoll, int descriptor);
// Interrupted by a signal: 0, as if the time had passed.
int a2_epoll_wait(int epoll, void *_Nonnull events, int count, int timeout_milliseconds);
// The same to the nanosecond where the kernel can (5.11), else rounded up to milliseconds.
int a2_epoll_wait_precisely(int epoll, void *_Nonnull events, int count, int64_t timeout_nanoseconds);

static inline uint64_t a2_event_token(const void *_Nonnull events, int index) {
    return ((const struct epoll_event *)events)[index].data.u64;
}

static inline uint32_t a2_event_flags(const void *_Nonnull events, int index) {
    return ((const struct epoll_event *)events)[index].events;
}

int a2_eventfd(void);
int a2_eventfd_signal(int eventfd);
int a2_eventfd_drain(int eventfd);
// Returns when it has been signalled, or the time has passed.
int a2_eventfd_await(int eventfd, int timeout_milliseconds);

// Signals: TERM, INT, HUP and USR1 are blocked in this thread and those it starts, and read from the
// descriptor this returns; PIPE is ignored.
int a2_signals_open(void);
// The next signal's number, 0 when none waits.
int a2_signals_read(int descriptor);

// Threads.
int a2_thread_set_name(const char *_Nonnull name);
int a2_thread_set_core(int core);
// Waits of this thread end when they should, not when it suits the kernel (50 µs later).
int a2_thread_set_precise_timers(void);
// This thread leaves the cores to others that want them, and gets what they leave and a little.
int a2_thread_give_way(void);
int a2_thread_yield(void);
// The cores this process may run on.
int a2_core_count(void);
// Sleeps while *word == expected; wakes one sleeper.
void a2_futex_wait(const void *_Nonnull word, uint32_t expected);
void a2_futex_wake_one(const void *_Nonnull word);

static inline void a2_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

// Time. Ticks run at a constant rate that has to be measured; where there is no counter they are nanoseconds.
static inline int64_t a2_wall_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t a2_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline uint64_t a2_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)a2_monotonic_nanoseconds();
#endif
}

int a2_random(void *_Nonnull bytes, size_t count);

// Memory. a2_map returns null when there is none; `alignment` is a power of two ≥ 4096.
void *_Nullable a2_map(size_t bytes, size_t alignment);
int a2_unmap(void *_Nonnull base, size_t bytes);
int a2_advise_huge(void *_Nonnull base, size_t bytes);
// The pages go back to the system and read as zero afterwards.
// Makes the pages of a range resident without changing what they hold.
int a2_populate(void *_Nonnull base, size_t bytes);
int a2_advise_unneeded(void *_Nonnull base, size_t bytes);
void a2_trim_heap(void);

// The process.
struct a2_cpu_times {
    int64_t user_microseconds, system_microseconds;
    int64_t children_user_microseconds, children_system_microseconds;
    int64_t thread_user_microseconds, thread_system_microseconds;
};
void a2_read_cpu_times(struct a2_cpu_times *_Nonnull times);
int64_t a2_resident_bytes(void);
int64_t a2_physical_memory_bytes(void);
// Raises the soft limit of open descriptors to `wanted`, or as near as is allowed; returns the limit now.
int64_t a2_raise_descriptor_limit(int64_t wanted);
// "system release machine".
void a2_system_name(char *_Nonnull text, size_t capacity);
int a2_executable_path(char *_Nonnull text, size_t capacity);
