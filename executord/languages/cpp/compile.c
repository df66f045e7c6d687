/*
 * Does what `g++` does with its arguments, sooner: compile g++ OPTION... -o OUTPUT SOURCE...
 *
 * What g++ would start is recorded by the script `record`, and started here without g++ and collect2 in between. A file
 * that begins with #include lines of the standard library is given a precompiled header of some of them. That is the same
 * program: nothing is before these lines, they may be in any order, and each may be there twice ([using.headers]).
 *
 * Only what goes well is done here. As soon as a compiler or linker has something to say, or fails, or anything is not as
 * it was when the record was made, this becomes the g++ of its arguments, so that messages and exit codes are g++'s own.
 *
 * `compile --wait` is started before there is a program, as docs/launchers.md describes: it has a compiler, an assembler
 * and a linker start and wait, which a program of one file `main.cpp` is then given to.
 *
 * For those who look after it: `compile --which SOURCE` tells which precompiled header a file would get, by its number in
 * the record, and `compile --processor` what the record says of this processor.
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
/* Bytes of a record, and of a source file that are looked at for #include lines. */
#define MAX_RECORD (256 * 1024)
#define MAX_HEAD (16 * 1024)
/* Of a program that is given to a compiler that waits; `record` makes so many blank lines. */
#define MAX_AWAITED (64 * 1024)
/* Of each kind: more are left to g++. */
#define MAX_SOURCES 32
#define MAX_ARGUMENTS 256
/* Source files that are compiled at one time. */
#define AT_ONE_TIME 2
/* Where a launcher is told its program. */
#define LAUNCHER 3

/* A compiler's command, with these in the places of what differs from file to file. */
#define SOURCE "SOURCE.cpp"
#define OBJECT "OBJECT.o"
#define NAME_AFTER "-dumpbase"

/* The program for which something waits, and its object file. */
#define AWAITED "main.cpp"
#define FIRST_OBJECT "/tmp/.executor-cpp-0.o"
/* The precompiled header that one of the compilers has loaded when it waits, and what it includes next. */
#define FIRST_HEADER "0"
#define AFTER_HEADER "program.h"

struct command {
    int count;
    char *words[MAX_ARGUMENTS];
};

struct precompiled {
    char *name;
    char *headers; /* with a space between two */
};

static char **plain; /* the command as it is without us */
static struct command flags, compiler, assembler, linker;
static struct precompiled precompiled[MAX_ARGUMENTS];
static int precompiled_count;
static char *sources[MAX_SOURCES];
static int source_count;
static char *recorded_files[MAX_ARGUMENTS];
static int recorded_file_count;
static pid_t children[2 * AT_ONE_TIME + 2];
static int child_count;
/* All children say there what they have to say, and have ended at its end; and all assemblers at the end of the other. */
static int said[2] = {-1, -1}, assembling[2] = {-1, -1};
static char here[PATH_MAX]; /* the directory of the record */

/* A child that waits, and how to tell it what to open. */
struct waiting {
    pid_t child;
    int ready, tell;
};
static struct waiting any_header, one_header, object;

static void await_words(void);

static void end_child(int number) {
    kill(children[number], SIGKILL);
    waitpid(children[number], NULL, 0);
    children[number] = children[--child_count];
}

static void end_children(void) {
    while (child_count > 0) end_child(child_count - 1);
}

static _Noreturn void give_up(void) {
    end_children();
    if (!plain) await_words();
    execvp(plain[0], plain);
    dprintf(STDERR_FILENO, "%s: %s\n", plain[0], strerror(errno));
    _exit(127);
}

static char *next_line(char **text) {
    char *line = *text, *end = strchr(line, '\n');
    if (!end) give_up();
    *end = '\0';
    *text = end + 1;
    return line;
}

/* A line `NAME COUNT`, and as many lines of one argument each. */
static void read_command(char **text, const char *name, struct command *command) {
    char *line = next_line(text);
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || line[length] != ' ') give_up();
    command->count = atoi(line + length);
    if (command->count < 0 || command->count >= MAX_ARGUMENTS) give_up();
    for (int i = 0; i < command->count; i++) command->words[i] = next_line(text);
    command->words[command->count] = NULL;
}

