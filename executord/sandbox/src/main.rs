//! `executor-sandbox`: what executord starts once per slot. Not for people.

fn main() -> std::process::ExitCode {
    sandbox::supervise()
}
