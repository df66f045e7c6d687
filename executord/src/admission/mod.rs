//! Admission: a pure function from a request to a [`Job`] or a rejection.

mod environment;
pub(crate) mod formatting;
pub(crate) mod job;
pub(crate) mod judge;
pub(crate) mod limits;
mod program_files;
pub(crate) mod relative_path;
pub(crate) mod source;

use std::sync::Arc;

use protocol::version_range::LanguageVersion;
use protocol::{
    ExecuteRequest, ExecutionId, Limits, LimitsRequest, OptionSetting, Rejection, SourceFile, Stdin,
    ToolchainRequest,
};
use sandbox::OutputPattern;

use crate::admission::job::{CustomCommands, Job};
use crate::admission::limits::RequestBounds;
use crate::admission::program_files::{admit_sources, check_room};
use crate::admission::source::{ARCHIVE, Source};
use crate::execution::kept_programs::KeptProgram;
use crate::languages::registry::Registry;
use crate::languages::toolchain::{StageCommand, StageKind, Toolchain};
use crate::uploads::Uploads;

/// Returns the language that a name stands for ([`Registry::find`]): the newest version in a range if there is one.
///
/// # Errors
/// [`Rejection`] if there is no such language or version, or its toolchain cannot be used on this host.
pub(crate) fn find_language<'a>(
    name: &str,
    version: Option<&str>,
    languages: &'a Registry,
) -> Result<&'a Arc<Toolchain>, Rejection> {
    let mut toolchain = languages.find(name).ok_or(Rejection::UnknownLanguage)?;
    if let Some(range) = version.filter(|_| toolchain.is_usable()) {
        toolchain = languages.find_version(name, range).ok_or_else(|| no_version(name, range, languages))?;
    }
    if let Err(reason) = toolchain.version()
        && toolchain.is_probed()
    {
        return Err(Rejection::LanguageUnavailable {
            language: toolchain.title.clone(),
            reason: reason.to_owned(),
        });
    }
    Ok(toolchain)
}

/// Returns the toolchains whose versions are needed before a request can be admitted: the version or an option depends on them, or
/// a choice among several toolchains. Other requests do not wait for a version.
pub(crate) fn versions_needed<'a>(
    request: &ExecuteRequest,
    languages: &'a Registry,
) -> Vec<&'a Arc<Toolchain>> {
    let depends_on_version = request.version.is_some() || !request.options.is_empty();
    let mut needed = versions_needed_for(&request.language, depends_on_version, languages);
    if let Some(program) = request.judge.program() {
        needed.extend(versions_needed_for(&program.language, false, languages));
    }
    needed
}

fn versions_needed_for<'a>(
    name: &str,
    depends_on_version: bool,
    languages: &'a Registry,
) -> Vec<&'a Arc<Toolchain>> {
    let usable: Vec<_> = languages.candidates(name).filter(|one| one.is_usable()).collect();
    let is_needed = depends_on_version
        || languages.without_version(name) != name
        || usable.windows(2).any(|pair| !Arc::ptr_eq(pair[0], pair[1]))
        || usable.iter().any(|one| !one.implied_options(name).is_empty());
    if is_needed { usable } else { Vec::new() }
}

/// Returns the language of a request, with the package set that it gets. A formatter runs without packages.
///
/// # Errors
/// As [`find_language`], and if there is no such package set.
pub(crate) fn find_toolchain<'a>(
    request: &ExecuteRequest,
    languages: &'a Registry,
) -> Result<&'a Arc<Toolchain>, Rejection> {
    let toolchain = find_language(&request.language, request.version.as_deref(), languages)?;
    if request.toolchain.format {
        return Ok(toolchain);
    }
    languages.with_packages(toolchain, request.packages.as_deref()).map_err(Rejection::Invalid)
}

