// Signals, secrets and shells. See CEdit.h.
#define _GNU_SOURCE 1
#include "CEdit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t signalled;
static int wake_descriptor = -1;
static const int caught[] = {SIGINT, SIGWINCH, SIGTERM, SIGHUP};
enum { CAUGHT_COUNT = sizeof caught / sizeof caught[0] };

static void note(int number) {
    int former = errno;
    if (number == SIGINT) signalled |= A2_SIGNALLED_INTERRUPT;
    else if (number == SIGWINCH) signalled |= A2_SIGNALLED_RESIZE;
    else signalled |= A2_SIGNALLED_END;
    uint64_t one = 1;
    if (write(wake_descriptor, &one, sizeof one) < 0) errno = former;
    errno = former;
}

int a2_console_signals_open(void) {
    if (wake_descriptor < 0) wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_descriptor < 0) return -errno;
    struct sigaction action = {.sa_handler = note};
    sigemptyset(&action.sa_mask);
    for (int index = 0; index < CAUGHT_COUNT; index++) sigaction(caught[index], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return wake_descriptor;
}

int a2_console_signals_take(void) {
    uint64_t count;
    if (wake_descriptor >= 0 && read(wake_descriptor, &count, sizeof count) < 0 && errno != EAGAIN) return 0;
    sigset_t all, former;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &former);
    int bits = (int)signalled;
    signalled = 0;
    sigprocmask(SIG_SETMASK, &former, NULL);
    return bits;
}

int a2_console_signals_peek(void) { return (int)signalled; }

void a2_console_signals_default(void) {
    for (int index = 0; index < CAUGHT_COUNT; index++) signal(caught[index], SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

int a2_read_secret(const char *prompt, char *text, size_t capacity) {
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0) return -errno;
    struct termios former;
    if (tcgetattr(terminal, &former) < 0) {
        close(terminal);
        return -ENOTTY;
    }
    struct termios silent = former;
    silent.c_lflag &= ~(tcflag_t)(ECHO);
    tcsetattr(terminal, TCSAFLUSH, &silent);
    size_t length = 0;
    int failed = write(terminal, prompt, strlen(prompt)) < 0;
    while (!failed && length + 1 < capacity) {
        char byte;
        ssize_t count = read(terminal, &byte, 1);
        if (count < 0 && errno == EINTR && !signalled) continue;
        if (count <= 0) {
            failed = 1;
        } else if (byte == '\n' || byte == '\r') {
            break;
        } else {
            text[length++] = byte;
        }
    }
    text[length] = 0;
    tcsetattr(terminal, TCSAFLUSH, &former);
    if (write(terminal, "\n", 1) < 0) failed = 1;
    close(terminal);
    return failed ? -EINTR : (int)length;
}

int a2_run_shell(const char *command, const void *bytes, size_t count) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    int was_quiet = a2_terminal_cook();
    // Ctrl-C is meant for what runs, not for the console.
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        if (was_quiet) a2_terminal_quieten();
        return -error;
    }
    if (child == 0) {
        a2_console_signals_default();
        if (bytes) dup2(ends[0], 0);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    size_t done = 0;
    while (done < count) {
        ssize_t written = write(ends[1], (const char *)bytes + done, count - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        done += (size_t)written;
    }
    close(ends[1]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (was_quiet) a2_terminal_quieten();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
