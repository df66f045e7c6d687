/*
 * Does what `g++` does with its arguments, but faster: compile g++ OPTION... -o OUTPUT SOURCE...
 *
 * The script `record` records the commands that g++ would start. This program starts them without g++ and collect2. A
 * file that begins with #include lines of the standard library, or of a header that does, is compiled with a precompiled
 * header that contains some of them. That yields the same program: nothing precedes these lines, their order does not matter, and each header may
 * be included twice ([using.headers] in the C++ standard). The arguments may end in `-std=...`, which replaces the
 * recorded standard, for a standard that has precompiled headers of its own.
 *
 * Only compilations without diagnostics are completed here. As soon as a compiler or linker prints anything or fails, or
 * if anything has changed since the record was made, this program executes the g++ command of its arguments, so that
 * messages and exit codes are those of g++.
 *
 * `compile --wait` is started before there is a program, as docs/launchers.md describes. It pre-warms compilers, an
 * assembler and a linker for a program that consists of one file `main.cpp`.
 *
 * For maintainers: `compile --which SOURCE` prints the number of the precompiled header that a file would use, and
 * `compile --processor` prints the features of this processor as they are recorded.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wait.h"

#define FIRST_LINE "executor-cpp 1"
/* Maximum size of a record, and of the beginning of a source file that is searched for #include lines, in bytes. */
#define MAX_RECORD (256 * 1024)
#define MAX_HEAD (16 * 1024)
/* Maximum number of headers of the program that are read for one source file. */
#define MAX_INCLUDE_DEPTH 8
/* Maximum size of a program for a pre-warmed compiler, in bytes. `record` creates this number of blank lines. */
#define MAX_PREWARMED_SOURCE (64 * 1024)
/* Maximum numbers; g++ handles larger ones. */
#define MAX_SOURCES 32
#define MAX_ARGUMENTS 256
/* Source files that are compiled at one time. */
#define MAX_PARALLEL 2
/* The descriptor on which a launcher receives its command line. */
#define COMMAND_LINE_FD 3

/* Placeholders in the recorded commands for what differs from file to file. */
#define SOURCE "SOURCE.cpp"
#define OBJECT "OBJECT.o"
#define NAME_AFTER "-dumpbase"

/* The beginning of the option for the version of the language. */
#define STANDARD "-std="

/* The source file of a pre-warmed compilation, and its object file. */
#define PREWARMED_SOURCE "main.cpp"
#define PREWARMED_OBJECT "/tmp/.executor-cpp-0.o"
/* The precompiled header that one of the pre-warmed compilers has loaded, and the file that it includes next. */
#define LOADED_HEADER "0"
#define AFTER_HEADER "program.h"

struct command {
    int count;
    char *words[MAX_ARGUMENTS];
};

struct precompiled {
    char *name;
    char *standard; /* the option of the version that it is for; "" for that of the recorded options */
    char *headers;  /* separated by spaces */
};

static char **gxx_command; /* the g++ command of the arguments */
static struct command flags, compiler, assembler, linker;
static struct precompiled precompiled[MAX_ARGUMENTS];
static int precompiled_count;
static char *standard = ""; /* the option of the arguments that follows the recorded one, or "" */
static char *sources[MAX_SOURCES];
static int source_count;
static char *recorded_files[MAX_ARGUMENTS];
static int recorded_file_count;
#define MAX_CHILDREN (2 * MAX_PARALLEL + 2)
static pid_t children[MAX_CHILDREN];
static int child_count;
/* Pipes. All children write their diagnostics to the first; it ends when all of them have exited. The second ends when
   all assemblers have exited. */
static int diagnostics[2] = {-1, -1}, assembler_exit[2] = {-1, -1};
static char record_dir[PATH_MAX]; /* directory of the record */

/* A pre-warmed child, the pipe on which it reports that it is ready, and the pipe for the path that it is to open. */
struct prewarmed {
    pid_t child;
    int ready, path_pipe;
};
static struct prewarmed any_header_compiler, loaded_header_compiler, linker_child;

