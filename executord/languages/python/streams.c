/*
 * Files and standard streams at the end of a program: see exit.c.
 *
 * The finalizer of a file closes it, which writes what is buffered and calls the methods of the objects below it. It does
 * nothing if the file is closed already. Only the types of the io module are examined, not types derived from them, so none
 * of the attributes that are read here is computed by Python code.
 */
#include "exit.h"

enum { TEXT, READER, WRITER, RANDOM, RAW, BYTES, STRING, TYPE_COUNT };

static PyTypeObject *types[TYPE_COUNT];
static const char *const NAMES[TYPE_COUNT] = {
    "TextIOWrapper", "BufferedReader", "BufferedWriter", "BufferedRandom", "FileIO", "BytesIO", "StringIO",
};

/* Returns the index of the object's type, or TYPE_COUNT. */
static int type_of(PyObject *object)
{
    int index = 0;

    while (index < TYPE_COUNT && Py_TYPE(object) != types[index])
        index++;
    return index;
}

static int is(PyObject *object, int type)
{
    return object && Py_TYPE(object) == types[type];
}

/* Returns an attribute as a borrowed reference, which the object keeps alive, or NULL. */
static PyObject *attribute(PyObject *object, const char *name)
{
    PyObject *value = PyObject_GetAttrString(object, name);

    if (!value)
        PyErr_Clear();
    Py_XDECREF(value);
    return value;
}

/* Returns whether the object has no attributes of its own, except those that open() sets. They could hide methods. */
static int has_usual_attributes(PyObject *object)
{
    PyObject **dictionary = _PyObject_GetDictPtr(object);
    PyObject *name, *value;
    Py_ssize_t position = 0;

    if (!dictionary || !*dictionary)
        return 1;
    while (PyDict_Next(*dictionary, &position, &name, &value)) {
        if (!PyUnicode_CheckExact(name) || (PyUnicode_CompareWithASCIIString(name, "name") != 0 &&
                                            PyUnicode_CompareWithASCIIString(name, "mode") != 0))
            return 0;
    }
    return 1;
}

static PyObject *raw_of(PyObject *buffer)
{
    return is(buffer, READER) || is(buffer, WRITER) || is(buffer, RANDOM) ? attribute(buffer, "raw") : NULL;
}

/* Returns whether only objects of the io module are below this one. */
static int has_usual_layers(PyObject *object)
{
    if (is(object, RAW))
        return 1;
    if (is(object, TEXT)) {
        object = attribute(object, "buffer");
        if (is(object, RAW))
            return 1;
    }
    return is(raw_of(object), RAW);
}

/* Returns whether closing the object only closes a descriptor, which the end of the process does as well. */
static int is_only_read(PyObject *object)
{
    if (is(object, TEXT)) {
        if (!has_usual_attributes(object))
            return 0;
        object = attribute(object, "buffer");
    }
    if (is(object, READER)) {
        if (!has_usual_attributes(object))
            return 0;
        object = attribute(object, "raw");
    }
    return is(object, RAW) && has_usual_attributes(object);
}

/* A raw file has no buffer, so a text stream directly above it may have pending text. */
static int writes_without_buffer(PyObject *object)
{
    return is(object, TEXT) && is(attribute(object, "buffer"), RAW);
}

static int is_of_standard_stream(PyInterpreterState *interpreter, PyObject *object, const char *name)
{
    PyObject *stream = PyDict_GetItemString(interpreter->sysdict, name);

    return stream && (object == stream || object == attribute(stream, "buffer"));
}

int stream_is_harmless(PyInterpreterState *interpreter, PyObject *object)
{
    switch (type_of(object)) {
    case BYTES:
    case STRING:
        return has_usual_attributes(object);
    case TYPE_COUNT:
        return 0;
    default:
        break;
    }
    if (!has_usual_layers(object))
        return 0;
    /* These are flushed, and standard_streams_are_unchanged() has checked them. */
    if (is_of_standard_stream(interpreter, object, "stdout") || is_of_standard_stream(interpreter, object, "stderr"))
        return 1;
    return attribute(object, "closed") == Py_True || (is_only_read(object) && !writes_without_buffer(object));
}

/* Returns whether flushing the stream executes no Python code, and closing it then does nothing. */
static int is_usual_output(PyObject *stream)
{
    if (!is(stream, TEXT) || !has_usual_attributes(stream) || !has_usual_layers(stream))
        return 0;
    PyObject *buffer = attribute(stream, "buffer");
    PyObject *raw = is(buffer, RAW) ? buffer : raw_of(buffer);
    return !is(buffer, READER) && has_usual_attributes(buffer) && has_usual_attributes(raw) &&
           attribute(stream, "closed") == Py_False;
}

int standard_streams_are_unchanged(PyInterpreterState *interpreter)
{
    PyObject *of_system = interpreter->sysdict;
    PyObject *output = PyDict_GetItemString(of_system, "stdout");
    PyObject *errors = PyDict_GetItemString(of_system, "stderr");

    return output && errors && output == PyDict_GetItemString(of_system, "__stdout__") &&
           errors == PyDict_GetItemString(of_system, "__stderr__") && is_usual_output(output) && is_usual_output(errors);
}

int record_streams(PyInterpreterState *interpreter)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        types[i] = (PyTypeObject *)builtin_attribute(interpreter, "_io", NAMES[i]);
        if (!types[i])
            return 0;
    }
    return 1;
}
