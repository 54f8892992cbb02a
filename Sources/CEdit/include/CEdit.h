// A line editor as Swift can use one: libedit's functions take variable arguments and global streams, and its
// callbacks want C. Everything here belongs to one thread, except that signals may come at any time.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct a2_editor a2_editor;

// What `read_byte` returns besides a byte.
enum {
    A2_EDITOR_END = -1,
    A2_EDITOR_INTERRUPTED = -2,
};

struct a2_editor_calls {
    // Waits for the next byte of the terminal.
    int (*_Nonnull read_byte)(void *_Nonnull context);
    // The texts stay valid until the next call. \001 stands before and after what takes no room.
    const char *_Nullable (*_Nonnull prompt)(void *_Nonnull context);
    const char *_Nullable (*_Nonnull right_prompt)(void *_Nonnull context);
    // The tabulator key.
    void (*_Nonnull complete)(void *_Nonnull context);
};

// Takes standard input and output; null when the terminal cannot be edited on.
a2_editor *_Nullable a2_editor_open(void *_Nonnull context, const struct a2_editor_calls *_Nonnull calls);
void a2_editor_close(a2_editor *_Nonnull editor);
// One line without its end, valid until the next call; null at the end of the input or when `read_byte` said so.
const char *_Nullable a2_editor_read(a2_editor *_Nonnull editor, size_t *_Nonnull length);
void a2_editor_reset(a2_editor *_Nonnull editor);
// The line being edited: its bytes, how many, and how many stand before the cursor.
const char *_Nonnull a2_editor_line(a2_editor *_Nonnull editor, size_t *_Nonnull length, size_t *_Nonnull cursor);
// Deletes characters before the cursor; inserts text there.
void a2_editor_delete(a2_editor *_Nonnull editor, int count);
int a2_editor_insert(a2_editor *_Nonnull editor, const char *_Nonnull text);
// Draws the line anew where the cursor stands, which must be a first column.
void a2_editor_redraw(a2_editor *_Nonnull editor);
// Gives the terminal back, stops the process, and takes it again when it goes on; the line is to be drawn then.
void a2_editor_suspend(a2_editor *_Nonnull editor);
void a2_editor_resize(a2_editor *_Nonnull editor);
void a2_editor_remember(a2_editor *_Nonnull editor, const char *_Nonnull line);

// The terminal between two lines: nothing typed ahead is shown, and nothing of it lost. Cooking says whether it was
// quiet, and is for whoever reads lines of his own.
void a2_terminal_quieten(void);
int a2_terminal_cook(void);
void a2_terminal_suspend(void);

// The locale of the terminal; one without UTF-8 is replaced by C.UTF-8. Whether the result has it.
int a2_editor_locale(void);
// The columns a character takes, as the locale has it; negative for control characters.
int a2_character_width(uint32_t character);
// Rows and columns of standard output, 24 and 80 where it does not say.
void a2_terminal_size(int *_Nonnull rows, int *_Nonnull columns);

// SIGINT, SIGWINCH, SIGTERM and SIGHUP become bits, and a descriptor that is readable when one is set. So does SIGTSTP
// once it has been asked for, by who gives the terminal back before it stops.
enum {
    A2_SIGNALLED_INTERRUPT = 1,
    A2_SIGNALLED_RESIZE = 2,
    A2_SIGNALLED_END = 4,
    A2_SIGNALLED_SUSPEND = 8,
};
void a2_console_signals_suspend(void);
int a2_console_signals_open(void);
// The bits set since the last call.
int a2_console_signals_take(void);
// The same without taking them.
int a2_console_signals_peek(void);
// As they were when the process began, for programs it starts.
void a2_console_signals_default(void);

// A process that crashes, or is ended by SIGQUIT, leaves the terminal as it is now: cooked, on its own screen. For a
// console on a terminal; SIGKILL leaves nobody to do it.
void a2_terminal_guard(void);
// Tells the guard that the alternate screen has been taken, or given back.
void a2_terminal_screen(int is_taken);

// A shell command with `bytes` as its input, and its exit status.
int a2_run_shell(const char *_Nonnull command, const void *_Nullable bytes, size_t count);
