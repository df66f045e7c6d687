//! Compares `openapi.json` with the Rust types: fields, required fields, types and allowed values. A field that is added
//! in one place only fails this test. The types of the page are generated from the description, so they follow.

use std::collections::{BTreeMap, BTreeSet};

use protocol::quantity::Kind;
use protocol::{LIMITS, StatusName, Verdict};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::api::executor::answer::{self, Answer, KillReason, NoOutput, Stage, UsageJson, WithFiles};
use crate::api::executor::event_encoder::LiveEvent;
use crate::api::executor::format::{Format, FormattedJson};
use crate::api::executor::frames::{Resize, Signal, Stdin, TypeOnly};
use crate::api::executor::judge::JudgeProgramJson;
use crate::api::executor::judgement::{DifferenceJson, Summary, TranscriptEntryJson};
use crate::api::executor::languages::{
    EditorJson, LanguageJson, PackageJson as PackageOfSetJson, PackageSetJson, VersionJson,
};
use crate::api::executor::limits::{LimitsJson, LimitsRequestJson};
use crate::api::executor::options::{LanguageOptionJson, OptionChoiceJson};
use crate::api::executor::request::{Execute, Start, Submit};
use crate::api::executor::run_request::Run;
use crate::api::executor::sources::File;
use crate::api::executor::submission_callback::CallbackJson;
use crate::api::executor::submission_json::{AcceptedJson, ListJson, SubmissionJson};
use crate::api::executor::token::TokenJson;
use crate::api::jobe::answer::RunResult;
use crate::api::openapi::DESCRIPTION;
use crate::api::piston::answer::{Answer as PistonAnswer, StageJson as PistonStage};
use crate::api::piston::error::PistonError;
use crate::api::piston::message::ServerMessage;
use crate::api::piston::packages::PackageJson;
use crate::api::piston::runtimes::RuntimeJson;
use crate::domain::output_collector::{CompactTexts, StageTexts};
use crate::domain::output_files::{OmittedFilesJson, OutputFileJson};
use crate::domain::submissions::submission::SubmissionState;
use crate::http::error::{ErrorBody, ErrorCode};

/// Returns the schema of a status: every name in `protocol`.
pub(crate) fn status(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = StatusName::ALL.iter().map(|name| name.as_str()).collect();
    schemars::json_schema!({"type": "string", "enum": names})
}

/// Returns the schema of a verdict: every name in `protocol`.
pub(crate) fn verdict(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
    schemars::json_schema!({"type": "string", "enum": names})
}

/// The part of a schema that both sides express.
#[derive(Clone, Debug, Default)]
struct Shape {
    types: BTreeSet<String>,
    values: BTreeSet<String>,
    items: Option<Box<Self>>,
    fields: BTreeMap<String, Self>,
    required: BTreeSet<String>,
}

impl Shape {
    /// Reduces a schema. References lead into `description`.
    fn new(schema: &Value, description: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(schema, description);
        // A field that may be missing is never null in what webd sends, and null is not documented in what it accepts.
        for (name, field) in &mut shape.fields {
            if !shape.required.contains(name) {
                field.types.remove("null");
            }
        }
        shape
    }

    fn add(&mut self, schema: &Value, description: &Value) {
        let list = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
            self.add(&description["components"]["schemas"][name], description);
        }
        match &schema["type"] {
            Value::Array(types) => self.types.extend(types.iter().map(text)),
            Value::String(name) => drop(self.types.insert(name.clone())),
            _ => {}
        }
        self.values.extend(list("enum").iter().map(text));
        self.values.extend(schema.get("const").map(text));
        if let Some(items) = schema.get("items") {
            self.items = Some(Box::new(Self::new(items, description)));
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            self.fields.insert(name.clone(), Self::new(field, description));
        }
        self.required.extend(list("required").iter().map(text));
        // Alternatives that only require some fields cannot be expressed by a Rust type.
        let is_value =
            |schema: &&Value| schema.as_object().is_some_and(|keys| !keys.contains_key("required"));
        for alternative in [list("oneOf"), list("anyOf")].concat().iter().filter(is_value) {
            self.add(alternative, description);
        }
    }

    /// Returns a line for each value in the schema, for a readable difference.
    fn lines(&self, path: &str) -> BTreeSet<String> {
        let mut lines = BTreeSet::from([format!("{path}: {:?} {:?}", self.types, self.values)]);
        for (name, field) in &self.fields {
            let optional = if self.required.contains(name) { "" } else { "?" };
            lines.extend(field.lines(&format!("{path}.{name}{optional}")));
        }
        if let Some(items) = &self.items {
            lines.extend(items.lines(&format!("{path}[]")));
        }
        lines
    }

    fn with_values(mut self, field: &str, values: &[&str]) -> Self {
        self.fields.get_mut(field).unwrap().values = values.iter().map(|&value| value.to_owned()).collect();
        self
    }
}

