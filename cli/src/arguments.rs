//! What may be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::limits::{self, Limit};

/// Run programs in a sandbox of their own, through executord.
#[derive(Debug, Parser)]
#[command(name = "executor", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    /// Where executord listens
    #[arg(long, global = true, env = "EXECUTOR_SOCKET", default_value = protocol::DEFAULT_SOCKET, hide_env_values = true)]
    pub(crate) socket: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile a program where its language needs it, and run it
    #[command(after_help = after_run_help())]
    Run(RunArguments),
    /// List the languages of this host
    Languages {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell how executord is
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Prove that this host can do what is promised; 1 if it can not
    Check {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The language's name or alias [default: by the file's extension]
    #[arg(short, long)]
    pub(crate) language: Option<String>,
    /// What the program reads, `-` for our own stdin [default: -]
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin: Option<PathBuf>,
    /// Limit of the program, for example cpu=5s; can be repeated. Values above the administrator's maximum are lowered
    /// to it
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub(crate) limits: Vec<Limit>,
    /// One more source file, beside the main one
    #[arg(long = "file", value_name = "FILE")]
    pub(crate) more: Vec<PathBuf>,
    /// Give the program a terminal: prompts appear as they are written, Ctrl+C and Ctrl+D are its own
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Print one JSON object in the end, in the words of `POST /api/execute`, instead of the program's output
    #[arg(long)]
    pub(crate) json: bool,
    /// The program, `-` to read it from our stdin
    pub(crate) file: PathBuf,
    /// The program's arguments
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

fn after_run_help() -> String {
    format!("{}\n\n{EXIT_STATUS}", limits::help())
}

const EXIT_STATUS: &str = "\
Exit status:
  the program's own, or
  1      compiling failed
  2      the request makes no sense, or there is no such language
  75     executord is busy; try again
  124    the program ran out of time
  125    executord could not be reached or could not carry it out
  128+N  signal N ended the program
  130    cancelled
  137    the program ran out of memory
  153    the program wrote too much";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
