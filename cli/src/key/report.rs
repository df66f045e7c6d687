//! The commands that show keys and their usage.

use std::time::Duration;

use keys::{KeyEntry, KeyFile, KeyName, KeyUsage, Timestamp, UsageFile};
use protocol::quantity::Quantity;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;

/// Prints all keys; never a hash.
pub(super) async fn list(keys: &KeyFile, json: bool) -> Result<(), Failure> {
    let mut out = Output::stdout();
    if json {
        let list: Vec<Value> = keys.keys.iter().map(|(name, entry)| as_json(name, entry)).collect();
        return Ok(out.line(&format!("{:#}", json!(list))).await?);
    }
    let title =
        ["NAME", "STATE", "RATE", "CONCURRENT", "CPU PER DAY", "LANGUAGES", "CREATED"].map(str::to_owned);
    let rows = keys.keys.iter().map(|(name, entry)| {
        let limits = &entry.limits;
        [
            name.to_string(),
            state(entry),
            or_dash(limits.rate),
            or_dash(limits.concurrent),
            or_dash(limits.cpu_per_day.map(Quantity)),
            limits.languages.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(",")),
            or_dash(entry.created),
        ]
    });
    Ok(out.write(table([title].into_iter().chain(rows).collect()).as_bytes()).await?)
}

/// Prints what the keys used today.
pub(super) async fn usage(
    keys: &KeyFile,
    usage: &Option<UsageFile>,
    only: Option<KeyName>,
    json: bool,
) -> Result<(), Failure> {
    let today = Timestamp::now().day();
    let used = usage.as_ref().filter(|usage| usage.day.day() == today).map(|usage| &usage.keys);
    let anonymous = KeyName::anonymous();
    let has_usage = used.is_some_and(|used| used.contains_key(&anonymous));
    let mut names: Vec<&KeyName> = keys.keys.keys().collect();
    if has_usage && !keys.keys.contains_key(&anonymous) {
        names.push(&anonymous);
    }
    if let Some(only) = &only {
        names.retain(|name| *name == only);
        if names.is_empty() {
            return Err(Failure::Usage(format!(
                "there is no key `{only}`; `executor key list` lists the keys"
            )));
        }
    }
    let rows = names.into_iter().map(|name| {
        let used = used.and_then(|used| used.get(name)).copied().unwrap_or_default();
        (name, used, keys.keys.get(name).and_then(|entry| entry.limits.cpu_per_day))
    });
    let mut out = Output::stdout();
    if json {
        let list: Vec<Value> = rows.map(|(name, used, limit)| usage_json(name, used, limit)).collect();
        return Ok(out.line(&format!("{:#}", json!(list))).await?);
    }
    let title = ["NAME", "EXECUTIONS", "CPU TIME", "CPU PER DAY"].map(str::to_owned);
    let rows = rows.map(|(name, used, limit)| {
        let cpu = format!("{:.3}s", Duration::from_micros(used.cpu_us).as_secs_f64());
        [name.to_string(), used.executions.to_string(), cpu, or_dash(limit.map(Quantity))]
    });
    Ok(out.write(table([title].into_iter().chain(rows).collect()).as_bytes()).await?)
}

fn state(entry: &KeyEntry) -> String {
    match entry.expires {
        _ if entry.disabled => "disabled".to_owned(),
        Some(expires) if expires <= Timestamp::now() => format!("expired {expires}"),
        Some(expires) => format!("until {expires}"),
        None => "valid".to_owned(),
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn as_json(name: &KeyName, entry: &KeyEntry) -> Value {
    json!({
        "name": name,
        "created": entry.created,
        "expires": entry.expires,
        "previous_expires": entry.previous_expires,
        "disabled": entry.disabled,
        "rate": entry.limits.rate,
        "concurrent": entry.limits.concurrent,
        "cpu_per_day_s": entry.limits.cpu_per_day.map(|time| time.as_secs_f64()),
        "languages": entry.limits.languages,
        "callbacks": entry.callback_secret.is_some(),
    })
}

fn usage_json(name: &KeyName, used: KeyUsage, limit: Option<Duration>) -> Value {
    json!({
        "name": name,
        "executions": used.executions,
        "cpu_s": Duration::from_micros(used.cpu_us).as_secs_f64(),
        "cpu_per_day_s": limit.map(|time| time.as_secs_f64()),
    })
}

/// Returns rows with columns of one width. The last column is not padded.
fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(|column| if column + 1 < N { width(column) } else { 0 }).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}
