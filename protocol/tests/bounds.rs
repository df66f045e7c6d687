//! Every bound is exact: a message that reaches it is accepted, one that exceeds it by one is rejected.

#![forbid(unsafe_code)]

mod samples;

use bytes::{Bytes, BytesMut};
use protocol::bounds::{
    MAX_ARG, MAX_ARGS, MAX_ARGS_TOTAL, MAX_ARGUMENT_PATTERN, MAX_ARGUMENT_PATTERNS, MAX_CLIENT_NETWORKS,
    MAX_CLIENT_TAG, MAX_FILES, MAX_FRAME, MAX_HELLO_FRAME, MAX_INPUT_CHUNK, MAX_ITEMS, MAX_LANGUAGE_NAME,
    MAX_OPTION_NAME, MAX_OPTION_VALUES, MAX_OPTIONS, MAX_OUTPUT_CHUNK, MAX_OUTPUT_NAME, MAX_OUTPUT_PATTERNS,
    MAX_PACKAGE_SET_NAME, MAX_PATH, MAX_RUNS, MAX_SOURCES, MAX_TEXT, MAX_TOOLCHAIN_ARG, MAX_TOOLCHAIN_ARGS,
    MAX_VARIABLE, MAX_VARIABLE_NAME, MAX_VARIABLES, MAX_VARIABLES_TOTAL, MAX_VERSION_RANGE,
};
use protocol::codec::{CodecError, Frames, decode, encode};
use protocol::{
    Event, ExecuteRequest, Hello, Language, OptionSetting, OptionValue, Outcome, Rejection, Request,
    RunRequest, SourceFile, StageName, StreamName, TerminalSize, Variable,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder, Encoder};

/// Checks that `message(max)` is accepted and `message(max + 1)` is rejected.
fn check<T: Serialize + DeserializeOwned>(what: &str, max: usize, message: impl Fn(usize) -> T) {
    let accepted = decode::<T>(&encode(&message(max)).expect("fits in a frame"));
    assert!(accepted.is_ok(), "{what}: {max} must be accepted, but: {:?}", accepted.err());
    let rejected = decode::<T>(&encode(&message(max + 1)).expect("fits in a frame"));
    assert!(matches!(rejected, Err(CodecError::Malformed(_))), "{what}: {} must be rejected", max + 1);
}

#[test]
fn a_request_stays_within_its_bounds() {
    check("files", MAX_FILES, |n| execute(|request| request.files = vec![file(None, 1); n]));
    check("runs", MAX_RUNS, |n| execute(|request| request.runs = vec![RunRequest::default(); n]));
    check("arguments", MAX_ARGS, |n| arguments(vec![String::new(); n]));
    check("an argument", MAX_ARG, |n| arguments(vec![text(n)]));
    check("all arguments of a run", MAX_ARGS_TOTAL, |n| {
        let mut all = vec![text(MAX_ARG); n / MAX_ARG];
        all.push(text(n % MAX_ARG));
        arguments(all)
    });
    check("a path", MAX_PATH, |n| execute(|request| request.files = vec![file(Some(text(n)), 1)]));
    check("a language's name", MAX_LANGUAGE_NAME, |n| execute(|request| request.language = text(n)));
    check("a range of versions", MAX_VERSION_RANGE, |n| execute(|request| request.version = Some(text(n))));
    check("a package set", MAX_PACKAGE_SET_NAME, |n| execute(|request| request.packages = Some(text(n))));
    check("a client's tag", MAX_CLIENT_TAG, |n| execute(|request| request.client = Some(text(n))));
    check("a client's networks", MAX_CLIENT_NETWORKS, |n| {
        execute(|request| request.client_networks = vec![String::new(); n])
    });
    check("a network", MAX_CLIENT_TAG, |n| execute(|request| request.client_networks = vec![text(n)]));
    check("patterns of output files", MAX_OUTPUT_PATTERNS, |n| {
        execute(|request| request.outputs = vec![String::new(); n])
    });
    check("a pattern of output files", MAX_OUTPUT_NAME, |n| {
        execute(|request| request.outputs = vec![text(n)])
    });
    check("options", MAX_OPTIONS, |n| execute(|request| request.options = vec![option(1, 1); n]));
    check("an option's name", MAX_OPTION_NAME, |n| execute(|request| request.options = vec![option(n, 1)]));
    check("an option's value", MAX_OPTION_NAME, |n| execute(|request| request.options = vec![option(1, n)]));
    check("an option's values", MAX_OPTION_VALUES, |n| {
        let value = OptionValue::Set(vec![String::new(); n]);
        execute(|request| request.options = vec![OptionSetting { name: String::new(), value }])
    });
    check("an archive", MAX_SOURCES, |n| execute(|request| request.archive = Some(vec![0; n].into())));
    check("arguments of a compiler", MAX_TOOLCHAIN_ARGS, |n| {
        execute(|request| request.toolchain.compiler_args = vec![String::new(); n])
    });
    check("arguments of an interpreter", MAX_TOOLCHAIN_ARGS, |n| {
        execute(|request| request.toolchain.interpreter_args = vec![String::new(); n])
    });
    check("an argument of a compiler", MAX_TOOLCHAIN_ARG, |n| {
        execute(|request| request.toolchain.compiler_args = vec![text(n)])
    });
    check("variables", MAX_VARIABLES, |n| variables(vec![(1, 1); n]));
    check("a variable's name", MAX_VARIABLE_NAME, |n| variables(vec![(n, 1)]));
    check("a variable's value", MAX_VARIABLE, |n| variables(vec![(1, n)]));
    check("all variables of a run", MAX_VARIABLES_TOTAL, |n| {
        variables(vec![(1, MAX_VARIABLE - 1), (1, MAX_VARIABLE - 8), (n + 7 - 2 * MAX_VARIABLE, 0)])
    });
    check("an input chunk", MAX_INPUT_CHUNK, |n| Request::Input(Bytes::from(vec![0; n])));
    check("an upload chunk", MAX_INPUT_CHUNK, |n| Request::Upload { run: 0, bytes: Bytes::from(vec![0; n]) });
}

