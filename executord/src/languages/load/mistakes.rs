//! Mistakes in language files: each is refused with its line and the reason.

use std::path::Path;

use crate::config::Config;
use crate::languages::load::parse;

/// A file without a mistake, which each case changes in one place.
const VALID: &str = r#"name = "t"
title = "T"
aliases = ["u"]
extensions = ["t"]
file_name = "main.t"
requires = ["/usr"]
mounts = ["/etc/t", { source = "/opt/t", target = "/opt/t", executable = true }]
example = ""

[install]
apt = ["tt"]

[packages]
installer = "pip"
missing = "No module named '([a-z]+)'"

[version]
command = ["sh"]
pattern = "([0-9.]+)"

[editor]
mode = "t"
line_comment = "//"
indent = 2

[[options]]
name = "level"
title = "Level"
help = "1 or 2"
default = "1"
values = ["1", "2"]
run = ["-{value}"]

[arguments]
run = ["-O[0-3]"]

[run]
command = ["sh", "{options}", "{arguments}", "{main}"]

[run.limits]
memory = "64MiB"

[run.warm]
command = ["sh"]

[self_test]
stdout = ""
files = [{ name = "main.t", content = "" }]
"#;

/// What stands in [`VALID`], what stands there instead, the line of the mistake, and a part of the reason.
const MISTAKES: [(&str, &str, usize, &str); 34] = [
    ("name = \"t\"", "name = \"T\"", 1, "must consist of lower-case letters"),
    ("name = \"t\"", "name = 1", 1, "expected a string"),
    ("title = \"T\"", "title = \"T", 2, "invalid"),
    ("title = \"T\"", "titel = \"T\"", 2, "unknown field `titel`"),
    ("title = \"T\"", "title = \"T\"\ntitle = \"T\"", 3, "duplicate"),
    ("title = \"T\"", "title = \"T\"\nvariant = \"a b\"", 3, "must consist of"),
    ("extensions = [\"t\"]", "extensions = []", 4, "must name at least one"),
    ("\"main.t\"\nrequires", "\"../main.t\"\nrequires", 5, "contains . or .."),
    ("\"main.t\"\nrequires", "\"\"\nrequires", 5, "file_name"),
    ("executable = true", "executable = 1", 7, "data did not match"),
    ("apt = [\"tt\"]", "apt = [\"--yes\"]", 11, "is not the name of a package of Debian"),
    ("apt = [\"tt\"]", "gem = [\"t\"]", 11, "unknown field `gem`"),
    ("installer = \"pip\"", "installer = \"gem\"", 14, "unknown variant `gem`"),
    ("installer = \"pip\"", "installer = \"pip\"\ntarget = \"packages\"", 15, "must be an absolute path"),
    ("installer = \"pip\"", "installer = \"pip\"\ninterpreter = \"-x\"", 15, "must be the name of a program"),
    ("'([a-z]+)'\"", "'([a-z]+'\"", 15, "packages.missing"),
    ("[version]\ncommand = [\"sh\"]", "[version]\ncommand = []", 18, "is empty"),
    ("pattern = \"([0-9.]+)\"", "pattern = \"(\"", 19, "regex parse error"),
    ("pattern = \"([0-9.]+)\"", "", 17, "missing field `pattern`"),
    ("indent = 2", "indent = \"2\"", 24, "expected u32"),
    ("name = \"level\"", "name = \"Level\"", 26, "name: must consist of"),
    ("default = \"1\"", "default = \"3\"", 26, "it must be one of"),
    ("values = [\"1\", \"2\"]", "values = [\"1\", \"1\"]", 26, "is there twice"),
    ("run = [\"-{value}\"]", "run = [\"{main}\"]", 26, "there is no placeholder {main} here"),
    ("run = [\"-{value}\"]", "compile = [\"-{value}\"]", 26, "compile.command must have {options}"),
    ("run = [\"-O[0-3]\"]", "run = [\"O[0-3]\"]", 35, "must begin with '-'"),
    ("run = [\"-O[0-3]\"]", "run = [\"-O[\"]", 35, "regex parse error"),
    ("\"{options}\", ", "", 26, "run.command must have {options} once"),
    ("\"{arguments}\", ", "", 35, "run.command must have {arguments} once"),
    ("memory = \"64MiB\"", "memory = \"64\"", 41, "memory"),
    ("memory = \"64MiB\"", "memmory = \"64MiB\"", 41, "unknown field `memmory`"),
    ("[run.warm]\ncommand = [\"sh\"]", "[run.warm]\ncommand = []", 44, "run.warm.command: is empty"),
    ("[run.warm]\n", "[run.warm]\nmain = \"main.t\"\n", 44, "was renamed to `run.warm.main_file`"),
    ("{ name = \"main.t\",", "{ name = \"/main.t\",", 48, "self_test.files"),
];

fn load(text: &str) -> Result<(), String> {
    let path = Path::new("/languages/t.toml");
    parse(text, path, &Config::default()).map(drop).map_err(|error| error.to_string())
}

#[test]
fn each_mistake_is_refused_with_its_line_and_the_reason() {
    assert_eq!(load(VALID), Ok(()));
    let mut wrong = Vec::new();
    for (there, instead, line, reason) in MISTAKES {
        assert!(VALID.contains(there), "{there}");
        match load(&VALID.replacen(there, instead, 1)) {
            Ok(()) => wrong.push(format!("{instead:?} is accepted")),
            Err(message) => {
                let places = [format!("/languages/t.toml:{line}: "), format!("at line {line}, column")];
                let has_line = places.iter().any(|place| message.contains(place.as_str()));
                if !has_line || !message.contains(reason) {
                    wrong.push(format!("{instead:?} must have {line} and {reason:?}, and is: {message}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