fn generated<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let mut generator = settings.with(|settings| settings.inline_subschemas = true).into_generator();
    generator.root_schema_for::<T>().to_value()
}

/// The shape of a type that webd sends.
fn sent<T: JsonSchema>() -> Shape {
    Shape::new(&generated::<T>(SchemaSettings::draft2020_12().for_serialize()), &Value::Null)
}

/// The shape of a type that webd receives.
fn received<T: JsonSchema>() -> Shape {
    Shape::new(&generated::<T>(SchemaSettings::draft2020_12().for_deserialize()), &Value::Null)
}

/// The shape of a frame that webd receives.
fn frame<T: JsonSchema>(name: &str) -> Shape {
    received::<T>().with_values("type", &[name])
}

/// The shapes of all events, by type.
fn events() -> BTreeMap<String, Shape> {
    let schema = generated::<LiveEvent>(SchemaSettings::draft2020_12().for_serialize());
    let variants = schema["oneOf"].as_array().unwrap();
    variants
        .iter()
        .map(|variant| {
            let name = variant["properties"]["type"]["const"].as_str().unwrap().to_owned();
            (name, Shape::new(variant, &Value::Null))
        })
        .collect()
}

/// The statuses of a stage. `compile_error` is a status of a whole execution only.
fn stage_statuses() -> Vec<&'static str> {
    let names = StatusName::ALL.iter().filter(|name| **name != StatusName::CompileError);
    names.map(|name| name.as_str()).collect()
}

fn of_stage(shape: Shape) -> Shape {
    shape.with_values("status", &stage_statuses())
}

/// An answer or a finished event, whose stages have the statuses of stages.
fn of_execution(mut shape: Shape) -> Shape {
    let compile = shape.fields.get_mut("compile").unwrap();
    *compile = of_stage(compile.clone());
    let run = shape.fields.get_mut("runs").unwrap().items.as_mut().unwrap();
    **run = of_stage((**run).clone());
    shape
}