/* What the processor of this host can do, as a line. */
static void describe_processor(char *words, size_t room) {
    unsigned a, b = 0, c = 0, d = 0, model = 0, other;
    __get_cpuid(1, &model, &a, &b, &c);
    if (!__get_cpuid_count(7, 0, &other, &b, &c, &d)) b = c = d = 0;
    snprintf(words, room, "%x %x %x %x", model, b, c, d);
}

/* -march=native was resolved for the processor of the record. */
static void check_processor(const char *recorded) {
    char found[64];
    describe_processor(found, sizeof found);
    if (strcmp(found, recorded) != 0) give_up();
}

/* What would tell g++ to look elsewhere. */
static void check_environment(void) {
    static const char *const names[] = {"CPATH", "CPLUS_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) give_up();
}

static void check_file(const char *recorded) {
    long long size, seconds, nanoseconds;
    int path;
    struct stat now;
    if (sscanf(recorded, "%lld %lld.%lld %n", &size, &seconds, &nanoseconds, &path) != 3) give_up();
    if (stat(recorded + path, &now) != 0 || now.st_size != size || now.st_mtim.tv_sec != seconds ||
        now.st_mtim.tv_nsec != nanoseconds)
        give_up();
}

static void add_file(char *recorded) {
    if (recorded_file_count == MAX_ARGUMENTS) give_up();
    recorded_files[recorded_file_count++] = recorded;
}

static void check_files(void) {
    for (int i = 0; i < recorded_file_count; i++) check_file(recorded_files[i]);
}

static void read_record(void) {
    static char text[MAX_RECORD];
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/record", here);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) give_up();
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0 || length == sizeof text - 1) give_up();
    char *rest = text, *line = next_line(&rest);
    if (strcmp(line, FIRST_LINE) != 0) give_up();
    for (;;) {
        line = next_line(&rest);
        if (strncmp(line, "processor ", 10) == 0)
            check_processor(line + 10);
        else if (strncmp(line, "file ", 5) == 0)
            add_file(line + 5);
        else
            break;
    }
    if (strcmp(line, "commands") != 0) give_up();
    read_command(&rest, "flags", &flags);
    read_command(&rest, "compiler", &compiler);
    read_command(&rest, "assembler", &assembler);
    read_command(&rest, "linker", &linker);
    while (*rest) {
        char *name = next_line(&rest), *headers = strchr(name, ' ');
        if (!headers || precompiled_count == MAX_ARGUMENTS) give_up();
        *headers = '\0';
        precompiled[precompiled_count++] = (struct precompiled){.name = name, .headers = headers + 1};
    }
}

static bool is_source(const char *word) {
    const char *dot = strrchr(word, '.');
    return dot && (!strcmp(dot, ".cpp") || !strcmp(dot, ".cc") || !strcmp(dot, ".cxx"));
}

/* The arguments must be the recorded ones, and then sources. */
static void read_arguments(void) {
    char **words = plain + 1;
    for (int i = 0; i < flags.count; i++, words++)
        if (!*words || strcmp(flags.words[i], *words) != 0) give_up();
    for (; *words; words++) {
        char *word = *words;
        if (word[0] == '-' || word[0] == '@' || !is_source(word) || source_count == MAX_SOURCES) give_up();
        sources[source_count++] = word;
    }
    if (source_count == 0) give_up();
}

static const char *skip_blanks(const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\f' || *at == '\v') at++;
    return at;
}

/* Whether a backslash joins two lines in between, which may hide where a comment ends. */
static bool joins_lines(const char *from, const char *to) {
    while ((from = memchr(from, '\\', to - from)))
        if (*skip_blanks(++from) == '\n') return true;
    return false;
}

/* White space and comments, to the next thing or, if `in_line`, to the end of the line; NULL if that is not plain. */
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

/* The headers whose order does not matter. */
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

/* The names of the headers that a file includes before anything else, each between spaces. */
static void leading_headers(const char *text, char *names, size_t room) {
    strcpy(names++, " ");
    room--;
    /* A trigraph for a backslash. */
    if (strstr(text, "?" "?/")) return;
    for (const char *at = text; (at = skip_space(at, false)) && *at == '#';) {
        at = skip_blanks(at + 1);
        if (strncmp(at, "include", 7) != 0) return;
        at = skip_blanks(at + 7);
        if (*at++ != '<') return;
        size_t length = strcspn(at, ">\n");
        if (at[length] != '>' || !is_standard(at, length) || length + 2 > room) return;
        const char *end = skip_space(at + length + 1, true);
        /* The end of the file is not good enough: it may be the end of what was read. */
        if (!end || *end != '\n') return;
        memcpy(names, at, length);
        strcpy(names + length, " ");
        names += length + 1;
        room -= length + 1;
        at = end;
    }
}

