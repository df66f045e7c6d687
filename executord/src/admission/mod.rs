//! Admission: a pure function from a request to a [`Job`] or a rejection.

mod environment;
pub(crate) mod job;
pub(crate) mod judge;
pub(crate) mod limits;
pub(crate) mod relative_path;
pub(crate) mod source;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use protocol::bounds::MAX_SOURCES;
use protocol::{
    ExecuteRequest, ExecutionId, Limits, LimitsRequest, OptionSetting, Rejection, SourceFile, Stdin,
    ToolchainRequest,
};
use sandbox::OutputPattern;

use crate::admission::job::{CustomCommands, Job};
use crate::admission::limits::RequestBounds;
use crate::admission::relative_path::RelativePath;
use crate::admission::source::{ARCHIVE, Source};
use crate::execution::kept_programs::KeptProgram;
use crate::languages::format::LineEndings;
use crate::languages::registry::Registry;
use crate::languages::toolchain::{StageCommand, StageKind, Toolchain};
use crate::uploads::Uploads;

/// The byte order mark in UTF-8, with which some editors of Windows begin a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Unit in which a tmpfs allocates, in bytes.
const PAGE: u64 = 4096;

/// Returns the language with this name or alias, in upper or lower case.
///
/// # Errors
/// [`Rejection`] if there is no such language, or its toolchain cannot be used on this host.
pub(crate) fn find_language<'a>(
    name: &str,
    languages: &'a Registry,
) -> Result<&'a Arc<Toolchain>, Rejection> {
    let toolchain = languages.find(name).ok_or(Rejection::UnknownLanguage)?;
    if let Err(reason) = &toolchain.version {
        return Err(Rejection::LanguageUnavailable {
            language: toolchain.title.clone(),
            reason: reason.clone(),
        });
    }
    Ok(toolchain)
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
    let has_program =
        has_program || request.archive.is_some() || request.toolchain != ToolchainRequest::default();
    if has_program || request.keep.is_some() {
        return Err(invalid("`build` must not be used together with a language, files, options or keep"));
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
    let limits = limits::resolve("limits", &request.limits, &toolchain.run.limits, &bounds.maxima)?;
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
    let limits = limits::resolve("compile_limits", request, defaults, &bounds.maxima)?;
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
    let version = toolchain.version.as_deref().unwrap_or_default();
    let additions = toolchain.options.select(options, implied, version).map_err(Rejection::Invalid)?;
    let additions = additions.with_requested(compiler_args, interpreter_args);
    let compile = toolchain.with_options(StageKind::Compile, &additions);
    let of_main_file = || Some(compile.as_ref().or(toolchain.compile.as_ref())?.of_main_file());
    Ok(CustomCommands {
        compile: if request.main_only { of_main_file() } else { compile },
        run: toolchain.with_options(StageKind::Run, &additions),
    })
}

fn admit_sources(files: Vec<SourceFile>, toolchain: &Toolchain) -> Result<Vec<Source>, Rejection> {
    let mut sources = Vec::with_capacity(files.len());
    let mut paths = BTreeSet::new();
    let mut total = 0_usize;
    for (index, file) in files.into_iter().enumerate() {
        let path = match &file.path {
            Some(path) => path,
            None if index == 0 => &toolchain.file_name,
            None => return Err(invalid("only the first file may have no name")),
        };
        let mut path = RelativePath::try_from(path.as_str()).map_err(Rejection::Invalid)?;
        if index == 0 && file.path.is_some() && toolchain.misreads(&path) {
            path = recognizable(&path, toolchain)?;
        }
        let is_source =
            index == 0 || path.extension().is_some_and(|extension| toolchain.is_source(extension));
        // CPython 3.11 stops reading at a NUL character, and would run only a part of the file.
        if is_source && file.content.contains(&0) {
            return Err(invalid(&format!("{path} contains a NUL character")));
        }
        total = total.saturating_add(file.content.len());
        if !paths.insert(path.clone()) {
            return Err(invalid(&format!("two files are named {path}")));
        }
        let content = if is_source { readable(file.content, toolchain.line_endings) } else { file.content };
        sources.push(Source { path, content: content.into() });
    }
    if sources.is_empty() {
        return Err(invalid("at least one source file is required"));
    }
    if total > MAX_SOURCES {
        return Err(invalid(&format!("the files are larger than {MAX_SOURCES} bytes in total")));
    }
    if let Some(file) = paths.iter().find(|file| paths.iter().any(|other| file.is_above(other))) {
        return Err(invalid(&format!("{file} is both a file and a directory")));
    }
    Ok(sources)
}

