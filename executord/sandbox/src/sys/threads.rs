//! The other threads of a process: they are ended before it forks, and continue in the fork.
//!
//! A fork has only the thread that called it. A signal handler ends each other thread, by which it leaves its stack as it was,
//! with all of its registers, which the kernel has stored there (sigreturn(2)). In the fork, a new thread with the same stack and
//! the same thread-local storage restores them, and so continues in the system call in which the signal arrived.

use std::ffi::c_void;
use std::io;
use std::ptr::{from_ref, null};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::checked::checked;

/// The most threads that can be stopped. Node has six, whatever the number of processors.
const MAX_THREADS: usize = 64;
/// SIGSETXID of glibc: programs cannot block it (nptl(7)), so every thread gets it. glibc uses it only while a thread calls
/// setuid(2) or the like.
const STOP_SIGNAL: libc::c_int = 33;
/// From asm/signal.h: `sa_restorer` is valid, which the kernel requires on this architecture.
const SA_RESTORER: libc::c_ulong = 0x0400_0000;
/// Time for the threads to stop while they wait in a system call.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(1);
/// Offset of the field `cpu_id` in `struct rseq`; see linux/rseq.h.
const RSEQ_CPU_ID: isize = 4;
/// `RSEQ_CPU_ID_REGISTRATION_FAILED`: glibc asks the kernel for the processor.
const RSEQ_NOT_REGISTERED: i32 = -2;

/// What a thread stores when it stops. Only it writes to its entry before it increments [`STOPPED`].
struct Entry {
    tid: AtomicI32,
    /// The `ucontext_t` on its stack.
    context: AtomicUsize,
    /// The base of its thread-local storage.
    tls: AtomicUsize,
    /// Where the kernel and glibc have its thread id.
    tid_address: AtomicUsize,
}

static ENTRIES: [Entry; MAX_THREADS] = [const {
    Entry {
        tid: AtomicI32::new(0),
        context: AtomicUsize::new(0),
        tls: AtomicUsize::new(0),
        tid_address: AtomicUsize::new(0),
    }
}; MAX_THREADS];
/// Threads that wait in the handler.
static STOPPED: AtomicU32 = AtomicU32::new(0);
/// Threads leave the handler when it changes.
static ATTEMPT: AtomicU32 = AtomicU32::new(0);
/// The value of [`ATTEMPT`] with which they end instead of returning.
const END: u32 = u32::MAX;

/// All other threads of this process, which have ended.
#[derive(Debug)]
pub(crate) struct EndedThreads {
    count: usize,
    /// Where the kernel and glibc have the thread id of the caller.
    caller_tid_address: usize,
}