static void wait_for_command_line(void);

static void kill_child(int number) {
    kill(children[number], SIGKILL);
    waitpid(children[number], NULL, 0);
    children[number] = children[--child_count];
}

static void kill_children(void) {
    while (child_count > 0) kill_child(child_count - 1);
}

static bool is_standard_option(const char *word) {
    return !strncmp(word, STANDARD, strlen(STANDARD)) || !strcmp(word, "-ansi");
}

/* Leaves only the last option for the version of the language. g++ does not: -std=c++20 enables coroutines, and an earlier
   version after it does not disable them. */
static void keep_last_standard(char **command) {
    char **kept = command, *last = NULL;
    for (char **word = command; *word; word++)
        if (is_standard_option(*word)) last = *word;
    for (char **word = command; *word; word++)
        if (!is_standard_option(*word) || *word == last) *kept++ = *word;
    *kept = NULL;
}

static _Noreturn void fall_back_to_gxx(void) {
    kill_children();
    if (!gxx_command) wait_for_command_line();
    keep_last_standard(gxx_command);
    execvp(gxx_command[0], gxx_command);
    dprintf(STDERR_FILENO, "%s: %s\n", gxx_command[0], strerror(errno));
    _exit(127);
}

static char *next_line(char **text) {
    char *line = *text, *end = strchr(line, '\n');
    if (!end) fall_back_to_gxx();
    *end = '\0';
    *text = end + 1;
    return line;
}

/* Reads a line `NAME COUNT` and COUNT lines of one argument each. */
static void read_command(char **text, const char *name, struct command *command) {
    char *line = next_line(text);
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || line[length] != ' ') fall_back_to_gxx();
    command->count = atoi(line + length);
    if (command->count < 0 || command->count >= MAX_ARGUMENTS) fall_back_to_gxx();
    for (int i = 0; i < command->count; i++) command->words[i] = next_line(text);
    command->words[command->count] = NULL;
}

/* Formats the features of this processor as a line. */
static void describe_processor(char *words, size_t room) {
    unsigned a, b = 0, c = 0, d = 0, model = 0, other;
    __get_cpuid(1, &model, &a, &b, &c);
    if (!__get_cpuid_count(7, 0, &other, &b, &c, &d)) b = c = d = 0;
    snprintf(words, room, "%x %x %x %x", model, b, c, d);
}

/* The options that -march=native stands for are recorded, and fit only the processor that they were recorded for. */
static void check_processor(const char *recorded) {
    char found[64];
    describe_processor(found, sizeof found);
    if (strcmp(found, recorded) != 0) fall_back_to_gxx();
}

/* Variables that would make g++ search other directories. */
static void check_environment(void) {
    static const char *const names[] = {"CPATH", "CPLUS_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) fall_back_to_gxx();
}

static void check_file(const char *recorded) {
    long long size, seconds, nanoseconds;
    int path;
    struct stat now;
    if (sscanf(recorded, "%lld %lld.%lld %n", &size, &seconds, &nanoseconds, &path) != 3) fall_back_to_gxx();
    if (stat(recorded + path, &now) != 0 || now.st_size != size || now.st_mtim.tv_sec != seconds ||
        now.st_mtim.tv_nsec != nanoseconds)
        fall_back_to_gxx();
}

static void add_file(char *recorded) {
    if (recorded_file_count == MAX_ARGUMENTS) fall_back_to_gxx();
    recorded_files[recorded_file_count++] = recorded;
}

static void check_files(void) {
    for (int i = 0; i < recorded_file_count; i++) check_file(recorded_files[i]);
}

static void read_record(void) {
    static char text[MAX_RECORD];
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/record", record_dir);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) fall_back_to_gxx();
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0 || length == sizeof text - 1) fall_back_to_gxx();
    char *rest = text, *line = next_line(&rest);
    if (strcmp(line, FIRST_LINE) != 0) fall_back_to_gxx();
    for (;;) {
        line = next_line(&rest);
        if (strncmp(line, "processor ", 10) == 0)
            check_processor(line + 10);
        else if (strncmp(line, "file ", 5) == 0)
            add_file(line + 5);
        else
            break;
    }
    if (strcmp(line, "commands") != 0) fall_back_to_gxx();
    read_command(&rest, "flags", &flags);
    read_command(&rest, "compiler", &compiler);
    read_command(&rest, "assembler", &assembler);
    read_command(&rest, "linker", &linker);
    while (*rest) {
        char *name = next_line(&rest), *headers = strchr(name, ' ');
        if (!headers || precompiled_count == MAX_ARGUMENTS) fall_back_to_gxx();
        *headers++ = '\0';
        char *own_standard = "";
        if (strncmp(headers, STANDARD, strlen(STANDARD)) == 0) {
            own_standard = headers;
            headers = strchr(headers, ' ');
            if (!headers) fall_back_to_gxx();
            *headers++ = '\0';
        }
        precompiled[precompiled_count++] =
            (struct precompiled){.name = name, .standard = own_standard, .headers = headers};
    }
}