/// Returns the rejection of a version that no toolchain has.
fn no_version(name: &str, range: &str, languages: &Registry) -> Rejection {
    if !LanguageVersion::is_range(range) {
        return invalid(&format!(
            "`version`: {range:?} is not a range of versions, such as 3.x, ^3.1 or >=3"
        ));
    }
    let available = languages.available_versions(name).join(", ");
    invalid(&format!("`version`: no version of {name} on this host is in {range:?}; it has {available}"))
}

/// Admits a request as the execution `id`.
///
/// # Errors
/// [`Rejection::Invalid`] with a message for the client.
pub(crate) fn admit(
    id: ExecutionId,
    request: ExecuteRequest,
    toolchain: &Arc<Toolchain>,
    bounds: &RequestBounds,
) -> Result<Job, Rejection> {
    let is_checked = request.toolchain.check && !toolchain.is_compiled() && toolchain.check.is_some();
    let before_runs = if is_checked { toolchain.check.as_ref() } else { toolchain.compile.as_ref() };
    let compile_limits = resolve_compile_limits(&request.compile_limits, before_runs, bounds)?;
    let has_archive = request.archive.is_some();
    if has_archive && request.keep.is_some() {
        return Err(invalid("`keep` must not be used together with an archive"));
    }
    let archive =
        request.archive.clone().map(|content| SourceFile { path: Some(ARCHIVE.to_owned()), content });
    let files = request.files.into_iter().chain(archive).collect();
    let sources = admit_sources(files, toolchain)?;
    if let Some(limits) = &compile_limits {
        check_room(&sources, limits)?;
    }
    let custom =
        custom_commands(&request.language, &request.options, &request.toolchain, &sources, toolchain)?;
    let request = ExecuteRequest { files: Vec::new(), ..request };
    let job = admit_runs(id, request, toolchain, sources, bounds)?;
    Ok(Job { custom, has_archive, is_checked, compile_limits, ..job })
}

/// Admits a request for a program that is kept, as the execution `id`.
///
/// # Errors
/// As [`admit`].
pub(crate) fn admit_kept(
    id: ExecutionId,
    request: ExecuteRequest,
    program: &KeptProgram,
    bounds: &RequestBounds,
) -> Result<Job, Rejection> {
    let has_program =
        !request.language.is_empty() || !request.files.is_empty() || !request.options.is_empty();
    let has_program = has_program || request.archive.is_some() || request.version.is_some();
    let has_program = has_program || request.packages.is_some();
    let has_program = has_program || request.toolchain != ToolchainRequest::default();
    if has_program || request.keep.is_some() {
        return Err(invalid(
            "`build` must not be used together with a language, packages, files, options or keep",
        ));
    }
    let job = admit_runs(id, request, &program.toolchain, program.sources.clone(), bounds)?;
    let custom = CustomCommands { compile: None, run: program.run.clone() };
    Ok(Job { custom, kept_build: program.build.clone(), ..job })
}

/// Admits the runs of a program whose sources are admitted.
fn admit_runs(
    id: ExecutionId,
    request: ExecuteRequest,
    toolchain: &Arc<Toolchain>,
    sources: Vec<Source>,
    bounds: &RequestBounds,
) -> Result<Job, Rejection> {
    let limits = limits::resolve("limits", &request.limits, &toolchain.run.limits, bounds)?;
    check_room(&sources, &limits)?;
    if request.runs.is_empty() {
        return Err(invalid("at least one run is required"));
    }
    let is_single = request.runs.len() == 1;
    for (number, run) in request.runs.iter().enumerate() {
        if run.args.iter().any(|argument| argument.contains('\0')) {
            return Err(invalid("an argument contains a NUL character"));
        }
        if matches!(run.stdin, Stdin::Live) && request.runs.len() > 1 {
            return Err(invalid("live input requires exactly one run"));
        }
        let field = if is_single { "environment".to_owned() } else { format!("runs[{number}].environment") };
        environment::check(&run.environment, &toolchain.run, &field)?;
    }
    // Input and signals are for one program.
    let is_interactive =
        request.runs.iter().any(|run| run.terminal.is_some() || matches!(run.stdin, Stdin::Live));
    let most = if is_interactive { 1 } else { request.runs.len() };
    let parallel = request.parallel.map_or(most, |parallel| most.min(parallel.get() as usize));
    Ok(Job {
        id,
        toolchain: Arc::clone(toolchain),
        custom: CustomCommands::default(),
        sources,
        runs: request.runs,
        parallel,
        outputs: admit_outputs(&request.outputs)?,
        artifacts: request.artifacts,
        limits,
        has_archive: false,
        is_checked: false,
        run_kind: StageKind::Run,
        compile_limits: None,
        uploads: Uploads::default(),
        wall_time: bounds.wall_time,
        client: None,
        judge: job::Judge::default(),
        stop_on_first_failure: request.stop_on_first_failure,
        keep: request.keep,
        kept_build: None,
    })
}

