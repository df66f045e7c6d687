//! The JSON of `POST /api/v2/execute` and of the `init` message, checked in the order in which Piston checks it.

use std::time::Duration;

use bytes::Bytes;
use protocol::bounds::{MAX_ARGS, MAX_FILES, MAX_PATH};
use protocol::{
    ByteCount, ExecuteRequest, LimitsRequest, OptionSetting, OptionValue, RunRequest, SourceFile, Stdin,
};
use serde::Deserialize;

use crate::api::lenient_json::{Fields, List, Scalar};
use crate::api::piston::runtime::Runtime;
use crate::domain::lenient_base64;
use crate::ops::compat_config::PistonConfig;

/// Wall-clock and CPU time of a run that requests none.
const RUN_TIME: Duration = Duration::from_secs(3);
/// Wall-clock and CPU time of a compilation that requests none.
const COMPILE_TIME: Duration = Duration::from_secs(10);

/// Extensions of files that a compilation of C or C++ does not name: headers, and data that the program reads.
const NOT_COMPILED: [&str; 21] = [
    "h", "hh", "hpp", "hxx", "h++", "inc", "inl", "ipp", "tcc", "tpp", "csv", "dat", "in", "json", "log",
    "md", "out", "tsv", "txt", "xml", "yaml",
];

/// The body of a request. The fields of `init` are the same.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Execute {
    language: Scalar,
    version: Scalar,
    files: List<Fields<File>, MAX_FILES>,
    stdin: Scalar,
    args: List<Scalar, MAX_ARGS>,
    compile_memory_limit: Scalar,
    run_memory_limit: Scalar,
    compile_timeout: Scalar,
    run_timeout: Scalar,
    compile_cpu_time: Scalar,
    run_cpu_time: Scalar,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    name: Scalar,
    content: Scalar,
    encoding: Scalar,
}

/// A request that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) request: ExecuteRequest,
    pub(crate) runtime: Runtime,
}

/// The limits of a stage.
#[derive(Clone, Copy, Debug, Default)]
struct StageLimits {
    wall_time: Option<Duration>,
    cpu_time: Option<Duration>,
    memory: Option<ByteCount>,
}

impl Execute {
    /// Checks a request.
    ///
    /// # Errors
    /// The message of a 400.
    pub(crate) fn check(self, runtimes: &[Runtime], config: &PistonConfig) -> Result<Checked, String> {
        let text = |field: &Scalar, name: &str| match field.as_text() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(format!("{name} is required as a string")),
        };
        let language = text(&self.language, "language")?;
        let version = text(&self.version, "version")?;
        let files = match &self.files {
            List::Elements(files) => files,
            List::TooLong => return Err(format!("files must have at most {MAX_FILES} elements")),
            List::Missing | List::Other => return Err("files is required as an array".to_owned()),
        };
        for (number, Fields(file)) in files.iter().enumerate() {
            if file.content.as_text().is_none() {
                return Err(format!("files[{number}].content is required as a string"));
            }
        }
        let runtime = Runtime::find(runtimes, &language, &version, config.accept_other_versions);
        let runtime = runtime.ok_or_else(|| format!("{language}-{version} runtime is unknown"))?;
        let files = source_files(files, runtime)?;
        let (compile, run) = self.limits(config)?;
        let run_request =
            RunRequest { stdin: Stdin::Bytes(self.stdin()?), args: self.args()?, ..RunRequest::default() };
        let request = ExecuteRequest {
            language: runtime.own.clone(),
            version: runtime.range.clone(),
            files,
            runs: vec![run_request],
            limits: run.request(RUN_TIME),
            compile_limits: if runtime.is_compiled {
                compile.request(COMPILE_TIME)
            } else {
                LimitsRequest::default()
            },
            options: options(runtime),
            ..ExecuteRequest::default()
        };
        Ok(Checked { request, runtime: runtime.clone() })
    }

    /// Returns stdin, which always ends with a line feed.
    fn stdin(&self) -> Result<Bytes, String> {
        let mut stdin = match &self.stdin {
            Scalar::Null => String::new(),
            other => other.to_text().ok_or("stdin must be a string")?,
        };
        if !stdin.ends_with('\n') {
            stdin.push('\n');
        }
        Ok(stdin.into())
    }

    fn args(&self) -> Result<Vec<String>, String> {
        let not_texts = || "args must be an array of strings".to_owned();
        match &self.args {
            List::Missing => Ok(Vec::new()),
            List::Elements(args) => args.iter().map(|arg| arg.to_text().ok_or_else(not_texts)).collect(),
            List::TooLong => Err(format!("args must have at most {MAX_ARGS} elements")),
            List::Other => Err(not_texts()),
        }
    }

    /// Returns the limits of the compilation and of the run.
    fn limits(&self, config: &PistonConfig) -> Result<(StageLimits, StageLimits), String> {
        let (mut compile, mut run) = (StageLimits::default(), StageLimits::default());
        compile.memory = memory("compile_memory_limit", &self.compile_memory_limit)?;
        run.memory = memory("run_memory_limit", &self.run_memory_limit)?;
        let (compile_time, run_time) = (config.max_compile_time, config.max_run_time);
        compile.wall_time = time("compile_timeout", &self.compile_timeout, compile_time)?;
        run.wall_time = time("run_timeout", &self.run_timeout, run_time)?;
        compile.cpu_time = time("compile_cpu_time", &self.compile_cpu_time, compile_time)?;
        run.cpu_time = time("run_cpu_time", &self.run_cpu_time, run_time)?;
        Ok((compile, run))
    }
}