static bool is_source(const char *word) {
    const char *dot = strrchr(word, '.');
    return dot && (!strcmp(dot, ".cpp") || !strcmp(dot, ".cc") || !strcmp(dot, ".cxx"));
}

/* Takes an option after the source files. Only a standard that has precompiled headers differs from what was recorded in
   nothing but that. */
static void read_standard(char *word) {
    for (int i = 0; i < precompiled_count; i++)
        if (!strcmp(precompiled[i].standard, word)) standard = precompiled[i].standard;
    if (!*standard || strcmp(standard, word) != 0) fall_back_to_gxx();
}

/* The arguments must be the recorded options, followed by source files, and at most one other standard. */
static void read_arguments(void) {
    char **words = gxx_command + 1;
    for (int i = 0; i < flags.count; i++, words++)
        if (!*words || strcmp(flags.words[i], *words) != 0) fall_back_to_gxx();
    for (; *words; words++) {
        char *word = *words;
        if (source_count > 0 && !*standard && !strncmp(word, STANDARD, strlen(STANDARD))) {
            read_standard(word);
            continue;
        }
        if (*standard || word[0] == '-' || word[0] == '@' || !is_source(word) || source_count == MAX_SOURCES) fall_back_to_gxx();
        sources[source_count++] = word;
    }
    if (source_count == 0) fall_back_to_gxx();
}

static const char *skip_blanks(const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\f' || *at == '\v') at++;
    return at;
}

/* Returns whether a backslash joins two lines in this range, which may hide the end of a comment. */
static bool joins_lines(const char *from, const char *to) {
    while ((from = memchr(from, '\\', to - from)))
        if (*skip_blanks(++from) == '\n') return true;
    return false;
}

/* Skips white space and comments, up to the next token or, if `in_line`, to the end of the line. Returns NULL if a line
   is continued or a comment does not end. */
static const char *skip_space(const char *at, bool in_line) {
    for (;;) {
        const char *from = at = skip_blanks(at);
        if (*at == '\n' && !in_line) {
            at++;
        } else if (at[0] == '/' && at[1] == '/') {
            at += strcspn(at, "\n");
            if (joins_lines(from, at)) return NULL;
        } else if (at[0] == '/' && at[1] == '*') {
            at = strstr(at + 2, "*/");
            if (!at || joins_lines(from, at)) return NULL;
            at += 2;
        } else {
            return at;
        }
    }
}

