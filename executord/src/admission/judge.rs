//! Admission of the checker or the interactor of a request.

use bytes::Bytes;
use protocol::{Judge, JudgeProgram, Rejection, RunRequest, Stdin, ToolchainRequest};

use super::{custom_commands, find_language, invalid};
use crate::admission::job::{self, Job};
use crate::admission::limits::{self, RequestBounds};
use crate::admission::program_files::{admit_sources, check_room};
use crate::admission::relative_path::RelativePath;
use crate::languages::registry::Registry;

/// Directory in the work directory of a checker or an interactor for the files of the run that it judges.
const JUDGE_DIR: &str = "judge";
/// The files in [`JUDGE_DIR`], in the order of [`job::JudgeProgram::run_files`].
const JUDGE_FILES: [&str; 3] = ["judge/input", "judge/output", "judge/answer"];

/// Admits the judge of an admitted job.
///
/// # Errors
/// [`Rejection::Invalid`] with a message for the client.
pub(crate) fn admit_judge(
    job: Job,
    judge: Judge,
    languages: &Registry,
    bounds: &RequestBounds,
) -> Result<Job, Rejection> {
    let judge = match judge {
        Judge::Comparison => return Ok(job),
        Judge::Checker(program) => job::Judge::Checker(
            admit_program(*program, &job, languages, bounds).map_err(|error| named("checker", error))?,
        ),
        Judge::Interactor { program, transcript } => {
            job.runs.iter().try_for_each(check_run_of_interactor)?;
            let program = admit_program(*program, &job, languages, bounds)
                .map_err(|error| named("interactor", error))?;
            job::Judge::Interactor { program, transcript }
        }
    };
    if let Some((name, _)) = judge.named_program()
        && job.runs.iter().any(|run| matches!(run.stdin, Stdin::Live))
    {
        // It gets the whole input as a file.
        return Err(invalid(&format!("`{name}` excludes live input: the request must have `stdin`")));
    }
    Ok(Job { judge, ..job })
}

/// Checks that what judges the runs of a job has room for their uploads, whose lengths are known only when they were
/// received.
///
/// # Errors
/// [`Rejection::Invalid`] with a message for the client.
pub(crate) fn check_uploads(job: &Job) -> Result<(), Rejection> {
    let Some((name, program)) = job.judge.named_program() else { return Ok(()) };
    let largest_output = largest_output(job);
    for (number, run) in (0..).zip(&job.runs).filter(|(_, run)| run.stdin == Stdin::Upload) {
        let files = program.sources_for(run, job.uploads.of(number), &largest_output);
        check_room(&files, &program.limits).map_err(|error| named(name, error))?;
    }
    Ok(())
}

/// Returns as many bytes as a run may write to stdout.
fn largest_output(job: &Job) -> Bytes {
    Bytes::from(vec![0; usize::try_from(job.limits.output.bytes()).unwrap_or(usize::MAX)])
}

/// Names the program that a rejection is about. The language of the request itself is another one.
fn named(program: &str, rejection: Rejection) -> Rejection {
    match rejection {
        Rejection::UnknownLanguage => invalid(&format!("{program}: unsupported language")),
        rejection => invalid(&format!("{program}: {rejection}")),
    }
}

fn check_run_of_interactor(run: &RunRequest) -> Result<(), Rejection> {
    if run.terminal.is_some() {
        return Err(invalid("an interactor requires runs without a terminal"));
    }
    if run.merge_output {
        return Err(invalid("an interactor requires runs with separate stdout and stderr"));
    }
    Ok(())
}

