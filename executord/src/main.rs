//! `executord`, the root daemon of Executor.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    executord::main()
}