/* Returns whether a name is that of a standard header, whose order does not matter. */
static bool is_standard(const char *name, size_t length) {
    static const char names[] =
        " algorithm any array atomic barrier bit bitset bits/stdc++.h cassert ccomplex cctype cerrno cfenv cfloat charconv"
        " chrono cinttypes climits clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp"
        " csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception execution"
        " expected filesystem format forward_list fstream functional future generator initializer_list iomanip ios iosfwd"
        " iostream istream iterator latch limits list locale map memory memory_resource mutex new numbers numeric optional"
        " ostream print queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span"
        " spanstream sstream stack stacktrace stdexcept stdfloat stop_token streambuf string string_view strstream"
        " syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray"
        " variant vector version assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h limits.h locale.h math.h"
        " setjmp.h signal.h stdarg.h stddef.h stdint.h stdio.h stdlib.h string.h time.h uchar.h wchar.h wctype.h ";
    char word[64];
    if (length + 3 > sizeof word) return false;
    snprintf(word, sizeof word, " %.*s ", (int)length, name);
    return strstr(names, word);
}

/* Names of headers, separated by spaces and between two of them. */
struct names {
    size_t length;
    char text[MAX_HEAD];
};

static bool add_name(struct names *names, const char *name, size_t length) {
    if (names->length + length + 2 > sizeof names->text) return false;
    memcpy(names->text + names->length, name, length);
    names->length += length;
    strcpy(names->text + names->length++, " ");
    return true;
}

/* Reads the beginning of a file. Returns its length, or -1 if there is no regular file. */
static ssize_t read_head(const char *path, char *head) {
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return -1;
    struct stat status;
    ssize_t length = fstat(file, &status) == 0 && S_ISREG(status.st_mode) ? read(file, head, MAX_HEAD) : -1;
    close(file);
    if (length < 0) return -1;
    head[length] = '\0';
    /* The trigraph for a backslash may join any lines. */
    if (strstr(head, "?" "?/")) *head = '\0';
    return length;
}

/* Skips the rest of a line that may have comments. Returns NULL if there is anything else, or if the line does not end: at the
   end of the text a part of it may be missing, because only the beginning of the file was read. */
static const char *skip_line(const char *at) {
    at = skip_space(at, true);
    return at && *at == '\n' ? at : NULL;
}

/* Skips a directive and the white space after its name. Returns NULL if there is another one. */
static const char *skip_directive(const char *at, const char *name) {
    size_t length = strlen(name);
    if (!at || *at != '#' || strncmp(at = skip_blanks(at + 1), name, length) != 0) return NULL;
    const char *end = skip_blanks(at + length);
    return end > at + length || *end == '<' || *end == '"' ? end : NULL;
}

/* Returns the length of a macro's name that no standard header uses, or 0: SHAPES_H, for example. */
static size_t guard_length(const char *at) {
    static const char *const ends[] = {"_H", "_H_", "_HH", "_HPP", "_HPP_", "_HXX", "_INCLUDED"};
    size_t length = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    /* Names that begin with an underscore are those of the implementation. */
    if (*at < 'A' || *at > 'Z') return 0;
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (length > end && !strncmp(at + length - end, ends[i], end)) return length;
    }
    return 0;
}

/* Skips `#pragma once`, or `#ifndef` and `#define` of a macro for the same purpose, at the beginning of a header of the program. */
static const char *skip_guard(const char *text) {
    const char *begin = skip_space(text, false), *at = skip_directive(begin, "pragma");
    if (at && !strncmp(at, "once", 4) && (at = skip_line(at + 4))) return at;
    const char *name = skip_directive(begin, "ifndef");
    size_t length = name ? guard_length(name) : 0;
    if (length == 0 || !(at = skip_line(name + length))) return text;
    at = skip_directive(skip_space(at, false), "define");
    if (!at || strncmp(at, name, length) != 0 || !(at = skip_line(at + length))) return text;
    return at;
}

/* Collects the standard headers that a text includes before anything else. Returns the name of the header of the program that it
   includes then, up to a quotation mark, or NULL. */
