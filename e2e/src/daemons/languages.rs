//! Language files and launchers of the daemons under test, installed as the package does.

use std::fs::{self, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::binary;

/// Languages whose launchers are built. Go's is only copied: the standard library that its build compiles takes
/// minutes, and Debian's Go has a compiled one.
const LAUNCHERS: [&str; 4] = ["java", "javascript", "python", "typescript"];

/// Languages of all daemons under test. A daemon asks every toolchain for its version before it is ready, so those of
/// all languages would take a test seconds.
pub const BASE_LANGUAGES: [&str; 16] = [
    "bash",
    "c",
    "c-clang",
    "cpp",
    "cpp-clang",
    "go",
    "java",
    "javascript",
    "lua",
    "multi_file",
    "perl",
    "php",
    "python",
    "ruby",
    "rust",
    "typescript",
];

/// Installs the language files and launchers as the package does.
pub(super) fn install_languages(to: &Path, more: &[String]) -> io::Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages");
    fs::create_dir(to)?;
    for name in BASE_LANGUAGES.into_iter().chain(more.iter().map(String::as_str)) {
        let file = format!("{name}.toml");
        fs::copy(from.join(&file), to.join(&file))?;
    }
    fs::create_dir(to.join("go"))?;
    fs::copy(from.join("go/compile"), to.join("go/compile"))?;
    let built = built_launchers(&from)?;
    succeed(Command::new("cp").arg("-a").arg(built.join(".")).arg(to))?;
    symlink(precompiled_headers(None)?, to.join("cpp"))
}

/// Returns the launcher of C++. It has 0.6 GB and is built only if it is out of date. `option` is the option
/// of `cpp/record`; `None` for that of the environment.
///
/// # Errors
/// If it cannot be built.
pub fn precompiled_headers(option: Option<&str>) -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let from = root.join("executord/languages");
    let cached = root.join("target").join(format!("e2e-cpp{}", option.unwrap_or_default()));
    fs::create_dir_all(&cached)?;
    let cached = cached.canonicalize()?;
    // No other test builds it until this lock is dropped.
    let lock = File::create(cached.join("lock"))?;
    lock.lock()?;
    succeed(Command::new("install").arg("-Cm644").arg(from.join("cpp.toml")).arg(&cached))?;
    let mut build = Command::new("sh");
    build.arg(from.join("cpp/build.sh")).arg(&cached);
    if let Some(option) = option {
        build.env("EXECUTOR_CPP_RECORD", option);
    }
    succeed(&mut build)?;
    Ok(cached.join("cpp"))
}

/// Returns the directory of a language's launcher, as it is installed.
///
/// # Errors
/// If it cannot be built.
pub fn launcher(language: &str) -> io::Result<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages");
    built_launchers(&from)?.join(language).canonicalize()
}

/// Returns the launchers, built once from the current sources, which takes seconds.
fn built_launchers(from: &Path) -> io::Result<PathBuf> {
    let mut sources = Vec::new();
    for language in LAUNCHERS {
        for file in fs::read_dir(from.join(language))? {
            let file = file?;
            sources.push((file.path(), file.metadata()?.modified()?));
        }
    }
    let zygotes = [
        ("EXECUTOR_ZYGOTE", binary("libexecutor_zygote.so")?),
        ("EXECUTOR_ZYGOTE_NODE", binary("libexecutor_zygote_node.so")?),
        ("EXECUTOR_ZYGOTE_JVM", binary("libexecutor_zygote_jvm.so")?),
    ];
    for (_, zygote) in &zygotes {
        sources.push((zygote.clone(), zygote.metadata()?.modified()?));
    }
    sources.sort();
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/e2e-launchers");
    let built = all.join(format!("{:016x}", hasher.finish()));
    if !built.is_dir() {
        fs::create_dir_all(&all)?;
        // Built under a temporary name, because another test may build the same.
        let building =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in(&all)?;
        for language in LAUNCHERS {
            let mut build = Command::new("sh");
            build.arg(from.join(language).join("build.sh")).arg(building.path());
            succeed(build.envs(zygotes.iter().cloned()))?;
        }
        match fs::rename(building.path(), &built) {
            Err(error) if !built.is_dir() => return Err(error),
            _ => {}
        }
    }
    Ok(built)
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {message}")))
}