impl EndedThreads {
    /// Ends the threads `tids`, which must be all other threads of this process, while each of them waits in the kernel, as in futex(2)
    /// or epoll_wait(2): then it holds no lock of the C library that this process or a fork without this thread may need.
    ///
    /// # Errors
    /// If there are more than [`MAX_THREADS`], a thread does not wait within [`STOP_TIMEOUT`], or the kernel has no
    /// PR_GET_TID_ADDRESS (`CONFIG_CHECKPOINT_RESTORE`).
    pub(crate) fn end(tids: &[libc::pid_t]) -> io::Result<Self> {
        let caller_tid_address = if tids.is_empty() { 0 } else { tid_address()? };
        let threads = Self { count: tids.len(), caller_tid_address };
        if tids.is_empty() {
            return Ok(threads);
        }
        if tids.len() > MAX_THREADS {
            return Err(io::Error::other(format!("{} threads", tids.len())));
        }
        for (entry, &tid) in ENTRIES.iter().zip(tids) {
            entry.tid.store(tid, Ordering::SeqCst);
        }
        let old = set_action(&Action::new(stop as *const () as usize))?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut attempt = 0;
        while !threads.interrupt()? {
            // They continue, and are stopped again when they have finished their work.
            STOPPED.store(0, Ordering::SeqCst);
            attempt += 1;
            release(attempt);
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(PAUSE);
        }
        release(END);
        for &tid in tids {
            while send_signal(tid, 0).is_ok() {
                if Instant::now() > deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                std::thread::sleep(PAUSE);
            }
        }
        set_action(&old)?;
        Ok(threads)
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Sends the signal to all, and returns whether all have stopped in a system call that waits.
    fn interrupt(&self) -> io::Result<bool> {
        let entries = &ENTRIES[..self.count];
        for entry in entries {
            send_signal(entry.tid.load(Ordering::SeqCst), STOP_SIGNAL)?;
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while (STOPPED.load(Ordering::SeqCst) as usize) < self.count {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(PAUSE);
        }
        // SAFETY: each thread has stored the address of its context, which lives until the thread continues.
        Ok(entries.iter().all(|entry| unsafe { is_waiting(entry.context.load(Ordering::SeqCst)) }))
    }

    /// Forks the calling thread as glibc does, which would take the stacks of the other threads for free ones. Returns `None`
    /// in the child, which must call [`Self::start`] before code runs that uses threads.
    pub(crate) fn fork(&self) -> io::Result<Option<libc::pid_t>> {
        let flags = libc::SIGCHLD | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
        // SAFETY: without CLONE_VM this is a fork: the child has its own copy of all memory. The address is the one that the
        // kernel already writes to when this thread ends.
        let pid = checked(unsafe {
            libc::syscall(
                libc::SYS_clone,
                flags,
                null::<c_void>(),
                null::<c_void>(),
                self.caller_tid_address,
                0,
            )
        })?;
        Ok(i32::try_from(pid).ok().filter(|&pid| pid != 0))
    }

    /// Starts all threads in a fork of the process that ended them.
    ///
    /// # Errors
    /// The errors of clone(2), such as EAGAIN for a process with a lower limit of threads.
    pub(crate) fn start(&self) -> io::Result<()> {
        let cpu_id_offset = rseq_offset().map(|offset| offset + RSEQ_CPU_ID);
        for entry in &ENTRIES[..self.count] {
            let tls = entry.tls.load(Ordering::SeqCst);
            if let Some(offset) = cpu_id_offset {
                // SAFETY: glibc has a `struct rseq` there for each thread, and the thread does not exist at this time.
                unsafe { *(tls.wrapping_add_signed(offset) as *mut i32) = RSEQ_NOT_REGISTERED };
            }
            // SAFETY: the context is that of a thread that has ended, and nothing uses its stack.
            unsafe {
                start_thread(
                    entry.context.load(Ordering::SeqCst),
                    tls,
                    entry.tid_address.load(Ordering::SeqCst),
                )
            }?;
        }
        Ok(())
    }
}

/// The handler of [`STOP_SIGNAL`]. It calls only functions that are async-signal-safe.
extern "C" fn stop(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: `errno` is that of this thread. The calls take integers, and pointers to what lives on this stack.
    unsafe {
        let errno = *libc::__errno_location();
        let attempt = ATTEMPT.load(Ordering::SeqCst);
        let own = libc::syscall(libc::SYS_gettid);
        if let Some(entry) = ENTRIES.iter().find(|entry| i64::from(entry.tid.load(Ordering::SeqCst)) == own) {
            let mut tls = 0_usize;
            libc::syscall(libc::SYS_arch_prctl, ARCH_GET_FS, &raw mut tls);
            entry.context.store(context as usize, Ordering::SeqCst);
            entry.tls.store(tls, Ordering::SeqCst);
            entry.tid_address.store(tid_address().unwrap_or(0), Ordering::SeqCst);
            STOPPED.fetch_add(1, Ordering::SeqCst);
        }
        while ATTEMPT.load(Ordering::SeqCst) == attempt {
            let (wait, none) = (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, null::<c_void>());
            libc::syscall(libc::SYS_futex, ATTEMPT.as_ptr(), wait, attempt, none, none, 0);
        }
        if ATTEMPT.load(Ordering::SeqCst) == END {
            // Not pthread_exit(3), which would free what the thread needs in a fork.
            libc::syscall(libc::SYS_exit, 0);
        }
        *libc::__errno_location() = errno;
    }
}

/// From asm/prctl.h.
const ARCH_GET_FS: libc::c_int = 0x1003;

/// Lets all threads leave the handler.
fn release(attempt: u32) {
    ATTEMPT.store(attempt, Ordering::SeqCst);
    let wake = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word is a static.
    unsafe { libc::syscall(libc::SYS_futex, ATTEMPT.as_ptr(), wake, i32::MAX, 0, 0, 0) };
}

/// Sends a signal to a thread of this process. The signal 0 only examines whether it exists.
fn send_signal(tid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes integers only.
    checked(unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal) }).map(drop)
}