static const char *leading_headers(const char *text, struct names *names) {
    const char *at = text;
    while ((at = skip_directive(skip_space(at, false), "include"))) {
        const char *name = at + 1;
        if (*at == '"') return name;
        size_t length = strcspn(name, ">\n");
        if (*at != '<' || name[length] != '>' || !is_standard(name, length)) return NULL;
        if (!(at = skip_line(name + length + 1)) || !add_name(names, name, length)) return NULL;
    }
    return NULL;
}

/* Collects the standard headers that a file includes before anything else, also those at the beginning of a header of the program,
   which is the last that is read. */
static void collect_headers(const char *source, struct names *names) {
    static char head[MAX_HEAD + 1];
    char path[PATH_MAX];
    *names = (struct names){.length = 1, .text = " "};
    if (read_head(source, head) < 0) fall_back_to_gxx();
    const char *next = leading_headers(head, names);
    snprintf(path, sizeof path, "%s", source);
    for (int depth = 0; next && depth < MAX_INCLUDE_DEPTH; depth++) {
        size_t length = strcspn(next, "\"\n");
        char *slash = strrchr(path, '/'), *at = slash ? slash + 1 : path;
        if (next[length] != '"' || *next == '/' || at + length >= path + sizeof path) return;
        snprintf(at, path + sizeof path - at, "%.*s", (int)length, next);
        /* One that is not there may be elsewhere, and be anything. */
        if (read_head(path, head) < 0) return;
        next = leading_headers(skip_guard(head), names);
    }
}

/* Returns whether each of `headers` is among `names`. */
static bool contains_all(const char *headers, const char *names) {
    while (*headers) {
        size_t length = strcspn(headers, " ");
        char word[64];
        if (length + 3 > sizeof word) return false;
        snprintf(word, sizeof word, " %.*s ", (int)length, headers);
        if (!strstr(names, word)) return false;
        headers += length + (headers[length] == ' ');
    }
    return true;
}

/* Returns the largest precompiled header for a file, or NULL. The record lists the largest first. */
static const char *precompiled_for(const char *source) {
    static struct names names;
    collect_headers(source, &names);
    for (int i = 0; i < precompiled_count; i++)
        if (!strcmp(precompiled[i].standard, standard) && contains_all(precompiled[i].headers, names.text))
            return precompiled[i].name;
    return NULL;
}

/* Starts a command with the given stdin and stdout, and with stderr as the pipe for diagnostics. A pre-warmed command has
   two more descriptors, and its environment preloads wait.c. */
static pid_t start(struct command *command, int in, int out, const int *more, char **environment) {
    if (child_count == MAX_CHILDREN) fall_back_to_gxx();
    command->words[command->count] = NULL;
    pid_t child = vfork();
    if (child == 0) {
        bool done = dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
                    dup2(diagnostics[1], STDERR_FILENO) >= 0;
        if (done && more) done = dup2(more[0], WAIT_READY) >= 0 && dup2(more[1], WAIT_PATH) >= 0;
        if (done) execve(command->words[0], command->words, environment);
        _exit(127);
    }
    if (child < 0) fall_back_to_gxx();
    children[child_count++] = child;
    return child;
}

static void add_argument(struct command *command, char *word) {
    if (command->count + 1 >= MAX_ARGUMENTS) fall_back_to_gxx();
    command->words[command->count++] = word;
}

static char *object_path(int source) {
    static char names[MAX_SOURCES][sizeof PREWARMED_OBJECT + 10];
    snprintf(names[source], sizeof names[source], "/tmp/.executor-cpp-%d.o", source);
    return names[source];
}

static int dev_null;

static void build_compiler_command(struct command *cc, char *path) {
    char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (int i = 0; i < compiler.count; i++) {
        char *word = compiler.words[i];
        bool is_name = i > 0 && !strcmp(compiler.words[i - 1], NAME_AFTER);
        bool is_extension = i > 0 && !strcmp(compiler.words[i - 1], NAME_AFTER "-ext");
        if (*standard && is_standard_option(word)) word = standard;
        add_argument(cc, is_name ? base : is_extension ? strrchr(path, '.') : !strcmp(word, SOURCE) ? path : word);
    }
}

