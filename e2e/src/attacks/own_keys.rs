//! Attacks on API keys, submissions and callbacks. They need daemons with keys, which are started for them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::http_attacks::Sink;
use super::raw_http::{self, ANSWER_TIMEOUT, Answer, Connection};
use super::target::Target;
use crate::key_server::KeyServer;

/// The attacks, in the order in which they are made: the last one reads the log of all.
const ATTACKS: [&str; 9] = [
    "own-key-guess",
    "own-key-answers",
    "own-key-several",
    "own-key-places",
    "own-key-expired",
    "own-key-token",
    "own-key-others",
    "own-key-callback",
    "own-key-log",
];
const CLASS: &str = "b/keys";
/// Requests with a guessed key.
const GUESSES: usize = 200;
/// How much longer one kind of wrong key may take than another, as a factor of their medians. Their look-ups take
/// microseconds, and the rest of a request does not depend on the key.
const MAX_RATIO: f64 = 3.0;
/// Time for which nothing may connect to a listener that a callback names.
const QUIET: Duration = Duration::from_secs(2);

/// Daemons with keys, and the texts that must not be found anywhere.
struct Keys {
    server: KeyServer,
    alice: String,
    bob: String,
    revoked: String,
    secret: String,
    tokens: Vec<String>,
}

/// Runs the attacks on a server of their own, which has keys. They are left out if the daemons were not started for the
/// attacks, because the programs of another server may be missing on that host.
pub async fn run(target: &Target, sink: &mut Sink<'_>) {
    if target.daemons.is_none() {
        ATTACKS.into_iter().for_each(|id| sink.exclude(id, CLASS));
        return;
    }
    let selected: Vec<_> = ATTACKS.into_iter().filter(|id| sink.selects(id, CLASS, Duration::ZERO)).collect();
    if selected.is_empty() {
        return;
    }
    let began = Instant::now();
    let mut keys = match Keys::start().await {
        Ok(keys) => keys,
        Err(error) => return sink.end("own-key-start", began, vec![error]),
    };
    for id in selected {
        let began = Instant::now();
        let result = match id {
            "own-key-guess" => keys.guess().await,
            "own-key-answers" => keys.answers().await,
            "own-key-several" => keys.several().await,
            "own-key-places" => keys.places().await,
            "own-key-expired" => keys.expired().await,
            "own-key-token" => keys.token().await,
            "own-key-others" => keys.others().await,
            "own-key-callback" => keys.callback().await,
            _ => keys.log(),
        };
        let mut failures: Vec<_> = result.err().into_iter().collect();
        failures.extend(keys.works().await.err());
        sink.end(id, began, failures);
    }
}

fn execute(headers: &[(&str, &str)]) -> Vec<u8> {
    let body = json!({"language": "python", "code": "print('ran')"}).to_string();
    request("POST", "/api/execute", headers, body.as_bytes())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    raw_http::request(method, path, &headers, body)
}

/// Returns an error unless a response has the status.
fn expect(what: &str, answer: &Answer, allowed: &[u16]) -> Result<(), String> {
    if allowed.contains(&answer.status) {
        return Ok(());
    }
    Err(format!("{what}: HTTP {} {:.200}", answer.status, String::from_utf8_lossy(&answer.body)))
}

impl Keys {
    async fn start() -> Result<Self, String> {
        let server = KeyServer::start().await.map_err(|error| error.to_string())?;
        let [alice, bob, revoked] = ["alice", "bob", "carol"].map(|name| server.key(&["add", name]));
        let secret = server.key(&["callback-secret", "alice"]);
        let _ = server.key(&["revoke", "carol"]);
        let _ = server.key(&["revoke", "anonymous"]);
        server.until_status("", 401).await;
        Ok(Self { server, alice, bob, revoked, secret, tokens: Vec::new() })
    }

    async fn send(&self, bytes: &[u8]) -> Result<Answer, String> {
        let failed = |error: std::io::Error| format!("no answer: {error}");
        let mut connection = Connection::open(self.server.daemons.address()).await.map_err(failed)?;
        connection.send(bytes).await.map_err(failed)?;
        connection
            .answer(ANSWER_TIMEOUT)
            .await
            .map_err(failed)?
            .ok_or_else(|| "closed without an answer".to_owned())
    }