/// Returns where the kernel clears the thread id of the calling thread at its end, which is where glibc has it.
fn tid_address() -> io::Result<usize> {
    let mut address = 0_usize;
    // SAFETY: the kernel stores a pointer in `address`, which outlives the call; see PR_GET_TID_ADDRESS(2const).
    checked(unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address, 0, 0, 0) }.into())?;
    if address == 0 { Err(io::ErrorKind::Unsupported.into()) } else { Ok(address) }
}

/// Returns where glibc (2.35 and later) registers `struct rseq`, relative to the thread-local storage.
fn rseq_offset() -> Option<isize> {
    // SAFETY: a C string. The symbol is a `ptrdiff_t` that never changes.
    unsafe {
        let symbol = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr());
        (!symbol.is_null()).then(|| *symbol.cast::<isize>())
    }
}

/// The kernel's `struct sigaction`; see rt_sigaction(2). glibc refuses to change the action of its own signals.
#[repr(C)]
struct Action {
    handler: usize,
    flags: libc::c_ulong,
    restorer: usize,
    mask: u64,
}

impl Action {
    fn new(handler: usize) -> Self {
        // A call that waits is restarted where possible.
        let flags = (libc::SA_SIGINFO | libc::SA_RESTART) as libc::c_ulong | SA_RESTORER;
        Self { handler, flags, restorer: restore as *const () as usize, mask: u64::MAX }
    }
}

/// Sets the action of [`STOP_SIGNAL`], and returns the old one.
fn set_action(action: &Action) -> io::Result<Action> {
    let mut old = Action { handler: 0, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: both have the kernel's layout and outlive the call.
    checked(unsafe {
        libc::syscall(libc::SYS_rt_sigaction, STOP_SIGNAL, from_ref(action), &raw mut old, size_of::<u64>())
    })?;
    Ok(old)
}

/// Returns whether a thread with this context was stopped while it waited in futex(2), which the kernel restarts after the handler,
/// or in a call that ends with EINTR, such as epoll_wait(2); see signal(7).
///
/// # Safety
/// `context` is the address of a valid `ucontext_t` of a thread that is stopped.
unsafe fn is_waiting(context: usize) -> bool {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    // SAFETY: the caller guarantees it.
    let registers = unsafe { &(*(context as *const libc::ucontext_t)).uc_mcontext.gregs };
    let next = usize::from_ne_bytes(registers[libc::REG_RIP as usize].to_ne_bytes());
    let result = registers[libc::REG_RAX as usize];
    // SAFETY: both are addresses in the code that the thread executed: an instruction has at least one byte, and that of a
    // function's first instruction is preceded by others in the same library.
    let (at, before) = unsafe { (*(next as *const [u8; 2]), *((next - SYSCALL.len()) as *const [u8; 2])) };
    (at == SYSCALL && result == libc::SYS_futex) || (before == SYSCALL && result == -i64::from(libc::EINTR))
}

/// The function that returns from a signal handler.
#[unsafe(naked)]
extern "C" fn restore() {
    std::arch::naked_asm!("mov eax, {sigreturn}", "syscall", sigreturn = const libc::SYS_rt_sigreturn);
}

/// Starts a thread that continues with the registers that a signal handler was called with.
///
/// # Safety
/// `context` is the address of a `ucontext_t` that the kernel stored for a thread with this thread-local storage, which does
/// not exist any more in this process.
unsafe fn start_thread(context: usize, tls: usize, tid_address: usize) -> io::Result<()> {
    // The flags of pthread_create(3).
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_SETTLS
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID;
    let mut result = libc::SYS_clone;
    // SAFETY: the new thread executes only rt_sigreturn(2), with the stack pointer that a signal handler has when it returns:
    // the address of its context. The caller's registers and stack are unchanged.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov eax, {sigreturn}",
            "syscall",
            "2:",
            sigreturn = const libc::SYS_rt_sigreturn,
            inout("rax") result,
            in("rdi") i64::from(flags),
            in("rsi") context,
            in("rdx") tid_address,
            in("r10") tid_address,
            in("r8") tls,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    if result < 0 {
        return Err(io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EIO)));
    }
    Ok(())
}
