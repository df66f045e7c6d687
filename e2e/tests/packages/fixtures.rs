//! Packages for the tests: made here, so that the tests need no network.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that the script of the package of npm writes.
pub(crate) const SCRIPT_RAN: &str = "/tmp/executor-e2e-npm-script-ran";

/// Makes two wheels, an archive for npm, and a JAR file in its working directory.
const MAKE: &str = r#"
import io, json, os, tarfile, zipfile

os.makedirs("wheels")
for version in ["1.2", "1.3"]:
    with zipfile.ZipFile(f"wheels/tiny-{version}-py3-none-any.whl", "w") as wheel:
        info = f"tiny-{version}.dist-info"
        wheel.writestr("tiny.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
with tarfile.open("tiny-1.0.0.tgz", "w:gz") as archive:
    package = {"name": "tiny", "version": "1.0.0", "main": "index.js", "scripts": {"install": "touch SCRIPT_RAN"}}
    for name, text in [("package.json", json.dumps(package)), ("index.js", "module.exports = 'from npm';\n")]:
        file = tarfile.TarInfo(f"package/{name}")
        file.size = len(text)
        archive.addfile(file, io.BytesIO(text.encode()))
with zipfile.ZipFile("tiny-2.0.jar", "w") as jar:
    jar.writestr("tiny.txt", "from a jar\n")
os.makedirs("headers/tiny")
with open("headers/tiny/tiny.hpp", "w") as header:
    header.write('namespace tiny { inline const char* text = "from a header\\n"; }\n')
"#;

/// The packages, in a directory that every user can read.
pub(crate) struct Fixtures(PathBuf);

impl Fixtures {
    pub(crate) fn new(parent: &Path) -> Self {
        let directory = parent.join("fixtures");
        fs::create_dir(&directory).expect("a writable directory");
        let made = Command::new("/usr/bin/python3")
            .args(["-I", "-c", &MAKE.replace("SCRIPT_RAN", SCRIPT_RAN)])
            .current_dir(&directory)
            .status();
        assert!(made.expect("Python starts").success());
        Self(directory)
    }

    /// Returns the variables with which pip finds the wheels.
    pub(crate) fn pip(&self) -> [(&'static str, String); 2] {
        [("PIP_NO_INDEX", "1".to_owned()), ("PIP_FIND_LINKS", self.0.join("wheels").display().to_string())]
    }

    pub(crate) fn npm_archive(&self) -> Vec<u8> {
        fs::read(self.0.join("tiny-1.0.0.tgz")).expect("it was made")
    }

    pub(crate) fn jar(&self) -> PathBuf {
        self.0.join("tiny-2.0.jar")
    }

    pub(crate) fn headers(&self) -> PathBuf {
        self.0.join("headers")
    }
}

/// Serves the package `tiny` as a registry of npm does, until the process ends. Returns its URL.
pub(crate) fn registry(archive: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let package = serde_json::json!({
        "name": "tiny",
        "dist-tags": { "latest": "1.0.0" },
        "versions": { "1.0.0": {
            "name": "tiny", "version": "1.0.0", "hasInstallScript": true,
            "dist": { "tarball": format!("{url}/tiny/-/tiny-1.0.0.tgz") },
        } },
    });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = String::new();
            let mut lines = BufReader::new(&stream);
            if lines.read_line(&mut request).is_err() {
                continue;
            }
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let body =
                if request.contains(".tgz ") { archive.clone() } else { package.to_string().into_bytes() };
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            let _ = write!(stream, "{head} {}\r\n\r\n", body.len());
            let _ = stream.write_all(&body);
        }
    });
    url
}
