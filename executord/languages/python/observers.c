/*
 * Decides whether a program could observe the rest of Python's finalization: see exit.c.
 *
 * Finalization is observable where it executes Python code or writes something. The comments below name what does. Everything
 * else is only memory that is released. Objects are found in the lists of the garbage collector, which contain every object
 * that can refer to another one. They are only read: a new reference to each of them would make the kernel copy their pages.
 */
#include "exit.h"

#include <opcode.h>
#include <stdlib.h>
#include <string.h>

/* Types with a finalizer whose instances the garbage collector does not know. One at present: posix.ScandirIterator. */
#define MAXIMUM_HIDDEN_TYPES 8

/* Weak references whose callbacks only remove the reference from a container of the standard library. */
static const struct {
    const char *file, *function;
} HARMLESS_CALLBACKS[] = {
    {"_weakrefset.py", "WeakSet.__init__.<locals>._remove"},
    {"weakref.py", "WeakKeyDictionary.__init__.<locals>.remove"},
    {"logging/__init__.py", "_removeHandlerRef"},
};

static struct {
    PyTypeObject *hidden_types[MAXIMUM_HIDDEN_TYPES];
    int hidden_type_count;
    PyMethodDef *abc_destroy; /* the callback of all weak references of abc.ABC */
    char *library;            /* directory of the standard library */
    PyObject *filters;        /* those of warnings, as a tuple */
} start;

/* What a type says about its instances. */
enum { UNKNOWN, PLAIN, HAS_FINALIZER, IS_WEAK_REFERENCE, IS_TYPE };

static int kind_of_instances(PyTypeObject *type)
{
    if (type->tp_finalize || type->tp_del)
        return HAS_FINALIZER;
    if (PyType_IsSubtype(type, &_PyWeakref_RefType) || type == &_PyWeakref_ProxyType ||
        type == &_PyWeakref_CallableProxyType)
        return IS_WEAK_REFERENCE;
    return PyType_HasFeature(type, Py_TPFLAGS_TYPE_SUBCLASS) ? IS_TYPE : PLAIN;
}

/* Closing a suspended generator executes its `finally`, `except` and `with`, and closes what it delegates to. */
static int generator_is_harmless(PyGenObject *generator)
{
    if (generator->gi_frame_state >= FRAME_COMPLETED)
        return 1;
    /* A coroutine or asynchronous generator is also reported. */
    if (!PyGen_CheckExact(generator) || generator->gi_frame_state == FRAME_EXECUTING)
        return 0;
    if (generator->gi_frame_state == FRAME_CREATED)
        return 1;
    if (PyBytes_GET_SIZE(generator->gi_code->co_exceptiontable) != 0)
        return 0;
    _Py_CODEUNIT next = ((_PyInterpreterFrame *)generator->gi_iframe)->prev_instr[1];
    int is_resume = _Py_OPCODE(next) == RESUME || _Py_OPCODE(next) == RESUME_QUICK;
    return is_resume && _Py_OPARG(next) == 1; /* 1: after `yield`, more: after `yield from` or `await` */
}

/* Instances of classes with `__del__`, generators, files, sockets, futures. */
static int finalizer_is_harmless(PyInterpreterState *interpreter, PyObject *object)
{
    if (Py_TYPE(object)->tp_finalize == PyGen_Type.tp_finalize)
        return generator_is_harmless((PyGenObject *)object);
    return stream_is_harmless(interpreter, object);
}

static int callback_is_of_library(PyFunctionObject *callback)
{
    PyCodeObject *code = (PyCodeObject *)callback->func_code;
    const char *path = PyUnicode_AsUTF8(code->co_filename);
    const char *name = PyUnicode_AsUTF8(code->co_qualname);

    if (!path || !name) {
        PyErr_Clear();
        return 0;
    }
    size_t length = strlen(start.library);
    if (strncmp(path, start.library, length) != 0 || path[length] != '/')
        return 0;
    for (unsigned i = 0; i < sizeof HARMLESS_CALLBACKS / sizeof *HARMLESS_CALLBACKS; i++)
        if (strcmp(path + length + 1, HARMLESS_CALLBACKS[i].file) == 0 && strcmp(name, HARMLESS_CALLBACKS[i].function) == 0)
            return 1;
    return 0;
}