static void start_assembler(int source, int text) {
    struct command as = {0};
    for (int i = 0; i < assembler.count; i++)
        add_argument(&as, strcmp(assembler.words[i], OBJECT) ? assembler.words[i] : object_path(source));
    /* Its stdout serves only to detect that it has exited. */
    start(&as, text, assembler_exit[1], NULL, environ);
}

static void build_linker_command(struct command *ld, int objects) {
    for (int i = 0; i < linker.count; i++) {
        if (strcmp(linker.words[i], OBJECT) != 0) {
            add_argument(ld, linker.words[i]);
            continue;
        }
        for (int source = 0; source < objects; source++) add_argument(ld, object_path(source));
    }
}

static void open_pipe(int *ends) {
    if (pipe2(ends, O_CLOEXEC) != 0) fall_back_to_gxx();
}

static void close_pipe(int *ends) {
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) close(ends[i]);
        ends[i] = -1;
    }
}

/* Starts a compiler that writes to an assembler. */
static void start_compiling(int source) {
    struct command cc = {0};
    static char header[PATH_MAX + 64];
    build_compiler_command(&cc, sources[source]);
    const char *name = precompiled_for(sources[source]);
    if (name) {
        snprintf(header, sizeof header, "%s/%s.h", record_dir, name);
        add_argument(&cc, "-include");
        add_argument(&cc, header);
    }
    int text[2];
    open_pipe(text);
    start(&cc, dev_null, text[1], NULL, environ);
    start_assembler(source, text[0]);
    close_pipe(text);
}

/* Waits until the assemblers have exited. The compilers exit later, and may still fail. */
static void assemble(void) {
    close(assembler_exit[1]);
    assembler_exit[1] = -1;
    struct pollfd ends[] = {{.fd = diagnostics[0], .events = POLLIN}, {.fd = assembler_exit[0], .events = POLLIN}};
    while (!ends[1].revents) {
        if (poll(ends, 2, -1) < 0 && errno != EINTR) fall_back_to_gxx();
        if (ends[0].revents & POLLIN) fall_back_to_gxx();
    }
    close_pipe(assembler_exit);
}

/* Waits for all children. None may print anything, and all must succeed. */
static void finish_without_diagnostics(void) {
    close(diagnostics[1]);
    diagnostics[1] = -1;
    char byte;
    ssize_t count;
    while ((count = read(diagnostics[0], &byte, 1)) < 0 && errno == EINTR) continue;
    if (count != 0) fall_back_to_gxx();
    close_pipe(diagnostics);
    while (child_count > 0) {
        int status;
        if (waitpid(children[--child_count], &status, 0) < 0 || status != 0) fall_back_to_gxx();
    }
}

static void compile_and_link(void) {
    cpu_set_t cores;
    int parallel = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    if (parallel > MAX_PARALLEL) parallel = MAX_PARALLEL;
    for (int first = 0; first < source_count; first += parallel) {
        if (first > 0) finish_without_diagnostics();
        open_pipe(diagnostics);
        open_pipe(assembler_exit);
        for (int i = first; i < source_count && i < first + parallel; i++) start_compiling(i);
        assemble();
    }
    struct command ld = {0};
    build_linker_command(&ld, source_count);
    start(&ld, dev_null, diagnostics[1], NULL, environ);
    finish_without_diagnostics();
}

