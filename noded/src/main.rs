//! `noded`: see the library.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    noded::main()
}
