// TCP sockets and the one unix datagram. See CLinux.h for the conventions.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "retry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int set_int(int socket, int level, int option, int value) {
    return RETRY(setsockopt(socket, level, option, &value, sizeof value));
}

// The first address `name` stands for; passive ones are to listen on.
static int resolve(const char *name, uint16_t port, int passive, struct sockaddr_storage *address, socklen_t *length) {
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (passive) hints.ai_flags |= AI_PASSIVE;
    if (strcmp(name, "*") == 0) {
        hints.ai_family = AF_INET;
        name = NULL;
    } else if (strcmp(name, "::*") == 0) {
        hints.ai_family = AF_INET6;
        name = NULL;
    }
    struct addrinfo *found = NULL;
    int error = getaddrinfo(name, service, &hints, &found);
    if (error == EAI_SYSTEM) return -errno;
    if (error != 0) return A2_RESOLVE_FAILED + error;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *length = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

const char *a2_resolve_error_text(int result) { return gai_strerror(result - A2_RESOLVE_FAILED); }

static int prepare_listener(int listener, const struct sockaddr_storage *address, socklen_t length, int backlog,
                            int share_port) {
    int result = set_int(listener, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && share_port) result = set_int(listener, SOL_SOCKET, SO_REUSEPORT, 1);
    if (result == 0 && address->ss_family == AF_INET6) result = set_int(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (result == 0) result = RETRY(bind(listener, (const struct sockaddr *)address, length));
    if (result == 0) result = RETRY(listen(listener, backlog));
    return result;
}

int a2_listen(const char *name, uint16_t port, int backlog, int share_port) {
    struct sockaddr_storage address;
    socklen_t length;
    int result = resolve(name, port, 1, &address, &length);
    if (result < 0) return result;
    int listener = RETRY(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (listener < 0) return listener;
    result = prepare_listener(listener, &address, length, backlog, share_port);
    if (result == 0) return listener;
    close(listener);
    return result;
}

int a2_accept(int listener) { return RETRY(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)); }

static int finish_connecting(int socket, int timeout_milliseconds) {
    struct pollfd waiting = {.fd = socket, .events = POLLOUT};
    int ready = RETRY(poll(&waiting, 1, timeout_milliseconds));
    if (ready < 0) return ready;
    return ready == 0 ? -ETIMEDOUT : a2_socket_error(socket);
}

int a2_connect(const char *name, uint16_t port, int timeout_milliseconds) {
    struct sockaddr_storage address;
    socklen_t length;
    int result = resolve(name, port, 0, &address, &length);
    if (result < 0) return result;
    int descriptor = RETRY(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (descriptor < 0) return descriptor;
    result = connect(descriptor, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
    if (result == -EINPROGRESS || result == -EINTR) result = finish_connecting(descriptor, timeout_milliseconds);
    if (result == 0) return descriptor;
    close(descriptor);
    return result;
}

// The two calls of every request go to the kernel directly: the library's are points of cancellation, which costs a
// process with threads two locked instructions a call, and nobody here cancels a thread.
ssize_t a2_receive(int socket, void *bytes, size_t count) {
    return RETRY(syscall(SYS_recvfrom, socket, bytes, count, MSG_DONTWAIT, NULL, NULL));
}

ssize_t a2_send(int socket, const void *bytes, size_t count) {
    return RETRY(syscall(SYS_sendto, socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0));
}

ssize_t a2_send_vector(int socket, const struct iovec *parts, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    return RETRY(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int a2_shutdown(int socket) { return RETRY(shutdown(socket, SHUT_RDWR)); }

int a2_end_output(int socket) { return RETRY(shutdown(socket, SHUT_WR)); }

int a2_set_no_delay(int socket, int on) { return set_int(socket, IPPROTO_TCP, TCP_NODELAY, on); }

// The kernel's oldest and simplest way; it is always there. See `Socket.expectNoCongestion`.
int a2_expect_no_congestion(int socket) {
    static const char name[] = "reno";
    return RETRY(setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, sizeof name - 1));
}

// As Redis spaces its probes: the first after the idle time, then three at a third of it.
int a2_set_keep_alive(int socket, int idle_seconds) {
    int result = set_int(socket, SOL_SOCKET, SO_KEEPALIVE, idle_seconds > 0);
    if (result < 0 || idle_seconds <= 0) return result;
    int interval = idle_seconds / 3 > 0 ? idle_seconds / 3 : 1;
    result = set_int(socket, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
    if (result == 0) result = set_int(socket, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    if (result == 0) result = set_int(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
    return result;
}

int a2_set_user_timeout(int socket, int milliseconds) {
    return set_int(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
}

int a2_set_send_buffer(int socket, int bytes) { return set_int(socket, SOL_SOCKET, SO_SNDBUF, bytes); }

int a2_socket_error(int socket) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}

static int print_address(const struct sockaddr_storage *address, char *text, size_t capacity) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        return snprintf(text, capacity, "[%s]:%u", host, ntohs(six->sin6_port));
    }
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;
    if (address->ss_family == AF_INET) inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
    return snprintf(text, capacity, "%s:%u", host, address->ss_family == AF_INET ? ntohs(four->sin_port) : 0);
}

int a2_local_address(int socket, char *text, size_t capacity) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &length) < 0) return -errno;
    return print_address(&address, text, capacity);
}

int a2_peer_address(int socket, char *text, size_t capacity) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getpeername(socket, (struct sockaddr *)&address, &length) < 0) return -errno;
    return print_address(&address, text, capacity);
}

static int is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->ss_family != AF_INET6) return address->ss_family == AF_UNIX;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