/* Whether each of `headers` is one of `names`. */
static bool all_in(const char *headers, const char *names) {
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

/* The largest is recorded first. */
static const char *precompiled_for(const char *source) {
    static char head[MAX_HEAD + 1], names[MAX_HEAD];
    int file = open(source, O_RDONLY | O_CLOEXEC);
    if (file < 0) give_up();
    ssize_t length = read(file, head, MAX_HEAD);
    close(file);
    if (length < 0) give_up();
    head[length] = '\0';
    leading_headers(head, names, sizeof names);
    for (int i = 0; i < precompiled_count; i++)
        if (all_in(precompiled[i].headers, names)) return precompiled[i].name;
    return NULL;
}

/* Start a command, of which stdin and stdout are these, and stderr is where nothing may be said. What waits has more
   descriptors, and is loaded with wait.c by this environment. */
static pid_t start(struct command *command, int in, int out, const int *more, char **environment) {
    command->words[command->count] = NULL;
    pid_t child = vfork();
    if (child == 0) {
        bool done = dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(said[1], STDERR_FILENO) >= 0;
        if (done && more) done = dup2(more[0], WAIT_READY) >= 0 && dup2(more[1], WAIT_TOLD) >= 0;
        if (done) execve(command->words[0], command->words, environment);
        _exit(127);
    }
    if (child < 0) give_up();
    children[child_count++] = child;
    return child;
}

static void add(struct command *command, char *word) {
    if (command->count + 1 >= MAX_ARGUMENTS) give_up();
    command->words[command->count++] = word;
}

static char *object_of(int source) {
    static char names[MAX_SOURCES][sizeof FIRST_OBJECT + 10];
    snprintf(names[source], sizeof names[source], "/tmp/.executor-cpp-%d.o", source);
    return names[source];
}

static int nowhere;

static void compiler_of(struct command *cc, char *path) {
    char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (int i = 0; i < compiler.count; i++) {
        char *word = compiler.words[i];
        bool is_name = i > 0 && !strcmp(compiler.words[i - 1], NAME_AFTER);
        bool is_extension = i > 0 && !strcmp(compiler.words[i - 1], NAME_AFTER "-ext");
        add(cc, is_name ? base : is_extension ? strrchr(path, '.') : !strcmp(word, SOURCE) ? path : word);
    }
}

static void start_assembler(int source, int text) {
    struct command as = {0};
    for (int i = 0; i < assembler.count; i++)
        add(&as, strcmp(assembler.words[i], OBJECT) ? assembler.words[i] : object_of(source));
    /* Its stdout is for nothing else. */
    start(&as, text, assembling[1], NULL, environ);
}

static void linker_of(struct command *ld, int objects) {
    for (int i = 0; i < linker.count; i++) {
        if (strcmp(linker.words[i], OBJECT) != 0) {
            add(ld, linker.words[i]);
            continue;
        }
        for (int source = 0; source < objects; source++) add(ld, object_of(source));
    }
}

static void open_pipe(int *ends) {
    if (pipe2(ends, O_CLOEXEC) != 0) give_up();
}

static void close_pipe(int *ends) {
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) close(ends[i]);
        ends[i] = -1;
    }
}

/* A compiler that writes to an assembler. */
static void start_compiling(int source) {
    struct command cc = {0};
    static char header[PATH_MAX + 64];
    compiler_of(&cc, sources[source]);
    const char *name = precompiled_for(sources[source]);
    if (name) {
        snprintf(header, sizeof header, "%s/%s.h", here, name);
        add(&cc, "-include");
        add(&cc, header);
    }
    int text[2];
    open_pipe(text);
    start(&cc, nowhere, text[1], NULL, environ);
    start_assembler(source, text[0]);
    close_pipe(text);
}