#[test]
fn the_description_matches_the_rust_types() {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let mut events = events();
    let mut event = |name: &str| events.remove(name).unwrap();
    let types = BTreeMap::from([
        ("ExecuteRequest", received::<Execute>()),
        ("File", received::<File>()),
        ("RunRequest", received::<Run>()),
        ("LimitsRequest", received::<LimitsRequestJson>()),
        ("Answer", of_execution(sent::<Answer<WithFiles<StageTexts>>>())),
        ("CompactAnswer", of_execution(sent::<Answer<NoOutput, WithFiles<CompactTexts>>>())),
        ("CompactStage", of_stage(sent::<Stage<WithFiles<CompactTexts>>>())),
        ("Stage", of_stage(sent::<Stage<WithFiles<StageTexts>>>())),
        ("OutputFile", sent::<OutputFileJson>()),
        ("OmittedFiles", sent::<OmittedFilesJson>()),
        ("EventOutputFile", event("output_file")),
        ("Verdict", of_stage(sent::<answer::Verdict>())),
        ("Cause", sent::<KillReason>()),
        ("Usage", sent::<UsageJson>()),
        ("JudgeProgram", received::<JudgeProgramJson>()),
        ("Difference", sent::<DifferenceJson>()),
        ("TranscriptEntry", sent::<TranscriptEntryJson>()),
        ("Summary", sent::<Summary>()),
        ("Limits", sent::<LimitsJson>()),
        ("EventQueued", event("queued")),
        ("EventStarted", event("started")),
        ("EventStage", event("stage")),
        ("EventOutput", event("output")),
        ("EventWaitingForInput", event("waiting_for_input")),
        ("EventStageFinished", of_stage(event("stage_finished"))),
        ("EventFinished", of_execution(event("finished"))),
        ("EventError", event("error")),
        ("SessionStart", frame::<Start>("start")),
        ("SessionStdin", frame::<Stdin>("stdin")),
        ("SessionEndOfInput", frame::<TypeOnly>("end_of_input")),
        ("SessionSignal", frame::<Signal>("signal")),
        ("SessionResize", frame::<Resize>("resize")),
        ("SessionCancel", frame::<TypeOnly>("cancel")),
        ("Language", sent::<LanguageJson>()),
        ("LanguageOption", sent::<LanguageOptionJson>()),
        ("LanguageVersion", sent::<VersionJson>()),
        ("OptionChoice", sent::<OptionChoiceJson>()),
        ("Editor", sent::<EditorJson>()),
        ("PackageSet", sent::<PackageSetJson>()),
        ("Package", sent::<PackageOfSetJson>()),
        ("FormatRequest", received::<Format>()),
        ("Formatted", sent::<FormattedJson>()),
        ("Token", sent::<TokenJson>()),
        ("SubmissionState", sent::<SubmissionState>()),
        ("Submission", sent::<SubmissionJson>()),
        ("SubmissionRequest", received::<Submit>()),
        ("SubmissionCallback", sent::<CallbackJson>()),
        ("SubmissionList", sent::<ListJson<SubmissionJson>>()),
        ("Accepted", sent::<AcceptedJson>()),
        ("AcceptedList", sent::<ListJson<AcceptedJson>>()),
        ("ErrorCode", sent::<ErrorCode>()),
        ("Error", sent::<ErrorBody>()),
        ("JobeResult", sent::<RunResult>()),
        ("PistonRuntime", sent::<RuntimeJson>()),
        ("PistonPackage", sent::<PackageJson>()),
        ("PistonStage", sent::<PistonStage>()),
        ("PistonAnswer", sent::<PistonAnswer>()),
        ("PistonError", sent::<PistonError>()),
    ]);
    assert!(events.is_empty(), "events without a schema: {events:?}");
    for (name, shape) in &types {
        let described = Shape::new(&description["components"]["schemas"][name], &description);
        let (described, typed) = (described.lines(name), shape.lines(name));
        let only_described: Vec<_> = described.difference(&typed).collect();
        let only_typed: Vec<_> = typed.difference(&described).collect();
        assert!(
            only_described.is_empty() && only_typed.is_empty(),
            "only in openapi.json: {only_described:#?}\nonly in the Rust type: {only_typed:#?}"
        );
    }
    let schemas: BTreeSet<_> =
        description["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    // The lists of all events, of all frames and of all messages, and a list of requests, which is parsed one by one.
    let lists = ["Event", "SessionFrame", "PistonMessage", "SubmissionBatch"];
    let compared = types.keys().copied().chain(lists).collect();
    assert_eq!(schemas, compared);
}

#[test]
fn limits_are_described_as_in_protocol() {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    for schema in ["Limits", "LimitsRequest"] {
        for limit in LIMITS {
            let unit = match limit.kind {
                Kind::Duration => " (milliseconds)",
                Kind::ByteCount => " (bytes)",
                Kind::Count => "",
            };
            let (first, rest) = limit.help.split_at(1);
            let described =
                &description["components"]["schemas"][schema]["properties"][limit.json_key]["description"];
            assert_eq!(*described, format!("{}{rest}{unit}", first.to_uppercase()), "{schema}");
        }
    }
}

#[test]
fn the_list_of_error_codes_is_complete() {
    let written = |code: &ErrorCode| serde_json::to_value(code).unwrap().as_str().unwrap().to_owned();
    let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(written).collect();
    assert_eq!(codes, sent::<ErrorCode>().values);
    assert_eq!(codes.len(), ErrorCode::ALL.len());
}

#[test]
fn the_messages_of_piston_are_described() {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let shapes = |schema: &Value| -> BTreeSet<_> {
        let variants = schema["oneOf"].as_array().unwrap().iter();
        variants.map(|variant| Shape::new(variant, &description).lines("message")).collect()
    };
    let typed = generated::<ServerMessage>(SchemaSettings::draft2020_12().for_serialize());
    assert_eq!(shapes(&description["components"]["schemas"]["PistonMessage"]), shapes(&typed));
}
