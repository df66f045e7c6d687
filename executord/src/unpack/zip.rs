//! Zip archives: as much of the format as files of a few megabytes need (APPNOTE.TXT 6.3.10 of PKWARE). No encryption, no
//! Zip64, and the methods "stored" and "deflated".

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// Entries of an archive.
pub(super) const MAX_ENTRIES: usize = 4096;

/// The end of the central directory, without the comment.
const END: &[u8; 4] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
/// Bytes of the comment of an archive.
const MAX_COMMENT: usize = u16::MAX as usize;
/// An entry of the central directory.
const DIRECTORY_ENTRY: &[u8; 4] = b"PK\x01\x02";
const DIRECTORY_ENTRY_LENGTH: usize = 46;
/// The header before the content of a file.
const LOCAL_HEADER: &[u8; 4] = b"PK\x03\x04";
const LOCAL_HEADER_LENGTH: usize = 30;

const ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The system that made an entry, if its attributes are those of stat(2).
const UNIX: u8 = 3;

/// An entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) name: Cow<'a, str>,
    /// File type and permissions of stat(2), if the archive has them.
    pub(super) mode: Option<u32>,
    /// Size of the content that the archive states.
    pub(super) size: u32,
    flags: u16,
    method: u16,
    crc: u32,
    compressed_size: usize,
    header: usize,
}

/// Returns the entries of an archive, in the order of its central directory.
///
/// # Errors
/// What is wrong with the archive.
pub(super) fn entries(archive: &[u8]) -> Result<Vec<Entry<'_>>, &'static str> {
    let end = find_end(archive).ok_or("not a zip archive")?;
    let count = usize::from(u16_at(archive, end + 10).ok_or("truncated")?);
    let mut at = u32_at(archive, end + 16).ok_or("truncated")? as usize;
    if count > MAX_ENTRIES {
        return Err("the archive has too many entries");
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, next) = entry(archive, at).ok_or("the central directory is damaged")?;
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

/// Returns the content of an entry, of at most `max` bytes.
///
/// # Errors
/// If the content is damaged, longer, or in a form that is not supported.
pub(super) fn content(archive: &[u8], entry: &Entry<'_>, max: u64) -> io::Result<Vec<u8>> {
    let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message);
    if entry.flags & ENCRYPTED != 0 {
        return Err(invalid("encrypted files are not supported"));
    }
    let compressed = compressed(archive, entry).ok_or_else(|| invalid("truncated"))?;
    let mut content = Vec::new();
    let limit = max.saturating_add(1);
    let length = match entry.method {
        STORED => compressed.take(limit).read_to_end(&mut content)?,
        DEFLATED => DeflateDecoder::new(compressed).take(limit).read_to_end(&mut content)?,
        _ => return Err(invalid("this compression method is not supported")),
    };
    if length as u64 > max {
        return Err(invalid("the file is too large"));
    }
    let mut crc = Crc::new();
    crc.update(&content);
    if crc.sum() != entry.crc {
        return Err(invalid("the checksum is wrong"));
    }
    Ok(content)
}

fn find_end(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_LENGTH)?;
    (last.saturating_sub(MAX_COMMENT)..=last).rev().find(|&at| archive[at..].starts_with(END))
}

/// Returns the entry at an offset of the central directory, and the offset of the next.
fn entry(archive: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let header = archive.get(at..)?.get(..DIRECTORY_ENTRY_LENGTH)?;
    if !header.starts_with(DIRECTORY_ENTRY) {
        return None;
    }
    let length = |offset| Some(usize::from(u16_at(header, offset)?));
    let (name_length, extra_length, comment_length) = (length(28)?, length(30)?, length(32)?);
    let name_at = at + DIRECTORY_ENTRY_LENGTH;
    let name = archive.get(name_at..)?.get(..name_length)?;
    let entry = Entry {
        name: String::from_utf8_lossy(name),
        mode: (header[5] == UNIX).then_some(u32_at(header, 38)? >> 16).filter(|&mode| mode != 0),
        size: u32_at(header, 24)?,
        flags: u16_at(header, 8)?,
        method: u16_at(header, 10)?,
        crc: u32_at(header, 16)?,
        compressed_size: u32_at(header, 20)? as usize,
        header: u32_at(header, 42)? as usize,
    };
    Some((entry, name_at + name_length + extra_length + comment_length))
}