/// Returns a name for the main file by which the toolchain recognizes a source: the client's with the usual extension
/// appended.
fn recognizable(path: &RelativePath, toolchain: &Toolchain) -> Result<RelativePath, Rejection> {
    let named = RelativePath::try_from(format!("{path}.{}", toolchain.usual_extension()).as_str());
    named.map_err(|error| {
        let accepted = toolchain.extensions().join(", .");
        invalid(&format!("{error}; the name of the main file should end in .{accepted}"))
    })
}

/// Returns a source as its toolchain reads it: without a byte order mark, and with the line endings that it accepts.
fn readable(content: Bytes, accepted: LineEndings) -> Bytes {
    let content =
        if content.starts_with(BYTE_ORDER_MARK) { content.slice(BYTE_ORDER_MARK.len()..) } else { content };
    let first_line = content.split(|&byte| byte == b'\n').next().unwrap_or_default();
    // A file with other line endings may contain CRLF on purpose.
    if accepted == LineEndings::Any || !first_line.ends_with(b"\r") {
        return content;
    }
    let mut converted = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                converted.extend_from_slice(text);
                converted.push(b'\n');
            }
            None => converted.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line)),
        }
    }
    converted.into()
}

/// Checks that the files fit into the work directory, which the disk limits bound. A file occupies whole pages there, and
/// a directory counts as a file.
fn check_room(sources: &[Source], limits: &Limits) -> Result<(), Rejection> {
    let bytes: u64 = sources.iter().map(|source| source.content.len().next_multiple_of(PAGE)).sum();
    if bytes > limits.disk.bytes() {
        let allowed = limits.disk;
        return Err(invalid(&format!(
            "the files need {bytes} bytes of disk space, and {allowed} are allowed"
        )));
    }
    let paths = sources.iter().flat_map(|source| Path::new(source.path.as_str()).ancestors());
    // The last ancestor of each path is the empty path: the work directory itself.
    let count = paths.collect::<BTreeSet<_>>().len() - 1;
    if count > limits.files as usize {
        let allowed = limits.files;
        return Err(invalid(&format!(
            "the request has {count} files and directories, and {allowed} are allowed"
        )));
    }
    Ok(())
}