/* Until the assemblers have ended. A compiler ends later, and may yet turn out to have failed. */
static void assemble(void) {
    close(assembling[1]);
    assembling[1] = -1;
    struct pollfd ends[] = {{.fd = said[0], .events = POLLIN}, {.fd = assembling[0], .events = POLLIN}};
    while (!ends[1].revents) {
        if (poll(ends, 2, -1) < 0 && errno != EINTR) give_up();
        if (ends[0].revents & POLLIN) give_up();
    }
    close_pipe(assembling);
}

/* Nobody may say anything, and all must succeed. */
static void end_well(void) {
    close(said[1]);
    said[1] = -1;
    char byte;
    ssize_t count;
    while ((count = read(said[0], &byte, 1)) < 0 && errno == EINTR) continue;
    if (count != 0) give_up();
    close_pipe(said);
    while (child_count > 0) {
        int status;
        if (waitpid(children[--child_count], &status, 0) < 0 || status != 0) give_up();
    }
}

static void compile_and_link(void) {
    cpu_set_t cores;
    int at_one_time = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    if (at_one_time > AT_ONE_TIME) at_one_time = AT_ONE_TIME;
    for (int first = 0; first < source_count; first += at_one_time) {
        if (first > 0) end_well();
        open_pipe(said);
        open_pipe(assembling);
        for (int i = first; i < source_count && i < first + at_one_time; i++) start_compiling(i);
        assemble();
    }
    struct command ld = {0};
    linker_of(&ld, source_count);
    start(&ld, nowhere, said[1], NULL, environ);
    end_well();
}

/* Start a command that waits where it opens `at`. */
static void start_waiting(struct waiting *waiting, struct command *command, int out, const char *at, bool compiles) {
    static char library[PATH_MAX + 64], place[PATH_MAX + 64], blank[PATH_MAX + 64];
    char *environment[MAX_ARGUMENTS];
    int count = 0, ready[2], tell[2];
    for (; environ[count] && count < MAX_ARGUMENTS - 5; count++) environment[count] = environ[count];
    snprintf(library, sizeof library, "LD_PRELOAD=%s/../wait.so", here);
    snprintf(place, sizeof place, WAIT_AT "=%s", at);
    snprintf(blank, sizeof blank, WAIT_BLANK "=%s/blank", here);
    environment[count++] = library;
    environment[count++] = place;
    if (compiles) {
        environment[count++] = WAIT_SOURCE "=" AWAITED;
        environment[count++] = blank;
    }
    environment[count] = NULL;
    open_pipe(ready);
    open_pipe(tell);
    int more[] = {fcntl(ready[1], F_DUPFD_CLOEXEC, WAIT_TOLD + 1), fcntl(tell[0], F_DUPFD_CLOEXEC, WAIT_TOLD + 1)};
    if (more[0] < 0 || more[1] < 0) give_up();
    /* The other end of what it is told stays open too: should it be gone by then, that is no signal to us. */
    *waiting = (struct waiting){.ready = ready[0], .tell = tell[1]};
    waiting->child = start(command, nowhere, out, more, environment);
    close_pipe(more);
    close(ready[1]);
}

static void start_waiting_compiler(struct waiting *waiting, int text, bool has_loaded) {
    static char header[PATH_MAX + 64], at[PATH_MAX + 64];
    struct command cc = {0};
    compiler_of(&cc, AWAITED);
    snprintf(header, sizeof header, "%s/%s.h", here, has_loaded ? FIRST_HEADER : "late");
    add(&cc, "-include");
    add(&cc, header);
    snprintf(at, sizeof at, "%s/%s", here, has_loaded ? AFTER_HEADER : "late.h.gch");
    if (has_loaded) {
        add(&cc, "-include");
        add(&cc, at);
    }
    start_waiting(waiting, &cc, text, at, true);
}

/* A compiler for each program, one that has loaded the header with which most begin, what assembles for the one that is
   taken, and a linker that has opened all but the program. */
static bool start_all_waiting(void) {
    int text[2];
    if (fcntl(LAUNCHER, F_SETFD, FD_CLOEXEC) != 0) give_up();
    open_pipe(said);
    open_pipe(assembling);
    open_pipe(text);
    start_waiting_compiler(&any_header, text[1], false);
    start_waiting_compiler(&one_header, text[1], true);
    start_assembler(0, text[0]);
    close_pipe(text);
    struct command ld = {0};
    linker_of(&ld, 1);
    start_waiting(&object, &ld, said[1], FIRST_OBJECT, false);
    struct waiting *all[] = {&any_header, &one_header, &object};
    for (int i = 0; i < 3; i++) {
        struct pollfd ends[] = {{.fd = said[0], .events = POLLIN}, {.fd = all[i]->ready, .events = POLLIN}};
        if (poll(ends, 2, -1) < 0 || ends[0].revents || !(ends[1].revents & POLLIN)) return false;
        close(all[i]->ready);
    }
    return true;
}

