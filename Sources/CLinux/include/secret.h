// Asking for a password on the terminal.
#pragma once

#include <stddef.h>

// Asks on the controlling terminal without showing what is typed. Returns the answer's length; a signal that would end
// the process ends it, with the terminal as it was.
int a2_ask_secret(const char *_Nonnull question, char *_Nonnull answer, size_t capacity);
