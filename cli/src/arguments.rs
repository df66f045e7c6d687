//! Command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use protocol::BuildId;
use protocol::quantity::Quantity;

use crate::install::InstallArguments;
use crate::judge::JudgeArguments;
use crate::key::KeyArguments;
use crate::limits::{self, Limit};
use crate::options::{OptionArgument, VariableArgument};
use crate::packages::PackagesArguments;
use crate::server_arguments::ServerArguments;

/// Command line of `executor`.
#[derive(Debug, Parser)]
#[command(
    name = "executor",
    version,
    about = "Run programs in sandboxes, through executord or a remote server",
    propagate_version = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program, and compile it first if its language is compiled
    #[command(after_help = after_run_help())]
    Run(Box<RunArguments>),
    /// List the languages of the server, or show one of them with its options
    Languages {
        /// Name or alias of the language to show
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show daemon status
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check whether this host supports everything that the sandbox needs; exit with 1 if not
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Run the example program of each language, cold and pre-warmed, and print its times and memory
        #[arg(long, conflicts_with = "json")]
        time: bool,
    },
    /// Install what languages need, with the package manager of this host, and test them; requires root
    Install(InstallArguments),
    /// Install, list and remove package sets: packages that programs of a language can use
    Packages(PackagesArguments),
    /// Create, list, rotate and revoke API keys of webd
    Key(KeyArguments),
    /// Serve tools for AI agents on stdin and stdout (Model Context Protocol)
    Mcp,
    /// Set up NATS JetStream for submissions of many servers, and show their state
    #[cfg(feature = "cluster")]
    Cluster(crate::cluster_admin::ClusterArguments),
    /// Print shell completions
    Completions {
        /// Shell to print completions for
        shell: Shell,
    },
}

impl Command {
    /// Returns whether the command is about this host, so that a remote server cannot answer it.
    pub(crate) const fn is_local(&self) -> bool {
        match self {
            Self::Run(_) | Self::Languages { .. } | Self::Mcp | Self::Completions { .. } => false,
            Self::Status { .. } | Self::Check { .. } | Self::Install(_) => true,
            Self::Packages(_) | Self::Key(_) => true,
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => true,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Name or alias of the language [default: by the extension of FILE]
    #[arg(short, long)]
    pub(crate) language: Option<String>,
    /// Version of the language, or a range such as 3.x: the newest version in it that the host has
    #[arg(long, value_name = "RANGE", conflicts_with = "build")]
    pub(crate) language_version: Option<String>,
    /// Package set of the language, `none` for no packages [default: the default set of the language]
    #[arg(long, value_name = "SET", conflicts_with = "build")]
    pub(crate) packages: Option<String>,
    /// File to use as stdin of the program, `-` for stdin of this command [default: -]
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin: Option<PathBuf>,
    /// Limit of the program, for example cpu=5s; can be repeated. A value above the administrator's maximum is lowered
    /// to it
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub(crate) limits: Vec<Limit>,
    /// Limit of the compilation, for example cpu=60s; can be repeated
    #[arg(long = "compile-limit", value_name = "NAME=VALUE")]
    pub(crate) compile_limits: Vec<Limit>,
    /// Option of the language, for example std=c++23, warnings or sanitize=address,undefined; can be repeated. `executor
    /// languages NAME` lists them
    #[arg(long = "option", value_name = "NAME[=VALUE]")]
    pub(crate) options: Vec<OptionArgument>,
    /// Environment variable of the program; can be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub(crate) environment: Vec<VariableArgument>,
    /// Additional source file; can be repeated
    #[arg(long = "file", value_name = "FILE")]
    pub(crate) more_files: Vec<PathBuf>,
    /// Run the program in a terminal: it can show prompts, and handles Ctrl+C and Ctrl+D itself
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Give the program one pipe for stdout and stderr: both are written to stdout, in their exact order
    #[arg(long, conflicts_with = "tty")]
    pub(crate) merge_output: bool,
    /// Print the usage of each stage at the end, on stderr
    #[arg(long, conflicts_with = "json")]
    pub(crate) usage: bool,
    /// Directory to write the program's output files to, below their paths in the work directory. Without --output and
    /// --artifacts, all files that the program wrote
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Pattern of output files in the work directory, for example plot.png, 'results/*.csv' or '**/*.txt'; can be repeated
    #[arg(long = "output", value_name = "PATTERN")]
    pub(crate) outputs: Vec<String>,
    /// Return the files that the compiler built, too
    #[arg(long)]
    pub(crate) artifacts: bool,
    #[command(flatten)]
    pub(crate) judge: JudgeArguments,
    /// Keep the program for this time, such as 60s, and print its id on stderr
    #[arg(long, value_name = "TIME")]
    pub(crate) keep: Option<Quantity<Duration>>,
    /// Run the program with this id, which an earlier command with --keep printed, without compiling it
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "language", "more_files", "keep"])]
    pub(crate) build: Option<BuildId>,
    /// Print one JSON object at the end, with the fields of `POST /api/execute`, instead of the program's output
    #[arg(long)]
    pub(crate) json: bool,
    /// Program to run, `-` to read it from stdin
    #[arg(required_unless_present = "build")]
    pub(crate) file: Option<PathBuf>,
    /// Arguments of the program
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

fn after_run_help() -> String {
    format!("{}\n\n{EXIT_STATUS}", limits::help())
}

const EXIT_STATUS: &str = "\
Exit status:
  that of the program, or
  1      compilation failed
  2      invalid request or unknown language
  3      the program exited with 0, and the run was judged and not accepted
  75     the server is busy, or the API key has reached a limit; try again
  124    time limit exceeded
  125    the server cannot be reached, or could not execute the request
  128+N  the program was killed by signal N
  130    cancelled
  137    memory limit exceeded
  153    output limit exceeded";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
