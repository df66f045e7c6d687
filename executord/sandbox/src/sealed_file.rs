//! Plans, long start messages, collections and messages of errors, which are sent as sealed memory files, so that they cannot
//! change while the receiver reads them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use serde::de::DeserializeOwned;

use crate::collector::collection::Collection;
use crate::memory_file::MemoryFile;
use crate::plan::Plan;

/// Writes a plan to a sealed file.
pub(crate) fn seal_plan(plan: &Plan) -> io::Result<OwnedFd> {
    seal(&[&serde_json::to_vec(plan).map_err(io::Error::other)?])
}

/// Writes what to collect to a sealed file.
pub(crate) fn seal_collection(collection: &Collection) -> io::Result<OwnedFd> {
    seal(&[&serde_json::to_vec(collection).map_err(io::Error::other)?])
}

/// Writes the message of an error to a sealed file.
pub(crate) fn seal_message(message: &str) -> io::Result<OwnedFd> {
    seal(&[message.as_bytes()])
}

/// Reads a plan. The position of the file stays, because the supervisor and its zygote share it.
pub(crate) fn read_plan(file: &OwnedFd) -> io::Result<Plan> {
    read_json(file)
}

/// Reads what to collect.
pub(crate) fn read_collection(file: &OwnedFd) -> io::Result<Collection> {
    read_json(file)
}

/// Reads the message of an error.
pub(crate) fn read_message(file: &OwnedFd) -> io::Result<String> {
    String::from_utf8(read_all(file)?).map_err(io::Error::other)
}

fn read_json<T: DeserializeOwned>(file: &OwnedFd) -> io::Result<T> {
    serde_json::from_slice(&read_all(file)?).map_err(io::Error::other)
}

fn read_all(file: &OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(file.try_clone()?);
    let mut text = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
    file.read_exact_at(&mut text, 0)?;
    Ok(text)
}

/// Writes the parts of a message to a sealed file.
pub(crate) fn seal(parts: &[&[u8]]) -> io::Result<OwnedFd> {
    let mut file = MemoryFile::create("plan")?;
    for part in parts {
        file.append(part)?;
    }
    Ok(file.seal()?.into_file()?.into())
}
