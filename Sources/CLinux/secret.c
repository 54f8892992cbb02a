// A question on the terminal whose answer is not shown.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "secret.h"

// A signal that comes meanwhile does what it would have done, but not to a terminal that shows nothing.
static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDING_COUNT = sizeof endings / sizeof endings[0] };
static volatile sig_atomic_t ending;

static void note(int number) { ending = number; }

static ssize_t read_answer(int terminal, char *answer, size_t capacity) {
    size_t count = 0;
    while (count < capacity) {
        char byte = 0;
        ssize_t got = ending ? -1 : read(terminal, &byte, 1);
        if (got < 0 && !ending && errno == EINTR) continue;
        if (got < 0) return ending ? -EINTR : -errno;
        // The end of the terminal is no answer; an empty line is one.
        if (got == 0 && count == 0) return -EIO;
        if (got == 0 || byte == '\n' || byte == '\r') break;
        answer[count++] = byte;
    }
    return (ssize_t)count;
}

int a2_ask_secret(const char *question, char *answer, size_t capacity) {
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) return -errno;
    struct termios before;
    if (tcgetattr(terminal, &before) < 0) {
        int error = errno;
        close(terminal);
        return -error;
    }
    ending = 0;
    struct sigaction action = {.sa_handler = note}, former[ENDING_COUNT];
    sigemptyset(&action.sa_mask);
    for (int index = 0; index < ENDING_COUNT; index++) sigaction(endings[index], &action, &former[index]);
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    // First: an answer typed as soon as the question stands there is not to be shown either.
    tcsetattr(terminal, TCSAFLUSH, &quiet);
    (void)!write(terminal, question, strlen(question));
    ssize_t count = read_answer(terminal, answer, capacity);
    tcsetattr(terminal, TCSAFLUSH, &before);
    (void)!write(terminal, "\n", 1);
    close(terminal);
    for (int index = 0; index < ENDING_COUNT; index++) sigaction(endings[index], &former[index], NULL);
    if (ending) raise(ending);
    return (int)count;
}
