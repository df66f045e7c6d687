/* Declarations shared by the parts of executor_exit; see exit.c. */
#ifndef EXECUTOR_EXIT_H
#define EXECUTOR_EXIT_H

#ifndef Py_BUILD_CORE_MODULE
#define Py_BUILD_CORE_MODULE
#endif
#include <Python.h>

#include <internal/pycore_frame.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>

/* Returns an attribute of a builtin module as a borrowed reference, or NULL without an exception. */
PyObject *builtin_attribute(PyInterpreterState *interpreter, const char *module, const char *name);

/* Removes a new object, which may be NULL, from what the garbage collector counts and a program can find. Returns it. */
PyObject *hide(PyInterpreterState *interpreter, PyObject *created);

/* Makes Python continue with another main file than that of its command line: set_main_file(absolute_path, argument). */
PyObject *set_main_file(PyObject *module, PyObject *const *values, Py_ssize_t count);

/* Records the state of the interpreter before there is a program. Returns whether finalization can ever be skipped. */
int record_start(PyInterpreterState *interpreter);

/* Returns whether nothing in this process could observe the rest of Python's finalization. Executes no Python code. */
int is_unobservable(PyThreadState *thread);

/* The parts of is_unobservable(). */
int record_streams(PyInterpreterState *interpreter);
int standard_streams_are_unchanged(PyInterpreterState *interpreter);
int stream_is_harmless(PyInterpreterState *interpreter, PyObject *object);
int record_libraries(void);
int libraries_are_harmless(void);

#endif
