//! `executor_zygote`, a CPython module with the functions `fork()` and `copy_while_waiting()`.
//!
//! The launcher of a zygote calls it, with a supervisor at the other end of descriptor 3. It returns in each forked process
//! that becomes a program, with the name of its user. The work is done by [`sandbox::serve_zygote`]; this crate has only the
//! declarations that CPython needs.
//!
//! One build works with every Python from 3.2 on, because it uses the limited API only
//! (<https://docs.python.org/3/c-api/stable.html>).

#![allow(
    unsafe_code,
    reason = "the CPython interface cannot be declared without it; every block has a SAFETY comment"
)]

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::null_mut;

use sandbox::Rehearsal;

/// `PyObject`, which is opaque in the limited API.
#[repr(C)]
struct PyObject([u8; 0]);

type Function = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;

/// `PyMethodDef`. An array of them ends with one of zeros.
#[repr(C)]
struct Method {
    name: *const c_char,
    function: Option<Function>,
    flags: c_int,
    documentation: *const c_char,
}

/// `PyModuleDef`, including the fields of `PyModuleDef_HEAD_INIT`.
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

/// The descriptor of the supervisor's socket.
const SUPERVISOR: c_int = 3;

/// A program like those that are started most often.
const REHEARSAL: Rehearsal = Rehearsal {
    command_line: &[c"python3", c"/tmp/main.py"],
    path: "/tmp/main.py",
    source: "print('Hello')\n",
};

/// `METH_NOARGS`.
const NO_ARGUMENTS: c_int = 4;
/// `PYTHON_ABI_VERSION`.
const ABI: c_int = 3;

unsafe extern "C" {
    static PyExc_OSError: *mut PyObject;
    fn PyBool_FromLong(value: c_long) -> *mut PyObject;
    fn PyErr_SetString(kind: *mut PyObject, message: *const c_char);
    fn PyModule_Create2(module: *mut Module, abi: c_int) -> *mut PyObject;
    fn PyUnicode_DecodeFSDefault(text: *const c_char) -> *mut PyObject;
}

static mut METHODS: [Method; 3] = [
    Method { name: c"fork".as_ptr(), function: Some(fork), flags: NO_ARGUMENTS, documentation: c"".as_ptr() },
    Method {
        name: c"copy_while_waiting".as_ptr(),
        function: Some(copy_while_waiting),
        flags: NO_ARGUMENTS,
        documentation: c"".as_ptr(),
    },
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

/// The module's entry point, which `import executor_zygote` calls.
///
/// # Safety
/// The caller must hold the global interpreter lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_executor_zygote() -> *mut c_void {
    // SAFETY: both statics live as long as the process, and only the interpreter accesses them.
    unsafe { PyModule_Create2(&raw mut MODULE, ABI) }.cast()
}

/// Copies the zygote's pages if the launcher's socket has nothing to read for a moment.
unsafe extern "C" fn copy_while_waiting(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the launcher closes the descriptor later. The interpreter calls this with its lock held.
    unsafe {
        sandbox::copy_while_waiting(BorrowedFd::borrow_raw(SUPERVISOR));
        PyBool_FromLong(0)
    }
}

unsafe extern "C" fn fork(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let (name, error) = match sandbox::serve_zygote(SUPERVISOR, Some(&REHEARSAL)) {
        Ok(name) => (name, None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    let text = CString::new(error.clone().unwrap_or(name)).unwrap_or_default();
    // SAFETY: the interpreter calls this with its lock held, and `text` outlives the calls, which copy it.
    unsafe {
        if error.is_some() {
            PyErr_SetString(PyExc_OSError, text.as_ptr());
            return null_mut();
        }
        PyUnicode_DecodeFSDefault(text.as_ptr())
    }
}
