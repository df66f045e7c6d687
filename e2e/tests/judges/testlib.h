// The conventions of testlib in a few lines, for tests: three files as arguments, exit codes, and a message on stderr.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

enum TResult { _ok = 0, _wa = 1, _pe = 2, _fail = 3, _partially = 7 };

static std::ifstream inf, ouf, ans;
static std::ofstream tout;

[[noreturn]] static void quitf(TResult result, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(result);
}

static void open(std::ifstream &file, const char *path) {
    file.open(path);
    if (!file) quitf(_fail, "cannot open %s", path);
}

static void registerTestlibCmd(int count, char **arguments) {
    if (count != 4) quitf(_fail, "%d arguments", count);
    open(inf, arguments[1]);
    open(ouf, arguments[2]);
    open(ans, arguments[3]);
}

// An interactor reads the output of the solution from stdin, and may write to the second file.
static void registerInteraction(int count, char **arguments) {
    if (count != 4) quitf(_fail, "%d arguments", count);
    open(inf, arguments[1]);
    tout.open(arguments[2]);
    if (!tout) quitf(_fail, "cannot write %s", arguments[2]);
    open(ans, arguments[3]);
}

template <class T> T read(std::istream &from, const char *name) {
    T value;
    if (!(from >> value)) quitf(&from == &ouf || &from == &std::cin ? _pe : _fail, "no %s", name);
    return value;
}

// Nothing but white space may follow.
static void expect_end(std::istream &from) {
    std::string word;
    if (from >> word) quitf(&from == &ouf || &from == &std::cin ? _pe : _fail, "more than expected: %.20s", word.c_str());
}
