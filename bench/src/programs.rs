//! Timed programs, with their shell commands.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::at;

/// Count of numbers that a program reads, and numbers per line.
const NUMBERS: usize = 100_000;
const ON_A_LINE: usize = 10;

/// Language with one program: a static binary that does nothing.
pub const NOTHING: &str = "nothing";

/// Timed language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// An interpreter that starts quickly.
    Python,
    /// A large runtime.
    Javascript,
    /// A compiler to machine code.
    Cpp,
    /// A compiler and a runtime, both on a virtual machine.
    Java,
}

/// Timed program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Language.
    pub language: &'static str,
    /// Name.
    pub name: String,
    /// Files with their text, the main one first.
    pub files: Vec<(String, String)>,
    /// Standard input.
    pub stdin: String,
    /// Shell commands, in order.
    pub commands: Vec<Vec<String>>,
}

impl Language {
    /// Returns the name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::Cpp => "cpp",
            Self::Java => "java",
        }
    }

    const fn main_file(self) -> &'static str {
        match self {
            Self::Python => "main.py",
            Self::Javascript => "main.js",
            Self::Cpp => "main.cpp",
            Self::Java => "Main.java",
        }
    }

    /// Returns the commands as a user would type them. C++ uses the options of the product, so that the machine code is
    /// the same.
    fn commands(self, files: &[(String, String)]) -> io::Result<Vec<Vec<String>>> {
        let sources = |extension: &'static str| {
            files.iter().map(|(name, _)| name.clone()).filter(move |name| name.ends_with(extension))
        };
        let compile = |command: &str, extension| -> io::Result<Vec<String>> {
            let mut arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
            arguments[0] = resolve(&arguments[0])?;
            arguments.extend(sources(extension));
            Ok(arguments)
        };
        let run = |arguments: &[&str]| -> io::Result<Vec<String>> {
            let mut arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
            arguments[0] = resolve(&arguments[0])?;
            Ok(arguments)
        };
        Ok(match self {
            Self::Python => vec![run(&["python3", "main.py"])?],
            Self::Javascript => vec![run(&["node", "main.js"])?],
            Self::Cpp => vec![
                compile("g++ -std=c++20 -O2 -march=native -ffp-contract=off -pipe -o main", ".cpp")?,
                vec!["./main".to_owned()],
            ],
            Self::Java => vec![compile("javac -d build", ".java")?, run(&["java", "-cp", "build", "Main"])?],
        })
    }

    /// Returns its programs, `hello` first.
    ///
    /// # Errors
    /// If a file cannot be read, or a command is not installed.
    pub fn programs(self) -> io::Result<Vec<Program>> {
        let directory = directory().join(self.name());
        let mut names: Vec<String> = at(&directory.display().to_string(), fs::read_dir(&directory))?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        names.sort_by_key(|name| (!name.starts_with("hello"), name.clone()));
        names.into_iter().map(|name| self.program(&directory.join(&name), name)).collect()
    }

    fn program(self, directory: &Path, name: String) -> io::Result<Program> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().into_owned();
            files.push((file, fs::read_to_string(entry.path())?));
        }
        files.sort_by_key(|(file, _)| (file != self.main_file(), file.clone()));
        let stdin = if name == "reads" { numbers() } else { String::new() };
        let commands = self.commands(&files)?;
        Ok(Program { language: self.name(), name, files, stdin, commands })
    }
}

/// Returns the directory of the programs.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

impl Program {
    /// Returns the body of `POST /api/execute`.
    #[must_use]
    pub fn body(&self) -> Value {
        let files = self.files.iter().map(|(name, text)| json!({ "name": name, "content": text }));
        json!({ "language": self.language, "files": files.collect::<Vec<_>>(), "stdin": self.stdin })
    }

    /// Writes the files and the standard input into a directory, and returns the path of the latter.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, directory: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(directory)?;
        for (name, text) in &self.files {
            fs::write(directory.join(name), text)?;
        }
        let stdin = directory.join("stdin");
        fs::write(&stdin, &self.stdin)?;
        Ok(stdin)
    }
}

/// Finds a command in the same directories as the product.
fn resolve(command: &str) -> io::Result<String> {
    ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .map(|directory| format!("{directory}/{command}"))
        .find(|path| Path::new(path).is_file())
        .ok_or_else(|| io::Error::other(format!("{command} is not installed")))
}

/// Returns reproducible numbers.
fn numbers() -> String {
    let mut text = String::new();
    let mut number = 1_u64;
    for position in 1..=NUMBERS {
        // Knuth's linear congruential generator, which is sufficient here.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&(number >> 40).to_string());
        text.push(if position % ON_A_LINE == 0 { '\n' } else { ' ' });
    }
    text
}
