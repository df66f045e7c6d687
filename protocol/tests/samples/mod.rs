//! One message of every kind, by name.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use protocol::{
    ArgumentPatterns, Availability, BuildId, ByteCount, CheckResult, Clock, Compare, Difference, Editor,
    Event, ExecuteRequest, ExecutionCount, ExecutionId, ExpectedOutput, Judge, JudgeProgram, Judgement,
    Language, LanguageOption, Limits, LimitsRequest, OmittedFiles, OptionChoice, OptionSetting, OptionValue,
    Outcome, Package, PackageSet, Party, ProgramSignal, Rejection, Request, RunRequest, ServerStatus,
    SourceFile, StageName, StageReport, StartKind, Status, Stdin, StepTimes, StreamName, TerminalSize,
    Tolerance, ToolchainRequest, ToolchainVersion, Transcript, TranscriptEntry, Usage, Variable, Verdict,
    WarmCount,
};
use uuid::Uuid;

pub fn requests() -> Vec<(&'static str, Request)> {
    let mut requests = vec![
        ("request.execute.smallest", Request::Execute(Box::new(smallest_request()))),
        ("request.execute.fullest", Request::Execute(Box::new(fullest_request()))),
        ("request.execute.checker", Request::Execute(Box::new(request_with_checker()))),
        ("request.input", Request::Input(Bytes::from_static(b"42\n\0\xff"))),
        ("request.end_of_input", Request::EndOfInput),
        ("request.upload", Request::Upload { run: 3, bytes: Bytes::from_static(b"42\n\0\xff") }),
        ("request.end_of_uploads", Request::EndOfUploads),
        ("request.cancel", Request::Cancel),
        ("request.resize", Request::Resize(TerminalSize::default())),
        ("request.languages", Request::Languages),
        ("request.status", Request::Status),
        ("request.check", Request::Check),
        ("request.check_languages", Request::CheckLanguages(vec!["cobol".to_owned(), "d".to_owned()])),
        ("request.reload", Request::Reload),
    ];
    requests.extend(signals().into_iter().map(|(name, signal)| (name, Request::Signal(signal))));
    requests
}

pub fn signals() -> Vec<(&'static str, ProgramSignal)> {
    vec![
        ("request.signal.interrupt", ProgramSignal::Interrupt),
        ("request.signal.terminate", ProgramSignal::Terminate),
        ("request.signal.quit", ProgramSignal::Quit),
        ("request.signal.hang_up", ProgramSignal::HangUp),
        ("request.signal.kill", ProgramSignal::Kill),
        ("request.signal.user1", ProgramSignal::User1),
        ("request.signal.user2", ProgramSignal::User2),
    ]
}

