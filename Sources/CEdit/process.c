// Signals, crashes and shells. See CEdit.h.
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
    else if (number == SIGTSTP) signalled |= A2_SIGNALLED_SUSPEND;
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

void a2_console_signals_suspend(void) {
    struct sigaction action = {.sa_handler = note};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTSTP, &action, NULL);
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
    signal(SIGTSTP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

// MARK: Crashes

static const int fatal[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
enum { FATAL_COUNT = sizeof fatal / sizeof fatal[0] };
static struct sigaction former_fatal[FATAL_COUNT];
static struct termios former_terminal;
static volatile sig_atomic_t is_screen_taken;

// Only calls that signal handlers may make. The signal comes again, to whoever had it before, once this returns.
static void give_back(int number) {
    tcsetattr(0, TCSANOW, &former_terminal);
    static const char screen[] = "\033[?25h\033[?1049l";
    static const char line[] = "\033[?2004l\033[0m\n";
    if (is_screen_taken && write(1, screen, sizeof screen - 1) < 0) is_screen_taken = 0;
    if (write(1, line, sizeof line - 1) < 0) is_screen_taken = 0;
    for (int index = 0; index < FATAL_COUNT; index++) {
        if (fatal[index] == number) sigaction(number, &former_fatal[index], NULL);
    }
    raise(number);
}

void a2_terminal_guard(void) {
    if (tcgetattr(0, &former_terminal) < 0) return;
    // A stack that has run over has no room for a handler.
    static char stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_handler = give_back, .sa_flags = SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (int index = 0; index < FATAL_COUNT; index++) sigaction(fatal[index], &action, &former_fatal[index]);
}

void a2_terminal_screen(int is_taken) { is_screen_taken = is_taken; }

// MARK: Shells

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