/* The callback is called when the object that the reference points to is destroyed. */
static int weak_reference_is_harmless(PyWeakReference *reference)
{
    PyObject *callback = reference->wr_callback;

    if (!callback || reference->wr_object == Py_None)
        return 1;
    if (PyCFunction_CheckExact(callback))
        return start.abc_destroy && ((PyCFunctionObject *)callback)->m_ml == start.abc_destroy;
    return PyFunction_Check(callback) && callback_is_of_library((PyFunctionObject *)callback);
}

static int is_hidden_type(PyTypeObject *type)
{
    return (type->tp_finalize || type->tp_del) && !PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC);
}

/* A class like `class A(int): __slots__ = ()` with `__del__` may have instances that the garbage collector does not know. */
static int type_is_harmless(PyTypeObject *type)
{
    if (!is_hidden_type(type))
        return 1;
    for (int i = 0; i < start.hidden_type_count; i++)
        if (start.hidden_types[i] == type)
            return 1;
    return 0;
}

static int is_harmless(PyInterpreterState *interpreter, PyObject *object, int kind)
{
    switch (kind) {
    case HAS_FINALIZER:
        return finalizer_is_harmless(interpreter, object);
    case IS_WEAK_REFERENCE:
        return weak_reference_is_harmless((PyWeakReference *)object);
    case IS_TYPE:
        return type_is_harmless((PyTypeObject *)object);
    default:
        return 1;
    }
}

/* Most objects have one of few types. */
#define CACHED_TYPES 256

struct cached_kind {
    PyTypeObject *type;
    int kind;
};

static int kind_of(PyObject *object, struct cached_kind *cache)
{
    PyTypeObject *type = Py_TYPE(object);
    struct cached_kind *entry = &cache[((uintptr_t)type >> 5) % CACHED_TYPES];

    if (entry->type != type)
        *entry = (struct cached_kind){type, kind_of_instances(type)};
    return entry->kind;
}

static int list_is_harmless(PyInterpreterState *interpreter, PyGC_Head *list, struct cached_kind *cache)
{
    for (PyGC_Head *head = _PyGCHead_NEXT(list); head != list; head = _PyGCHead_NEXT(head)) {
        PyObject *object = (PyObject *)(head + 1);
        int kind = kind_of(object, cache);
        if (kind != PLAIN && !is_harmless(interpreter, object, kind))
            return 0;
    }
    return 1;
}

static int objects_are_harmless(PyInterpreterState *interpreter)
{
    struct cached_kind cache[CACHED_TYPES] = {0};
    struct _gc_runtime_state *collector = &interpreter->gc;

    /* The youngest objects are the most likely to be the program's. */
    for (int i = 0; i < NUM_GENERATIONS; i++)
        if (!list_is_harmless(interpreter, &collector->generations[i].head, cache))
            return 0;
    return list_is_harmless(interpreter, &collector->permanent_generation.head, cache);
}

/* gc.callbacks, gc.set_debug(), and a message about gc.garbage. */
static int collector_is_silent(struct _gc_runtime_state *collector)
{
    return !collector->collecting && !collector->debug && !(collector->garbage && PyList_GET_SIZE(collector->garbage)) &&
           !(collector->callbacks && PyList_GET_SIZE(collector->callbacks));
}

static int is_ignoring(PyObject *filter)
{
    PyObject *action = PyTuple_CheckExact(filter) && PyTuple_GET_SIZE(filter) > 0 ? PyTuple_GET_ITEM(filter, 0) : NULL;

    return action && PyUnicode_CheckExact(action) && PyUnicode_CompareWithASCIIString(action, "ignore") == 0;
}

/*
 * Files that are not closed are reported as ResourceWarning, which is ignored unless the program asks for it. Returns whether
 * the filters are those of the start, with more warnings ignored.
 */
static int warnings_are_ignored(PyInterpreterState *interpreter)
{
    PyObject *filters = interpreter->warnings.filters;
    PyObject *of_module = builtin_attribute(interpreter, "warnings", "filters");
    Py_ssize_t found = 0;

    if ((of_module && of_module != filters) || !PyList_CheckExact(filters))
        return 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(filters); i++) {
        PyObject *filter = PyList_GET_ITEM(filters, i);
        if (found < PyTuple_GET_SIZE(start.filters) && filter == PyTuple_GET_ITEM(start.filters, found))
            found++;
        else if (!is_ignoring(filter))
            return 0;
    }
    return found == PyTuple_GET_SIZE(start.filters);
}