#[test]
fn a_terminal_has_columns_and_rows() {
    let mut bytes = encode(&Request::Resize(TerminalSize::default())).expect("fits in a frame");
    assert!(decode::<Request>(&bytes).is_ok());
    let columns = bytes.len() - 4;
    bytes[columns..columns + 2].fill(0);
    assert!(matches!(decode::<Request>(&bytes), Err(CodecError::Malformed(_))));
}

#[test]
fn an_event_stays_within_its_bounds() {
    check("an output chunk", MAX_OUTPUT_CHUNK, |n| Event::Output {
        stream: StreamName::Stdout,
        bytes: Bytes::from(vec![0; n]),
        stage: StageName::Run(0),
    });
    let stage = StageName::Run(0);
    check("a chunk of a file", MAX_OUTPUT_CHUNK, |n| Event::OutputFileChunk {
        stage,
        bytes: Bytes::from(vec![0; n]),
    });
    check("the name of a file", MAX_OUTPUT_NAME, |n| Event::OutputFile { stage, name: text(n), size: 1 });
    check("a message", MAX_TEXT, |n| Event::Rejected(Rejection::Invalid(text(n))));
    check("a failure", MAX_TEXT, |n| Event::Failed { id: samples::id(), message: text(n) });
    check("languages", MAX_ITEMS, |n| Event::Languages(vec![language(|_| {}); n]));
    check("aliases", MAX_ITEMS, |n| language(|language| language.aliases = vec![String::new(); n]));
    check("an alias", MAX_TEXT, |n| language(|language| language.aliases = vec![text(n)]));
    check("options", MAX_OPTIONS, |n| {
        language(|language| language.options = vec![language.options[0].clone(); n])
    });
    check("values of an option", MAX_OPTION_VALUES, |n| {
        language(|language| language.options[0].values = vec![language.options[0].values[0].clone(); n])
    });
    check("patterns of arguments", MAX_ARGUMENT_PATTERNS, |n| {
        language(|language| language.arguments.run = vec![String::new(); n])
    });
    check("a pattern of arguments", MAX_ARGUMENT_PATTERN, |n| {
        language(|language| language.arguments.compile = vec![text(n)])
    });
    check("an extension", MAX_TEXT, |n| language(|language| language.extensions = vec![text(n)]));
    check("a degraded feature", MAX_TEXT, |n| {
        let (_, event) =
            samples::events().into_iter().find(|(name, _)| *name == "event.status").expect("a sample");
        let Event::Status(mut status) = event else { unreachable!("the sample is a status") };
        status.degraded = vec![text(n)];
        Event::Status(status)
    });
    check("runs of an outcome", MAX_RUNS, |n| {
        let (_, event) = samples::events()
            .into_iter()
            .find(|(name, _)| *name == "event.finished.compiled")
            .expect("a sample");
        let Event::Finished(Outcome { compile: Some(report), .. }) = event else {
            unreachable!("the sample was compiled")
        };
        Event::Finished(Outcome { runs: vec![report; n], ..Outcome::default() })
    });
}

