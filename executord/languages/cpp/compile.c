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
 * For those who look after it: `compile --which SOURCE` tells which precompiled header a file would get, by its number in
 * the record, and `compile --processor` what the record says of this processor.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_LINE "executor-cpp 1"
/* Bytes of a record, and of a source file that are looked at for #include lines. */
#define MAX_RECORD (256 * 1024)
#define MAX_HEAD (16 * 1024)
/* Of each kind: more are left to g++. */
#define MAX_SOURCES 32
#define MAX_ARGUMENTS 256
/* Source files that are compiled at one time. */
#define AT_ONE_TIME 2

/* A compiler's command, with these in the places of what differs from file to file. */
#define SOURCE "SOURCE.cpp"
#define OBJECT "OBJECT.o"
#define NAME_AFTER "-dumpbase"

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
static pid_t children[2 * AT_ONE_TIME];
static int child_count;
static char here[PATH_MAX]; /* the directory of the record */

static _Noreturn void give_up(void) {
    for (int i = 0; i < child_count; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < child_count; i++) waitpid(children[i], NULL, 0);
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
            check_file(line + 5);
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
static void read_arguments(int count, char **words) {
    if (count < flags.count) give_up();
    for (int i = 0; i < flags.count; i++)
        if (strcmp(flags.words[i], words[i]) != 0) give_up();
    for (int i = flags.count; i < count; i++) {
        char *word = words[i];
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

/* Start a command, of which stdin and stdout are these, and stderr is where nothing may be said. */
static void start(struct command *command, int in, int out, int err) {
    command->words[command->count] = NULL;
    pid_t child = vfork();
    if (child == 0) {
        if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0)
            execv(command->words[0], command->words);
        _exit(127);
    }
    if (child < 0) give_up();
    children[child_count++] = child;
}

static void add(struct command *command, char *word) {
    if (command->count + 1 >= MAX_ARGUMENTS) give_up();
    command->words[command->count++] = word;
}

static char *object_of(int source) {
    static char names[MAX_SOURCES][sizeof "/tmp/.executor-cpp-.o" + 10];
    snprintf(names[source], sizeof names[source], "/tmp/.executor-cpp-%d.o", source);
    return names[source];
}

static int nowhere;

/* A compiler that writes to an assembler. */
static void start_compiling(int source, int err) {
    struct command cc = {0}, as = {0};
    static char header[PATH_MAX + 64];
    char *path = sources[source], *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (int i = 0; i < compiler.count; i++) {
        char *word = compiler.words[i];
        bool is_name = i > 0 && !strcmp(compiler.words[i - 1], NAME_AFTER);
        bool is_extension = i > 0 && !strcmp(compiler.words[i - 1], NAME_AFTER "-ext");
        add(&cc, is_name ? base : is_extension ? strrchr(path, '.') : !strcmp(word, SOURCE) ? path : word);
    }
    const char *name = precompiled_for(path);
    if (name) {
        snprintf(header, sizeof header, "%s/%s.h", here, name);
        add(&cc, "-include");
        add(&cc, header);
    }
    for (int i = 0; i < assembler.count; i++)
        add(&as, strcmp(assembler.words[i], OBJECT) ? assembler.words[i] : object_of(source));
    int text[2];
    if (pipe2(text, O_CLOEXEC) != 0) give_up();
    start(&cc, nowhere, text[1], err);
    start(&as, text[0], err, err);
    close(text[0]);
    close(text[1]);
}

/* Nobody may say anything, and all must succeed. */
static void end_well(int said) {
    char byte;
    ssize_t count;
    while ((count = read(said, &byte, 1)) < 0 && errno == EINTR) continue;
    if (count != 0) give_up();
    close(said);
    for (int i = 0; i < child_count; i++) {
        int status;
        if (waitpid(children[i], &status, 0) != children[i] || status != 0) {
            children[i] = children[--child_count];
            give_up();
        }
    }
    child_count = 0;
}

static void link_objects(void) {
    struct command ld = {0};
    for (int i = 0; i < linker.count; i++) {
        if (strcmp(linker.words[i], OBJECT) != 0) {
            add(&ld, linker.words[i]);
            continue;
        }
        for (int source = 0; source < source_count; source++) add(&ld, object_of(source));
    }
    int said[2];
    if (pipe2(said, O_CLOEXEC) != 0) give_up();
    start(&ld, nowhere, said[1], said[1]);
    close(said[1]);
    end_well(said[0]);
}

int main(int count, char **words) {
    if (count == 2 && !strcmp(words[1], "--processor")) {
        char found[64];
        describe_processor(found, sizeof found);
        puts(found);
        return 0;
    }
    if (count < 3) {
        dprintf(STDERR_FILENO, "usage: compile g++ OPTION... -o OUTPUT SOURCE...\n");
        return 2;
    }
    plain = words + 1;
    char *slash = strrchr(words[0], '/');
    if (!slash) give_up();
    snprintf(here, sizeof here, "%.*s/recorded", (int)(slash - words[0]), words[0]);
    check_environment();
    nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) give_up();
    read_record();
    if (!strcmp(words[1], "--which")) {
        const char *name = precompiled_for(words[2]);
        if (name) puts(name);
        return 0;
    }
    read_arguments(count - 2, words + 2);
    cpu_set_t cores;
    int at_one_time = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    if (at_one_time > AT_ONE_TIME) at_one_time = AT_ONE_TIME;
    for (int first = 0; first < source_count; first += at_one_time) {
        int said[2];
        if (pipe2(said, O_CLOEXEC) != 0) give_up();
        for (int i = first; i < source_count && i < first + at_one_time; i++) start_compiling(i, said[1]);
        close(said[1]);
        end_well(said[0]);
    }
    link_objects();
    return 0;
}
