//! The archive that a collector writes and the daemon reads: output files, one after the other.
//!
//! | record | content, with little-endian numbers |
//! |---|---|
//! | `F` | A file begins: length of its name (u16), its size (u64), its name |
//! | `D` | A part of the content of the last file: length (u32), bytes |
//! | `E` | The end: [`OmittedFiles`] as five u32 and a byte |
//!
//! The reader trusts nothing: every length is checked against a bound before anything is kept.

use std::collections::HashSet;
use std::io::{self, Write};

use super::pattern::{MAX_NAME, OutputPattern};

/// Maximum number of bytes in one part of a file.
pub const MAX_PART: usize = 64 * 1024;

const FILE: u8 = b'F';
const DATA: u8 = b'D';
const END: u8 = b'E';
const FILE_HEADER: usize = 11;
const DATA_HEADER: usize = 5;
const END_LENGTH: usize = 22;

/// Files that matched a pattern and are not in the archive, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OmittedFiles {
    /// The archive had its maximum number of files.
    pub too_many: u32,
    /// The archive had its maximum number of bytes.
    pub too_large: u32,
    /// They are links, directories, pipes, sockets, or files of another user.
    pub not_regular: u32,
    /// Their names are not UTF-8 or too long.
    pub invalid_name: u32,
    /// The program's user may not read them.
    pub unreadable: u32,
    /// The search ended before all directories were read: there were too many, they were nested too deeply, it took too
    /// long, or the collector failed.
    pub is_incomplete: bool,
}

/// The bounds of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ArchiveLimits {
    /// Number of files.
    pub files: u32,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
}

/// A record of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A file begins.
    File {
        /// Its path, relative to the directory that was collected.
        name: String,
        /// Its size, of which the archive may have only the beginning.
        size: u64,
    },
    /// A part of the content of the last file, of at most [`MAX_PART`] bytes.
    Data(Vec<u8>),
    /// The archive is complete.
    End(OmittedFiles),
}

/// Writes an archive.
pub(super) struct ArchiveWriter<W>(W);

impl<W: Write> ArchiveWriter<W> {
    pub(super) const fn new(pipe: W) -> Self {
        Self(pipe)
    }

    /// Begins a file. The name has at most [`MAX_NAME`] bytes.
    pub(super) fn file(&mut self, name: &str, size: u64) -> io::Result<()> {
        let length = u16::try_from(name.len()).map_err(io::Error::other)?;
        self.0.write_all(&[FILE])?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(&size.to_le_bytes())?;
        self.0.write_all(name.as_bytes())
    }

    /// Writes a part of the file, of at most [`MAX_PART`] bytes.
    pub(super) fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.0.write_all(&[DATA])?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(bytes)
    }

    /// Ends the archive.
    pub(super) fn end(&mut self, omitted: &OmittedFiles) -> io::Result<()> {
        self.0.write_all(&[END])?;
        let OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete } =
            *omitted;
        for count in [too_many, too_large, not_regular, invalid_name, unreadable] {
            self.0.write_all(&count.to_le_bytes())?;
        }
        self.0.write_all(&[u8::from(is_incomplete)])?;
        self.0.flush()
    }
}

/// Parses an archive piece by piece.
#[derive(Debug)]
pub struct ArchiveReader {
    patterns: Vec<OutputPattern>,
    limits: ArchiveLimits,
    buffer: Vec<u8>,
    names: HashSet<String>,
    /// Bytes that the current file may still have; `None` before the first file.
    file_left: Option<u64>,
    total_left: u64,
    has_ended: bool,
}

impl ArchiveReader {
    /// Creates a reader that accepts files whose names match one of `patterns`.
    #[must_use]
    pub fn new(patterns: Vec<OutputPattern>, limits: ArchiveLimits) -> Self {
        let total_left = limits.total_bytes;
        let (buffer, names) = (Vec::new(), HashSet::new());
        Self { patterns, limits, buffer, names, file_left: None, total_left, has_ended: false }
    }

    /// Adds bytes that were read. They are bounded by the caller, who calls [`ArchiveReader::next_record`] until it
    /// returns `None` before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns whether the archive is complete.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns the next record, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// `InvalidData` for bytes that no collector writes.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        match self.buffer.first() {
            None => Ok(None),
            Some(_) if self.has_ended => Err(invalid("bytes after the end")),
            Some(&FILE) => self.file(),
            Some(&DATA) => self.data(),
            Some(&END) => self.end(),
            Some(_) => Err(invalid("unknown record")),
        }
    }

    fn file(&mut self) -> io::Result<Option<Record>> {
        let Some(header) = self.buffer.first_chunk::<FILE_HEADER>() else { return Ok(None) };
        let length = usize::from(u16::from_le_bytes([header[1], header[2]]));
        let size = number(&header[3..11]);
        if length == 0 || length > MAX_NAME {
            return Err(invalid("length of a name"));
        }
        let Some(name) = self.buffer.get(FILE_HEADER..FILE_HEADER + length) else { return Ok(None) };
        let name = std::str::from_utf8(name).map_err(|_| invalid("name is not UTF-8"))?.to_owned();
        self.buffer.drain(..FILE_HEADER + length);
        let is_inside = name.split('/').all(|component| !matches!(component, "" | "." | ".."));
        if !is_inside || !self.patterns.iter().any(|pattern| pattern.matches(&name)) {
            return Err(invalid("name that was not asked for"));
        }
        if self.names.len() >= self.limits.files as usize || !self.names.insert(name.clone()) {
            return Err(invalid("too many files, or one file twice"));
        }
        self.file_left = Some(size.min(self.limits.file_bytes));
        Ok(Some(Record::File { name, size }))
    }

    fn data(&mut self) -> io::Result<Option<Record>> {
        let Some(header) = self.buffer.first_chunk::<DATA_HEADER>() else { return Ok(None) };
        let length = number(&header[1..5]);
        let left = self.file_left.map_or(0, |left| left.min(self.total_left));
        if length == 0 || length > left.min(MAX_PART as u64) {
            return Err(invalid("length of a part"));
        }
        let end = DATA_HEADER + usize::try_from(length).map_err(io::Error::other)?;
        let Some(part) = self.buffer.get(DATA_HEADER..end) else { return Ok(None) };
        let part = part.to_vec();
        self.buffer.drain(..end);
        self.file_left = self.file_left.map(|left| left - length);
        self.total_left -= length;
        Ok(Some(Record::Data(part)))
    }

    fn end(&mut self) -> io::Result<Option<Record>> {
        let Some(record) = self.buffer.first_chunk::<END_LENGTH>() else { return Ok(None) };
        let count = |index: usize| {
            let at = 1 + 4 * index;
            u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
        };
        let omitted = OmittedFiles {
            too_many: count(0),
            too_large: count(1),
            not_regular: count(2),
            invalid_name: count(3),
            unreadable: count(4),
            is_incomplete: record[END_LENGTH - 1] != 0,
        };
        self.buffer.drain(..END_LENGTH);
        self.has_ended = true;
        Ok(Some(Record::End(omitted)))
    }
}