int a2_peer_is_loopback(int socket) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getpeername(socket, (struct sockaddr *)&address, &length) < 0) return 0;
    return is_loopback(&address);
}

_Static_assert(sizeof(struct sockaddr_storage) <= sizeof((struct a2_address){0}.bytes), "an address fits");

static struct sockaddr_storage storage(const struct a2_address *address) {
    struct sockaddr_storage result = {0};
    memcpy(&result, address->bytes, address->length);
    return result;
}

int a2_resolve(const char *name, uint16_t port, int numeric, struct a2_address *addresses, int capacity) {
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (numeric) hints.ai_flags |= AI_NUMERICHOST;
    struct addrinfo *found = NULL;
    int error = getaddrinfo(name, service, &hints, &found);
    if (error == EAI_SYSTEM) return -errno;
    if (error != 0) return A2_RESOLVE_FAILED + error;
    int count = 0;
    for (struct addrinfo *each = found; each && count < capacity; each = each->ai_next) {
        if (each->ai_addrlen > sizeof addresses[count].bytes) continue;
        addresses[count].length = each->ai_addrlen;
        memcpy(addresses[count].bytes, each->ai_addr, each->ai_addrlen);
        count++;
    }
    freeaddrinfo(found);
    return count;
}

int a2_address_is_ipv6(const struct a2_address *address) { return storage(address).ss_family == AF_INET6; }

int a2_address_is_loopback(const struct a2_address *address) {
    struct sockaddr_storage full = storage(address);
    return is_loopback(&full);
}

int a2_address_text(const struct a2_address *address, char *text, size_t capacity) {
    struct sockaddr_storage full = storage(address);
    return print_address(&full, text, capacity);
}

int a2_connect_begin(const struct a2_address *address) {
    struct sockaddr_storage full = storage(address);
    int descriptor = RETRY(socket(full.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (descriptor < 0) return descriptor;
    int result = connect(descriptor, (struct sockaddr *)&full, address->length) < 0 ? -errno : 0;
    if (result == 0 || result == -EINPROGRESS || result == -EINTR) return descriptor;
    close(descriptor);
    return result;
}

int a2_connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return -EINVAL;
    memcpy(address.sun_path, path, length);
    int descriptor = RETRY(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (descriptor < 0) return descriptor;
    int result = RETRY(connect(descriptor, (struct sockaddr *)&address, sizeof address));
    if (result == 0) return descriptor;
    close(descriptor);
    return result;
}

int a2_poll(struct pollfd *descriptors, int count, int timeout_milliseconds) {
    int ready = poll(descriptors, (nfds_t)count, timeout_milliseconds);
    return ready < 0 ? -errno : ready;
}

int a2_outside_address(char *text, size_t capacity) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0) return -errno;
    int length = 0;
    for (struct ifaddrs *each = list; each && length == 0; each = each->ifa_next) {
        if (!each->ifa_addr || each->ifa_addr->sa_family != AF_INET || !(each->ifa_flags & IFF_UP)) continue;
        if (each->ifa_flags & IFF_LOOPBACK) continue;
        const struct sockaddr_in *four = (const struct sockaddr_in *)each->ifa_addr;
        if (inet_ntop(AF_INET, &four->sin_addr, text, (socklen_t)capacity)) length = (int)strlen(text);
    }
    freeifaddrs(list);
    return length;
}

int a2_notify(const char *path, const void *text, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length < 2 || length > sizeof address.sun_path) return -EINVAL;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    else if (length == sizeof address.sun_path) return -EINVAL;
    int descriptor = RETRY(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (descriptor < 0) return descriptor;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '@' ? 0 : 1));
    int sent = (int)RETRY(sendto(descriptor, text, count, MSG_NOSIGNAL, (struct sockaddr *)&address, size));
    close(descriptor);
    return sent < 0 ? sent : 0;
}
