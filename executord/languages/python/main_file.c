/*
 * Gives an interpreter that was started before its program is known another main file.
 *
 * After the launcher, pymain_run_python() in Modules/main.c reads two values of the interpreter's configuration: it opens
 * `run_filename`, an absolute path, and takes sys.path[0] from the directory of `argv[0]`. Nothing else was derived from them yet, except
 * sys.argv and sys.orig_argv, which the launcher sets.
 */
#include "exit.h"

/* Returns a copy that the configuration can own, or NULL with an exception. */
static wchar_t *owned_copy(PyObject *text)
{
    Py_ssize_t length;
    wchar_t *wide = PyUnicode_AsWideCharString(text, &length);
    size_t bytes = (length + 1) * sizeof *wide;
    wchar_t *copy = wide ? PyMem_RawMalloc(bytes) : NULL;

    if (copy)
        memcpy(copy, wide, bytes);
    else if (wide)
        PyErr_NoMemory();
    PyMem_Free(wide);
    return copy;
}

static void replace(wchar_t **text, wchar_t *owned)
{
    PyMem_RawFree(*text);
    *text = owned;
}

PyObject *set_main_file(PyObject *module, PyObject *const *values, Py_ssize_t count)
{
    PyConfig *config = &PyInterpreterState_Get()->config;

    (void)module;
    if (count != 2 || !config->run_filename || config->argv.length == 0) {
        PyErr_SetString(PyExc_RuntimeError, "started without a main file");
        return NULL;
    }
    wchar_t *path = owned_copy(values[0]);
    wchar_t *argument = path ? owned_copy(values[1]) : NULL;
    if (!argument) {
        PyMem_RawFree(path);
        return NULL;
    }
    replace(&config->run_filename, path);
    replace(&config->argv.items[0], argument);
    Py_RETURN_NONE;
}