#[test]
fn a_message_ends_where_its_frame_ends() {
    for (name, request) in samples::requests() {
        let mut bytes = encode(&request).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<Request>(&bytes), Err(CodecError::TrailingBytes(1))), "{name}");
    }
    for (name, event) in samples::events() {
        let mut bytes = encode(&event).unwrap();
        bytes.extend([1, 2, 3]);
        assert!(matches!(decode::<Event>(&bytes), Err(CodecError::TrailingBytes(3))), "{name}");
    }
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_does_not() {
    let empty = encode(&execute(|request| request.files = vec![file(None, 0)])).unwrap().len();
    let filling = |size: usize| execute(|request| request.files = vec![file(None, size - empty)]);

    let largest = filling(MAX_FRAME);
    let mut wire = BytesMut::new();
    frames().encode(largest.clone(), &mut wire).unwrap();
    assert_eq!(wire.len(), 4 + MAX_FRAME);
    let mut daemon: Frames<Request, Event> = Frames::hello().after_hello();
    assert!(daemon.decode(&mut wire).unwrap() == Some(largest));

    let rejected = frames().encode(filling(MAX_FRAME + 1), &mut BytesMut::new());
    assert!(matches!(rejected, Err(CodecError::TooLong(_))), "{rejected:?}");
}

#[test]
fn a_frame_that_is_too_long_is_rejected_at_its_length() {
    check_length::<Request>(Frames::hello().after_hello(), MAX_FRAME);
    check_length::<Hello>(Frames::hello(), MAX_HELLO_FRAME);
}

/// Checks that, of a length without its frame, up to `max` is waited for, and more is rejected.
fn check_length<In: DeserializeOwned>(mut frames: Frames<In, In>, max: usize) {
    let announced =
        |length: usize| BytesMut::from(&u32::try_from(length).expect("32 bits").to_be_bytes()[..]);
    for too_much in [max + 1, u32::MAX as usize] {
        assert!(frames.decode(&mut announced(too_much)).is_err(), "{too_much} of {max}");
    }
    assert!(matches!(frames.decode(&mut announced(max)), Ok(None)), "{max} of {max}");
}

#[test]
fn invalid_numbers_are_rejected() {
    let hello = encode(&Hello::CURRENT).unwrap();
    assert!(decode::<Hello>(&hello[..9]).is_err());
    // `Option` knows 0 and 1, `Request` has nine variants, text is UTF-8, and a second has a billion nanoseconds.
    let request = encode(&Request::Execute(Box::new(samples::smallest_request()))).unwrap();
    for at in 28..request.len() {
        let mut changed = request.clone();
        changed[at] = 2;
        assert!(decode::<Request>(&changed).is_err(), "2 at {at}");
    }
    assert!(decode::<Request>(&9_u32.to_le_bytes()).is_err());
    let not_text = [&[0; 4][..], &1_u64.to_le_bytes(), &[0xff], &[0; 34]].concat();
    assert!(decode::<Request>(&not_text).is_err());
    let endless =
        [&6_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), &u64::MAX.to_le_bytes(), &u32::MAX.to_le_bytes()];
    assert!(decode::<Event>(&endless.concat()).is_err());
}

fn frames() -> Frames<Event, Request> {
    Frames::hello().after_hello()
}

fn execute(change: impl FnOnce(&mut ExecuteRequest)) -> Request {
    let mut request = samples::smallest_request();
    change(&mut request);
    Request::Execute(Box::new(request))
}

fn arguments(args: Vec<String>) -> Request {
    execute(|request| request.runs = vec![RunRequest { args, ..RunRequest::default() }])
}

fn option(name: usize, value: usize) -> OptionSetting {
    OptionSetting { name: text(name), value: OptionValue::Choice(text(value)) }
}

fn variables(lengths: Vec<(usize, usize)>) -> Request {
    let variable = |(name, value)| Variable { name: text(name), value: text(value) };
    let environment = lengths.into_iter().map(variable).collect();
    execute(|request| request.runs = vec![RunRequest { environment, ..RunRequest::default() }])
}

fn language(change: impl FnOnce(&mut Language)) -> Language {
    let (_, event) =
        samples::events().into_iter().find(|(name, _)| *name == "event.languages").expect("a sample");
    let Event::Languages(mut languages) = event else { unreachable!("the sample is of languages") };
    let mut language = languages.swap_remove(0);
    change(&mut language);
    language
}

fn file(path: Option<String>, size: usize) -> SourceFile {
    SourceFile { path, content: Bytes::from(vec![b'x'; size]) }
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}
