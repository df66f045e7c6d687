//! Requests that are accepted and refused, and the requests of the daemon that they become.

use protocol::bounds::{MAX_ARG, MAX_SOURCES, MAX_VARIABLE};
use protocol::{
    ByteCount, Compare, ExpectedOutput, Judge, LimitsRequest, OptionSetting, OptionValue, SourceFile,
    Tolerance, Variable,
};

use super::*;

#[track_caller]
fn check(body: &str, expected: &str) {
    let result = match parse(body.as_bytes()) {
        Ok(_) => "valid".to_owned(),
        Err(error) => format!("{:?}: {}", error.body.code, error.body.error),
    };
    assert!(result.contains(expected), "{body}\n{result}");
}

#[test]
fn a_request_is_valid_or_refused_with_a_reason() {
    check(r#"{"code":"1","language":"python"}"#, "valid");
    check(r#"{"code":"1","language":"python","filename":"a.py","stdin":null,"args":["x"]}"#, "valid");
    check(r#"{"files":[{"name":"a.py","content":"MQ==","encoding":"base64"}],"language":"python"}"#, "valid");
    check(r#"{"code":"1","language":"c","runs":[{},{"stdin":"x","args":["1"]}],"limits":{}}"#, "valid");
    check(
        r#"{"code":"1","language":"c","limits":{"cpu_ms":18446744073709551615,"processes":99999999999}}"#,
        "valid",
    );

    check(r#"{"code":"1","language":"python","version":"3.x"}"#, "valid");
    let long = "1".repeat(MAX_VERSION_RANGE + 1);
    let body = format!(r#"{{"code":"1","language":"python","version":"{long}"}}"#);
    check(&body, "`version` must be at most 64 bytes long");
    check(r#"{"code":"1","language":"python","packages":"data-science"}"#, "valid");
    let body = format!(r#"{{"code":"1","language":"python","packages":"{long}"}}"#);
    check(&body, "`packages` must be at most 64 bytes long");
    check(r#"{"code":"1"}"#, "`language` is required");
    check(r#"{"language":"c"}"#, "`code` or `files` is required");
    check(r#"{"code":null,"language":"c"}"#, "`code` or `files` is required");
    check(r#"{"code":"","files":[],"language":"c"}"#, "must not be used together");
    check(r#"{"files":[],"language":"c"}"#, "at least one file");
    check(r#"{"files":[{"content":""}],"filename":"x","language":"c"}"#, "`filename` requires `code`");
    check(
        r#"{"files":[{"content":"*","encoding":"base64"}],"language":"c"}"#,
        "`files[0].content` must be base64",
    );
    check(r#"{"files":[{"content":" TVE9\r\nPQ\t==\n","encoding":"base64"}],"language":"python"}"#, "valid");
    check(
        r#"{"files":[{"content":"TVE9\u00a0PQ==","encoding":"base64"}],"language":"python"}"#,
        "`files[0].content` must be base64",
    );
    check(r#"{"files":[["a","b"]],"language":"c"}"#, "expected an object");
    check(r#"{"code":"","language":"c","runs":[]}"#, "at least one run");
    check(r#"{"code":"","language":"c","keep":"60s"}"#, "valid");
    check(r#"{"code":"","language":"c","keep":"0s"}"#, "InvalidRequest: `keep` must be longer than 0s");
    check(r#"{"code":"","language":"c","keep":"long"}"#, "InvalidRequest: `keep`: ");
    let id = "a5".repeat(32);
    check(&format!(r#"{{"build":"{id}","stdin":"x"}}"#), "valid");
    check(r#"{"build":"a5"}"#, "InvalidRequest: `build` is not the id of a build");
    for field in [r#""language":"c""#, r#""code":"""#, r#""files":[]"#, r#""keep":"1s""#] {
        check(&format!(r#"{{"build":"{id}",{field}}}"#), "InvalidRequest: `build` must not be used together");
    }
    check(r#"{"code":"","language":"c","parallel":1}"#, "valid");
    check(r#"{"code":"","language":"c","parallel":0}"#, "InvalidRequest: `parallel` must be at least 1");
    check(r#"{"code":"","language":"c","parallel":-1}"#, "InvalidRequest");
    check(r#"{"code":"","language":"c","runs":[{}],"stdin":"x"}"#, "must be in each run");
    check(r#"{"code":"","language":"c","runs":[{}],"expected_stdout":"x"}"#, "must be in each run");
    check(
        r#"{"code":"","language":"c","runs":[{"stdin":"*","stdin_encoding":"base64"}]}"#,
        "`runs[0].stdin`",
    );
    check(r#"{"code":"","language":"c","limits":{"cpu_ms":0}}"#, "`limits.cpu_ms` must be at least 1");
    check(
        r#"{"code":"","language":"c","limits":{"open_files":0}}"#,
        "`limits.open_files` must be at least 1",
    );
    check(
        r#"{"code":"","language":"c","compile_limits":{"cpu_ms":0}}"#,
        "`compile_limits.cpu_ms` must be at least 1",
    );
    check(r#"{"code":"","language":"c","limits":{"cpu_ms":1.5,"processes":1e1}}"#, "valid");
    check(
        r#"{"code":"","language":"c","limits":{"processes":1.5}}"#,
        "InvalidRequest: `limits.processes` must be a whole number",
    );
    check(
        r#"{"code":"","language":"c","limits":{"memory_bytes":-0.5}}"#,
        "InvalidRequest: `limits.memory_bytes` must be at least 1",
    );
    check(r#"{"code":"","language":"c","limits":{"cpu_ms":-1}}"#, "InvalidRequest: `limits.cpu_ms`");
    check(r#"{"code":"","language":"c","limits":{"cpu_ms":"1s"}}"#, "`limits.cpu_ms`: invalid type: string");
    check(r#"{"code":"","language":"c","limits":[1]}"#, "InvalidRequest");
    check(r#"{"code":"","language":"c","encoding":"latin1"}"#, "expected `utf8` or `base64`");
    check(
        r#"{"code":"","language":"c","timeout":1}"#,
        "unknown field `timeout`, expected one of `language`, `version`, `packages`",
    );
    check(r#"{"code":"","language":"c","code":"x"}"#, "duplicate field `code`");
    check(r#"{"code":"","language":"c","outputs":["a.png","**/*.csv"],"artifacts":true}"#, "valid");
    check(
        &format!(r#"{{"code":"","language":"c","outputs":["a","{}"]}}"#, "x".repeat(1025)),
        "`outputs[1]` must be at most 1024 bytes long",
    );
    check(&format!(r#"{{"code":"","language":"c","outputs":[{}"a"]}}"#, r#""a","#.repeat(32)), "`outputs`");
    check(r#"{"code":1,"language":"c"}"#, "InvalidRequest");
    check(r#"["x","python"]"#, "InvalidRequest");
    check("null", "InvalidRequest");
    check("", "InvalidJson");
    check(
        r#"{"code":"\ud800","language":"c"}"#,
        "InvalidJson: the body is not valid JSON: `code`: half of a surrogate pair is not a character",
    );
    check(
        r#"{"code":"\udc00","language":"c"}"#,
        "InvalidJson: the body is not valid JSON: `code`: half of a surrogate pair is not a character",
    );
    check(
        r#"{"code":"","language":"c","runs":[{},{"stdin":"\ud83d!"}]}"#,
        "`runs[1].stdin`: half of a surrogate pair",
    );
    check(r#"{"code":"","language":"c","args":["a","\udead"]}"#, "`args[1]`: half of a surrogate pair");
    check(r#"{"code":"\ud83d\ude00","language":"c"}"#, "valid");
    check("\u{feff}{\"code\":\"\",\"language\":\"c\"}", "valid");
    check(
        r#"{"code":"","language":"c","limits":{"cpu_ms":1e400}}"#,
        "InvalidJson: the body is not valid JSON: `limits.cpu_ms`: number out of range",
    );
    check(
        &format!(r#"{{"code":"","language":"{}"}}"#, "a".repeat(65)),
        "UnsupportedLanguage: Unsupported language",
    );
    check(&"[".repeat(100_000), "InvalidRequest");
    check(&format!(r#"{{"code":{}"#, "[".repeat(100_000)), "InvalidRequest");
}

#[test]
fn values_beyond_a_bound_are_refused() {
    let args = |count: usize, length: usize| {
        let arg = format!("\"{}\"", "x".repeat(length));
        format!(r#"{{"code":"","language":"c","args":[{}]}}"#, vec![arg; count].join(","))
    };
    check(&args(MAX_ARGS, 1), "valid");
    check(&args(MAX_ARGS + 1, 1), "an array of at most 256 elements");
    check(&args(1, MAX_ARG + 1), "each of `args` must be at most 65536 bytes long");
    check(&args(9, MAX_ARG), "`args` must be at most 524288 bytes long in total");
    let files = format!(r#"{{"language":"c","files":[{}]}}"#, vec![r#"{"content":""}"#; 129].join(","));
    check(&files, "an array of at most 128 elements");
    let runs = format!(r#"{{"language":"c","code":"","runs":[{}]}}"#, vec!["{}"; 65].join(","));
    check(&runs, "an array of at most 64 elements");
    let code = |length| format!(r#"{{"language":"c","code":"{}"}}"#, "x".repeat(length));
    check(&code(MAX_SOURCES), "valid");
    check(&code(MAX_SOURCES + 1), "TooLarge: the source files are larger than 4194304 bytes (4 MiB)");
    let half = "x".repeat(MAX_SOURCES / 2 + 1);
    let files = format!(r#"{{"language":"c","files":[{{"content":"{half}"}},{{"content":"{half}"}}]}}"#);
    check(&files, "TooLarge");
    let name = format!(r#"{{"language":"c","code":"","filename":"{}"}}"#, "x".repeat(1025));
    check(&name, "the file name in `filename` must be at most 1024 bytes long");
    let long = format!(r#"{{"{}":1}}"#, "x".repeat(100_000));
    assert!(parse(long.as_bytes()).unwrap_err().body.error.len() < 600);
}

#[test]
fn options_and_variables_are_objects_within_bounds() {
    let with = |field: &str| format!(r#"{{"code":"","language":"c",{field}}}"#);
    check(&with(r#""options":{}"#), "valid");
    check(&with(r#""options":{"std":"c99","warnings":false,"sanitize":[]}"#), "valid");
    check(&with(r#""options":{"std":"c99","std":"c11"}"#), "duplicate field `std`");
    for wrong in ["1", "null", "{}", "1.5"] {
        let expected = "expected true, false, a string, or an array of at most 64 strings";
        check(&with(&format!(r#""options":{{"std":{wrong}}}"#)), expected);
        check(&with(&format!(r#""options":{{"std":{wrong}}}"#)), "`options.std`: invalid type");
    }
    check(&with(r#""options":{"sanitize":[1]}"#), "`options.sanitize[0]`: invalid type: integer");
    check(&with(r#""options":["std"]"#), "`options`: invalid type: sequence");
    let long = "x".repeat(65);
    check(&with(&format!(r#""options":{{"{long}":true}}"#)), "a name in `options` must be at most 64");
    check(&with(&format!(r#""options":{{"std":"{long}"}}"#)), "a name in `options.std` must be at most 64");
    let many = |count: usize, value: &str| {
        let fields: Vec<_> = (0..count).map(|number| format!(r#""V{number}":{value}"#)).collect();
        fields.join(",")
    };
    check(&with(&format!(r#""options":{{{}}}"#, many(33, "true"))), "an object with at most 32 fields");

    check(&with(r#""environment":{"A":"1","b":""}"#), "valid");
    check(&with(r#""environment":{"A":1}"#), "`environment.A`: invalid type: integer `1`");
    check(&with(r#""environment":{"A":null}"#), "`environment.A`: invalid type: null");
    check(&with(r#""environment":{"A":"1","A":"2"}"#), "duplicate field `A`");
    check(&with(r#""runs":[{},{"environment":{"A":true}}]"#), "`runs[1].environment.A`: invalid type");
    check(&with(&format!(r#""environment":{{{}}}"#, many(64, r#""""#))), "valid");
    check(&with(&format!(r#""environment":{{{}}}"#, many(65, r#""""#))), "at most 64 fields");
    let runs = format!(r#""environment":{{{}}},"runs":[{{"environment":{{"X":""}}}}]"#, many(64, r#""""#));
    check(&with(&runs), "`runs[0].environment` must have at most 64 variables");
    let value = |length: usize| format!(r#""{}""#, "x".repeat(length));
    check(&with(&format!(r#""environment":{{"A":{}}}"#, value(MAX_VARIABLE))), "valid");
    let too_long = format!(r#""environment":{{"A":{}}}"#, value(MAX_VARIABLE + 1));
    check(&with(&too_long), "`environment.A` must be at most 32768 bytes long");
    let total = format!(r#""environment":{{{}}}"#, many(3, &value(MAX_VARIABLE - 2)));
    check(&with(&total), "`environment` must be at most 65536 bytes long in total");
    let name = format!(r#""environment":{{"{}":""}}"#, "A".repeat(129));
    check(&with(&name), "a name in `environment` must be at most 128 bytes long");
}

#[test]
fn the_variables_of_a_run_replace_those_of_the_request() {
    let body = r#"{"code":"","language":"c","environment":{"A":"1","B":"2"},"runs":[{},{"environment":{"C":"3","A":"4"}}]}"#;
    let parsed = parse(body.as_bytes()).unwrap();
    let of_run = |number: usize| -> Vec<String> {
        let variables = parsed.request.runs[number].environment.iter();
        variables.map(|Variable { name, value }| format!("{name}={value}")).collect()
    };
    assert_eq!(of_run(0), ["A=1", "B=2"]);
    assert_eq!(of_run(1), ["B=2", "C=3", "A=4"]);
}

#[test]
fn every_field_reaches_the_daemon() {
    let body = r#"{"language":"c","files":[{"name":"m.c","content":"int"},{"content":"AP8=","encoding":"base64"}],
        "runs":[{"stdin":"in","args":["a","b"]},{"stdin":"/w==","stdin_encoding":"base64"}],"encoding":"base64","merge_output":true,"parallel":3,
        "outputs":["*.csv"],"artifacts":true,"keep":"1min",
        "limits":{"cpu_ms":1,"wall_ms":2,"memory_bytes":3,"processes":4,"output_bytes":5,"file_size_bytes":6,
            "disk_bytes":7,"files":8,"open_files":9,"address_space_bytes":10},"compile_limits":{"memory_bytes":11},
        "options":{"std":"c99","warnings":true,"sanitize":["address"]},"environment":{"A":"1"}}"#;
    let parsed = parse(body.as_bytes()).unwrap();
    assert_eq!(parsed.encoding, Encoding::Base64);
    let file = |path: Option<&str>, content: &'static [u8]| SourceFile {
        path: path.map(str::to_owned),
        content: content.into(),
    };
    let run = |stdin: &'static [u8], args: &[&str]| RunRequest {
        stdin: Stdin::Bytes(stdin.into()),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        merge_output: true,
        environment: vec![Variable { name: "A".to_owned(), value: "1".to_owned() }],
        ..RunRequest::default()
    };
    let setting = |name: &str, value| OptionSetting { name: name.to_owned(), value };
    let expected = ExecuteRequest {
        language: "c".to_owned(),
        files: vec![file(Some("m.c"), b"int"), file(None, b"\x00\xff")],
        runs: vec![run(b"in", &["a", "b"]), run(b"\xff", &[])],
        limits: parsed.request.limits.clone(),
        parallel: NonZeroU32::new(3),
        compile_limits: LimitsRequest { memory: Some(ByteCount(11)), ..LimitsRequest::default() },
        outputs: vec!["*.csv".to_owned()],
        artifacts: true,
        options: vec![
            setting("std", OptionValue::Choice("c99".to_owned())),
            setting("warnings", OptionValue::Flag(true)),
            setting("sanitize", OptionValue::Set(vec!["address".to_owned()])),
        ],
        keep: Some(Duration::from_secs(60)),
        ..ExecuteRequest::default()
    };
    assert_eq!(parsed.request, expected);
    let limits = expected.limits;
    assert_eq!(limits.cpu_time, Some(Duration::from_millis(1)));
    assert_eq!(limits.wall_time, Some(Duration::from_millis(2)));
    assert_eq!((limits.memory, limits.processes), (Some(ByteCount(3)), Some(4)));
    assert_eq!((limits.output, limits.file_size), (Some(ByteCount(5)), Some(ByteCount(6))));
    assert_eq!((limits.disk, limits.files), (Some(ByteCount(7)), Some(8)));
    assert_eq!((limits.open_files, limits.address_space), (Some(9), Some(ByteCount(10))));
}

#[test]
fn what_judges_the_runs_is_named_in_messages() {
    let with = |fields: &str| format!(r#"{{"code":"","language":"c",{fields}}}"#);
    for valid in [
        r#""expected_stdout":"6","compare":"tokens","stop_on":"first_failure""#,
        r#""runs":[{"expected_stdout":"6","compare":{"float":1e-6}}],"compare":"exact""#,
        r#""checker":{"language":"cpp","code":"","limits":{"cpu_ms":1}}"#,
        r#""interactor":{"language":"cpp","files":[{"name":"a.cpp","content":""}]},"transcript":true"#,
    ] {
        check(&with(valid), "valid");
    }
    for (fields, message) in [
        (r#""compare":"fuzzy""#, "`compare`: invalid value: string \"fuzzy\", expected `exact`, `lines`"),
        (r#""compare":1"#, "`compare`: invalid type: integer `1`, expected `exact`"),
        (r#""compare":{"float":-1}"#, "`compare.float` must be at least 0"),
        (r#""compare":{"float":1,"x":1}"#, "unknown field `x`"),
        (r#""compare":{}"#, "missing field `float`"),
        (r#""runs":[{"compare":{"float":-1}}]"#, "`runs[0].compare.float` must be at least 0"),
        (
            r#""runs":[{"expected_stdout":"*","expected_stdout_encoding":"base64"}]"#,
            "`runs[0].expected_stdout` must be base64",
        ),
        (r#""stop_on":"never""#, "`stop_on`: unknown variant `never`, expected `first_failure`"),
        (r#""checker":{"code":""}"#, "`checker`: missing field `language`"),
        (r#""checker":{"language":"c"}"#, "`checker.code` or `checker.files` is required"),
        (
            r#""checker":{"language":"c","files":[{"content":"*","encoding":"base64"}]}"#,
            "`checker.files[0].content` must be base64",
        ),
        (
            r#""interactor":{"language":"c","code":"","limits":{"cpu_ms":0}}"#,
            "`interactor.limits.cpu_ms` must be at least 1",
        ),
        (r#""interactor":{"language":"c","code":"","stdin":""}"#, "unknown field `stdin`"),
        (r#""transcript":true"#, "`transcript` requires `interactor`"),
        (
            r#""checker":{"language":"c","code":""},"interactor":{"language":"c","code":""}"#,
            "`checker` and `interactor` must not be used together",
        ),
    ] {
        check(&with(fields), message);
    }
}

#[test]
fn what_judges_the_runs_reaches_the_daemon() {
    let body = r#"{"language":"c","code":"","compare":"exact","stop_on":"first_failure","transcript":true,
        "runs":[{"expected_stdout":"/w==","expected_stdout_encoding":"base64"},
            {"expected_stdout":"1","compare":{"float":0.5}},{}],
        "interactor":{"language":"cpp","code":"x","filename":"i.cpp","limits":{"processes":2}}}"#;
    let request = parse(body.as_bytes()).unwrap().request;
    let expected: Vec<_> = request.runs.iter().map(|run| run.expected.clone()).collect();
    let output = |stdout: &'static [u8], compare| Some(ExpectedOutput { stdout: stdout.into(), compare });
    let float = Compare::Float(Tolerance::new(0.5).unwrap());
    assert_eq!(expected, [output(b"\xff", Compare::Exact), output(b"1", float), None]);
    assert!(request.stop_on_first_failure);
    let Judge::Interactor { program, transcript: true } = request.judge else { panic!("no interactor") };
    assert_eq!((&*program.language, program.limits.processes), ("cpp", Some(2)));
    assert_eq!(program.files, [SourceFile { path: Some("i.cpp".to_owned()), content: "x".into() }]);
}