/* Tell who is ready that there is a program, and read its command line: words, each with a NUL behind it. */
static void await_words(void) {
    size_t length = 0, room = 0;
    char *text = NULL;
    if (write(LAUNCHER, "R", 1) != 1) _exit(127);
    for (;;) {
        if (length == room && !(text = realloc(text, room += MAX_HEAD))) _exit(127);
        ssize_t count = read(LAUNCHER, text + length, room - length);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        length += count;
    }
    close(LAUNCHER);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < length; i++) count += text[i] == '\0';
    if (count < 2) {
        /* Nobody needs us. */
        end_children();
        _exit(0);
    }
    if (!(plain = calloc(count + 1, sizeof *plain))) _exit(127);
    for (size_t i = 0; i < count; i++, at += strlen(text + at) + 1) plain[i] = text + at;
    /* The first is this program. */
    plain++;
}

static void tell(struct waiting *waiting, const char *path) {
    size_t length = strlen(path) + 1;
    if (write(waiting->tell, path, length) != (ssize_t)length) give_up();
}

/* Whether what waits is of use: the compiler has read blank lines for the program, some of which are left at the end. */
static bool can_go_on(void) {
    static char text[MAX_AWAITED + 1];
    if (source_count != 1 || strcmp(sources[0], AWAITED) != 0) return false;
    int file = open(AWAITED, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t length = read(file, text, sizeof text);
    close(file);
    if (length < 0 || length > MAX_AWAITED || !memcmp(text, "\xef\xbb\xbf", 3)) return false;
    if (memmem(text, length, "__TIMESTAMP__", 13) || memmem(text, length, "?" "?/", 3)) return false;
    while (length > 0 && strchr(" \t\v\f\n", text[length - 1]) && text[length - 1]) length--;
    return length == 0 || (text[length - 1] != '\\' && text[length - 1] != '\r');
}

/* Give the program to what waits. */
static void go_on(void) {
    char path[PATH_MAX + 64];
    const char *name = precompiled_for(AWAITED);
    bool loaded = name && !strcmp(name, FIRST_HEADER);
    struct waiting *taken = loaded ? &one_header : &any_header, *left = loaded ? &any_header : &one_header;
    /* No file is called so where the program can use none. */
    if (loaded)
        snprintf(path, sizeof path, "%s/%s", here, AFTER_HEADER);
    else
        snprintf(path, sizeof path, "%s/%s.h.gch", here, name ? name : "no");
    tell(taken, path);
    for (int i = 0; i < child_count; i++)
        if (children[i] == left->child) end_child(i--);
    assemble();
    tell(&object, FIRST_OBJECT);
    end_well();
}

int main(int count, char **words) {
    bool ahead = count == 2 && !strcmp(words[1], "--wait");
    if (count == 2 && !strcmp(words[1], "--processor")) {
        char found[64];
        describe_processor(found, sizeof found);
        puts(found);
        return 0;
    }
    if (count < 3 && !ahead) {
        dprintf(STDERR_FILENO, "usage: compile g++ OPTION... -o OUTPUT SOURCE...\n");
        return 2;
    }
    if (!ahead) plain = words + 1;
    char *slash = strrchr(words[0], '/');
    if (!slash) give_up();
    snprintf(here, sizeof here, "%.*s/recorded", (int)(slash - words[0]), words[0]);
    nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) give_up();
    check_environment();
    read_record();
    check_files();
    bool is_waiting = ahead && start_all_waiting();
    if (ahead) {
        await_words();
        /* That was some time ago. */
        check_files();
    }
    if (!strcmp(plain[0], "--which")) {
        const char *name = precompiled_for(plain[1]);
        if (name) puts(name);
        return 0;
    }
    read_arguments();
    if (is_waiting && can_go_on()) {
        go_on();
        return 0;
    }
    end_children();
    close_pipe(said);
    close_pipe(assembling);
    compile_and_link();
    return 0;
}
