//! The tools as clients see them: names, descriptions and schemas.

use std::sync::{Arc, LazyLock};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

/// Name of the tool that runs a program.
pub(crate) const RUN_CODE: &str = "run_code";
/// Name of the tool that runs a program once per test.
pub(crate) const RUN_TESTS: &str = "run_tests";
/// Name of the tool that lists the languages.
pub(crate) const LIST_LANGUAGES: &str = "list_languages";

/// What a client tells its model about this server as a whole.
pub(crate) const INSTRUCTIONS: &str = "\
Runs programs in sandboxes without network access. Each call starts with an empty work directory and ends with all of its \
processes: to continue with files of an earlier call, send them again in `files`. Programs cannot ask questions; give all \
input as `stdin`, `args` or `files`. To return an image, write it to a file, for example plot.png.";

/// All tools.
static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let tool = |name: &'static str, title: &str, description: &'static str, input: &str, output: &str| {
        // A program may do anything in its sandbox, and nothing outside of it.
        let annotations = ToolAnnotations::with_title(title)
            .read_only(name == LIST_LANGUAGES)
            .destructive(false)
            .idempotent(name == LIST_LANGUAGES)
            .open_world(false);
        Tool::new(name, description, schema(input))
            .with_title(title)
            .with_raw_output_schema(schema(output))
            .with_annotations(annotations)
    };
    vec![
        tool(
            RUN_CODE,
            "Run code",
            "Compiles and runs a program in a sandbox, and returns its output, how it ended, and the files that it wrote. \
             Images are returned as images.",
            include_str!("schemas/run_code.input.json"),
            include_str!("schemas/run_code.output.json"),
        ),
        tool(
            RUN_TESTS,
            "Run tests",
            "Compiles a program once, runs it with the input of each test, and compares its output with the expected output.",
            include_str!("schemas/run_tests.input.json"),
            include_str!("schemas/run_tests.output.json"),
        ),
        tool(
            LIST_LANGUAGES,
            "List languages",
            "Lists the languages that run_code and run_tests accept, or the options of one of them.",
            include_str!("schemas/list_languages.input.json"),
            include_str!("schemas/list_languages.output.json"),
        ),
    ]
});

/// Returns all tools.
pub(crate) fn all() -> Vec<Tool> {
    TOOLS.clone()
}

/// Returns the tool with this name.
pub(crate) fn find(name: &str) -> Option<Tool> {
    TOOLS.iter().find(|tool| tool.name == name).cloned()
}

/// Parses a schema of this crate. A test checks that all of them are objects.
fn schema(text: &str) -> Arc<JsonObject> {
    match serde_json::from_str(text) {
        Ok(Value::Object(schema)) => Arc::new(schema),
        _ => Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_schemas_of_objects() {
        assert_eq!(all().len(), 3);
        for tool in all() {
            let output = tool.output_schema.clone().unwrap();
            for schema in [&tool.input_schema, &output] {
                assert_eq!(schema.get("type"), Some(&Value::from("object")), "{}", tool.name);
                let properties = schema["properties"].as_object().unwrap();
                let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
                for name in required {
                    assert!(properties.contains_key(name.as_str().unwrap()), "{}: {name}", tool.name);
                }
            }
            assert_eq!(find(&tool.name), Some(tool));
        }
    }
}