fn compressed<'a>(archive: &'a [u8], entry: &Entry<'_>) -> Option<&'a [u8]> {
    let header = archive.get(entry.header..)?.get(..LOCAL_HEADER_LENGTH)?;
    if !header.starts_with(LOCAL_HEADER) {
        return None;
    }
    let names = usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
    archive.get(entry.header + LOCAL_HEADER_LENGTH + names..)?.get(..entry.compressed_size)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use proptest::prelude::{any, proptest};

    use super::*;

    /// A file for an archive: its name, its mode, and its content.
    pub(in crate::unpack) type File<'a> = (&'a str, u32, &'a [u8]);

    /// Returns an archive of these files, compressed or not.
    pub(in crate::unpack) fn archive(files: &[File<'_>], is_compressed: bool) -> Vec<u8> {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        for (name, mode, content) in files {
            let data = if is_compressed {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            } else {
                content.to_vec()
            };
            let mut crc = Crc::new();
            crc.update(content);
            let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let method = if is_compressed { DEFLATED } else { STORED };
            let mut common = vec![20, 0, 0, 0];
            common.extend(method.to_le_bytes());
            common.extend([0; 4]);
            common.extend([crc.sum().to_le_bytes(), number(data.len()), number(content.len())].concat());
            common.extend(length);
            common.extend([0; 2]);
            directory.extend(DIRECTORY_ENTRY);
            directory.extend([20, UNIX]);
            directory.extend(&common);
            directory.extend([0; 6]);
            directory.extend((mode << 16).to_le_bytes());
            directory.extend(number(archive.len()));
            directory.extend(name.as_bytes());
            archive.extend(LOCAL_HEADER);
            archive.extend(common);
            archive.extend(name.as_bytes());
            archive.extend(data);
        }
        let start = u32::try_from(archive.len()).unwrap().to_le_bytes();
        let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
        let count = u16::try_from(files.len()).unwrap().to_le_bytes();
        archive.extend(directory);
        archive.extend(END);
        archive.extend([0; 4]);
        archive.extend([count, count].concat());
        archive.extend([size, start].concat());
        archive.extend([0; 2]);
        archive
    }

    #[test]
    fn files_have_their_names_modes_and_contents() {
        let files: &[File<'_>] =
            &[("a.txt", 0o100_644, b"aaaaaaaaaaaaaaaaaaaaaaaa"), ("d/run", 0o100_755, b"")];
        for is_compressed in [false, true] {
            let archive = archive(files, is_compressed);
            let entries = entries(&archive).unwrap();
            assert_eq!(entries.len(), files.len());
            for (entry, (name, mode, expected)) in entries.iter().zip(files) {
                assert_eq!((&*entry.name, entry.mode), (*name, Some(*mode)));
                assert_eq!(content(&archive, entry, 24).unwrap(), *expected);
            }
            let too_large = content(&archive, &entries[0], 23).unwrap_err();
            assert_eq!(too_large.to_string(), "the file is too large");
            let damaged = Entry { crc: 1, ..entries[0].clone() };
            assert_eq!(content(&archive, &damaged, 24).unwrap_err().to_string(), "the checksum is wrong");
            let encrypted = Entry { flags: ENCRYPTED, ..entries[0].clone() };
            assert!(content(&archive, &encrypted, 24).is_err());
        }
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        assert_eq!(entries(b""), Err("not a zip archive"));
        assert_eq!(entries(&[0; 1000]), Err("not a zip archive"));
        let mut damaged = archive(&[("a", 0, b"1")], false);
        let at = damaged.len() - END_LENGTH + 16;
        damaged[at] = 255;
        assert_eq!(entries(&damaged), Err("the central directory is damaged"));
        let commented = [archive(&[("a", 0, b"1")], false), b"a comment".to_vec()].concat();
        assert_eq!(entries(&commented).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn no_change_of_an_archive_makes_the_reader_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            let mut changed = archive(&[("a.txt", 0o100_644, b"content"), ("b", 0, b"more")], true);
            let at = at.index(changed.len());
            changed[at] = byte;
            for entry in entries(&changed).unwrap_or_default() {
                let _ = content(&changed, &entry, 1 << 20);
            }
        }
    }
}