fn admit_program(
    program: JudgeProgram,
    job: &Job,
    languages: &Registry,
    bounds: &RequestBounds,
) -> Result<job::JudgeProgram, Rejection> {
    let toolchain = find_language(&program.language, None, languages)?;
    let toolchain = languages.with_packages(toolchain, None).map_err(Rejection::Invalid)?;
    let limits = limits::resolve("limits", &program.limits, &toolchain.run.limits, bounds)?;
    let custom = custom_commands(&program.language, &[], &ToolchainRequest::default(), &[], toolchain)?;
    let sources = admit_sources(program.files, toolchain)?;
    if let Some(compile) = &toolchain.compile {
        check_room(&sources, &compile.limits)?;
    }
    // Nothing may be where the files of a run will be.
    let directory = RelativePath::try_from(JUDGE_DIR).map_err(Rejection::Invalid)?;
    if sources.iter().any(|source| source.path == directory || directory.is_above(&source.path)) {
        return Err(invalid(&format!("the file name {JUDGE_DIR} is reserved")));
    }
    let [input, output, answer] = JUDGE_FILES.map(RelativePath::try_from);
    let valid = |path: Result<RelativePath, String>| path.map_err(Rejection::Invalid);
    let run_files = [valid(input)?, valid(output)?, valid(answer)?];
    let program = job::JudgeProgram { toolchain: toolchain.clone(), custom, sources, run_files, limits };
    let largest_output = largest_output(job);
    for run in &job.runs {
        check_room(&program.sources_for(run, None, &largest_output), &program.limits)?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use protocol::{ByteCount, ExecuteRequest, ExecutionId, LimitsRequest, SourceFile, TerminalSize};

    use super::*;
    use crate::admission::admit;
    use crate::config::Config;
    use crate::languages::shipped::shipped;
    use crate::queue::ClientKey;
    use crate::uploads::{UploadBudget, UploadWriter};

    fn file(path: Option<&str>) -> SourceFile {
        SourceFile { path: path.map(str::to_owned), content: Bytes::from_static(b"1") }
    }

    fn program(language: &str, files: Vec<SourceFile>) -> JudgeProgram {
        JudgeProgram { language: language.to_owned(), files, limits: LimitsRequest::default() }
    }

    fn try_admit(judge: Judge, runs: Vec<RunRequest>) -> Result<Job, String> {
        let languages = shipped();
        let bounds = Config::default().request_bounds();
        let request = ExecuteRequest { files: vec![file(None)], runs, ..ExecuteRequest::default() };
        let toolchain = languages.find("python").unwrap();
        admit(ExecutionId(uuid::Uuid::nil()), request, toolchain, &bounds)
            .and_then(|job| admit_judge(job, judge, &languages, &bounds))
            .map_err(|rejection| rejection.to_string())
    }

    fn checker(program: JudgeProgram) -> Judge {
        Judge::Checker(Box::new(program))
    }

    fn interactor() -> Judge {
        Judge::Interactor { program: Box::new(program("cpp", vec![file(None)])), transcript: false }
    }

    #[track_caller]
    fn check(judge: Judge, run: RunRequest, message: &str) {
        assert_eq!(try_admit(judge, vec![run]).map(|_| ()), Err(message.to_owned()));
    }

    #[test]
    fn a_judge_is_a_program_of_its_own() {
        let files = vec![file(Some("check.cpp")), file(Some("testlib.h"))];
        let job = try_admit(checker(program("cpp", files)), vec![RunRequest::default()]).unwrap();
        let judge = job.judge.program().unwrap();
        assert_eq!((&*job.toolchain.name, &*judge.toolchain.name), ("python", "cpp"));
        let sources = judge.sources_for(&job.runs[0], None, &Bytes::from_static(b"out"));
        let paths: Vec<_> = sources.iter().map(|source| source.path.to_string()).collect();
        assert_eq!(paths, ["check.cpp", "testlib.h", "judge/input", "judge/output", "judge/answer"]);
        assert!(job.is_judged());
        assert!(!try_admit(Judge::Comparison, vec![RunRequest::default()]).unwrap().is_judged());
    }

    #[test]
    fn a_judge_that_cannot_judge_is_refused() {
        let run = RunRequest::default;
        check(checker(program("nope", vec![file(None)])), run(), "checker: unsupported language");
        check(checker(program("cpp", Vec::new())), run(), "checker: at least one source file is required");
        for name in ["judge", "judge/input"] {
            let files = vec![file(None), file(Some(name))];
            check(checker(program("cpp", files)), run(), "checker: the file name judge is reserved");
        }
        let mut small = program("cpp", vec![file(None)]);
        small.limits.disk = Some(ByteCount::kib(512));
        let message = "checker: the files need 1052672 bytes of disk space, and 512 KiB are allowed";
        check(checker(small), run(), message);
        let live = RunRequest { stdin: Stdin::Live, ..run() };
        let message = |name: &str| format!("`{name}` excludes live input: the request must have `stdin`");
        check(checker(program("cpp", vec![file(None)])), live.clone(), &message("checker"));
        check(interactor(), live, &message("interactor"));
        let terminal = RunRequest { terminal: Some(TerminalSize::default()), ..run() };
        check(interactor(), terminal, "an interactor requires runs without a terminal");
        let merged = RunRequest { merge_output: true, ..run() };
        check(interactor(), merged, "an interactor requires runs with separate stdout and stderr");
    }

    #[test]
    fn an_upload_is_the_input_of_the_judge_if_it_has_room_for_it() {
        let upload = RunRequest { stdin: Stdin::Upload, ..RunRequest::default() };
        let received = |length: usize| {
            let mut job = try_admit(checker(program("cpp", vec![file(None)])), vec![upload.clone()]).unwrap();
            let budget = UploadBudget::new(512 << 20, 512 << 20);
            let client = ClientKey::new(7, Vec::new(), None);
            let mut writer = UploadWriter::new(&job.runs, budget.reservation(&client)).unwrap();
            writer.append(0, &Bytes::from(vec![1; length])).unwrap();
            job.uploads = writer.finish().unwrap();
            job
        };
        let job = received(1 << 20);
        assert_eq!(check_uploads(&job), Ok(()));
        let judge = job.judge.program().unwrap();
        let sources = judge.sources_for(&job.runs[0], job.uploads.of(0), &Bytes::from_static(b"out"));
        let lengths: Vec<_> = sources.iter().map(|source| source.content.len()).collect();
        assert_eq!(lengths, [1, 1 << 20, 3, 0]);
        assert!(sources[1].content.upload().is_some());

        // The largest output of a run and the sources need room too.
        let message = "checker: the files need 68161536 bytes of disk space, and 64 MiB are allowed";
        assert_eq!(check_uploads(&received(64 << 20)), Err(invalid(message)));
    }

    #[test]
    fn the_demand_of_both_programs_of_a_dialogue_is_their_sum() {
        let memory = |judge| try_admit(judge, vec![RunRequest::default()]).unwrap().demand().memory_limit;
        let mib = |count| ByteCount::mib(count).bytes();
        assert_eq!(memory(Judge::Comparison), mib(256));
        // The C++ compiler needs more than either program.
        assert_eq!(memory(checker(program("cpp", vec![file(None)]))), mib(768));
        let mut large = program("cpp", vec![file(None)]);
        large.limits.memory = Some(ByteCount::mib(1024));
        let interactor = Judge::Interactor { program: Box::new(large), transcript: false };
        assert_eq!(memory(interactor), mib(256 + 1024));
    }
}
