//! `executor_zygote`, a module for CPython with one function, `fork()`. It is for the launcher that is started as a zygote,
//! with a supervisor at the other end of descriptor 3, and comes back in each copy that is to be a program, with the name of
//! its user. All that it does is in the `sandbox` library; here is only what the interpreter asks of a module.
//!
//! Built once for every Python from 3.2 on: only what is in the limited API is used
//! (<https://docs.python.org/3/c-api/stable.html>), of which the few declarations are here.

#![allow(
    unsafe_code,
    reason = "an interpreter's side of the language boundary has no other; every block has its sentence"
)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::null_mut;

/// An object of the interpreter's.
#[repr(C)]
struct PyObject([u8; 0]);

type Function = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;

/// `PyMethodDef`; the last of a list is all zero.
#[repr(C)]
struct Method {
    name: *const c_char,
    function: Option<Function>,
    flags: c_int,
    documentation: *const c_char,
}

/// `PyModuleDef`, with what `PyModuleDef_HEAD_INIT` is before it.
#[repr(C)]
struct Module {
    reference_count: isize,
    kind: *mut c_void,
    initialize: *mut c_void,
    index: isize,
    copy: *mut c_void,
    name: *const c_char,
    documentation: *const c_char,
    size: isize,
    methods: *mut Method,
    slots: *mut c_void,
    traverse: *mut c_void,
    clear: *mut c_void,
    free: *mut c_void,
}

/// `METH_NOARGS`.
const NO_ARGUMENTS: c_int = 4;
/// `PYTHON_ABI_VERSION`.
const ABI: c_int = 3;

unsafe extern "C" {
    static PyExc_OSError: *mut PyObject;
    fn PyErr_SetString(kind: *mut PyObject, words: *const c_char);
    fn PyModule_Create2(module: *mut Module, abi: c_int) -> *mut PyObject;
    fn PyUnicode_DecodeFSDefault(text: *const c_char) -> *mut PyObject;
}

static mut METHODS: [Method; 2] = [
    Method { name: c"fork".as_ptr(), function: Some(fork), flags: NO_ARGUMENTS, documentation: c"".as_ptr() },
    Method { name: null_mut(), function: None, flags: 0, documentation: null_mut() },
];

static mut MODULE: Module = Module {
    reference_count: 1,
    kind: null_mut(),
    initialize: null_mut(),
    index: 0,
    copy: null_mut(),
    name: c"executor_zygote".as_ptr(),
    documentation: null_mut(),
    size: -1,
    methods: (&raw mut METHODS).cast(),
    slots: null_mut(),
    traverse: null_mut(),
    clear: null_mut(),
    free: null_mut(),
};

/// What `import executor_zygote` calls.
///
/// # Safety
/// For an interpreter that holds its lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_executor_zygote() -> *mut c_void {
    // SAFETY: both live for ever, and nobody here touches them beside the interpreter.
    unsafe { PyModule_Create2(&raw mut MODULE, ABI) }.cast()
}

unsafe extern "C" fn fork(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let (name, error) = match sandbox::serve_zygote() {
        Ok(name) => (name, None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    let text = CString::new(error.clone().unwrap_or(name)).unwrap_or_default();
    // SAFETY: the interpreter called this, so its lock is held; `text` outlives the calls, which copy it.
    unsafe {
        if error.is_some() {
            PyErr_SetString(PyExc_OSError, text.as_ptr());
            return null_mut();
        }
        PyUnicode_DecodeFSDefault(text.as_ptr())
    }
}
