//! Uploaded stdin of runs: received in full before the execution enters the queue, and held once, in sealed memory files.

mod budget;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use protocol::bounds::MAX_UPLOAD;
use protocol::{Rejection, RunRequest, Stdin};
use sandbox::{MemoryFile, SealedMemoryFile};

pub(crate) use budget::{UploadBudget, UploadReservation};

/// Bytes that an upload counts for at least, so that the number of files is bounded too.
const MIN_CHARGE: u64 = 256 * 1024;

/// The complete uploads of an execution. Dropping them frees their memory.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    files: BTreeMap<u32, Arc<Upload>>,
    _reservation: Option<UploadReservation>,
}

/// The uploads of an execution, while they are received.
#[derive(Debug)]
pub(crate) struct UploadWriter {
    files: BTreeMap<u32, UnfinishedUpload>,
    reservation: UploadReservation,
}

/// The complete stdin of a run.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) file: SealedMemoryFile,
    /// Its length in bytes.
    pub(crate) length: u64,
}

#[derive(Debug)]
struct UnfinishedUpload {
    file: MemoryFile,
    length: u64,
}

/// Reason why an upload is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The daemon failed.
    #[error("write an upload: {0}")]
    Io(#[from] io::Error),
}

impl Uploads {
    /// Returns the upload of a run.
    pub(crate) fn of(&self, run: u32) -> Option<&Arc<Upload>> {
        self.files.get(&run)
    }
}

impl UploadWriter {
    /// Creates the empty uploads of the runs that expect one.
    pub(crate) fn new(runs: &[RunRequest], mut reservation: UploadReservation) -> Result<Self, UploadError> {
        let mut files = BTreeMap::new();
        for (number, _) in (0_u32..).zip(runs).filter(|(_, run)| run.stdin == Stdin::Upload) {
            reservation.grow(MIN_CHARGE)?;
            files.insert(number, UnfinishedUpload { file: MemoryFile::create("stdin")?, length: 0 });
        }
        Ok(Self { files, reservation })
    }

    /// Appends to the upload of a run.
    pub(crate) fn append(&mut self, run: u32, bytes: &Bytes) -> Result<(), UploadError> {
        let Some(upload) = self.files.get_mut(&run) else {
            return Err(Rejection::Invalid(format!("run {run} expects no upload")).into());
        };
        let length = upload.length + bytes.len() as u64;
        if length > MAX_UPLOAD as u64 {
            let message = format!("the stdin of run {run} is larger than {MAX_UPLOAD} bytes (64 MiB)");
            return Err(Rejection::TooLarge(message).into());
        }
        self.reservation.grow(length.max(MIN_CHARGE) - upload.length.max(MIN_CHARGE))?;
        upload.file.append(bytes)?;
        upload.length = length;
        Ok(())
    }

    /// Seals all uploads.
    pub(crate) fn finish(self) -> io::Result<Uploads> {
        let seal = |(run, UnfinishedUpload { file, length }): (u32, UnfinishedUpload)| {
            Ok((run, Arc::new(Upload { file: file.seal()?, length })))
        };
        let files = self.files.into_iter().map(seal).collect::<io::Result<_>>()?;
        Ok(Uploads { files, _reservation: Some(self.reservation) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::Rejection;

    use super::*;
    use crate::queue::ClientKey;

    const MIB: usize = 1 << 20;

    fn client(name: &str) -> ClientKey {
        ClientKey::new(7, vec!["network".to_owned()], Some(name.to_owned()))
    }

    fn writer(budget: &Arc<UploadBudget>, name: &str, uploads: usize) -> UploadWriter {
        let mut runs = vec![RunRequest { stdin: Stdin::Upload, ..RunRequest::default() }; uploads];
        runs.push(RunRequest::default());
        UploadWriter::new(&runs, budget.reservation(&client(name))).unwrap()
    }

    fn rejection(result: Result<(), UploadError>) -> Rejection {
        match result {
            Err(UploadError::Rejected(rejection)) => rejection,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn an_upload_is_what_was_appended_to_it() {
        let budget = UploadBudget::new(64 << 20, 64 << 20);
        let mut writer = writer(&budget, "a", 2);
        for (run, text) in [(1, "one"), (0, "ze"), (1, "!"), (0, "ro")] {
            writer.append(run, &Bytes::from_static(text.as_bytes())).unwrap();
        }
        assert!(matches!(rejection(writer.append(2, &Bytes::new())), Rejection::Invalid(_)));
        let uploads = writer.finish().unwrap();
        let text = |run| {
            let mut buffer = [0; 16];
            let count = uploads.of(run).unwrap().file.read_at(&mut buffer, 0).unwrap();
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        };
        assert_eq!((text(0), text(1), uploads.of(2).is_none()), ("zero".to_owned(), "one!".to_owned(), true));
    }

    #[test]
    fn an_upload_has_at_most_its_maximum() {
        let budget = UploadBudget::new(512 << 20, 512 << 20);
        let mut writer = writer(&budget, "a", 1);
        let chunk = Bytes::from(vec![0; 16 * MIB]);
        for _ in 0..4 {
            writer.append(0, &chunk).unwrap();
        }
        assert!(matches!(rejection(writer.append(0, &Bytes::from_static(b"x"))), Rejection::TooLarge(_)));
    }

    #[test]
    fn clients_share_the_budget() {
        let budget = UploadBudget::new(4 << 20, 2 << 20);
        let mut first = writer(&budget, "a", 1);
        first.append(0, &Bytes::from(vec![0; MIB])).unwrap();
        // The same client has 1 MiB left, which is enough for another upload alone.
        let mut second = writer(&budget, "a", 1);
        let more = Bytes::from(vec![0; MIB + 1]);
        assert!(matches!(rejection(second.append(0, &more)), Rejection::Busy { .. }));
        // One request that is too large by itself does not become possible later.
        let mut third = writer(&budget, "b", 1);
        let too_large = rejection(third.append(0, &Bytes::from(vec![0; 2 * MIB + 1])));
        assert!(matches!(too_large, Rejection::TooLarge(_)));
        drop(second);
        let uploads = first.finish().unwrap();
        let mut fourth = writer(&budget, "a", 1);
        assert!(matches!(rejection(fourth.append(0, &more)), Rejection::Busy { .. }));
        drop(uploads);
        fourth.append(0, &more).unwrap();
        drop((third, fourth));
        assert!(budget.is_unused());
    }

    #[test]
    fn one_network_has_at_most_half_of_the_budget() {
        let budget = UploadBudget::new(4 << 20, 2 << 20);
        let mut writers = ["a", "b", "c"].map(|name| writer(&budget, name, 1));
        let [a, b, c] = &mut writers;
        a.append(0, &Bytes::from(vec![0; MIB])).unwrap();
        let other = rejection(b.append(0, &Bytes::from(vec![0; MIB])));
        assert!(matches!(other, Rejection::Busy { .. }), "the client c holds a part");
        c.append(0, &Bytes::from(vec![0; MIB / 2])).unwrap();
        let elsewhere = ClientKey::new(7, vec!["other".to_owned()], Some("d".to_owned()));
        let runs = [RunRequest { stdin: Stdin::Upload, ..RunRequest::default() }];
        let mut elsewhere = UploadWriter::new(&runs, budget.reservation(&elsewhere)).unwrap();
        elsewhere.append(0, &Bytes::from(vec![0; 2 * MIB])).unwrap();
    }
}
