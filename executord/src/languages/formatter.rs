//! The formatter of a language, if this host has it.

use std::path::Path;

use crate::config::Config;
use crate::languages::format::FormatterCommand;
use crate::languages::host::{resolve_program, why_missing};
use crate::languages::options::StageAdditions;
use crate::languages::toolchain::StageCommand;

/// Returns how the formatter is started, or `None` if it is not installed. A language is available without its formatter.
pub(super) fn installed(
    formatter: FormatterCommand,
    launcher: Option<&Path>,
    config: &Config,
) -> Option<StageCommand> {
    let FormatterCommand { command, requires, environment, limits } = formatter;
    let (command, problem) = resolve_program(&command, &config.toolchains);
    let is_missing = problem.is_some() || requires.iter().any(|path| why_missing(path, launcher).is_some());
    let limits = config.run_limits(&limits);
    let additions = StageAdditions::default();
    (!is_missing).then_some(StageCommand { command, additions, environment, limits, warm: None })
}