impl StageLimits {
    fn request(self, default: Duration) -> LimitsRequest {
        LimitsRequest {
            wall_time: Some(self.wall_time.unwrap_or(default)),
            cpu_time: Some(self.cpu_time.unwrap_or(default)),
            memory: self.memory,
            ..LimitsRequest::default()
        }
    }
}

/// Returns the options with which Piston compiles.
fn options(runtime: &Runtime) -> Vec<OptionSetting> {
    let std = OptionSetting { name: "std".to_owned(), value: OptionValue::Choice("c++17".to_owned()) };
    if runtime.own == "cpp" { vec![std] } else { Vec::new() }
}

/// Returns a limit that is a number; `None` for what JavaScript considers false.
fn number(name: &str, value: &Scalar) -> Result<Option<f64>, String> {
    match value {
        Scalar::Null | Scalar::Bool(false) => Ok(None),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        value => match value.as_number() {
            Some(number) => Ok((number != 0.0).then_some(number)),
            None => Err(format!("If specified, {name} must be a number")),
        },
    }
}

/// Returns a time in milliseconds.
fn time(name: &str, value: &Scalar, max: Duration) -> Result<Option<Duration>, String> {
    let Some(milliseconds) = number(name, value)? else { return Ok(None) };
    let seconds = milliseconds / 1000.0;
    if seconds > max.as_secs_f64() {
        return Err(format!("{name} cannot exceed the configured limit of {}", max.as_millis()));
    }
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| format!("{name} must be non-negative"))?;
    Ok(Some(time.max(Duration::from_millis(1))))
}

/// Returns a memory limit in bytes. Zero and every negative number stand for the maximum, to which the daemon lowers the
/// limit.
fn memory(name: &str, value: &Scalar) -> Result<Option<ByteCount>, String> {
    if value.as_number() == Some(0.0) {
        return Ok(Some(ByteCount(u64::MAX)));
    }
    let Some(bytes) = number(name, value)? else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let bytes = if bytes < 0.0 { u64::MAX } else { bytes as u64 };
    Ok(Some(ByteCount(bytes.max(protocol::Limits::MINIMA.memory.bytes()))))
}

/// Returns the files for the daemon: the first file that is text is the main file.
fn source_files(files: &[Fields<File>], runtime: &Runtime) -> Result<Vec<SourceFile>, String> {
    let is_text = |file: &File| match &file.encoding {
        Scalar::Null => true,
        Scalar::Text(encoding) => encoding.is_empty() || encoding == "utf8",
        _ => false,
    };
    let main = files.iter().position(|Fields(file)| is_text(file));
    let main = main.ok_or("files must include at least one utf8 encoded file")?;
    let mut sources = Vec::with_capacity(files.len());
    for (number, Fields(file)) in files.iter().enumerate() {
        let name = match &file.name {
            Scalar::Text(name) if !name.is_empty() => name.clone(),
            Scalar::Null | Scalar::Text(_) => format!("file{number}.code"),
            _ => return Err(format!("files[{number}].name must be a string")),
        };
        if name.len() > MAX_PATH {
            return Err(format!("files[{number}].name must be at most {MAX_PATH} bytes long"));
        }
        let name = if number != main && is_text(file) { compiled_name(name, runtime) } else { name };
        sources.push(SourceFile { path: Some(name), content: content(file) });
    }
    sources[..=main].rotate_right(1);
    Ok(sources)
}

