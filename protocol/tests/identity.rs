//! Every message survives encoding and decoding, and no other bytes make the decoder panic.

#![forbid(unsafe_code)]

mod samples;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;
use protocol::codec::{Frames, decode, encode};
use protocol::each_limit;
use protocol::{
    ArgumentPatterns, Availability, BuildId, ByteCount, CheckResult, Clock, Editor, Event, ExecuteRequest,
    ExecutionCount, ExecutionId, Hello, LIMITS, Language, LanguageOption, Limits, LimitsRequest,
    OptionChoice, OptionSetting, OptionValue, Outcome, ProgramSignal, Rejection, Request, RunRequest,
    ServerStatus, SourceFile, StageName, StageReport, StartKind, Status, Stdin, StepTimes, StreamName,
    TerminalSize, ToolchainRequest, ToolchainVersion, Usage, Variable, WarmCount,
};
use tokio_util::codec::{Decoder, Encoder};
use uuid::Uuid;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn requests_arrive_as_they_were_sent(request in request()) {
        prop_assert_eq!(decode::<Request>(&encode(&request).unwrap()).unwrap(), request);
    }

    #[test]
    fn events_arrive_as_they_were_sent(event in event()) {
        prop_assert_eq!(decode::<Event>(&encode(&event).unwrap()).unwrap(), event);
    }

    #[test]
    fn frames_arrive_however_they_are_split(requests in vec(request(), 1..4), cuts in vec(any::<Index>(), 0..8)) {
        let mut wire = BytesMut::new();
        let mut sender: Frames<Event, Request> = Frames::hello().after_hello();
        for request in &requests {
            sender.encode(request.clone(), &mut wire).unwrap();
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();

        let mut receiver: Frames<Request, Event> = Frames::hello().after_hello();
        let (mut pending, mut arrived) = (BytesMut::new(), Vec::new());
        for cut in cuts.windows(2) {
            pending.extend_from_slice(&wire[cut[0]..cut[1]]);
            while let Some(request) = receiver.decode(&mut pending).unwrap() {
                arrived.push(request);
            }
        }
        prop_assert_eq!(arrived, requests);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(tag in 0_u32..16, rest in vec(any::<u8>(), 0..512)) {
        decode_as_everything(&rest);
        let tagged: Vec<u8> = tag.to_le_bytes().into_iter().chain(rest).collect();
        decode_as_everything(&tagged);
    }

    #[test]
    fn no_cut_or_changed_message_makes_the_decoder_panic(
        request in request(), event in event(), cut in any::<Index>(), at in any::<Index>(), byte in any::<u8>(),
    ) {
        for mut bytes in [encode(&request).unwrap(), encode(&event).unwrap()] {
            decode_as_everything(&bytes[..cut.index(bytes.len())]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            decode_as_everything(&bytes);
        }
    }

    #[test]
    fn no_stream_of_bytes_makes_the_framing_panic(wire in vec(any::<u8>(), 0..256)) {
        let mut hello = Frames::hello();
        let mut source = BytesMut::from(&wire[..]);
        while let Ok(Some(_)) = hello.decode(&mut source) {}
        let mut frames: Frames<Request, Event> = Frames::hello().after_hello();
        let mut source = BytesMut::from(&wire[..]);
        while let Ok(Some(_)) = frames.decode(&mut source) {}
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    for (name, request) in samples::requests() {
        let bytes = encode(&request).unwrap();
        for end in 0..bytes.len() {
            assert!(decode::<Request>(&bytes[..end]).is_err(), "{name} cut after {end} bytes");
        }
    }
    for (name, event) in samples::events() {
        let bytes = encode(&event).unwrap();
        for end in 0..bytes.len() {
            assert!(decode::<Event>(&bytes[..end]).is_err(), "{name} cut after {end} bytes");
        }
    }
}

fn decode_as_everything(bytes: &[u8]) {
    // The result does not matter, only that there is one.
    drop((decode::<Request>(bytes), decode::<Event>(bytes), decode::<Hello>(bytes)));
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        4 => execute_request().prop_map(|request| Request::Execute(Box::new(request))),
        1 => bytes().prop_map(Request::Input),
        1 => Just(Request::EndOfInput),
        1 => (any::<u32>(), bytes()).prop_map(|(run, bytes)| Request::Upload { run, bytes }),
        1 => Just(Request::EndOfUploads),
        1 => Just(Request::Cancel),
        1 => signal().prop_map(Request::Signal),
        1 => terminal_size().prop_map(Request::Resize),
        1 => Just(Request::Languages),
        1 => Just(Request::Status),
        1 => Just(Request::Check),
        1 => vec("\\PC{0,16}", 0..4).prop_map(Request::CheckLanguages),
        1 => Just(Request::Reload),
    ]
}

fn execute_request() -> impl Strategy<Value = ExecuteRequest> {
    (
        "\\PC{0,16}",
        vec((option::of(text()), bytes()).prop_map(|(path, content)| SourceFile { path, content }), 0..4),
        vec(run_request(), 0..4),
        limits_request(),
        option::of("[ -~]{0,64}"),
        vec("[ -~]{0,64}", 0..4),
        (limits_request(), any::<(Option<NonZeroU32>, Option<Duration>, Option<[u8; 32]>)>()),
        (vec(text(), 0..4), any::<bool>()),
        vec((option_name(), option_value()).prop_map(|(name, value)| OptionSetting { name, value }), 0..4),
        (toolchain(), option::of(bytes()), option::of("[ -~]{0,64}")),
    )
        .prop_map(
            |(
                language,
                files,
                runs,
                limits,
                client,
                client_networks,
                (compile_limits, (parallel, keep, build)),
                (outputs, artifacts),
                options,
                (toolchain, archive, version),
            )| {
                ExecuteRequest {
                    language,
                    files,
                    runs,
                    limits,
                    client,
                    client_networks,
                    compile_limits,
                    parallel,
                    outputs,
                    artifacts,
                    options,
                    keep,
                    build: build.map(BuildId),
                    toolchain,
                    archive,
                    version,
                    ..ExecuteRequest::default()
                }
            },
        )
}

fn toolchain() -> impl Strategy<Value = ToolchainRequest> {
    (vec(text(), 0..4), vec(text(), 0..4), any::<[bool; 3]>()).prop_map(
        |(compiler_args, interpreter_args, [check, main_only, format])| ToolchainRequest {
            compiler_args,
            interpreter_args,
            check,
            main_only,
            format,
        },
    )
}

fn run_request() -> impl Strategy<Value = RunRequest> {
    let variable = (option_name(), text()).prop_map(|(name, value)| Variable { name, value });
    (stdin(), vec(text(), 0..4), option::of(terminal_size()), any::<bool>(), vec(variable, 0..4)).prop_map(
        |(stdin, args, terminal, merge_output, environment)| RunRequest {
            stdin,
            args,
            terminal,
            merge_output,
            environment,
            ..RunRequest::default()
        },
    )
}

fn option_name() -> impl Strategy<Value = String> {
    "[ -~]{0,64}"
}

fn option_value() -> impl Strategy<Value = OptionValue> {
    prop_oneof![
        any::<bool>().prop_map(OptionValue::Flag),
        option_name().prop_map(OptionValue::Choice),
        vec(option_name(), 0..4).prop_map(OptionValue::Set),
    ]
}

fn language_option() -> impl Strategy<Value = LanguageOption> {
    let choice = (option_name(), option::of(text()))
        .prop_map(|(name, unavailable)| OptionChoice { name, unavailable });
    (option_name(), text(), text(), option_value(), vec(choice, 0..4), option::of(text())).prop_map(
        |(name, title, help, default, values, unavailable)| LanguageOption {
            name,
            title,
            help,
            default,
            values,
            unavailable,
        },
    )
}

fn terminal_size() -> impl Strategy<Value = TerminalSize> {
    any::<(NonZeroU16, NonZeroU16)>().prop_map(|(columns, rows)| TerminalSize { columns, rows })
}

fn signal() -> impl Strategy<Value = ProgramSignal> {
    prop_oneof![
        Just(ProgramSignal::Interrupt),
        Just(ProgramSignal::Terminate),
        Just(ProgramSignal::Quit),
        Just(ProgramSignal::HangUp),
        Just(ProgramSignal::Kill),
        Just(ProgramSignal::User1),
        Just(ProgramSignal::User2),
    ]
}

fn stdin() -> impl Strategy<Value = Stdin> {
    prop_oneof![bytes().prop_map(Stdin::Bytes), Just(Stdin::Live), Just(Stdin::Upload)]
}

/// Makes a value of a limit from two random numbers, by the name of its type.
macro_rules! value {
    (Duration, $numbers:expr) => {
        Duration::new($numbers.0, $numbers.1 % 1_000_000_000)
    };
    (ByteCount, $numbers:expr) => {
        ByteCount($numbers.0)
    };
    (u32, $numbers:expr) => {
        $numbers.1
    };
}

macro_rules! define_strategies {
    ($($name:ident: $type:ident { $($rest:tt)* })*) => {
        fn limits_request() -> impl Strategy<Value = LimitsRequest> {
            vec(option::of(any::<(u64, u32)>()), LIMITS.len()).prop_map(|numbers| {
                let mut numbers = numbers.into_iter();
                LimitsRequest { $($name: numbers.next().flatten().map(|numbers| value!($type, numbers)),)* }
            })
        }

        fn limits() -> impl Strategy<Value = Limits> {
            vec(any::<(u64, u32)>(), LIMITS.len()).prop_map(|numbers| {
                let mut numbers = numbers.into_iter();
                Limits { $($name: numbers.next().map_or(Limits::RUN.$name, |numbers| value!($type, numbers)),)* }
            })
        }
    };
}

each_limit!(define_strategies);

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        any::<u32>().prop_map(|position| Event::Queued { position }),
        (id(), limits(), option::of(limits())).prop_map(|(id, limits, compile_limits)| Event::Started {
            id,
            limits: Box::new(limits),
            compile_limits: compile_limits.map(Box::new),
        }),
        stage_name().prop_map(Event::StageStarted),
        (stream(), bytes(), stage_name()).prop_map(|(stream, bytes, stage)| Event::Output {
            stream,
            bytes,
            stage
        }),
        stage_report().prop_map(Event::StageFinished),
        (id(), option::of(stage_report()), vec(stage_report(), 0..4), duration()).prop_map(
            |(id, compile, runs, queue_time)| Event::Finished(Outcome { id, compile, runs, queue_time })
        ),
        rejection().prop_map(Event::Rejected),
        (id(), text()).prop_map(|(id, message)| Event::Failed { id, message }),
        vec(language(), 0..3).prop_map(Event::Languages),
        server_status().prop_map(|status| Event::Status(Box::new(status))),
        (text(), any::<(bool, bool)>(), text(), option::of(text())).prop_map(
            |(name, (passed, optional), detail, advice)| {
                Event::Checked(CheckResult { name, passed, optional, detail, advice })
            }
        ),
        Just(Event::CheckDone),
        option::of(text()).prop_map(|problem| Event::Reloaded { problem }),
        any::<[u8; 32]>().prop_map(|id| Event::BuildKept(BuildId(id))),
        stage_name().prop_map(Event::WaitingForInput),
    ]
}

