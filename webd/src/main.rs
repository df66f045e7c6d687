//! `webd`: see the library.
fn main() -> std::process::ExitCode {
    webd::main()
}