/// Returns the name under which the compiler of C or C++ compiles a file: Piston compiles all files, whatever their names.
fn compiled_name(name: String, runtime: &Runtime) -> String {
    if !["c", "cpp"].contains(&runtime.own.as_str()) {
        return name;
    }
    let file_name = name.rsplit('/').next().unwrap_or_default();
    let extension = file_name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    let is_known = |known: &str| known.eq_ignore_ascii_case(extension);
    if NOT_COMPILED.into_iter().any(is_known) || runtime.extensions.iter().any(|known| known == extension) {
        return name;
    }
    match runtime.extensions.first() {
        Some(usual) => format!("{name}.{usual}"),
        None => name,
    }
}

fn content(file: &File) -> Bytes {
    let content = file.content.as_text().unwrap_or_default();
    match file.encoding.as_text() {
        Some("base64") => lenient_base64::decode(content).into(),
        Some("hex") => decode_hex(content).into(),
        _ => content.to_owned().into(),
    }
}

/// Decodes up to the first pair of characters that is not hexadecimal, as Node.js does.
fn decode_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map_while(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::lenient_json;
    use protocol::version_range::LanguageVersion;

    fn runtimes() -> Vec<Runtime> {
        let runtime = |own: &str, name: &str, version: &str, extensions: &[&str]| Runtime {
            own: own.to_owned(),
            name: name.to_owned(),
            aliases: vec![],
            runtime: None,
            version: LanguageVersion::from_reported(version),
            range: None,
            extensions: extensions.iter().map(|&extension| extension.to_owned()).collect(),
            is_compiled: own == "cpp",
        };
        vec![runtime("python", "python", "3.11.2", &["py"]), runtime("cpp", "c++", "12.2.0", &["cpp", "cc"])]
    }

    fn checked(body: &str) -> Result<ExecuteRequest, String> {
        let execute: Execute = lenient_json::parse(body.as_bytes())?;
        execute.check(&runtimes(), &PistonConfig::default()).map(|checked| checked.request)
    }

    #[track_caller]
    fn refused(body: &str, message: &str) {
        assert_eq!(checked(body).unwrap_err(), message, "{body}");
    }

    /// Returns a valid request with more fields.
    fn with(more: &str) -> String {
        format!(r#"{{"language":"python","version":"*","files":[{{"content":"1"}}]{more}}}"#)
    }

    #[test]
    fn what_is_wrong_is_reported_in_the_order_of_piston() {
        for body in ["", "{}", "[]", r#"{"language":1}"#, r#"{"language":""}"#, r#"{"language":["python"]}"#]
        {
            refused(body, "language is required as a string");
        }
        refused(r#"{"language":"python"}"#, "version is required as a string");
        refused(r#"{"language":"nope","version":3}"#, "version is required as a string");
        refused(r#"{"language":"python","version":"*"}"#, "files is required as an array");
        refused(r#"{"language":"python","version":"*","files":{}}"#, "files is required as an array");
        refused(
            r#"{"language":"nope","version":"*","files":[{"content":""},{"name":"x"}]}"#,
            "files[1].content is required as a string",
        );
        refused(
            r#"{"language":"nope","version":"*","files":[null]}"#,
            "files[0].content is required as a string",
        );
        refused(r#"{"language":"nope","version":"1.x","files":[]}"#, "nope-1.x runtime is unknown");
        refused(r#"{"language":"python","version":"latest","files":[]}"#, "python-latest runtime is unknown");
        refused(
            r#"{"language":"python","version":"*","files":[]}"#,
            "files must include at least one utf8 encoded file",
        );
        refused(
            r#"{"language":"python","version":"*","files":[{"content":"","encoding":"hex"}]}"#,
            "files must include at least one utf8 encoded file",
        );
        refused(&with(r#","run_memory_limit":"1""#), "If specified, run_memory_limit must be a number");
        refused(
            &with(r#","run_timeout":"1","compile_memory_limit":true"#),
            "If specified, compile_memory_limit must be a number",
        );
        refused(
            &with(r#","run_timeout":60001,"run_cpu_time":-1"#),
            "run_timeout cannot exceed the configured limit of 60000",
        );
        refused(&with(r#","run_cpu_time":-1,"run_timeout":3000"#), "run_cpu_time must be non-negative");
        refused(&with(r#","compile_timeout":-0.5"#), "compile_timeout must be non-negative");
        refused(&with(r#","compile_cpu_time":{}"#), "If specified, compile_cpu_time must be a number");
        refused(&with(r#","args":"x""#), "args must be an array of strings");
        refused(&with(r#","args":[[]]"#), "args must be an array of strings");
        refused(&with(r#","stdin":{}"#), "stdin must be a string");
    }

    #[test]
    fn limits_that_are_null_or_zero_have_their_defaults() {
        for more in
            ["", r#","run_timeout":0,"run_memory_limit":null,"run_cpu_time":"","compile_timeout":false"#]
        {
            let request = checked(&with(more)).unwrap();
            assert_eq!(request.limits, StageLimits::default().request(Duration::from_secs(3)));
        }
        let more = r#","run_timeout":1500.5,"run_memory_limit":-1,"run_cpu_time":60000,"compile_timeout":9,
            "compile_memory_limit":1"#;
        let request = checked(&with(more)).unwrap();
        assert_eq!(request.limits.wall_time, Some(Duration::from_micros(1_500_500)));
        assert_eq!(request.limits.cpu_time, Some(Duration::from_secs(60)));
        assert_eq!(request.limits.memory, Some(ByteCount(u64::MAX)));
        let zero = checked(&with(r#","run_memory_limit":0"#)).unwrap();
        assert_eq!(zero.limits.memory, Some(ByteCount(u64::MAX)));
        assert_eq!(request.compile_limits, LimitsRequest::default());
        let compiled = |more: &str| checked(&with(more).replace("python", "c++")).unwrap().compile_limits;
        assert_eq!(compiled(""), StageLimits::default().request(Duration::from_secs(10)));
        assert_eq!(compiled(more).wall_time, Some(Duration::from_millis(9)));
        assert_eq!(compiled(more).memory, Some(protocol::Limits::MINIMA.memory));
    }

    #[test]
    fn stdin_ends_with_a_line_feed() {
        let stdin = |more: &str| checked(&with(more)).unwrap().runs[0].stdin.clone();
        for (more, expected) in [
            ("", "\n"),
            (r#","stdin":null"#, "\n"),
            (r#","stdin":"""#, "\n"),
            (r#","stdin":"a""#, "a\n"),
            (r#","stdin":"a\n""#, "a\n"),
            (r#","stdin":"a\n\n""#, "a\n\n"),
            (r#","stdin":5"#, "5\n"),
        ] {
            assert_eq!(stdin(more), Stdin::Bytes(expected.into()), "{more}");
        }
        let args = checked(&with(r#","args":["a b","",1,true]"#)).unwrap().runs[0].args.clone();
        assert_eq!(args, ["a b", "", "1", "true"]);
    }

    fn files(language: &str, files: &str) -> Vec<(String, Vec<u8>)> {
        let body = format!(r#"{{"language":"{language}","version":"*","files":[{files}]}}"#);
        let files = checked(&body).unwrap().files.into_iter();
        files.map(|file| (file.path.unwrap(), file.content.to_vec())).collect()
    }

    #[test]
    fn the_first_text_is_the_main_file() {
        let sent = r#"{"name":"data.bin","content":"AP8=","encoding":"base64"},{"content":"1"},
            {"name":"","content":"00fFzz","encoding":"hex"},{"name":"lib/x.py","content":"é","encoding":"latin1"}"#;
        let expected: [(&str, &[u8]); 4] = [
            ("file1.code", b"1"),
            ("data.bin", b"\x00\xff"),
            ("file2.code", b"\x00\xff"),
            ("lib/x.py", "é".as_bytes()),
        ];
        assert_eq!(
            files("python", sent),
            expected.map(|(name, content)| (name.to_owned(), content.to_vec()))
        );
    }

    #[test]
    fn every_text_of_a_cpp_program_is_compiled_but_headers_and_data_are_not() {
        let names = ["main.code", "b", "c.code", "d.cc", "e.CPP", "f.hpp", "g.H", "h.txt", "dir.x/i"];
        let sent: Vec<_> = names.iter().map(|name| format!(r#"{{"name":"{name}","content":""}}"#)).collect();
        let sent = sent.join(",") + r#",{"name":"j.bin","content":"","encoding":"base64"}"#;
        let names: Vec<_> = files("c++", &sent).into_iter().map(|(name, _)| name).collect();
        // The daemon adds the extension of the main file.
        let expected = [
            "main.code",
            "b.cpp",
            "c.code.cpp",
            "d.cc",
            "e.CPP.cpp",
            "f.hpp",
            "g.H",
            "h.txt",
            "dir.x/i.cpp",
            "j.bin",
        ];
        assert_eq!(names, expected);
    }
}