fn rejection() -> impl Strategy<Value = Rejection> {
    prop_oneof![
        Just(Rejection::UnknownLanguage),
        (text(), text()).prop_map(|(language, reason)| Rejection::LanguageUnavailable { language, reason }),
        text().prop_map(Rejection::Invalid),
        duration().prop_map(|retry_after| Rejection::Busy { retry_after }),
        text().prop_map(Rejection::Forbidden),
        text().prop_map(Rejection::TooLarge),
    ]
}

fn stage_report() -> impl Strategy<Value = StageReport> {
    let start = prop_oneof![Just(StartKind::Warm), Just(StartKind::Cold), Just(StartKind::Cached)];
    (stage_name(), status(), usage(), any::<(bool, bool)>(), option::of(start), duration()).prop_map(
        |(stage, status, usage, (stdout_truncated, stderr_truncated), start, start_time)| StageReport {
            hint: stdout_truncated.then(|| "a hint".to_owned()),
            stage,
            status,
            usage,
            stdout_truncated,
            stderr_truncated,
            start,
            start_time,
            ..StageReport::default()
        },
    )
}

fn usage() -> impl Strategy<Value = Usage> {
    let times = (duration(), duration(), duration(), duration());
    (times, byte_count(), any::<Option<u32>>(), byte_count(), byte_count()).prop_map(
        |((wall_time, cpu_time, user_time, system_time), peak_memory, peak_processes, stdout, stderr)| {
            Usage { wall_time, cpu_time, peak_memory, user_time, system_time, peak_processes, stdout, stderr }
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        any::<i32>().prop_map(Status::Exited),
        any::<i32>().prop_map(Status::Signaled),
        (prop_oneof![Just(Clock::Cpu), Just(Clock::Wall), Just(Clock::InputIdle)], duration(), duration())
            .prop_map(|(clock, limit, used)| Status::TimedOut { clock, limit, used }),
        (byte_count(), byte_count()).prop_map(|(limit, used)| Status::MemoryExceeded { limit, used }),
        (stream(), byte_count()).prop_map(|(stream, limit)| Status::OutputExceeded { stream, limit }),
        Just(Status::Cancelled),
        Just(Status::Skipped),
    ]
}

fn language() -> impl Strategy<Value = Language> {
    let availability = prop_oneof![
        text().prop_map(|version| Availability::Available { version }),
        text().prop_map(|reason| Availability::Unavailable { reason }),
    ];
    let editor = (text(), text(), any::<u32>()).prop_map(|(mode, line_comment, indent)| Editor {
        mode,
        line_comment,
        indent,
    });
    (
        (text(), text(), text(), text()),
        (vec(text(), 0..3), vec(text(), 0..3), vec(text(), 0..3), vec(text(), 0..3)),
        (
            availability,
            limits(),
            option::of(limits()),
            editor,
            vec(language_option(), 0..3),
            option::of(text()),
        ),
    )
        .prop_map(
            |(
                (name, title, file_name, example),
                (aliases, extensions, compile, run),
                (availability, limits, compile_limits, editor, options, formatter),
            )| Language {
                name,
                title,
                aliases,
                extensions,
                file_name,
                availability,
                limits,
                compile_limits,
                editor,
                example,
                options,
                arguments: ArgumentPatterns { compile, run },
                formatter,
                judge0_ids: Vec::new(),
                packages: Vec::new(),
                versions: vec![ToolchainVersion { version: "1".to_owned(), ..ToolchainVersion::default() }],
            },
        )
}

fn server_status() -> impl Strategy<Value = ServerStatus> {
    let executions = (text(), text(), any::<u64>()).prop_map(|(language, result, count)| ExecutionCount {
        language,
        result,
        count,
    });
    let steps = (text(), vec(any::<u64>(), 0..16), duration()).prop_map(|(step, buckets, total)| StepTimes {
        step,
        buckets,
        total,
    });
    let warm =
        (text(), text(), any::<(u32, u64, u64)>()).prop_map(|(language, stage, (ready, hits, misses))| {
            WarmCount { language, stage, ready, hits, misses }
        });
    (
        (text(), duration(), any::<bool>(), text(), vec(text(), 0..3)),
        any::<(u32, u32, u32, u32, u32, u32, u32, u32)>(),
        (vec(executions, 0..3), vec(steps, 0..3), vec(warm, 0..3)),
    )
        .prop_map(
            |(
                (version, uptime, draining, cgroups, degraded),
                (slots, running, queued, queue_capacity, free_uids, quarantined_uids, idle, max_executions),
                (executions, steps, warm),
            )| ServerStatus {
                version,
                uptime,
                draining,
                slots,
                running,
                queued,
                queue_capacity,
                cgroups,
                degraded,
                free_uids,
                quarantined_uids,
                executions,
                steps,
                warm,
                idle,
                max_executions,
            },
        )
}

fn stage_name() -> impl Strategy<Value = StageName> {
    prop_oneof![Just(StageName::Compile), any::<u32>().prop_map(StageName::Run)]
}

fn stream() -> impl Strategy<Value = StreamName> {
    prop_oneof![Just(StreamName::Stdout), Just(StreamName::Stderr)]
}

fn id() -> impl Strategy<Value = ExecutionId> {
    any::<u128>().prop_map(|number| ExecutionId(Uuid::from_u128(number)))
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,24}"
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn byte_count() -> impl Strategy<Value = ByteCount> {
    any::<u64>().prop_map(ByteCount)
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0_u32..1_000_000_000).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}
