// libedit as functions that Swift can call. See CEdit.h.
#define _GNU_SOURCE 1
#include "CEdit.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

struct a2_editor {
    EditLine *line;
    History *history;
    void *context;
    struct a2_editor_calls calls;
    mbstate_t state;
};

// Between two lines libedit leaves the terminal to the system, which would show what is typed ahead and take Ctrl-D
// for the end. This mode does neither; it is left before libedit looks, because it would take it for the user's own.
static struct termios cooked;
static int is_quiet;

void a2_terminal_quieten(void) {
    if (is_quiet || tcgetattr(0, &cooked) < 0) return;
    struct termios quiet = cooked;
    quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    quiet.c_iflag &= ~(tcflag_t)ICRNL;
    is_quiet = tcsetattr(0, TCSANOW, &quiet) == 0;
}

int a2_terminal_cook(void) {
    if (!is_quiet) return 0;
    tcsetattr(0, TCSANOW, &cooked);
    is_quiet = 0;
    return 1;
}

void a2_terminal_suspend(void) {
    int was_quiet = a2_terminal_cook();
    raise(SIGSTOP);
    if (was_quiet) a2_terminal_quieten();
}

static a2_editor *editor_of(EditLine *line) {
    void *data = NULL;
    el_get(line, EL_CLIENTDATA, &data);
    return data;
}

// libedit leaves UTF-8 to who replaces its reader.
static int read_character(EditLine *line, wchar_t *character) {
    a2_editor *editor = editor_of(line);
    while (1) {
        int byte = editor->calls.read_byte(editor->context);
        if (byte == A2_EDITOR_END) return 0;
        if (byte < 0) {
            errno = EINTR;
            return -1;
        }
        char single = (char)byte;
        size_t result = mbrtowc(character, &single, 1, &editor->state);
        if (result == (size_t)-2) continue;
        if (result == (size_t)-1) {
            memset(&editor->state, 0, sizeof editor->state);
            continue;
        }
        if (result == 0) *character = 0;
        return 1;
    }
}

static char *prompt(EditLine *line) {
    a2_editor *editor = editor_of(line);
    const char *text = editor->calls.prompt(editor->context);
    return (char *)(text ? text : "");
}

static char *right_prompt(EditLine *line) {
    a2_editor *editor = editor_of(line);
    const char *text = editor->calls.right_prompt(editor->context);
    return (char *)(text ? text : "");
}

static unsigned char complete(EditLine *line, int character) {
    (void)character;
    a2_editor *editor = editor_of(line);
    editor->calls.complete(editor->context);
    return CC_REFRESH;
}

static void bind_keys(EditLine *line) {
    el_set(line, EL_ADDFN, "a2-complete", "Completes", complete);
    el_set(line, EL_BIND, "\t", "a2-complete", NULL);
    el_set(line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(line, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
    el_set(line, EL_BIND, "\\e[1~", "ed-move-to-beg", NULL);
    el_set(line, EL_BIND, "\\e[4~", "ed-move-to-end", NULL);
    el_set(line, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
    el_set(line, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
}

a2_editor *a2_editor_open(void *context, const struct a2_editor_calls *calls) {
    a2_editor *editor = calloc(1, sizeof *editor);
    if (!editor) return NULL;
    editor->context = context;
    editor->calls = *calls;
    editor->line = el_init("a2", stdin, stdout, stderr);
    editor->history = history_init();
    if (!editor->line || !editor->history) {
        a2_editor_close(editor);
        return NULL;
    }
    HistEvent event;
    history(editor->history, &event, H_SETSIZE, 10000);
    history(editor->history, &event, H_SETUNIQUE, 1);
    el_set(editor->line, EL_CLIENTDATA, editor);
    el_set(editor->line, EL_SIGNAL, 0);
    el_set(editor->line, EL_EDITOR, "emacs");
    el_set(editor->line, EL_HIST, history, editor->history);
    el_set(editor->line, EL_PROMPT_ESC, prompt, '\1');
    el_set(editor->line, EL_RPROMPT_ESC, right_prompt, '\1');
    el_set(editor->line, EL_GETCFN, read_character);
    bind_keys(editor->line);
    el_source(editor->line, NULL);
    // The editor shows its first prompt before it takes the terminal: a key typed between is not to be shown twice.
    a2_terminal_quieten();
    return editor;
}

void a2_editor_close(a2_editor *editor) {
    a2_terminal_cook();
    if (editor->line) el_end(editor->line);
    if (editor->history) history_end(editor->history);
    free(editor);
}

const char *a2_editor_read(a2_editor *editor, size_t *length) {
    int count = 0;
    // Straight from quiet to the editor's own mode: a key that is typed while the terminal takes lines, if only for an
    // instant, is the terminal's, and Ctrl-D or Ctrl-R would never come here. On its return the editor leaves the
    // terminal as it found it when it was made.
    is_quiet = 0;
    const char *text = el_gets(editor->line, &count);
    a2_terminal_quieten();
    if (!text || count <= 0) return NULL;
    *length = strcspn(text, "\r\n");
    return text;
}

void a2_editor_reset(a2_editor *editor) {
    memset(&editor->state, 0, sizeof editor->state);
    a2_terminal_cook();
    el_reset(editor->line);
    a2_terminal_quieten();
}

const char *a2_editor_line(a2_editor *editor, size_t *length, size_t *cursor) {
    const LineInfo *info = el_line(editor->line);
    *length = (size_t)(info->lastchar - info->buffer);
    *cursor = (size_t)(info->cursor - info->buffer);
    return info->buffer;
}

void a2_editor_delete(a2_editor *editor, int count) { el_deletestr(editor->line, count); }

int a2_editor_insert(a2_editor *editor, const char *text) { return el_insertstr(editor->line, text); }

void a2_editor_redraw(a2_editor *editor) { el_set(editor->line, EL_REFRESH); }

void a2_editor_suspend(a2_editor *editor) {
    el_set(editor->line, EL_PREP_TERM, 0);
    raise(SIGSTOP);
    el_set(editor->line, EL_PREP_TERM, 1);
    el_resize(editor->line);
}

void a2_editor_resize(a2_editor *editor) { el_resize(editor->line); }

void a2_editor_remember(a2_editor *editor, const char *line) {
    HistEvent event;
    history(editor->history, &event, H_ENTER, line);
}

int a2_editor_locale(void) {
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX < 4) setlocale(LC_CTYPE, "C.UTF-8");
    return MB_CUR_MAX >= 4;
}

int a2_character_width(uint32_t character) { return wcwidth((wchar_t)character); }

void a2_terminal_size(int *rows, int *columns) {
    struct winsize size;
    int known = ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *rows = known ? size.ws_row : 24;
    *columns = known ? size.ws_col : 80;
}
