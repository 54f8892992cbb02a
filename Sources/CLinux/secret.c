// A question on the terminal whose answer is not shown.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "secret.h"

int a2_ask_secret(const char *question, char *answer, size_t capacity) {
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) return -errno;
    struct termios before;
    if (tcgetattr(terminal, &before) < 0) {
        int error = errno;
        close(terminal);
        return -error;
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)!write(terminal, question, strlen(question));
    tcsetattr(terminal, TCSAFLUSH, &quiet);
    size_t count = 0;
    ssize_t got = 0;
    char byte = 0;
    while (count < capacity && (got = read(terminal, &byte, 1)) == 1 && byte != '\n') answer[count++] = byte;
    int error = got < 0 ? errno : 0;
    tcsetattr(terminal, TCSAFLUSH, &before);
    (void)!write(terminal, "\n", 1);
    close(terminal);
    return error ? -error : (int)count;
}
