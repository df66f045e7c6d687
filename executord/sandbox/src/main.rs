//! `executor-sandbox`: the supervisor process of a slot. An internal program that executord starts.

fn main() -> std::process::ExitCode {
    sandbox::supervise()
}
