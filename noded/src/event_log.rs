//! The events of an execution as they are stored: bounded, and without those that an answer does not need.

use bytes::{Bytes, BytesMut};
use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{Event, OmittedFiles, StageName, StageReport, StreamName};

/// Bytes of all output and all output files.
const MAX_OUTPUT: usize = 4 * 1024 * 1024;
/// Bytes of an event without its content: many small writes to alternating streams are many events.
const EVENT_OVERHEAD: usize = 32;

/// The events so far.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    events: Vec<Event>,
    bytes: usize,
    /// Output that was not yet added to the events: consecutive output of one stream becomes one event.
    pending: Option<(StageName, StreamName, BytesMut)>,
    truncated: Vec<(StageName, StreamName)>,
    /// Whether there is no more room for output files.
    files_are_full: bool,
    /// Files of the current stage that were left out.
    omitted_files: u32,
}

impl EventLog {
    /// Adds an event.
    pub(crate) fn push(&mut self, event: Event) {
        match event {
            Event::Queued { .. } => {}
            Event::Output { stream, bytes, stage } => self.push_output(stage, stream, &bytes),
            Event::OutputFile { ref name, .. } => {
                self.files_are_full |= !self.reserve(name.len());
                if self.files_are_full {
                    self.omitted_files += 1;
                } else {
                    self.add(event);
                }
            }
            // A file without all of its content is shorter than its size says.
            Event::OutputFileChunk { ref bytes, .. } => {
                self.files_are_full |= !self.reserve(bytes.len());
                if !self.files_are_full {
                    self.add(event);
                }
            }
            Event::OutputFilesEnd { stage, omitted } => {
                let too_large = omitted.too_large + std::mem::take(&mut self.omitted_files);
                self.add(Event::OutputFilesEnd { stage, omitted: OmittedFiles { too_large, ..omitted } });
            }
            Event::StageFinished(mut report) => {
                self.mark(&mut report);
                self.add(Event::StageFinished(report));
            }
            Event::Finished(mut outcome) => {
                outcome.compile.iter_mut().chain(&mut outcome.runs).for_each(|report| self.mark(report));
                self.add(Event::Finished(outcome));
            }
            event => self.add(event),
        }
    }

    /// Returns all events.
    pub(crate) fn into_events(mut self) -> Vec<Event> {
        self.flush();
        self.events
    }

    fn push_output(&mut self, stage: StageName, stream: StreamName, bytes: &Bytes) {
        let is_same = |pending: &(StageName, StreamName, BytesMut)| (pending.0, pending.1) == (stage, stream);
        if !self.pending.as_ref().is_some_and(is_same) {
            self.flush();
            self.bytes += EVENT_OVERHEAD;
        }
        let kept = &bytes[..bytes.len().min(MAX_OUTPUT.saturating_sub(self.bytes))];
        self.bytes += kept.len();
        if kept.len() < bytes.len() && !self.truncated.contains(&(stage, stream)) {
            self.truncated.push((stage, stream));
        }
        if kept.is_empty() {
            return;
        }
        let (_, _, pending) = self.pending.get_or_insert_with(|| (stage, stream, BytesMut::new()));
        pending.extend_from_slice(kept);
    }

    fn reserve(&mut self, bytes: usize) -> bool {
        let fits = self.bytes + bytes + EVENT_OVERHEAD <= MAX_OUTPUT;
        if fits {
            self.bytes += bytes + EVENT_OVERHEAD;
        }
        fits
    }

    fn add(&mut self, event: Event) {
        self.flush();
        self.events.push(event);
    }

    fn flush(&mut self) {
        let Some((stage, stream, mut bytes)) = self.pending.take() else { return };
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(MAX_OUTPUT_CHUNK)).freeze();
            self.events.push(Event::Output { stream, bytes: chunk, stage });
        }
    }

    /// Marks output that was cut.
    fn mark(&self, report: &mut StageReport) {
        let is_cut = |stream| self.truncated.contains(&(report.stage, stream));
        let (stdout, stderr) = (is_cut(StreamName::Stdout), is_cut(StreamName::Stderr));
        report.stdout_truncated |= stdout;
        report.stderr_truncated |= stderr;
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Outcome, Status};

    use super::*;

    const RUN: StageName = StageName::Run(0);

    fn output(stream: StreamName, bytes: impl Into<Bytes>) -> Event {
        Event::Output { stream, bytes: bytes.into(), stage: RUN }
    }

    fn report() -> StageReport {
        StageReport::new(RUN, Status::Exited(0))
    }

    fn log(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
        let mut log = EventLog::default();
        events.into_iter().for_each(|event| log.push(event));
        log.into_events()
    }

    #[test]
    fn consecutive_output_of_a_stream_is_one_event_and_the_order_is_kept() {
        let (out, err) = (StreamName::Stdout, StreamName::Stderr);
        let logged = log([
            Event::Queued { position: 3 },
            Event::StageStarted(RUN),
            output(out, "a"),
            output(out, "b"),
            output(err, "c"),
            output(out, "d"),
            Event::StageFinished(report()),
        ]);
        let expected = [
            Event::StageStarted(RUN),
            output(out, "ab"),
            output(err, "c"),
            output(out, "d"),
            Event::StageFinished(report()),
        ];
        assert_eq!(logged, expected);
    }

    #[test]
    fn output_is_bounded_and_reported_as_truncated() {
        let chunk = Bytes::from(vec![b'x'; MAX_OUTPUT_CHUNK]);
        let chunks = (0..100).map(|_| output(StreamName::Stdout, chunk.clone()));
        let outcome = Outcome { runs: vec![report()], ..Outcome::default() };
        let events = log(chunks.chain([Event::StageFinished(report()), Event::Finished(outcome)]));
        let kept: usize = events
            .iter()
            .map(|event| match event {
                Event::Output { bytes, .. } => {
                    assert!(bytes.len() <= MAX_OUTPUT_CHUNK);
                    bytes.len()
                }
                _ => 0,
            })
            .sum();
        assert_eq!(kept, MAX_OUTPUT - EVENT_OVERHEAD);
        let [.., Event::StageFinished(stage), Event::Finished(outcome)] = events.as_slice() else {
            unreachable!("{events:?}")
        };
        assert!(stage.stdout_truncated && !stage.stderr_truncated && outcome.runs[0].stdout_truncated);
        assert!(cluster::worker::encode_events(&events).is_ok());
    }

    #[test]
    fn many_small_writes_are_bounded_too() {
        let streams = [StreamName::Stdout, StreamName::Stderr];
        let writes = (0..1_000_000).map(|number: usize| output(streams[number % 2], "x"));
        let events = log(writes.chain([Event::StageFinished(report())]));
        assert!(events.len() <= MAX_OUTPUT / EVENT_OVERHEAD, "{}", events.len());
        assert!(cluster::worker::encode_events(&events).is_ok());
    }

    #[test]
    fn output_files_that_do_not_fit_are_left_out() {
        let file = |name: &str| Event::OutputFile { stage: RUN, name: name.to_owned(), size: 3 << 20 };
        let content = || Event::OutputFileChunk { stage: RUN, bytes: vec![0; 3 << 20].into() };
        let end = |too_large| Event::OutputFilesEnd {
            stage: RUN,
            omitted: OmittedFiles { too_large, ..OmittedFiles::default() },
        };
        let events = log([file("a"), content(), file("b"), content(), file("c"), content(), end(1)]);
        assert_eq!(events, [file("a"), content(), file("b"), end(2)]);
    }
}