/// Returns the limits of the stage before the runs, if there is one. They are checked in any case, so that a mistake shows with
/// every language.
fn resolve_compile_limits(
    request: &LimitsRequest,
    before_runs: Option<&StageCommand>,
    bounds: &RequestBounds,
) -> Result<Option<Limits>, Rejection> {
    let defaults = before_runs.map_or(&Limits::COMPILE, |stage| &stage.limits);
    let limits = limits::resolve("compile_limits", request, defaults, bounds)?;
    Ok(before_runs.is_some().then_some(limits))
}

fn admit_outputs(patterns: &[String]) -> Result<Vec<OutputPattern>, Rejection> {
    let mut admitted = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let pattern =
            OutputPattern::parse(pattern).map_err(|error| invalid(&format!("`outputs`: {error}")))?;
        if !admitted.contains(&pattern) {
            admitted.push(pattern);
        }
    }
    Ok(admitted)
}

/// Returns what the options and the arguments of a request change. `name` is the name by which the language was requested.
fn custom_commands(
    name: &str,
    options: &[OptionSetting],
    request: &ToolchainRequest,
    sources: &[Source],
    toolchain: &Toolchain,
) -> Result<CustomCommands, Rejection> {
    let implied = toolchain.implied_options(name);
    let ToolchainRequest { compiler_args, interpreter_args, .. } = request;
    if options.is_empty() && implied.is_empty() && *request == ToolchainRequest::default() {
        return Ok(CustomCommands::default());
    }
    // The name of a file cannot be taken for an option.
    let is_source = |argument: &&String| sources.iter().any(|source| source.path.as_str() == **argument);
    let allowed = &toolchain.arguments;
    let of_compiler = compiler_args.iter().filter(|argument| !is_source(argument));
    allowed.check(StageKind::Compile, of_compiler).map_err(Rejection::Invalid)?;
    allowed.check(StageKind::Run, interpreter_args.iter()).map_err(Rejection::Invalid)?;
    let version = toolchain.version().unwrap_or_default();
    let additions = toolchain.options.select(options, implied, version).map_err(Rejection::Invalid)?;
    let additions = additions.with_requested(compiler_args, interpreter_args);
    let compile = toolchain.with_options(StageKind::Compile, &additions);
    let of_main_file = || Some(compile.as_ref().or(toolchain.compile.as_ref())?.of_main_file());
    Ok(CustomCommands {
        compile: if request.main_only { of_main_file() } else { compile },
        run: toolchain.with_options(StageKind::Run, &additions),
    })
}