/* Starts a command that waits when it opens the path `at`. */
static void start_prewarmed(struct prewarmed *prewarmed, struct command *command, int out, const char *at,
                            bool compiles) {
    static char library[PATH_MAX + 64], place[PATH_MAX + 64], blank[PATH_MAX + 64];
    char *environment[MAX_ARGUMENTS];
    int count = 0, ready[2], path_pipe[2];
    for (; environ[count]; count++) {
        /* The variables below, and the end. */
        if (count == MAX_ARGUMENTS - 5) fall_back_to_gxx();
        environment[count] = environ[count];
    }
    snprintf(library, sizeof library, "LD_PRELOAD=%s/../wait.so", record_dir);
    snprintf(place, sizeof place, WAIT_AT "=%s", at);
    snprintf(blank, sizeof blank, WAIT_BLANK "=%s/blank", record_dir);
    environment[count++] = library;
    environment[count++] = place;
    if (compiles) {
        environment[count++] = WAIT_SOURCE "=" PREWARMED_SOURCE;
        environment[count++] = blank;
    }
    environment[count] = NULL;
    open_pipe(ready);
    open_pipe(path_pipe);
    int more[] = {fcntl(ready[1], F_DUPFD_CLOEXEC, WAIT_PATH + 1), fcntl(path_pipe[0], F_DUPFD_CLOEXEC, WAIT_PATH + 1)};
    if (more[0] < 0 || more[1] < 0) fall_back_to_gxx();
    /* The read end of its pipe stays open here too, so that writing raises no SIGPIPE if the child is gone by then. */
    *prewarmed = (struct prewarmed){.ready = ready[0], .path_pipe = path_pipe[1]};
    prewarmed->child = start(command, dev_null, out, more, environment);
    close_pipe(more);
    close(ready[1]);
}

static void start_prewarmed_compiler(struct prewarmed *prewarmed, int text, bool has_loaded_header) {
    static char header[PATH_MAX + 64], at[PATH_MAX + 64];
    struct command cc = {0};
    build_compiler_command(&cc, PREWARMED_SOURCE);
    snprintf(header, sizeof header, "%s/%s.h", record_dir, has_loaded_header ? LOADED_HEADER : "late");
    add_argument(&cc, "-include");
    add_argument(&cc, header);
    snprintf(at, sizeof at, "%s/%s", record_dir, has_loaded_header ? AFTER_HEADER : "late.h.gch");
    if (has_loaded_header) {
        add_argument(&cc, "-include");
        add_argument(&cc, at);
    }
    start_prewarmed(prewarmed, &cc, text, at, true);
}

/* Pre-warms a compiler that can load any precompiled header, a compiler that has loaded the most common one, an assembler
   for whichever of them is used, and a linker that has opened everything but the program. */
static bool prewarm(void) {
    int text[2];
    if (fcntl(COMMAND_LINE_FD, F_SETFD, FD_CLOEXEC) != 0) fall_back_to_gxx();
    open_pipe(diagnostics);
    open_pipe(assembler_exit);
    open_pipe(text);
    start_prewarmed_compiler(&any_header_compiler, text[1], false);
    start_prewarmed_compiler(&loaded_header_compiler, text[1], true);
    start_assembler(0, text[0]);
    close_pipe(text);
    struct command ld = {0};
    build_linker_command(&ld, 1);
    start_prewarmed(&linker_child, &ld, diagnostics[1], PREWARMED_OBJECT, false);
    struct prewarmed *all[] = {&any_header_compiler, &loaded_header_compiler, &linker_child};
    for (int i = 0; i < 3; i++) {
        struct pollfd ends[] = {{.fd = diagnostics[0], .events = POLLIN}, {.fd = all[i]->ready, .events = POLLIN}};
        if (poll(ends, 2, -1) < 0 || ends[0].revents || !(ends[1].revents & POLLIN)) return false;
        close(all[i]->ready);
    }
    return true;
}

/* Reports that this process is ready, and reads the command line: arguments that each end with a NUL. */
static void wait_for_command_line(void) {
    size_t length = 0, room = 0;
    char *text = NULL;
    if (write(COMMAND_LINE_FD, "R", 1) != 1) _exit(127);
    for (;;) {
        if (length == room && !(text = realloc(text, room += MAX_HEAD))) _exit(127);
        ssize_t count = read(COMMAND_LINE_FD, text + length, room - length);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        length += count;
    }
    close(COMMAND_LINE_FD);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < length; i++) count += text[i] == '\0';
    if (count < 2) {
        /* This process is not needed. */
        kill_children();
        _exit(0);
    }
    if (!(gxx_command = calloc(count + 1, sizeof *gxx_command))) _exit(127);
    for (size_t i = 0; i < count; i++, at += strlen(text + at) + 1) gxx_command[i] = text + at;
    /* The first argument is the name of this program. */
    gxx_command++;
}