pub fn events() -> Vec<(&'static str, Event)> {
    let mut events = vec![
        ("event.queued", Event::Queued { position: 3 }),
        ("event.started", Event::Started { id: id(), limits: Box::new(limits()), compile_limits: None }),
        (
            "event.started.compiled",
            Event::Started {
                id: id(),
                limits: Box::new(limits()),
                compile_limits: Some(Box::new(Limits::COMPILE)),
            },
        ),
        ("event.stage_started.compile", Event::StageStarted(StageName::Compile)),
        ("event.stage_started.run", Event::StageStarted(StageName::Run(7))),
        (
            "event.output.stdout",
            Event::Output {
                stream: StreamName::Stdout,
                bytes: Bytes::from_static(b"hi\n"),
                stage: StageName::Run(7),
            },
        ),
        (
            "event.output.stderr",
            Event::Output {
                stream: StreamName::Stderr,
                bytes: Bytes::from_static(b"\xff\0"),
                stage: StageName::Compile,
            },
        ),
        ("event.finished.compiled", Event::Finished(outcome())),
        ("event.finished.nothing", Event::Finished(Outcome { id: id(), ..Outcome::default() })),
        ("event.failed", Event::Failed { id: id(), message: "no more users".into() }),
        ("event.languages", Event::Languages(vec![language(), missing_language()])),
        ("event.languages.none", Event::Languages(Vec::new())),
        ("event.status", Event::Status(Box::new(server_status()))),
        ("event.checked.passed", Event::Checked(check_result(true))),
        ("event.checked.not", Event::Checked(check_result(false))),
        ("event.check_done", Event::CheckDone),
        ("event.reloaded", Event::Reloaded { problem: None }),
        ("event.reloaded.not", Event::Reloaded { problem: Some("d.toml:1: unknown field".to_owned()) }),
        (
            "event.output_file",
            Event::OutputFile { stage: StageName::Run(1), name: "results/\u{e4}.csv".into(), size: 1 << 33 },
        ),
        (
            "event.output_file_chunk",
            Event::OutputFileChunk { stage: StageName::Compile, bytes: Bytes::from_static(b"\x7fELF") },
        ),
        (
            "event.output_files_end",
            Event::OutputFilesEnd {
                stage: StageName::Run(1),
                omitted: OmittedFiles {
                    too_many: 1,
                    too_large: 2,
                    not_regular: 3,
                    invalid_name: 4,
                    unreadable: 5,
                    is_incomplete: true,
                },
            },
        ),
        ("event.kept", Event::BuildKept(BuildId([0x5a; 32]))),
        ("event.waiting_for_input", Event::WaitingForInput(StageName::Run(1))),
    ];
    events.extend(rejections().into_iter().map(|(name, rejection)| (name, Event::Rejected(rejection))));
    let judged =
        |judgement| StageReport { judgement: Some(Box::new(judgement)), ..report(Status::Exited(0)) };
    let hint = Some("numpy is in the package set data-science".into());
    events.push(("event.hint", Event::StageFinished(StageReport { hint, ..report(Status::Exited(1)) })));
    events.extend(judgements().into_iter().map(|(name, one)| (name, Event::StageFinished(judged(one)))));
    events.extend(statuses().into_iter().map(|(name, status)| (name, Event::StageFinished(report(status)))));
    events
}

pub fn rejections() -> Vec<(&'static str, Rejection)> {
    vec![
        ("event.rejected.unknown_language", Rejection::UnknownLanguage),
        (
            "event.rejected.language_unavailable",
            Rejection::LanguageUnavailable { language: "java".into(), reason: "no javac".into() },
        ),
        ("event.rejected.invalid", Rejection::Invalid("a path leaves the work directory".into())),
        ("event.rejected.busy", Rejection::Busy { retry_after: Duration::from_millis(1500) }),
        ("event.rejected.forbidden", Rejection::Forbidden("only root may ask that".into())),
        (
            "event.rejected.too_large",
            Rejection::TooLarge("the uploads of a request may have 128 MiB together".into()),
        ),
        ("event.rejected.build_not_found", Rejection::BuildNotFound),
    ]
}

pub fn statuses() -> Vec<(&'static str, Status)> {
    let timed_out = |clock| Status::TimedOut {
        clock,
        limit: Duration::from_secs(10),
        used: Duration::from_micros(10_000_250),
    };
    vec![
        ("event.stage_finished.exited", Status::Exited(0)),
        ("event.stage_finished.exited.nonzero", Status::Exited(255)),
        ("event.stage_finished.signaled", Status::Signaled(11)),
        ("event.stage_finished.timed_out.cpu", timed_out(Clock::Cpu)),
        ("event.stage_finished.timed_out.wall", timed_out(Clock::Wall)),
        ("event.stage_finished.timed_out.input_idle", timed_out(Clock::InputIdle)),
        (
            "event.stage_finished.memory_exceeded",
            Status::MemoryExceeded { limit: ByteCount::mib(256), used: ByteCount(268_439_552) },
        ),
        (
            "event.stage_finished.output_exceeded",
            Status::OutputExceeded { stream: StreamName::Stderr, limit: ByteCount::mib(1) },
        ),
        ("event.stage_finished.cancelled", Status::Cancelled),
        ("event.stage_finished.skipped", Status::Skipped),
    ]
}

pub fn smallest_request() -> ExecuteRequest {
    ExecuteRequest::default()
}

