//! `executor_zygote_node`, an addon of Node for the launcher of a zygote.
//!
//! Its function `fork(random)`, where `random` is `Math.random`, is called with a supervisor at the other end of descriptor 255. It
//! returns in each forked process that becomes a program, with its pid. The work is done by [`sandbox::serve_zygote`]; this crate
//! has the declarations that Node needs, and makes different what must not be the same in two forks: names of the user, and
//! random numbers. The function `delay(milliseconds)` makes the process that much younger, for worker threads.
//!
//! One build works with every Node from 10 on, because it uses Node-API version 1 only
//! (<https://nodejs.org/api/n-api.html>), and symbols of Node,
//! V8 and OpenSSL that it looks up.

#![allow(
    unsafe_code,
    reason = "the interfaces of Node and V8 cannot be declared without it; every block has a SAFETY comment"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io;
use std::ptr::null_mut;
use std::time::Duration;

/// The descriptor to which `start.c` moved the supervisor's socket.
const SUPERVISOR: c_int = 255;
/// Environment variables with the name of the user.
const USER_VARIABLES: [&CStr; 2] = [c"USER", c"LOGNAME"];
/// `NAPI_AUTO_LENGTH`: the string ends with NUL.
const AUTO_LENGTH: usize = usize::MAX;

type Environment = *mut c_void;
type Value = *mut c_void;
type CallbackInfo = *mut c_void;
type Callback = unsafe extern "C" fn(Environment, CallbackInfo) -> Value;

unsafe extern "C" {
    fn napi_create_function(
        environment: Environment,
        name: *const c_char,
        length: usize,
        callback: Callback,
        data: *mut c_void,
        result: *mut Value,
    ) -> c_uint;
    fn napi_get_cb_info(
        environment: Environment,
        info: CallbackInfo,
        count: *mut usize,
        arguments: *mut Value,
        this: *mut Value,
        data: *mut *mut c_void,
    ) -> c_uint;
    fn napi_call_function(
        environment: Environment,
        this: Value,
        function: Value,
        count: usize,
        arguments: *const Value,
        result: *mut Value,
    ) -> c_uint;
    fn napi_set_named_property(
        environment: Environment,
        object: Value,
        name: *const c_char,
        value: Value,
    ) -> c_uint;
    fn napi_get_value_double(environment: Environment, value: Value, result: *mut f64) -> c_uint;
    fn napi_create_int32(environment: Environment, number: i32, result: *mut Value) -> c_uint;
    fn napi_throw_error(environment: Environment, code: *const c_char, message: *const c_char) -> c_uint;
}

/// The addon's entry point, which Node calls when it loads the addon.
///
/// # Safety
/// Node calls it on the thread of JavaScript.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(
    environment: *mut c_void,
    exports: *mut c_void,
) -> *mut c_void {
    let functions: [(&CStr, Callback); 2] = [(c"fork", fork), (c"delay", delay)];
    for (name, callback) in functions {
        let mut function = null_mut();
        // SAFETY: Node passes a valid environment and object, and `function` outlives the calls.
        unsafe {
            napi_create_function(
                environment,
                name.as_ptr(),
                AUTO_LENGTH,
                callback,
                null_mut(),
                &raw mut function,
            );
            napi_set_named_property(environment, exports, name.as_ptr(), function);
        }
    }
    exports
}

/// Returns the argument of a call, or null.
///
/// # Safety
/// Both are those of the call.
unsafe fn argument(environment: Environment, info: CallbackInfo) -> Value {
    let (mut count, mut value) = (1, null_mut());
    // SAFETY: the caller guarantees it; all pointers outlive the call.
    unsafe { napi_get_cb_info(environment, info, &raw mut count, &raw mut value, null_mut(), null_mut()) };
    value
}

unsafe extern "C" fn fork(environment: Environment, info: CallbackInfo) -> Value {
    let mut result = null_mut();
    // SAFETY: Node calls this with both.
    let random = unsafe { argument(environment, info) };
    let forked = Seeds::find().and_then(|seeds| {
        let user_name = sandbox::serve_zygote(SUPERVISOR, None)?;
        set_user(&user_name)?;
        // SAFETY: as above. The argument is a function, and `result` outlives the call.
        seeds.renew(|| unsafe {
            napi_call_function(environment, random, random, 0, null_mut(), &raw mut result);
        })
    });
    match forked {
        Ok(()) => {
            let pid = std::process::id().cast_signed();
            // SAFETY: as above.
            unsafe { napi_create_int32(environment, pid, &raw mut result) };
        }
        Err(error) => {
            let message = CString::new(error.to_string()).unwrap_or_default();
            // SAFETY: as above; the message is copied.
            unsafe { napi_throw_error(environment, null_mut(), message.as_ptr()) };
        }
    }
    result
}

