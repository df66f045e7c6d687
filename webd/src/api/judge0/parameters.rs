//! The parameters of a request: its query, and its body as JSON, as a form, or as a multipart body, merged.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::api::judge0::limits::MAX_BATCH;
use crate::api::lenient_json::{self, List, Scalar};
use crate::http::error::ApiError;
use crate::http::multipart::Multipart;

/// Names of attributes and of other parameters. Others are ignored.
const NAMES: [&str; 29] = [
    "source_code",
    "language_id",
    "stdin",
    "expected_output",
    "compiler_options",
    "command_line_arguments",
    "cpu_time_limit",
    "cpu_extra_time",
    "wall_time_limit",
    "memory_limit",
    "stack_limit",
    "max_processes_and_or_threads",
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "max_file_size",
    "number_of_runs",
    "redirect_stderr_to_stdout",
    "callback_url",
    "additional_files",
    "enable_network",
    "base64_encoded",
    "wait",
    "fields",
    "tokens",
    "page",
    "per_page",
    "X-Auth-Token",
    "X-Auth-User",
    "token",
];

/// Parameters by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    values: BTreeMap<&'static str, Scalar>,
    pub(crate) submissions: List<Attributes, MAX_BATCH>,
}

/// The attributes of one submission of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(pub(crate) BTreeMap<&'static str, Scalar>);

impl Parameters {
    /// Returns the parameters of a query.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        let mut parameters = Self::default();
        parameters.add_form(query.unwrap_or_default().as_bytes());
        parameters
    }

    /// Returns the parameters of a query and of a body. Those of the query have precedence.
    ///
    /// # Errors
    /// A message, if the body is not JSON where it should be.
    pub(crate) fn new(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Self, String> {
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut parameters = match kind.as_str() {
            "application/x-www-form-urlencoded" => {
                let mut parameters = Self::default();
                parameters.add_form(body);
                parameters
            }
            _ => lenient_json::parse(body)?,
        };
        parameters.add_form(query.unwrap_or_default().as_bytes());
        Ok(parameters)
    }

    /// Returns the parameters of a query and of a multipart body.
    ///
    /// # Errors
    /// A 400 whose message describes the error in the body.
    pub(crate) async fn of_multipart(
        query: Option<&str>,
        boundary: String,
        body: Bytes,
    ) -> Result<Self, ApiError> {
        let mut parameters = Self::default();
        let mut multipart = Multipart::new(Body::from(body), boundary);
        while let Some(mut part) = multipart.next_part().await? {
            let Some(known) = known(&part.name) else { continue };
            let mut content = Vec::new();
            while let Some(chunk) = part.chunk().await? {
                content.extend_from_slice(&chunk);
            }
            parameters.values.insert(known, Scalar::Text(String::from_utf8_lossy(&content).into_owned()));
        }
        parameters.add_form(query.unwrap_or_default().as_bytes());
        Ok(parameters)
    }

    fn add_form(&mut self, form: &[u8]) {
        for (name, value) in form_urlencoded::parse(form) {
            if let Some(known) = known(&name) {
                self.values.insert(known, Scalar::Text(value.into_owned()));
            }
        }
    }

    /// Returns the attributes of a single submission.
    pub(crate) fn attributes(&self) -> Attributes {
        Attributes(self.values.clone())
    }

    /// Returns a parameter as text; `None` if it is missing.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.values.get(name)?.to_text()
    }

    /// Returns a parameter that is true or false; false if it is missing.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(is_true)
    }
}

/// Returns whether Ruby on Rails casts a value to true.
pub(crate) fn is_true(value: &Scalar) -> bool {
    match value {
        Scalar::Null | Scalar::Bool(false) | Scalar::Whole(0) => false,
        Scalar::Text(text) => !["", "0", "f", "F", "false", "FALSE", "off", "OFF"].contains(&text.as_str()),
        _ => true,
    }
}

fn known(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|known| *known == name)
}

/// Reads the known fields of an object.
struct KnownFields;

impl<'de> Visitor<'de> for KnownFields {
    type Value = Parameters;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Parameters, A::Error> {
        let mut parameters = Parameters::default();
        while let Some(name) = fields.next_key::<String>()? {
            match known(&name) {
                Some(known) => drop(parameters.values.insert(known, fields.next_value()?)),
                None if name == "submissions" => parameters.submissions = fields.next_value()?,
                None => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(parameters)
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KnownFields)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KnownFields).map(|parameters| Self(parameters.values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str, kind: &'static str, body: &str) -> Result<Parameters, String> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        Parameters::new(Some(query), &headers, body.as_bytes())
    }

    #[test]
    fn query_and_body_are_merged() {
        let json = parameters(
            "base64_encoded=true&stdin=from+query%21",
            "application/json",
            r#"{"source_code":"é","stdin":"body","language_id":71,"unknown":[{}]}"#,
        );
        let json = json.unwrap();
        assert_eq!(json.text("source_code").as_deref(), Some("é"));
        assert_eq!(json.text("stdin").as_deref(), Some("from query!"));
        assert_eq!(json.text("language_id").as_deref(), Some("71"));
        assert!(json.flag("base64_encoded") && !json.flag("wait"));
        let form =
            parameters("wait=0", "application/x-www-form-urlencoded", "source_code=a%0Ab&language_id=71");
        let form = form.unwrap();
        assert_eq!(form.text("source_code").as_deref(), Some("a\nb"));
        assert!(!form.flag("wait"));
        assert!(parameters("", "application/json", "{").is_err());
        assert_eq!(
            parameters("fields=*", "application/json", "").unwrap().text("fields").as_deref(),
            Some("*")
        );
    }

    #[tokio::test]
    async fn a_part_of_a_multipart_body_is_a_parameter() {
        let part = |name: &str, content: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
        };
        let body = [
            &*part("source_code", "a\r\nb"),
            &*part("language_id", "71"),
            &*part("unknown", "x"),
            &*part("stdin", "body"),
            "--b--\r\n",
        ];
        let multipart =
            |body: String| Parameters::of_multipart(Some("stdin=query"), "b".to_owned(), body.into());
        let parameters = multipart(body.concat()).await.unwrap();
        for (name, value) in [("source_code", "a\r\nb"), ("language_id", "71"), ("stdin", "query")] {
            assert_eq!(parameters.text(name).as_deref(), Some(value));
        }
        assert!(multipart(part("stdin", "x")).await.is_err());
    }

    #[test]
    fn a_batch_is_a_list_of_attributes() {
        let batch =
            parameters("", "application/json", r#"{"submissions":[{"language_id":71},{"x":1}]}"#).unwrap();
        let List::Elements(batch) = batch.submissions else { panic!("no list") };
        let ids: Vec<_> = batch.iter().map(|one| one.0.get("language_id").cloned()).collect();
        assert_eq!(ids, [Some(Scalar::Whole(71)), None]);
        let long = format!(r#"{{"submissions":[{}]}}"#, vec!["{}"; 21].join(","));
        assert!(matches!(parameters("", "application/json", &long).unwrap().submissions, List::TooLong));
    }
}
