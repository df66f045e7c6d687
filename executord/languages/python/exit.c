/*
 * executor_exit, a CPython module that ends the process when a program has ended, if nothing can observe the difference.
 *
 * Python's finalization destroys all modules and objects, one by one, which takes longer than a small program. The launcher
 * imports this module before there is a program; everything else happens here:
 *
 *   1. `evaluate` sees the program's main frame and how it ended.
 *   2. If the exit status will be 0, it adds `end_process` in front of the functions that the program has registered with
 *      atexit. Python calls it last: threads have ended by then, and the functions of the program have been called.
 *   3. If is_unobservable() agrees, `end_process` flushes the standard streams and exits. Otherwise it returns, and Python
 *      continues with the complete finalization.
 *
 * Structures of the interpreter are read directly, so the module works only with the version that it was compiled for.
 */
#include "exit.h"

#include <stdlib.h>

static _PyFrameEvalFunction evaluate_without_launcher;
static PyObject *main_globals; /* borrowed: the module __main__ is never removed before the program starts */
static PyObject *end_process_function;

PyObject *builtin_attribute(PyInterpreterState *interpreter, const char *module, const char *name)
{
    PyObject *found = PyDict_GetItemString(interpreter->modules, module);

    if (!found || !PyModule_Check(found))
        return NULL;
    return PyDict_GetItemString(PyModule_GetDict(found), name);
}

/* As Py_FinalizeEx() does. Returns 0 if a stream cannot be written to, so that Python reports the error. */
static int flush_standard_streams(PyInterpreterState *interpreter)
{
    static const char *const NAMES[] = {"stdout", "stderr"};

    for (unsigned i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        PyObject *stream = PyDict_GetItemString(interpreter->sysdict, NAMES[i]);
        PyObject *result = stream ? PyObject_CallMethod(stream, "flush", NULL) : NULL;
        if (!result) {
            PyErr_Clear();
            return 0;
        }
        Py_DECREF(result);
    }
    return 1;
}

static PyObject *end_process(PyObject *self, PyObject *unused)
{
    PyThreadState *thread = PyThreadState_Get();

    (void)self;
    (void)unused;
    /* A program can call the registered functions itself, with atexit._run_exitfuncs(). Then there is a Python frame. */
    if (!thread->cframe->current_frame && is_unobservable(thread) && flush_standard_streams(thread->interp))
        exit(0);
    Py_RETURN_NONE;
}

/* Returns whether Python will exit with status 0 if its main frame ended like this. */
static int status_will_be_zero(PyThreadState *thread, PyObject *result)
{
    PyObject *value = thread->curexc_value;

    if (result)
        return 1;
    if (thread->curexc_type != PyExc_SystemExit)
        return 0;
    if (value && Py_TYPE(value) == (PyTypeObject *)PyExc_SystemExit)
        value = ((PySystemExitObject *)value)->code;
    return !value || value == Py_None || (PyLong_CheckExact(value) && Py_SIZE(value) == 0);
}

/* Does what atexit.register() does, but in front of all registered functions. Without memory, it does nothing. */
static void register_first(struct atexit_state *registered)
{
    if (registered->ncallbacks >= registered->callback_len)
        return;
    atexit_callback *callback = PyMem_Malloc(sizeof *callback);
    PyObject *arguments = PyTuple_New(0);
    if (!callback || !arguments) {
        PyMem_Free(callback);
        Py_XDECREF(arguments);
        return;
    }
    *callback = (atexit_callback){Py_NewRef(end_process_function), arguments, NULL};
    memmove(registered->callbacks + 1, registered->callbacks, registered->ncallbacks * sizeof *registered->callbacks);
    registered->callbacks[0] = callback;
    registered->ncallbacks++;
}

/* The main file is a directory or a zip archive. Its frame will not be the outermost one. */
static int belongs_to_runpy(_PyInterpreterFrame *frame)
{
    return PyUnicode_CompareWithASCIIString(frame->f_code->co_filename, "<frozen runpy>") == 0;
}

/* Evaluates frames until the main frame, for which Python's own function is back in place: it avoids C recursion. */
static PyObject *evaluate(PyThreadState *thread, _PyInterpreterFrame *frame, int throwing)
{
    int is_outermost = !thread->cframe->current_frame;
    int is_main = is_outermost && frame->f_globals == main_globals;

    if (is_main || (is_outermost && belongs_to_runpy(frame)))
        thread->interp->eval_frame = evaluate_without_launcher;
    PyObject *result = _PyEval_EvalFrameDefault(thread, frame, throwing);
    if (is_main && status_will_be_zero(thread, result))
        register_first(&thread->interp->atexit);
    return result;
}

PyObject *hide(PyInterpreterState *interpreter, PyObject *created)
{
    if (created) {
        PyObject_GC_UnTrack(created);
        if (interpreter->gc.generations[0].count > 0)
            interpreter->gc.generations[0].count--;
    }
    return created;
}

static int execute_module(PyObject *module)
{
    static PyMethodDef definition = {"end_process", end_process, METH_NOARGS, NULL};
    PyInterpreterState *interpreter = PyInterpreterState_Get();

    (void)module;
    if (Py_Version != PY_VERSION_HEX) {
        PyErr_SetString(PyExc_ImportError, "compiled for another version of Python");
        return -1;
    }
    main_globals = PyModule_GetDict(PyImport_AddModule("__main__"));
    if (end_process_function || !main_globals || !record_start(interpreter))
        return 0;
    end_process_function = hide(interpreter, PyCFunction_New(&definition, NULL));
    if (!end_process_function)
        return -1;
    evaluate_without_launcher = interpreter->eval_frame;
    interpreter->eval_frame = evaluate;
    return 0;
}

/* A module that is initialized in phases leaves nothing behind when it is removed from sys.modules. */
static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute_module}, {0, NULL}};
static PyMethodDef functions[] = {
    {"set_main_file", (PyCFunction)(void (*)(void))set_main_file, METH_FASTCALL, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "executor_exit", .m_methods = functions, .m_slots = slots};

PyMODINIT_FUNC PyInit_executor_exit(void)
{
    return PyModuleDef_Init(&module);
}
