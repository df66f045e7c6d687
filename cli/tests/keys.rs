//! `executor key`: the file that it writes, and what it prints.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that starts the program under test"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use keys::{ApiKey, CallbackSecret, KeyFile};

struct Keys {
    directory: tempfile::TempDir,
}

impl Keys {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys.toml")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_executor"))
            .args(["--socket", "/nonexistent", "key", "--key-file"])
            .arg(self.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn fail(&self, arguments: &[&str], expected: &str) {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && message.contains(expected), "{message}");
    }

    fn file(&self) -> KeyFile {
        KeyFile::parse(&std::fs::read_to_string(self.path()).unwrap()).unwrap()
    }

    fn hash(&self, name: &str) -> Option<keys::KeyHash> {
        self.file().keys[&name.parse().unwrap()].hash
    }
}

#[test]
fn a_key_is_printed_once_and_its_hash_is_stored() {
    let keys = Keys::new();
    let printed = keys.succeed(&[
        "add",
        "alice",
        "--rate",
        "60/min",
        "--concurrent",
        "4",
        "--cpu-per-day",
        "1h",
        "--languages",
        "Python,cpp",
        "--expires",
        "2999-01-31",
    ]);
    let key = ApiKey::parse(printed.trim_end()).expect("stdout has the key alone");
    assert_eq!(keys.hash("alice"), Some(key.hash()));
    let text = std::fs::read_to_string(keys.path()).unwrap();
    assert!(!text.contains(key.text()));
    for line in [
        "rate = \"60/min\"",
        "concurrent = 4",
        "cpu_per_day = \"3600s\"",
        "languages = [\"python\", \"cpp\"]",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(std::fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(!keys.directory.path().join("keys.new").exists());
    let list = keys.succeed(&["list"]);
    assert!(list.contains("alice") && list.contains("60/min") && list.contains("until 2999-01-31"), "{list}");
    assert!(!list.contains("sha256") && !keys.succeed(&["list", "--json"]).contains("sha256"));
    keys.fail(&["add", "alice"], "`executor key rotate alice` replaces it");
    assert_eq!(keys.hash("alice"), Some(key.hash()));
}

#[test]
fn a_key_is_rotated_and_revoked() {
    let keys = Keys::new();
    let first = ApiKey::parse(keys.succeed(&["add", "alice"]).trim_end()).unwrap();
    keys.succeed(&["add", "bob"]);
    let second = ApiKey::parse(keys.succeed(&["rotate", "alice", "--keep-old", "24h"]).trim_end()).unwrap();
    let entry = keys.file().keys[&"alice".parse().unwrap()].clone();
    assert_eq!((entry.hash, entry.previous_hash), (Some(second.hash()), Some(first.hash())));
    assert!(entry.previous_expires.is_some());
    keys.succeed(&["rotate", "alice"]);
    let entry = keys.file().keys[&"alice".parse().unwrap()].clone();
    assert_eq!((entry.previous_hash, entry.previous_expires), (None, None));
    keys.succeed(&["revoke", "alice"]);
    assert_eq!(keys.file().keys.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["bob"]);
    keys.fail(&["revoke", "alice"], "there is no key `alice`");
    keys.fail(&["rotate", "alice"], "there is no key `alice`");
    keys.fail(&["rotate", "anonymous"], "requests without a key");
}

#[test]
fn anonymous_access_is_limited_and_disabled() {
    let keys = Keys::new();
    assert_eq!(keys.succeed(&["add", "anonymous", "--rate", "10/min"]), "");
    let anonymous = |file: KeyFile| file.keys[&"anonymous".parse().unwrap()].clone();
    assert_eq!(anonymous(keys.file()).limits.rate.unwrap().to_string(), "10/min");
    keys.succeed(&["revoke", "anonymous"]);
    assert!(anonymous(keys.file()).disabled);
    assert!(keys.succeed(&["list"]).contains("disabled"));
    keys.succeed(&["add", "anonymous"]);
    assert!(!anonymous(keys.file()).disabled);
    keys.fail(&["add", "anonymous", "--expires", "2999-01-31"], "cannot expire");
}

#[test]
fn a_callback_secret_is_printed_replaced_and_removed() {
    let keys = Keys::new();
    let secret = |name: &str| keys.file().keys[&name.parse().unwrap()].callback_secret.clone();
    let printed = |name: &str| {
        let text = keys.succeed(&["callback-secret", name]);
        CallbackSecret::try_from(text.trim_end().to_owned()).expect("stdout has the secret alone")
    };
    keys.fail(&["callback-secret", "alice"], "there is no key `alice`");
    keys.succeed(&["add", "alice"]);
    let first = printed("alice");
    assert_eq!(secret("alice"), Some(first.clone()));
    let second = printed("alice");
    assert!(second != first && secret("alice") == Some(second.clone()));
    keys.succeed(&["rotate", "alice"]);
    assert_eq!(secret("alice"), Some(second.clone()), "a new key has the same secret");
    assert!(!keys.succeed(&["list"]).contains("whsec"));
    let json = keys.succeed(&["list", "--json"]);
    assert!(json.contains("\"callbacks\": true") && !json.contains("whsec"), "{json}");
    let third = keys.succeed(&["callback-secret", "alice", "--keep-old", "24h"]);
    let entry = || keys.file().keys[&"alice".parse().unwrap()].clone();
    assert_eq!(secret("alice").map(|secret| secret.text()), Some(third.trim_end().to_owned()));
    assert!(
        entry().previous_callback_secret == Some(second)
            && entry().previous_callback_secret_expires.is_some()
    );
    keys.fail(&["callback-secret", "alice", "--keep-old", "24h", "--remove"], "cannot be used with");
    keys.succeed(&["callback-secret", "alice"]);
    assert_eq!((entry().previous_callback_secret, entry().previous_callback_secret_expires), (None, None));
    keys.succeed(&["callback-secret", "alice", "--keep-old", "24h"]);
    keys.succeed(&["callback-secret", "alice", "--remove"]);
    assert_eq!((secret("alice"), entry().previous_callback_secret), (None, None));
    let anonymous = printed("anonymous");
    keys.succeed(&["add", "anonymous", "--rate", "10/min"]);
    assert_eq!(secret("anonymous"), Some(anonymous), "new limits keep the secret");
}

#[test]
fn arguments_and_files_that_are_not_valid_are_refused() {
    let keys = Keys::new();
    for (arguments, expected) in [
        (&["add", "a b"][..], "the name of a key has at most"),
        (&["add", "a", "--rate", "60"], "is not a rate such as"),
        (&["add", "a", "--concurrent", "0"], "--concurrent"),
        (&["add", "a", "--cpu-per-day", "1"], "is not a duration"),
        (&["add", "a", "--cpu-per-day", "0s"], "must be more than zero"),
        (&["add", "a", "--expires", "tomorrow"], "is not a date"),
        (&["add", "a", "--expires", "2020-01-01"], "the date has passed"),
    ] {
        keys.fail(arguments, expected);
        assert!(!keys.path().exists());
    }
    std::fs::write(keys.path(), "[keys.a]\n").unwrap();
    keys.fail(&["add", "b"], "key `a`: `hash` is required");
    assert_eq!(std::fs::read_to_string(keys.path()).unwrap(), "[keys.a]\n");
}

#[test]
fn usage_is_that_of_today() {
    let keys = Keys::new();
    keys.succeed(&["add", "alice", "--cpu-per-day", "1h"]);
    let state = keys.directory.path().to_str().unwrap().to_owned();
    let usage = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["usage", "--state", &state].into_iter().chain(more.iter().copied()).collect();
        keys.succeed(&arguments)
    };
    assert!(usage(&[]).contains("alice  0           0.000s    3600s"), "{}", usage(&[]));
    let today = keys::Timestamp(keys::Timestamp::now().day() * keys::SECONDS_PER_DAY);
    let write = |day: keys::Timestamp| {
        let used = format!(r#"{{"day":"{day}","keys":{{"alice":{{"executions":3,"cpu_us":1500000}}}}}}"#);
        std::fs::write(keys.directory.path().join("usage.json"), used).unwrap();
    };
    write(today);
    assert!(usage(&["alice"]).contains("alice  3           1.500s    3600s"), "{}", usage(&[]));
    let json: serde_json::Value = serde_json::from_str(&usage(&["--json"])).unwrap();
    assert_eq!(json[0]["cpu_s"], 1.5);
    write(keys::Timestamp(today.0 - keys::SECONDS_PER_DAY));
    assert!(usage(&[]).contains("0.000s"));
    keys.fail(&["usage", "--state", &state, "bob"], "there is no key `bob`");
    // webd may write there: a link or a file of something else is not shown.
    std::fs::write(keys.directory.path().join("usage.json"), "root:x:0:0:secret").unwrap();
    let output = keys.run(&["usage", "--state", &state]);
    assert!(!String::from_utf8(output.stderr).unwrap().contains("secret"));
    std::fs::remove_file(keys.directory.path().join("usage.json")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", keys.directory.path().join("usage.json")).unwrap();
    keys.fail(&["usage", "--state", &state], "usage.json");
}

#[test]
fn processes_that_add_keys_at_the_same_time_lose_none() {
    let keys = Keys::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let keys = &keys;
            scope.spawn(move || keys.succeed(&["add", &format!("key{number}")]));
        }
    });
    assert_eq!(keys.file().keys.len(), 8);
}