static void send_path(struct prewarmed *prewarmed, const char *path) {
    size_t length = strlen(path) + 1;
    if (write(prewarmed->path_pipe, path, length) != (ssize_t)length) fall_back_to_gxx();
}

/* Returns whether the pre-warmed compilers can compile the program. They have read blank lines in its place, some of which
   remain after its end. */
static bool can_use_prewarmed(void) {
    static char text[MAX_PREWARMED_SOURCE + 1];
    if (*standard || source_count != 1 || strcmp(sources[0], PREWARMED_SOURCE) != 0) return false;
    int file = open(PREWARMED_SOURCE, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t length = read(file, text, sizeof text);
    close(file);
    if (length < 0 || length > MAX_PREWARMED_SOURCE || !memcmp(text, "\xef\xbb\xbf", 3)) return false;
    if (memmem(text, length, "__TIMESTAMP__", 13) || memmem(text, length, "?" "?/", 3)) return false;
    while (length > 0 && strchr(" \t\v\f\n", text[length - 1]) && text[length - 1]) length--;
    return length == 0 || (text[length - 1] != '\\' && text[length - 1] != '\r');
}

/* Compiles the program with the pre-warmed children. */
static void compile_prewarmed(void) {
    char path[PATH_MAX + 64];
    const char *name = precompiled_for(PREWARMED_SOURCE);
    bool loaded = name && !strcmp(name, LOADED_HEADER);
    struct prewarmed *used = loaded ? &loaded_header_compiler : &any_header_compiler;
    struct prewarmed *unused = loaded ? &any_header_compiler : &loaded_header_compiler;
    /* There is no file of that name if no precompiled header fits; the compiler then reads the headers themselves. */
    if (loaded)
        snprintf(path, sizeof path, "%s/%s", record_dir, AFTER_HEADER);
    else
        snprintf(path, sizeof path, "%s/%s.h.gch", record_dir, name ? name : "no");
    send_path(used, path);
    for (int i = 0; i < child_count; i++)
        if (children[i] == unused->child) kill_child(i--);
    assemble();
    send_path(&linker_child, PREWARMED_OBJECT);
    finish_without_diagnostics();
}

int main(int count, char **words) {
    bool is_prewarming = count == 2 && !strcmp(words[1], "--wait");
    if (count == 2 && !strcmp(words[1], "--processor")) {
        char found[64];
        describe_processor(found, sizeof found);
        puts(found);
        return 0;
    }
    if (count < 3 && !is_prewarming) {
        dprintf(STDERR_FILENO, "usage: compile g++ OPTION... -o OUTPUT SOURCE...\n");
        return 2;
    }
    if (!is_prewarming) gxx_command = words + 1;
    char *slash = strrchr(words[0], '/');
    if (!slash) fall_back_to_gxx();
    snprintf(record_dir, sizeof record_dir, "%.*s/recorded", (int)(slash - words[0]), words[0]);
    dev_null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (dev_null < 0) fall_back_to_gxx();
    check_environment();
    read_record();
    check_files();
    bool is_prewarmed = is_prewarming && prewarm();
    if (is_prewarming) {
        wait_for_command_line();
        /* The first check may have been long ago. */
        check_files();
    }
    if (!strcmp(gxx_command[0], "--which")) {
        const char *name = precompiled_for(gxx_command[1]);
        if (name) puts(name);
        return 0;
    }
    read_arguments();
    if (is_prewarmed && can_use_prewarmed()) {
        compile_prewarmed();
        return 0;
    }
    kill_children();
    close_pipe(diagnostics);
    close_pipe(assembler_exit);
    compile_and_link();
    return 0;
}
