//! What an API key costs: the same request with a key and without, on a server with many keys.

use std::io;
use std::rc::Rc;

use e2e::daemons::Settings;
use keys::{ApiKey, KeyEntry, KeyFile};
use tokio::runtime::Runtime;

use crate::case::{Case, compare};
use crate::client::Client;
use crate::daemon_pair::DaemonPair;
use crate::rounds::RoundLimits;
use crate::statistics::millis;
use crate::testbed::Testbed;

/// Keys of the server.
const KEYS: usize = 1000;

/// Measures a program that does nothing, in turns with a key and without. Also returns the median of the differences
/// between the two answers of a round, in milliseconds.
///
/// # Errors
/// A message, if an execution fails.
pub fn measure(
    runtime: &Rc<Runtime>,
    testbed: &Testbed,
    round_limits: RoundLimits,
) -> io::Result<(Vec<Case>, f64)> {
    let directory = tempfile::tempdir()?;
    let (file, used) = key_file()?;
    // webd can write no usage there, which it reports in its log.
    let state = directory.path().join("state");
    let webd = format!("state = {state:?}\n[keys]\nfile = \"keys.toml\"\n");
    let settings = Settings { pool: true, webd, files: vec![("keys.toml", file)], ..Settings::default() };
    let pair = DaemonPair::start(runtime, testbed.group("keys")?, &testbed.nothing(), settings)?;
    let program = testbed.nothing_program();
    let body = program.body().to_string();
    let mut clients = [Client::new(pair.address()), Client::new(pair.address()).with_key(used.text())];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..2 * round_limits.at_most {
        // The first of a round is another one each time.
        for index in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            pair.wait_until_ready(program.language);
            times[index].push(clients[index].execute(&body)?.0);
        }
    }
    let [without, with] = times;
    let mut differences: Vec<f64> =
        without.iter().zip(&with).map(|(without, with)| millis(*with) - millis(*without)).collect();
    differences.sort_by(f64::total_cmp);
    let median = differences.get(differences.len() / 2).copied().unwrap_or_default();
    let ways = [("without a key", "", without), ("with a key", "at most 0.1 ms more", with)];
    Ok((compare(&format!("{KEYS} keys: a program that does nothing"), "an answer", &ways), median))
}

/// Returns a file of keys with limits, and one of the keys.
fn key_file() -> io::Result<(String, ApiKey)> {
    let mut file = KeyFile::default();
    let mut last = None;
    for number in 0..KEYS {
        let key = ApiKey::generate().map_err(|error| io::Error::other(error.to_string()))?;
        let mut entry = KeyEntry { hash: Some(key.hash()), ..KeyEntry::default() };
        // High limits, which are checked but never reached.
        entry.limits.rate = Some("1000000/min".parse().map_err(io::Error::other)?);
        entry.limits.cpu_per_day = Some(std::time::Duration::from_secs(86_400));
        let name = format!("key-{number}").parse().map_err(io::Error::other)?;
        file.keys.insert(name, entry);
        last = Some(key);
    }
    let text = file.text().map_err(io::Error::other)?;
    last.map(|key| (text, key)).ok_or_else(|| io::ErrorKind::NotFound.into())
}