fn invalid(message: &str) -> Rejection {
    Rejection::Invalid(message.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::{
        ByteCount, ExecuteRequest, ExecutionId, Limits, LimitsRequest, Rejection, RunRequest, SourceFile,
        Stdin, ToolchainRequest,
    };

    use super::{Job, MAX_SOURCES, RequestBounds, admit, find_language};
    use crate::languages::shipped::shipped;

    /// Name, if there is one, and content of a file.
    type File<'a> = (Option<&'a str>, &'a [u8]);

    fn request(files: &[File]) -> ExecuteRequest {
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

    fn try_admit(request: ExecuteRequest) -> Result<Job, String> {
        let languages = shipped();
        let toolchain =
            find_language(&request.language, &languages).map_err(|rejection| rejection.to_string())?;
        let id = ExecutionId(uuid::Uuid::nil());
        let bounds = RequestBounds { maxima: Limits::MAXIMA, wall_time: 2 * Limits::MAXIMA.wall_time };
        admit(id, request, toolchain, &bounds).map_err(|rejection| rejection.to_string())
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
    fn languages_are_found_by_name_and_alias_in_upper_or_lower_case() {
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
            ("python ", false),
            ("python\0", false),
            ("../python", false),
        ] {
            let answer = find_language(name, &languages);
            match found {
                true => assert_eq!(answer.map(|toolchain| toolchain.name.clone()), Ok("python".to_owned())),
                false => assert_eq!(answer.err(), Some(Rejection::UnknownLanguage), "{name:?}"),
            }
        }
    }

    #[test]
    fn the_main_file_has_the_default_name_of_its_language_unless_the_client_names_it() {
        let path = |files: &[File]| try_admit(request(files)).map(|job| job.sources[0].path.to_string());
        assert_eq!(path(&[(None, b"1")]), Ok("main.py".to_owned()));
        assert_eq!(path(&[(Some("a/b.py"), b"1")]), Ok("a/b.py".to_owned()));
    }

    #[test]
    fn a_main_file_gets_a_name_by_which_its_toolchain_recognizes_a_source() {
        let named = |language: &str, name: &str, more: &[File]| {
            let files: Vec<File> =
                [(Some(name), &b"1"[..])].into_iter().chain(more.iter().copied()).collect();
            let request = ExecuteRequest { language: language.to_owned(), ..request(&files) };
            try_admit(request).map(|job| job.sources[0].path.to_string())
        };
        for (language, name, expected) in [
            ("c", "main.c", "main.c"),
            ("c", "solution", "solution.c"),
            ("c", "PROG.C", "PROG.C.c"),
            ("c", "main.cpp", "main.cpp.c"),
            ("cpp", "file0.code", "file0.code.cpp"),
            ("cpp", "a/b.cc", "a/b.cc"),
            ("cpp", "x.ld", "x.ld.cpp"),
            ("typescript", "MAIN.TS", "MAIN.TS.ts"),
            ("typescript", "a.mts", "a.mts"),
            ("javascript", "inspect", "inspect.js"),
            ("java", "Main.class", "Main.class.java"),
            ("go", "main.txt", "main.txt.go"),
            ("rust", "solution", "solution.rs"),
            ("python", "solution", "solution"),
            ("python", "a.pyc", "a.pyc.py"),
            ("bash", "run", "run"),
        ] {
            assert_eq!(named(language, name, &[]), Ok(expected.to_owned()), "{language} {name}");
        }
        let message = |name: &str, more: &[File]| named("cpp", name, more).unwrap_err();
        assert_eq!(message("x", &[(Some("x.cpp"), b"")]), "two files are named x.cpp");
        let too_long = "x".repeat(255);
        assert!(
            message(&too_long, &[]).ends_with("should end in .cpp, .cc, .cxx"),
            "{}",
            message(&too_long, &[])
        );
    }

    #[test]
    fn sources_from_windows_are_readable() {
        let admitted = |language: &str, content: &[u8]| {
            let files: &[File] = &[(None, content), (Some("data.txt"), content)];
            let request = ExecuteRequest { language: language.to_owned(), ..request(files) };
            let job = try_admit(request).unwrap();
            assert_eq!(&job.sources[1].content.bytes().unwrap()[..], content);
            job.sources[0].content.bytes().unwrap().to_vec()
        };
        assert_eq!(admitted("java", b"\xef\xbb\xbfclass A {}\r\n"), b"class A {}\r\n");
        assert_eq!(admitted("bash", b"\xef\xbb\xbfecho\r\n\r\nfi\r\nx\r"), b"echo\n\nfi\nx");
        assert_eq!(admitted("bash", b"a\r"), b"a");
        assert_eq!(admitted("bash", b"a\nb\r\n"), b"a\nb\r\n");
        assert_eq!(admitted("bash", b""), b"");
        assert_eq!(admitted("python", b"a\r\n"), b"a\r\n");
    }

    #[test]
    fn invalid_sources_are_rejected_with_a_message() {
        let too_much = vec![b' '; MAX_SOURCES];
        let cases: [(&[File], &str); 8] = [
            (&[], "at least one source file is required"),
            (&[(None, b"1"), (None, b"2")], "only the first file may have no name"),
            (&[(None, b"1"), (Some("main.py"), b"2")], "two files are named main.py"),
            (&[(None, b"1"), (Some("a"), b""), (Some("a/b"), b"")], "a is both a file and a directory"),
            (&[(None, b"1\0")], "main.py contains a NUL character"),
            (&[(None, b"1"), (Some("b.py"), b"\0")], "b.py contains a NUL character"),
            (&[(None, b"1"), (Some("../b"), b"")], "the file name \"../b\" contains . or .."),
            (&[(None, b"1"), (Some("b"), &too_much)], "the files are larger than 4194304 bytes in total"),
        ];
        for (files, message) in cases {
            assert_eq!(try_admit(request(files)).map(|_| ()), Err(message.to_owned()));
        }
        // Other files may be binary.
        assert!(try_admit(request(&[(None, b"1"), (Some("b.dat"), b"\0")])).is_ok());
    }

    #[test]
    fn files_must_fit_within_the_disk_limits() {
        let files: &[File] = &[(None, b"1"), (Some("a/b/c.dat"), &[0; 5000])];
        let with = |limits: LimitsRequest| try_admit(ExecuteRequest { limits, ..request(files) }).map(|_| ());
        let files_allowed = |files| with(LimitsRequest { files: Some(files), ..LimitsRequest::default() });
        assert_eq!(files_allowed(4), Ok(()));
        assert_eq!(
            files_allowed(3),
            Err("the request has 4 files and directories, and 3 are allowed".to_owned())
        );
        let many = [0; 60_000];
        let files: &[File] = &[(None, b"1"), (Some("b.dat"), &many)];
        let with = |disk| {
            let limits = LimitsRequest { disk: Some(ByteCount(disk)), ..LimitsRequest::default() };
            try_admit(ExecuteRequest { limits, ..request(files) }).map(|_| ())
        };
        assert_eq!(with(65_536), Ok(()));
        let files: &[File] = &[(None, b"1"), (Some("b.dat"), &many), (Some("c"), b"3")];
        let limits = LimitsRequest { disk: Some(ByteCount(65_536)), ..LimitsRequest::default() };
        let message = "the files need 69632 bytes of disk space, and 64 KiB are allowed";
        let answer = try_admit(ExecuteRequest { limits, ..request(files) });
        assert_eq!(answer.map(|_| ()), Err(message.to_owned()));
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
