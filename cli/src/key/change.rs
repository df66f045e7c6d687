//! The commands that change the key file.

use std::path::Path;
use std::time::Duration;

use keys::{ApiKey, CallbackSecret, KeyEntry, KeyLimits, KeyName, Timestamp};

use crate::failure::Failure;
use crate::key::file;
use crate::output::Output;

/// What every change ends with.
const WHEN: &str = "webd applies the change within 2 s";

/// Adds a key and prints it. Of `anonymous`, sets the limits.
pub(super) async fn add(
    path: &Path,
    name: KeyName,
    limits: KeyLimits,
    expires: Option<Timestamp>,
) -> Result<(), Failure> {
    if name.is_anonymous() {
        if expires.is_some() {
            return Err(Failure::Usage("the key `anonymous` cannot expire".to_owned()));
        }
        file::change(path, |keys| {
            let entry = keys.keys.entry(name).or_default();
            (entry.limits, entry.disabled) = (limits, false);
            Ok(())
        })?;
        return notify("requests without a key are allowed within these limits").await;
    }
    if expires.is_some_and(|expires| expires <= Timestamp::now()) {
        return Err(Failure::Usage("--expires: the date has passed".to_owned()));
    }
    let key = generate()?;
    let created = Some(Timestamp::now());
    let entry = KeyEntry { hash: Some(key.hash()), created, expires, limits, ..KeyEntry::default() };
    let is_anonymous_allowed = file::change(path, |keys| {
        if keys.keys.contains_key(&name) {
            let message = format!("the key `{name}` exists; `executor key rotate {name}` replaces it");
            return Err(Failure::Usage(message));
        }
        keys.keys.insert(name.clone(), entry);
        Ok(keys.keys.get(&KeyName::anonymous()).is_none_or(|anonymous| !anonymous.disabled))
    })?;
    print(&key).await?;
    notify(&format!("this is the key `{name}`; it is not shown again")).await?;
    if is_anonymous_allowed {
        let advice = "requests without a key are allowed; `executor key revoke anonymous` changes that\n";
        Output::stderr().write(advice.as_bytes()).await?;
    }
    Ok(())
}

/// Removes a key. `anonymous` is disabled.
pub(super) async fn revoke(path: &Path, name: &KeyName) -> Result<(), Failure> {
    if name.is_anonymous() {
        file::change(path, |keys| {
            keys.keys.entry(name.clone()).or_default().disabled = true;
            Ok(())
        })?;
        return notify("requests without a key are refused").await;
    }
    file::change(path, |keys| keys.keys.remove(name).ok_or_else(|| unknown(name)))?;
    notify(&format!("the key `{name}` is revoked; executions that are running go on")).await
}

/// Replaces a key and prints the new one.
pub(super) async fn rotate(path: &Path, name: &KeyName, keep_old: Option<Duration>) -> Result<(), Failure> {
    if name.is_anonymous() {
        return Err(Failure::Usage("`anonymous` is the key of requests without a key".to_owned()));
    }
    let key = generate()?;
    file::change(path, |keys| {
        let entry = keys.keys.get_mut(name).ok_or_else(|| unknown(name))?;
        let now = Timestamp::now();
        let old = entry.hash.replace(key.hash());
        (entry.previous_hash, entry.previous_expires) = match keep_old {
            Some(time) => (old, Some(now.after(time))),
            None => (None, None),
        };
        entry.created = Some(now);
        Ok(())
    })?;
    print(&key).await?;
    let old = match keep_old {
        Some(_) => "the old one is still accepted for the given time",
        None => "the old one is not accepted any more",
    };
    notify(&format!("this is the new key `{name}`, and is not shown again; {old}")).await
}

/// Replaces the callback secret of a key and prints the new one. Callbacks are signed with the old one too for `keep_old`.
pub(super) async fn rotate_callback_secret(
    path: &Path,
    name: &KeyName,
    keep_old: Option<Duration>,
) -> Result<(), Failure> {
    let secret = CallbackSecret::generate().map_err(no_random_bytes)?;
    file::change(path, |keys| {
        let entry = match keys.keys.get_mut(name) {
            // `anonymous` is valid without an entry of its own.
            None if name.is_anonymous() => keys.keys.entry(name.clone()).or_default(),
            None => return Err(unknown(name)),
            Some(entry) => entry,
        };
        let old = entry.callback_secret.replace(secret.clone()).zip(keep_old);
        let old = old.map(|(old, time)| (old, Timestamp::now().after(time)));
        (entry.previous_callback_secret, entry.previous_callback_secret_expires) = old.unzip();
        Ok(())
    })?;
    Output::stdout().line(&secret.text()).await?;
    let old = match keep_old {
        Some(_) => "callbacks are signed with an earlier one too for the given time",
        None => "an earlier one is not used any more",
    };
    notify(&format!("this is the secret of callbacks of the key `{name}`; {old}")).await
}

/// Removes the callback secrets of a key.
pub(super) async fn remove_callback_secret(path: &Path, name: &KeyName) -> Result<(), Failure> {
    file::change(path, |keys| {
        let entry = keys.keys.get_mut(name);
        if entry.is_none() && !name.is_anonymous() {
            return Err(unknown(name));
        }
        if let Some(entry) = entry {
            entry.callback_secret = None;
            (entry.previous_callback_secret, entry.previous_callback_secret_expires) = (None, None);
        }
        Ok(())
    })?;
    notify(&format!("submissions of the key `{name}` cannot have callbacks")).await
}

fn generate() -> Result<ApiKey, Failure> {
    ApiKey::generate().map_err(no_random_bytes)
}

fn no_random_bytes(error: impl std::fmt::Display) -> Failure {
    Failure::Local(format!("get random bytes: {error}"))
}

fn unknown(name: &KeyName) -> Failure {
    Failure::Usage(format!("there is no key `{name}`; `executor key list` lists the keys"))
}

/// Prints the key alone on stdout, for scripts.
async fn print(key: &ApiKey) -> Result<(), Failure> {
    Ok(Output::stdout().line(key.text()).await?)
}

async fn notify(message: &str) -> Result<(), Failure> {
    Ok(Output::stderr().write(format!("{message}; {WHEN}\n").as_bytes()).await?)
}