/// Reads a little-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed archive: {what}"))
}

#[cfg(test)]
mod tests {
    use super::{ArchiveLimits, ArchiveReader, ArchiveWriter, OmittedFiles, Record};
    use crate::collector::pattern::OutputPattern;

    const LIMITS: ArchiveLimits = ArchiveLimits { files: 2, file_bytes: 6, total_bytes: 10 };

    fn reader() -> ArchiveReader {
        ArchiveReader::new(vec![OutputPattern::parse("**").unwrap()], LIMITS)
    }

    fn written(write: impl FnOnce(&mut ArchiveWriter<&mut Vec<u8>>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut ArchiveWriter::new(&mut bytes));
        bytes
    }

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Record>, String> {
        let (mut reader, mut records) = (reader(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(record) = reader.next_record().map_err(|error| error.to_string())? {
                records.push(record);
            }
        }
        Ok(records)
    }

    #[test]
    fn an_archive_round_trips_in_pieces_of_any_length() {
        let omitted = OmittedFiles {
            too_many: 1,
            too_large: 2,
            not_regular: 3,
            invalid_name: 4,
            unreadable: 5,
            is_incomplete: true,
        };
        let bytes = written(|archive| {
            archive.file("a/ä\n", 5).unwrap();
            archive.data(b"he").unwrap();
            archive.data(b"llo").unwrap();
            archive.file("b", 1 << 40).unwrap();
            archive.data(b"world").unwrap();
            archive.end(&omitted).unwrap();
        });
        let expected = [
            Record::File { name: "a/ä\n".into(), size: 5 },
            Record::Data(b"he".into()),
            Record::Data(b"llo".into()),
            Record::File { name: "b".into(), size: 1 << 40 },
            Record::Data(b"world".into()),
            Record::End(omitted),
        ];
        for piece in [1, 7, bytes.len()] {
            assert_eq!(read(&bytes, piece).unwrap(), expected);
        }
    }

    #[test]
    fn an_archive_beyond_its_bounds_is_refused() {
        type Archive<'a> = ArchiveWriter<&'a mut Vec<u8>>;
        type Case = (fn(&mut Archive), &'static str);
        let cases: [Case; 13] = [
            (|archive| archive.data(b"x").unwrap(), "length of a part"),
            (|archive| archive.file("", 1).unwrap(), "length of a name"),
            (|archive| archive.file(&"x".repeat(1025), 1).unwrap(), "length of a name"),
            (|archive| archive.file("../x", 1).unwrap(), "not asked for"),
            (|archive| archive.file("/x", 1).unwrap(), "not asked for"),
            (|archive| archive.file("a//x", 1).unwrap(), "not asked for"),
            (|archive| archive.file(".hidden", 1).unwrap(), "not asked for"),
            (
                |archive| {
                    archive.file("x", 1).unwrap();
                    archive.file("x", 1).unwrap();
                },
                "one file twice",
            ),
            (
                |archive| {
                    for name in ["a", "b", "c"] {
                        archive.file(name, 1).unwrap();
                    }
                },
                "too many files",
            ),
            (
                |archive| {
                    archive.file("a", 1).unwrap();
                    archive.data(b"xx").unwrap();
                },
                "length of a part",
            ),
            (
                |archive| {
                    archive.file("a", 100).unwrap();
                    archive.data(b"1234567").unwrap();
                },
                "length of a part",
            ),
            (
                |archive| {
                    for name in ["a", "b"] {
                        archive.file(name, 100).unwrap();
                        archive.data(b"123456").unwrap();
                    }
                },
                "length of a part",
            ),
            (
                |archive| {
                    archive.end(&OmittedFiles::default()).unwrap();
                    archive.end(&OmittedFiles::default()).unwrap();
                },
                "after the end",
            ),
        ];
        for (index, (write, expected)) in cases.into_iter().enumerate() {
            let error = read(&written(write), 1000).unwrap_err();
            assert!(error.contains(expected), "{index}: {error}");
        }
        assert!(read(b"F\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff", 100).unwrap_err().contains("UTF-8"));
        assert!(read(b"D\xff\xff\xff\xff", 100).is_err());
        assert!(read(b"x", 100).unwrap_err().contains("unknown record"));
    }
}
