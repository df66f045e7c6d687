//! From a job to the files that are collected after a stage. Pure.

use protocol::{Limits, OmittedFiles};
use sandbox::{ArchiveLimits, CollectedDir, Collection, OutputPattern, User};

use crate::admission::job::Job;
use crate::languages::toolchain::StageKind;

/// The pattern of everything that a compilation built.
const ALL_FILES: &str = "**";

/// Returns what to collect after a stage of `job`, if its client asked for files.
pub(crate) fn collection(job: &Job, stage: StageKind, limits: &Limits, user: &User) -> Option<Collection> {
    let (directory, patterns) = match stage {
        StageKind::Run => (CollectedDir::WorkDir, job.outputs.clone()),
        StageKind::Compile if job.artifacts => {
            (CollectedDir::BuildDir, OutputPattern::parse(ALL_FILES).into_iter().collect())
        }
        StageKind::Compile | StageKind::Check | StageKind::Format => return None,
    };
    let limits = ArchiveLimits {
        files: limits.output_files,
        file_bytes: limits.output_file_size.bytes(),
        total_bytes: limits.output_files_size.bytes(),
    };
    (!patterns.is_empty()).then(|| Collection { user: user.clone(), directory, patterns, limits })
}

/// Converts the numbers of files that were left out.
pub(crate) const fn omitted(omitted: &sandbox::OmittedFiles) -> OmittedFiles {
    let sandbox::OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete } =
        *omitted;
    OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete }
}
