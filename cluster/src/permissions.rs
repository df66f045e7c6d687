//! What each process may do at the servers, as a part of their configuration.

use std::fmt::Write;

use crate::connection::Settings;
use crate::subjects::{
    CALLBACK_GROUP, CALLBACKS, NODES, Name, SUBMISSIONS, USAGE, WAKE_GROUP, callback_due, cancel, kv_stream,
    kv_subject, wake, work_stream,
};

/// A process that connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// `executor cluster`: everything. No daemon has its key.
    Administrator,
    /// webd.
    Webd(Name),
    /// noded.
    Noded(Name),
}

/// Subjects that a process may publish to, and subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// To publish to.
    pub publish: Vec<String>,
    /// To subscribe to.
    pub subscribe: Vec<String>,
}

/// Returns what a process may do; `None` for everything.
#[must_use]
pub fn of(role: &Role, pool: &Name) -> Option<Permissions> {
    let work = work_stream(pool);
    let inbox = |name: &Name| format!("{}.>", Settings::inbox_prefix(name));
    let (nodes, usage) = (kv_stream(NODES), kv_stream(USAGE));
    match role {
        Role::Administrator => None,
        Role::Webd(name) => Some(Permissions {
            publish: vec![
                format!("x.work.{pool}.>"),
                wake(pool),
                cancel(pool),
                "x.sub.>".to_owned(),
                "x.hint.>".to_owned(),
                "x.call.*.*.*".to_owned(),
                callback_due(),
                kv_subject(USAGE, &format!("*.*.{name}.*")),
                format!("$JS.API.STREAM.MSG.GET.{SUBMISSIONS}"),
                format!("$JS.API.STREAM.PURGE.{SUBMISSIONS}"),
                format!("$JS.API.STREAM.MSG.GET.{work}"),
                format!("$JS.API.STREAM.MSG.DELETE.{work}"),
                format!("$JS.API.CONSUMER.INFO.{work}.*"),
                format!("$JS.API.CONSUMER.INFO.{CALLBACKS}.*"),
                format!("$JS.API.CONSUMER.DELETE.{work}.*"),
                format!("$JS.API.CONSUMER.DELETE.{CALLBACKS}.*"),
                format!("$JS.API.CONSUMER.DURABLE.CREATE.{work}.*"),
                format!("$JS.API.CONSUMER.DURABLE.CREATE.{CALLBACKS}.*"),
                format!("$JS.API.STREAM.INFO.{work}"),
                format!("$JS.API.STREAM.INFO.{SUBMISSIONS}"),
                format!("$JS.API.STREAM.INFO.{CALLBACKS}"),
                format!("$JS.API.CONSUMER.MSG.NEXT.{CALLBACKS}.*"),
                format!("$JS.ACK.{CALLBACKS}.>"),
                format!("$JS.API.CONSUMER.CREATE.{SUBMISSIONS}"),
                format!("$JS.API.CONSUMER.CREATE.{nodes}"),
                format!("$JS.API.CONSUMER.CREATE.{usage}"),
            ],
            subscribe: vec![
                inbox(name),
                "x.hint.>".to_owned(),
                format!("{} {CALLBACK_GROUP}", callback_due()),
            ],
        }),
        Role::Noded(name) => Some(Permissions {
            publish: vec![
                "x.sub.*.*.state".to_owned(),
                "x.sub.*.*.result".to_owned(),
                "x.hint.*.*".to_owned(),
                "x.call.*.*.*".to_owned(),
                callback_due(),
                wake(pool),
                kv_subject(NODES, name.as_str()),
                kv_subject(USAGE, &format!("*.*.{name}.*")),
                format!("$JS.API.CONSUMER.MSG.NEXT.{work}.*"),
                format!("$JS.ACK.{work}.>"),
            ],
            subscribe: vec![inbox(name), format!("{} {WAKE_GROUP}", wake(pool)), cancel(pool)],
        }),
    }
}

/// Returns the part of the configuration of nats-server with all users, by their public keys.
#[must_use]
pub fn server_configuration(pool: &Name, users: &[(Role, String)]) -> String {
    let mut text = "\
# Users of Executor. Include this file in the configuration of each nats-server:
#     include executor-users.conf
# Public keys are no secrets.
max_payload: 8MB
authorization {
  users = [
"
    .to_owned();
    for (role, public_key) in users {
        // Writing into a string cannot fail.
        let _ = match of(role, pool) {
            None => writeln!(text, "    # executor cluster\n    {{ nkey: {public_key} }}"),
            Some(Permissions { publish, subscribe }) => {
                let name = match role {
                    Role::Administrator => String::new(),
                    Role::Webd(name) => format!("webd: {name}"),
                    Role::Noded(name) => format!("noded: {name}"),
                };
                writeln!(
                    text,
                    "    # {name}\n    {{ nkey: {public_key}\n      permissions: {{\n        publish: {{ allow: [{}] }}\n        \
                     subscribe: {{ allow: [{}] }}\n      }}\n    }}",
                    list(&publish),
                    list(&subscribe)
                )
            }
        };
    }
    text.push_str("  ]\n}\n");
    text
}

fn list(subjects: &[String]) -> String {
    subjects.iter().map(|subject| format!("{subject:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_can_neither_read_results_nor_submit_work() {
        let name: Name = "node-1".parse().unwrap();
        let pool: Name = "main".parse().unwrap();
        let node = of(&Role::Noded(name.clone()), &pool).unwrap();
        let all = node.publish.iter().chain(&node.subscribe);
        for subject in all {
            assert!(!subject.contains("MSG.GET") && !subject.contains("CREATE"), "{subject}");
            assert!(!subject.starts_with("x.work") && subject != ">", "{subject}");
        }
        assert!(!node.subscribe.iter().any(|subject| subject.starts_with("x.sub")));
        // Nor change where a result is sent: it writes states and results only.
        let written: Vec<_> = node.publish.iter().filter(|subject| subject.starts_with("x.sub")).collect();
        assert_eq!(written, ["x.sub.*.*.state", "x.sub.*.*.result"]);
        let front = of(&Role::Webd(name), &pool).unwrap();
        assert!(front.subscribe.contains(&"_INBOX_node-1.>".to_owned()));
        assert_eq!(of(&Role::Administrator, &pool), None);
    }

    #[test]
    fn the_configuration_lists_each_user() {
        let pool = "main".parse().unwrap();
        let users = [
            (Role::Administrator, "UA".to_owned()),
            (Role::Webd("front".parse().unwrap()), "UF".to_owned()),
            (Role::Noded("node-1".parse().unwrap()), "UN".to_owned()),
        ];
        let text = server_configuration(&pool, &users);
        for part in
            ["nkey: UA }", "nkey: UF\n", "# noded: node-1\n", "\"x.wake.main nodes\"", "max_payload: 8MB"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
