//! `executord`, the root daemon of Executor.

fn main() -> std::process::ExitCode {
    executord::main()
}