/* Modules are removed from dictionaries by name, which calls methods of names that are not plain strings. */
static int module_names_are_plain(PyInterpreterState *interpreter)
{
    PyObject *name, *module;
    Py_ssize_t position = 0;

    if (!PyDict_CheckExact(interpreter->modules))
        return 0;
    while (PyDict_Next(interpreter->modules, &position, &name, &module)) {
        if (!PyUnicode_CheckExact(name))
            return 0;
        if (PyModule_Check(module) && !DK_IS_UNICODE(((PyDictObject *)PyModule_GetDict(module))->ma_keys))
            return 0;
    }
    return 1;
}

/* Other threads and interpreters, trace functions, audit hooks, functions of C modules. */
static int interpreter_is_alone(PyThreadState *thread)
{
    PyInterpreterState *interpreter = thread->interp;

    return interpreter->threads.head == thread && !thread->next && !interpreter->next &&
           PyInterpreterState_Head() == interpreter && !thread->c_tracefunc && !thread->c_profilefunc &&
           !interpreter->audit_hooks && !_PyRuntime.audit_hook_head && !_PyRuntime.nexitfuncs && !getenv("PYTHONINSPECT");
}

int is_unobservable(PyThreadState *thread)
{
    PyInterpreterState *interpreter = thread->interp;
    struct _gc_runtime_state *collector = &interpreter->gc;
    int was_enabled = collector->enabled;

    /* A collection, which creating an exception can start, would change the lists and call finalizers. */
    collector->enabled = 0;
    int result = interpreter_is_alone(thread) && collector_is_silent(collector) && warnings_are_ignored(interpreter) &&
                 standard_streams_are_unchanged(interpreter) && module_names_are_plain(interpreter) &&
                 libraries_are_harmless() && objects_are_harmless(interpreter);
    collector->enabled = was_enabled;
    return result;
}

static void record_type(PyTypeObject *type)
{
    if (is_hidden_type(type) && start.hidden_type_count < MAXIMUM_HIDDEN_TYPES)
        start.hidden_types[start.hidden_type_count++] = type;
}

static void record_weak_reference(PyWeakReference *reference)
{
    PyObject *callback = reference->wr_callback;

    if (!callback || !PyCFunction_CheckExact(callback))
        return;
    PyMethodDef *method = ((PyCFunctionObject *)callback)->m_ml;
    if (strcmp(method->ml_name, "_destroy") == 0)
        start.abc_destroy = method;
}

static void record_objects(PyInterpreterState *interpreter)
{
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        PyGC_Head *list = &interpreter->gc.generations[i].head;
        for (PyGC_Head *head = _PyGCHead_NEXT(list); head != list; head = _PyGCHead_NEXT(head)) {
            PyObject *object = (PyObject *)(head + 1);
            if (PyType_Check(object))
                record_type((PyTypeObject *)object);
            else if (Py_IS_TYPE(object, &_PyWeakref_RefType))
                record_weak_reference((PyWeakReference *)object);
        }
    }
}

/* Options under which finalization prints something. */
static int options_are_usual(const PyConfig *config)
{
    return !config->verbose && !config->inspect && !config->interactive && !config->dev_mode && !config->dump_refs &&
           !config->malloc_stats && !config->show_ref_count && !config->tracemalloc && !config->warnoptions.length;
}

int record_start(PyInterpreterState *interpreter)
{
    PyObject *library = PyDict_GetItemString(interpreter->sysdict, "_stdlib_dir");
    const char *path = library && PyUnicode_Check(library) ? PyUnicode_AsUTF8(library) : NULL;

    if (!path || !options_are_usual(&interpreter->config) || !record_streams(interpreter) || !record_libraries()) {
        PyErr_Clear();
        return 0;
    }
    start.library = strdup(path);
    start.filters = hide(interpreter, PyList_AsTuple(interpreter->warnings.filters));
    if (!start.filters) {
        PyErr_Clear();
        return 0;
    }
    record_objects(interpreter);
    return start.library != NULL;
}