    /// The keys work as before.
    async fn works(&self) -> Result<(), String> {
        for key in [&self.alice, &self.bob] {
            let (status, answer) = self.server.execute(key, "bash", "echo works").await;
            if status != 200 || answer["output"] != "works\n" {
                return Err(format!("a valid key: HTTP {status} {answer}"));
            }
        }
        Ok(())
    }

    /// Returns texts that differ from a key in one character, and keys that were never issued.
    fn guesses(&self) -> (Vec<String>, Vec<String>) {
        let near = (0..GUESSES).map(|number| {
            let mut text = self.alice.clone().into_bytes();
            let position = text.len() - 1 - number % (text.len() - 4);
            text[position] = if text[position] == b'a' { b'b' } else { b'a' };
            String::from_utf8_lossy(&text).into_owned()
        });
        let valid =
            (0..GUESSES).filter_map(|_| keys::ApiKey::generate().ok()).map(|key| key.text().to_owned());
        (near.collect(), valid.collect())
    }

    async fn guess(&self) -> Result<(), String> {
        let (near, valid) = self.guesses();
        for guess in near.iter().chain(&valid) {
            let answer =
                self.send(&execute(&[("authorization", format!("Bearer {guess}").as_str())])).await?;
            expect("a guessed key", &answer, &[401])?;
        }
        Ok(())
    }

    /// Neither the answer nor its time says how close a wrong key is.
    async fn answers(&self) -> Result<(), String> {
        let (near, valid) = self.guesses();
        let mut times = [Vec::new(), Vec::new()];
        let mut bodies = std::collections::BTreeSet::new();
        for (near, valid) in near.iter().zip(&valid) {
            for (guess, times) in [near, valid].into_iter().zip(&mut times) {
                let bytes = execute(&[("x-api-key", guess.as_str())]);
                let began = Instant::now();
                bodies.insert(self.send(&bytes).await?.body);
                times.push(began.elapsed().as_secs_f64());
            }
        }
        let revoked = self.send(&execute(&[("x-api-key", self.revoked.as_str())])).await?;
        bodies.insert(revoked.body);
        if bodies.len() != 1 {
            return Err(format!("{} different answers to wrong keys", bodies.len()));
        }
        let [near, valid] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        let ratio = (near / valid).max(valid / near);
        if ratio > MAX_RATIO {
            Err(format!("one kind of wrong key takes {ratio:.1} times as long"))
        } else {
            Ok(())
        }
    }

    /// Several keys in one request, and headers that two servers could read differently.
    async fn several(&self) -> Result<(), String> {
        let (alice, bob) = (self.alice.as_str(), self.bob.as_str());
        let [bearer, of_bob] = [alice, bob].map(|key| format!("Bearer {key}"));
        let both = format!("{bearer}, {of_bob}");
        let (spaced, twice) = (format!("{bearer} x"), format!("Bearer {bearer}"));
        let cases: [&[(&str, &str)]; 9] = [
            &[("authorization", bearer.as_str()), ("authorization", of_bob.as_str())],
            &[("authorization", bearer.as_str()), ("x-api-key", bob)],
            &[("x-api-key", alice), ("x-auth-token", bob)],
            &[("x-api-key", alice), ("x-api-key", "")],
            &[("authorization", both.as_str())],
            &[("authorization", spaced.as_str())],
            &[("authorization", twice.as_str())],
            &[("x_api_key", alice)],
            &[("x-api-key\u{0}", alice)],
        ];
        for headers in cases {
            let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
            let answer = self.send(&execute(headers)).await?;
            expect(&format!("{names:?}"), &answer, &[400, 401])?;
        }
        // A folded line is one header to some servers, and two to others.
        let folded =
            format!("POST /api/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n {alice}\r\n\r\n");
        expect("a folded header", &self.send(folded.as_bytes()).await?, &[400, 401])?;
        // The same key in several headers is one key.
        let same = self.send(&execute(&[("authorization", bearer.as_str()), ("x-api-key", alice)])).await?;
        expect("one key twice", &same, &[200])
    }