pub fn fullest_request() -> ExecuteRequest {
    ExecuteRequest {
        language: "Python".into(),
        files: vec![
            SourceFile { path: None, content: Bytes::from_static(b"import b\n") },
            SourceFile {
                path: Some("lib/b.py".into()),
                content: Bytes::from_static("# \u{fc}\n".as_bytes()),
            },
        ],
        runs: vec![
            RunRequest {
                stdin: Stdin::Bytes(Bytes::from_static(b"1 2\n")),
                args: vec!["-v".into(), String::new()],
                terminal: None,
                merge_output: true,
                environment: vec![Variable { name: "TZ".into(), value: "UTC".into() }],
                ..RunRequest::default()
            },
            RunRequest {
                stdin: Stdin::Live,
                args: Vec::new(),
                terminal: Some(TerminalSize::default()),
                merge_output: false,
                environment: Vec::new(),
                ..RunRequest::default()
            },
        ],
        limits: LimitsRequest {
            cpu_time: Some(Duration::from_secs(5)),
            wall_time: Some(Duration::new(10, 500_000_000)),
            processes: Some(64),
            file_size: Some(ByteCount::mib(16)),
            files: Some(1024),
            ..LimitsRequest::exactly(&Limits::RUN)
        },
        client: Some("203.0.113.7".into()),
        client_networks: vec!["203.0.0.0/16".into(), "203.0.113.0/24".into()],
        parallel: NonZeroU32::new(3),
        compile_limits: LimitsRequest { memory: Some(ByteCount::mib(96)), ..LimitsRequest::default() },
        outputs: vec!["plot.png".into(), "results/*.csv".into()],
        artifacts: true,
        options: vec![
            OptionSetting { name: "std".into(), value: OptionValue::Choice("c++23".into()) },
            OptionSetting { name: "warnings".into(), value: OptionValue::Flag(true) },
            OptionSetting { name: "sanitize".into(), value: OptionValue::Set(vec!["address".into()]) },
        ],
        judge: Judge::Interactor { program: Box::new(judge_program()), transcript: true },
        stop_on_first_failure: true,
        keep: Some(Duration::from_secs(60)),
        build: Some(BuildId([0xa5; 32])),
        toolchain: ToolchainRequest {
            compiler_args: vec!["-DN=1".into(), "-lpthread".into()],
            interpreter_args: vec!["-Xss8m".into()],
            check: true,
            main_only: true,
            format: true,
        },
        archive: Some(Bytes::from_static(b"PK\x05\x06")),
        version: Some("3.x".into()),
        packages: Some("data-science".into()),
    }
}

/// A request for every kind of comparison, and a checker.
fn request_with_checker() -> ExecuteRequest {
    let run = |compare| RunRequest {
        expected: Some(ExpectedOutput { stdout: Bytes::from_static(b"42\n"), compare }),
        ..RunRequest::default()
    };
    let float = Tolerance::new(1e-6).map(Compare::Float);
    let compares = [Compare::Exact, Compare::Lines, Compare::Tokens].into_iter().chain(float);
    ExecuteRequest {
        runs: compares.map(run).collect(),
        judge: Judge::Checker(Box::new(judge_program())),
        ..ExecuteRequest::default()
    }
}

fn judge_program() -> JudgeProgram {
    JudgeProgram {
        language: "cpp".into(),
        files: vec![SourceFile {
            path: Some("check.cpp".into()),
            content: Bytes::from_static(b"int main() {}"),
        }],
        limits: LimitsRequest { processes: Some(1), ..LimitsRequest::default() },
    }
}

pub fn judgements() -> Vec<(&'static str, Judgement)> {
    let entry = |from, text: &'static [u8]| TranscriptEntry { from, bytes: Bytes::from_static(text) };
    vec![
        ("event.stage_finished.accepted", Verdict::Accepted.into()),
        (
            "event.stage_finished.wrong_answer",
            Judgement {
                message: "too few".into(),
                difference: Some(Difference {
                    line: 2,
                    column: 7,
                    expected: Some("42".into()),
                    actual: None,
                }),
                transcript: Some(Transcript {
                    entries: vec![entry(Party::Interactor, b"?\n"), entry(Party::Solution, b"\xff\n")],
                    truncated: true,
                }),
                ..Verdict::WrongAnswer.into()
            },
        ),
        ("event.stage_finished.verdict_skipped", Verdict::Skipped.into()),
    ]
}

pub fn limits() -> Limits {
    Limits {
        wall_time: Duration::from_secs(20),
        memory: ByteCount::mib(512),
        processes: 64,
        file_size: ByteCount::mib(16),
        ..Limits::RUN
    }
}

pub fn id() -> ExecutionId {
    ExecutionId(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff))
}