/// Moves the start of the process, which worker threads take as the origin of their clocks. A Node without one of these variables
/// keeps its value.
unsafe extern "C" fn delay(environment: Environment, info: CallbackInfo) -> Value {
    let mut milliseconds = 0.0;
    // SAFETY: Node calls this with both; `milliseconds` outlives the call. The types are those of node_process.h and
    // node_perf_common.h, and no worker thread exists yet.
    unsafe {
        napi_get_value_double(environment, argument(environment, info), &raw mut milliseconds);
        let time = Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or_default();
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(0);
        for name in [
            c"_ZN4node11performance25performance_process_startE",
            // Its name until version 18.
            c"_ZN4node11performance10timeOriginE",
            c"_ZN4node11per_process15node_start_timeE",
        ] {
            if let Some(time) = symbol(name) {
                *time.cast::<u64>() += nanoseconds;
            }
        }
        if let Some(time) = symbol(c"_ZN4node11performance35performance_process_start_timestampE") {
            *time.cast::<f64>() += milliseconds * 1e3;
        }
    }
    null_mut()
}

/// Returns the address of a symbol of this process.
fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a C string.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

/// Replaces the name of the user in the environment of this process, in place, so that `/proc/self/environ` has it as well. The
/// zygote's environment has a placeholder of the same length.
fn set_user(name: &str) -> io::Result<()> {
    for variable in USER_VARIABLES {
        // SAFETY: no other thread changes the environment: those of Node do not, and the program has not begun.
        unsafe {
            let value = libc::getenv(variable.as_ptr());
            if value.is_null() {
                continue;
            }
            if CStr::from_ptr(value).count_bytes() != name.len() {
                return Err(io::Error::other("the name of the user has another length"));
            }
            std::ptr::copy_nonoverlapping(name.as_ptr(), value.cast(), name.len());
        }
    }
    Ok(())
}

/// The functions that renew the random numbers of a fork, which would otherwise be those of its siblings.
struct Seeds {
    /// `v8::V8::SetFlagsFromString(const char *, size_t)`.
    set_v8_flags: unsafe extern "C" fn(*const c_char, usize),
    /// `RAND_poll` of OpenSSL.
    poll_entropy: unsafe extern "C" fn() -> c_int,
}

impl Seeds {
    fn find() -> io::Result<Self> {
        let symbol = |name| symbol(name).ok_or_else(|| io::Error::other(format!("no symbol {name:?}")));
        // SAFETY: these are the types of the functions with these names.
        unsafe {
            Ok(Self {
                set_v8_flags: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const c_char, usize)>(
                    symbol(c"_ZN2v82V818SetFlagsFromStringEPKcm")?,
                ),
                poll_entropy: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(symbol(
                    c"RAND_poll",
                )?),
            })
        }
    }

    /// Adds entropy to OpenSSL, and seeds the generator behind `Math.random`. V8 seeds it at the first call, from its flag
    /// `--random-seed` if that is set, and otherwise from a generator that all forks have in common. `call_random` calls it.
    fn renew(&self, call_random: impl FnOnce()) -> io::Result<()> {
        let mut seed = [0; 4];
        // SAFETY: the buffer has this size.
        let filled = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), seed.len(), 0) };
        // SAFETY: RAND_poll(3) takes nothing.
        if filled != 4 || unsafe { (self.poll_entropy)() } != 1 {
            return Err(io::Error::other("no random numbers"));
        }
        // Not 0, which means no seed.
        self.set_random_seed(i32::from_ne_bytes(seed) | 1);
        call_random();
        // Otherwise worker threads of the program would all use this seed.
        self.set_random_seed(0);
        Ok(())
    }

    fn set_random_seed(&self, seed: i32) {
        let flag = format!("--random-seed={seed}");
        // SAFETY: V8 reads this many bytes.
        unsafe { (self.set_v8_flags)(flag.as_ptr().cast(), flag.len()) };
    }
}