    /// A key in a place that is logged or that a page of another site can set.
    async fn places(&self) -> Result<(), String> {
        let key = &self.alice;
        for name in ["key", "api_key", "access_token", "token", "X-Auth-Token", "x-api-key", "authorization"]
        {
            for path in
                ["/api/execute", "/judge0/submissions", "/api/v2/execute", "/jobe/index.php/restapi/runs"]
            {
                let bytes = request("POST", &format!("{path}?{name}={key}"), &[], b"{}");
                // Jobe answers 403.
                expect(&format!("{path}?{name}"), &self.send(&bytes).await?, &[401, 403])?;
            }
        }
        let cookie = format!("key={key}; Authorization={key}");
        expect("a cookie", &self.send(&execute(&[("cookie", cookie.as_str())])).await?, &[401])?;
        let body = json!({"language": "python", "code": "1", "key": key}).to_string();
        expect(
            "the body",
            &self.send(&request("POST", "/api/execute", &[], body.as_bytes())).await?,
            &[401],
        )?;
        let protocols = format!("executor, token.{key}");
        let handshake = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", protocols.as_str()),
        ];
        expect(
            "a key as a token",
            &self.send(&request("GET", "/api/session", &handshake, b"")).await?,
            &[401],
        )
    }

    /// Keys that were valid once.
    async fn expired(&mut self) -> Result<(), String> {
        let expires = ["--expires", "2999-01-01"];
        let expired = self.server.key(&[&["add", "erin"][..], &expires].concat());
        let first = self.server.key(&["add", "dave"]);
        self.server.until_status(&expired, 200).await;
        self.server.until_status(&first, 200).await;
        let token = self.issue(&first).await?;
        self.replace_in_key_file("2999-01-01", "2001-01-01").map_err(|error| error.to_string())?;
        let second = self.server.key(&["rotate", "dave"]);
        self.server.until_status(&second, 200).await;
        self.server.until_status(&expired, 401).await;
        for (what, key) in [("expired", &expired), ("rotated", &first), ("revoked", &self.revoked)] {
            expect(what, &self.send(&execute(&[("x-api-key", key.as_str())])).await?, &[401])?;
        }
        expect("a token of a rotated key", &self.open_session(&token, None).await?, &[401])?;
        let _ = self.server.key(&["revoke", "dave"]);
        self.server.until_status(&second, 401).await;
        Ok(())
    }

    fn replace_in_key_file(&self, from: &str, to: &str) -> std::io::Result<()> {
        let text = std::fs::read_to_string(&self.server.keys)?.replace(from, to);
        let new = self.server.keys.with_extension("replaced");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, &self.server.keys)
    }

    /// Returns a new token of a key.
    async fn issue(&mut self, key: &str) -> Result<String, String> {
        let (status, answer) = self.server.request("POST", "/api/token", key, &Value::Null).await;
        let token =
            answer["token"].as_str().ok_or_else(|| format!("no token: HTTP {status} {answer}"))?.to_owned();
        self.tokens.push(token.clone());
        Ok(token)
    }

    /// Opens a session with a token, and perhaps a key. Returns the status of the handshake.
    async fn open_session(&self, token: &str, key: Option<&str>) -> Result<Answer, String> {
        let protocols = format!("executor, token.{token}");
        let mut headers = vec![
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", &*protocols),
        ];
        headers.extend(key.map(|key| ("x-api-key", key)));
        let failed = |error: std::io::Error| format!("no answer: {error}");
        let mut connection = Connection::open(self.server.daemons.address()).await.map_err(failed)?;
        connection.send(&request("GET", "/api/session", &headers, b"")).await.map_err(failed)?;
        // The body of a handshake that succeeds does not end.
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if tokio::io::AsyncReadExt::read(&mut connection.stream, &mut byte).await? == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            std::io::Result::Ok(())
        };
        timeout(ANSWER_TIMEOUT, read).await.map_err(|_| "no head")?.map_err(failed)?;
        let text = String::from_utf8_lossy(&head).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        Ok(Answer { status, headers: Vec::new(), body: head })
    }

    /// A token is for one session of one key.
    async fn token(&mut self) -> Result<(), String> {
        let token = self.issue(&self.alice.clone()).await?;
        expect("a token as a key", &self.send(&execute(&[("x-api-key", token.as_str())])).await?, &[401])?;
        let bearer = format!("Bearer {token}");
        expect(
            "a token as a bearer",
            &self.send(&execute(&[("authorization", bearer.as_str())])).await?,
            &[401],
        )?;
        let in_url = self.send(&request("GET", &format!("/api/session?token={token}"), &[], b"")).await?;
        expect("a token in the URL", &in_url, &[401])?;
        expect("the first session", &self.open_session(&token, None).await?, &[101])?;
        expect("a second session", &self.open_session(&token, None).await?, &[401])?;
        expect("a second session with a key", &self.open_session(&token, Some(&self.bob)).await?, &[401])?;
        // A token that is sent with the key of another is still that of its own key: it cannot be charged to the other.
        let token = self.issue(&self.alice.clone()).await?;
        let opened = self.open_session(&token, Some(&self.bob)).await?;
        expect("a token with another key", &opened, &[101, 400, 401])?;
        if String::from_utf8_lossy(&opened.body).contains(&token) {
            return Err("the token is sent back".to_owned());
        }
        let unknown = self.open_session(&"A".repeat(32), None).await?;
        expect("an unknown token", &unknown, &[401])
    }

    /// Submissions of another key.
    async fn others(&self) -> Result<(), String> {
        let server = &self.server;
        let body = json!({"language": "bash", "code": "echo private"});
        let (status, accepted) = server.request("POST", "/api/submissions", &self.alice, &body).await;
        let token = accepted["token"].as_str().ok_or_else(|| format!("HTTP {status} {accepted}"))?;
        let path = format!("/api/submissions/{token}");
        for (method, path) in
            [("GET", path.clone()), ("GET", format!("{path}?wait=1")), ("DELETE", path.clone())]
        {
            let (status, answer) = server.request(method, &path, &self.bob, &Value::Null).await;
            if status != 404 || answer.to_string().contains("private") {
                return Err(format!("{method} of another key: HTTP {status} {answer}"));
            }
        }
        let (_, list) = server.request("GET", "/api/submissions", &self.bob, &Value::Null).await;
        if list.to_string().contains(token) {
            return Err("a submission of another key is listed".to_owned());
        }
        // The same id is another submission.
        let (status, _) =
            server.request("PUT", &path, &self.bob, &json!({"language": "bash", "code": "echo mine"})).await;
        let (_, own) = server.request("GET", &format!("{path}?wait=30"), &self.bob, &Value::Null).await;
        let (_, theirs) = server.request("GET", &format!("{path}?wait=30"), &self.alice, &Value::Null).await;
        if (&own["result"]["output"], &theirs["result"]["output"]) == (&json!("mine\n"), &json!("private\n"))
        {
            return Ok(());
        }
        Err(format!("PUT over the id of another key: HTTP {status}, {own} and {theirs}"))
    }

    /// Callbacks to what only the server can reach.
    async fn callback(&self) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let submit = async |key: &str, url: &str| {
            let body = json!({"language": "bash", "code": "echo", "callback_url": url});
            self.server.request("POST", "/api/submissions", key, &body).await
        };
        // Refused at once: an address that is not public, in whatever form, another scheme, and what is no URL.
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "https://169.254.169.254/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::1]/",
            "https://10.0.0.1/",
            "https://100.100.100.200/",
            "https://user@127.0.0.1/",
            "https://example.org@127.0.0.1/",
            "https://127.0.0.1#@example.org/",
            "file:///etc/executor/keys.toml",
            "unix:///run/executor/executord.sock",
            "gopher://127.0.0.1/",
            "https://example.org/\r\nX-Injected: 1",
            "//127.0.0.1/",
        ] {
            let (status, answer) = submit(&self.alice, url).await;
            if status != 400 {
                return Err(format!("{url:?}: HTTP {status} {answer}"));
            }
        }
        // Forms that only the resolver understands are accepted, and lead nowhere.
        for host in
            ["localhost", "LOCALHOST.", "127.1", "0x7f.1", "2130706433", "017700000001", "ip6-localhost", "0"]
        {
            let (status, answer) = submit(&self.alice, &format!("https://{host}:{port}/")).await;
            if ![202, 400].contains(&status) {
                return Err(format!("{host}: HTTP {status} {answer}"));
            }
        }
        if timeout(QUIET, listener.accept()).await.is_ok() {
            return Err("a callback connected to this host".to_owned());
        }
        // Without a secret there are no callbacks at all.
        match submit(&self.bob, "https://example.org/").await {
            (400, _) => Ok(()),
            (status, answer) => Err(format!("a key without a secret: HTTP {status} {answer}")),
        }
    }

    /// No log has a key, a token or a secret.
    fn log(&self) -> Result<(), String> {
        let logs = self.server.daemons.logs();
        let secrets = [&self.alice, &self.bob, &self.revoked, &self.secret].into_iter().chain(&self.tokens);
        let found = secrets.filter(|secret| logs.contains(secret.as_str())).count();
        if found == 0 { Ok(()) } else { Err(format!("{found} keys, tokens or secrets are in the logs")) }
    }
}