fn report(status: Status) -> StageReport {
    StageReport {
        usage: Usage {
            wall_time: Duration::from_millis(21),
            cpu_time: Duration::from_micros(15_250),
            peak_memory: ByteCount::kib(9_000),
            user_time: Duration::from_micros(12_000),
            system_time: Duration::from_micros(3_250),
            peak_processes: Some(5),
            stdout: ByteCount(1_048_577),
            stderr: ByteCount(12),
        },
        stdout_truncated: true,
        start: Some(StartKind::Warm),
        start_time: Duration::from_micros(1_500),
        ..StageReport::new(StageName::Run(0), status)
    }
}

fn outcome() -> Outcome {
    let compile = StageReport { stage: StageName::Compile, ..report(Status::Exited(0)) };
    Outcome {
        id: id(),
        compile: Some(compile),
        runs: vec![report(Status::Exited(3)), report(Status::Cancelled)],
        queue_time: Duration::from_micros(40),
    }
}

fn language() -> Language {
    Language {
        name: "cpp".into(),
        title: "C++".into(),
        aliases: vec!["c++".into()],
        extensions: vec!["cpp".into(), "cc".into()],
        file_name: "main.cpp".into(),
        availability: Availability::Available { version: "g++ 12.2.0".into() },
        limits: limits(),
        compile_limits: Some(limits()),
        editor: Editor { mode: "cpp".into(), line_comment: "//".into(), indent: 4 },
        example: "int main() {}\n".into(),
        options: vec![
            LanguageOption {
                name: "std".into(),
                title: "Standard".into(),
                help: "Version of the language".into(),
                default: OptionValue::Choice("c++20".into()),
                values: vec![
                    OptionChoice { name: "c++20".into(), unavailable: None },
                    OptionChoice { name: "c++26".into(), unavailable: Some("it requires version 14".into()) },
                ],
                unavailable: None,
            },
            LanguageOption {
                name: "openmp".into(),
                title: "OpenMP".into(),
                help: String::new(),
                default: OptionValue::Flag(false),
                values: Vec::new(),
                unavailable: Some("libomp is not installed".into()),
            },
        ],
        arguments: ArgumentPatterns { compile: vec!["-l[a-z]+".into()], run: vec!["-ea".into()] },
        formatter: Some("clang-format".into()),
        judge0_ids: vec![51, 78],
        versions: vec![ToolchainVersion {
            version: "3.11.2".into(),
            title: "Python".into(),
            is_default: true,
            packages: package_sets(),
        }],
        packages: package_sets(),
    }
}

fn package_sets() -> Vec<PackageSet> {
    vec![PackageSet {
        name: "data-science".into(),
        is_default: true,
        packages: vec![
            Package { name: "numpy".into(), version: Some("1.24.2".into()) },
            Package { name: "nlohmann".into(), version: None },
        ],
    }]
}

fn missing_language() -> Language {
    Language {
        name: "java".into(),
        availability: Availability::Unavailable { reason: "no javac".into() },
        compile_limits: None,
        ..language()
    }
}

fn server_status() -> ServerStatus {
    ServerStatus {
        version: "0.1.0".into(),
        uptime: Duration::from_secs(3_600),
        draining: false,
        slots: 4,
        running: 2,
        queued: 1,
        queue_capacity: 64,
        cgroups: "cgroup v2".into(),
        degraded: vec!["limits on memory are not enforced".into()],
        free_uids: 65_000,
        quarantined_uids: 1,
        executions: vec![ExecutionCount { language: "cpp".into(), result: "ok".into(), count: 12 }],
        steps: vec![StepTimes {
            step: "run".into(),
            buckets: vec![0, 1, 2],
            total: Duration::from_millis(40),
        }],
        warm: vec![WarmCount {
            language: "python".into(),
            stage: "run".into(),
            ready: 1,
            hits: 40,
            misses: 2,
        }],
        idle: 1,
        max_executions: 32,
    }
}

fn check_result(passed: bool) -> CheckResult {
    CheckResult {
        name: "cgroups".into(),
        passed,
        optional: !passed,
        detail: "cgroup v2 at /sys/fs/cgroup".into(),
        advice: (!passed).then(|| "mount cgroup2".into()),
    }
}