fn invalid(message: &str) -> Rejection {
    Rejection::Invalid(message.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::{ExecuteRequest, ExecutionId, Rejection, RunRequest, SourceFile, Stdin, ToolchainRequest};

    use super::{Job, admit, find_language};
    use crate::config::Config;
    use crate::languages::shipped::shipped;

    /// Name, if there is one, and content of a file.
    pub(super) type File<'a> = (Option<&'a str>, &'a [u8]);

    pub(super) fn request(files: &[File]) -> ExecuteRequest {
        let file = |&(path, content): &File| SourceFile {
            path: path.map(ToOwned::to_owned),
            content: Bytes::copy_from_slice(content),
        };
        ExecuteRequest {
            language: "python".to_owned(),
            files: files.iter().map(file).collect(),
            runs: vec![RunRequest::default()],
            ..ExecuteRequest::default()
        }
    }

    pub(super) fn try_admit(request: ExecuteRequest) -> Result<Job, String> {
        let languages = shipped();
        let toolchain = find_language(&request.language, request.version.as_deref(), &languages)
            .map_err(|rejection| rejection.to_string())?;
        let id = ExecutionId(uuid::Uuid::nil());
        let bounds = Config::default().request_bounds();
        admit(id, request, toolchain, &bounds).map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn only_requests_that_depend_on_a_version_wait_for_it() {
        let languages = shipped();
        let ids = |language: &str, version: Option<&str>| {
            let language = language.to_owned();
            let request = ExecuteRequest { language, version: version.map(str::to_owned), ..request(&[]) };
            let needed = super::versions_needed(&request, &languages);
            needed
                .iter()
                .map(|one| one.id())
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("bash", None), Vec::<String>::new());
        assert_eq!(ids("bash", Some("5")), ["bash"]);
        assert_eq!(ids("Bash 5.2", None), ["bash"]);
        assert_eq!(ids("lua", None), ["lua", "lua@5.1", "lua@5.3"]);
        assert!(ids("c++17", None).contains(&"cpp".to_owned()));
        assert_eq!(ids("nope", Some("1")), Vec::<String>::new());
    }

    #[test]
    fn output_files_are_patterns_inside_the_work_directory() {
        let with = |patterns: &[&str]| {
            let outputs = patterns.iter().map(ToString::to_string).collect();
            let job = try_admit(ExecuteRequest { outputs, artifacts: true, ..request(&[(None, b"")]) })?;
            assert!(job.artifacts);
            Ok(job.outputs.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(with(&[]), Ok(Vec::new()));
        assert_eq!(with(&["a", "**/*.csv", "a"]), Ok(vec!["a".to_owned(), "**/*.csv".to_owned()]));
        let error: Result<_, String> = with(&["a", "../b"]);
        assert_eq!(error, Err("`outputs`: the pattern \"../b\" contains . or ..".to_owned()));
    }

    #[test]
    fn a_request_can_add_arguments_that_its_language_allows() {
        let with = |language: &str, toolchain: ToolchainRequest| {
            let language = language.to_owned();
            try_admit(ExecuteRequest { language, toolchain, ..request(&[(None, b"1")]) })
        };
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let compiler = ToolchainRequest { compiler_args: words(&["-DN=1", "-O1"]), ..Default::default() };
        let job = with("c", compiler.clone()).unwrap();
        assert_eq!(job.custom.compile.unwrap().additions.requested, ["-DN=1", "-O1"]);
        assert!(job.custom.run.is_none());
        let files: &[File] = &[(None, b"1"), (Some("other.c"), b"2")];
        let named = |name: &str| {
            let toolchain = ToolchainRequest { compiler_args: words(&[name]), ..Default::default() };
            try_admit(ExecuteRequest { language: "c".to_owned(), toolchain, ..request(files) }).map(|_| ())
        };
        assert_eq!(named("other.c"), Ok(()));
        assert!(named("another.c").is_err() && named("./other.c").is_err());
        let message = |argument: &str, program: &str| {
            Err(format!("the argument {argument:?} of the {program} is not allowed"))
        };
        assert_eq!(with("python", compiler).map(|_| ()), message("-DN=1", "compiler"));
        let interpreter = ToolchainRequest { interpreter_args: words(&["-O", "-c"]), ..Default::default() };
        assert_eq!(with("python", interpreter.clone()).map(|_| ()), message("-c", "interpreter"));
        assert_eq!(with("c", interpreter).map(|_| ()), message("-O", "interpreter"));
    }

    #[test]
    fn a_syntax_check_has_the_limits_of_a_compilation() {
        let with = |language: &str, check| {
            let toolchain = ToolchainRequest { check, ..ToolchainRequest::default() };
            let language = language.to_owned();
            try_admit(ExecuteRequest { language, toolchain, ..request(&[(None, b"1")]) }).unwrap()
        };
        let has_check = |job: &Job| (job.check_command().is_some(), job.compile_limits.is_some());
        assert_eq!(has_check(&with("python", true)), (true, true));
        assert_eq!(has_check(&with("python", false)), (false, false));
        assert_eq!(has_check(&with("bash", true)), (false, false));
        assert_eq!(has_check(&with("c", true)), (false, true));
    }

    #[test]
    fn an_archive_is_the_last_source() {
        let archive = Some(Bytes::from_static(b"PK"));
        let job = try_admit(ExecuteRequest { archive: archive.clone(), ..request(&[(None, b"1")]) }).unwrap();
        assert!(job.has_archive);
        assert_eq!(job.sources.last().map(|source| source.path.as_str()), Some(".archive.zip"));
        let message =
            |request| try_admit(ExecuteRequest { archive: archive.clone(), ..request }).unwrap_err();
        let same_name: &[File] = &[(None, b"1"), (Some(".archive.zip"), b"2")];
        assert_eq!(message(request(same_name)), "two files are named .archive.zip");
        let keep = Some(std::time::Duration::from_secs(1));
        let kept = ExecuteRequest { keep, ..request(&[(None, b"1")]) };
        assert_eq!(message(kept), "`keep` must not be used together with an archive");
        assert!(!try_admit(request(same_name)).unwrap().has_archive);
    }

    #[test]
    fn a_compiler_can_get_the_main_file_alone() {
        let command = |main_only| {
            let toolchain = ToolchainRequest { main_only, ..ToolchainRequest::default() };
            let request = ExecuteRequest { language: "c".to_owned(), toolchain, ..request(&[(None, b"1")]) };
            let job = try_admit(request).unwrap();
            job.compile_command().unwrap().command.clone()
        };
        let has = |main_only, word: &str| command(main_only).iter().any(|argument| argument == word);
        assert!(has(false, "{sources}") && !has(false, "{main}"));
        assert!(!has(true, "{sources}") && has(true, "{main}"));
    }

    #[test]
    fn languages_are_found_by_name_and_alias() {
        let languages = shipped();
        for (name, found) in [
            ("python", true),
            ("py", true),
            ("python3", true),
            ("PYTHON", true),
            ("Python", true),
            ("Py", true),
            ("pythön", false),
            ("", false),
            ("Python 3", true),
            ("python_3.11 ", true),
            ("CPython", true),
            ("Python (CPython)", true),
            ("py thon", true),
            ("python\0", false),
            ("-python", false),
            ("python 2", false),
            ("../python", false),
        ] {
            let answer = find_language(name, None, &languages);
            match found {
                true => assert_eq!(answer.map(|toolchain| toolchain.name.clone()), Ok("python".to_owned())),
                false => assert_eq!(answer.err(), Some(Rejection::UnknownLanguage), "{name:?}"),
            }
        }
    }

    #[test]
    fn invalid_runs_are_rejected_with_a_message() {
        let program: &[File] = &[(None, b"1")];
        let with = |runs: Vec<RunRequest>| try_admit(ExecuteRequest { runs, ..request(program) }).map(|_| ());
        let live = RunRequest { stdin: Stdin::Live, ..RunRequest::default() };
        let nul = RunRequest { args: vec!["a\0b".to_owned()], ..RunRequest::default() };
        assert_eq!(with(Vec::new()), Err("at least one run is required".to_owned()));
        assert_eq!(with(vec![nul]), Err("an argument contains a NUL character".to_owned()));
        assert_eq!(with(vec![live.clone()]), Ok(()));
        assert_eq!(with(vec![live.clone(), live]), Err("live input requires exactly one run".to_owned()));
    }
}
