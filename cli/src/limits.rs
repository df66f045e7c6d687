//! Limits as people write them: `cpu=1.5s`, `memory=256MiB`, `processes=8`.

use std::str::FromStr;
use std::time::Duration;

use protocol::{ByteCount, LimitsRequest};

/// One `--limit NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Cpu(Duration),
    Wall(Duration),
    Memory(ByteCount),
    Processes(u32),
    Output(ByteCount),
    FileSize(ByteCount),
    Disk(ByteCount),
    Files(u32),
    OpenFiles(u32),
}

/// All of them in one request; the last of a name wins.
pub(crate) fn request(limits: Vec<Limit>) -> LimitsRequest {
    let mut request = LimitsRequest::default();
    for limit in limits {
        match limit {
            Limit::Cpu(time) => request.cpu_time = Some(time),
            Limit::Wall(time) => request.wall_time = Some(time),
            Limit::Memory(bytes) => request.memory = Some(bytes),
            Limit::Processes(count) => request.processes = Some(count),
            Limit::Output(bytes) => request.output = Some(bytes),
            Limit::FileSize(bytes) => request.file_size = Some(bytes),
            Limit::Disk(bytes) => request.disk = Some(bytes),
            Limit::Files(count) => request.files = Some(count),
            Limit::OpenFiles(count) => request.open_files = Some(count),
        }
    }
    request
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("a limit is NAME=VALUE, as in cpu=5s")?;
        match name {
            "cpu" => duration(value).map(Self::Cpu),
            "wall" => duration(value).map(Self::Wall),
            "memory" => bytes(value).map(Self::Memory),
            "processes" => count(value).map(Self::Processes),
            "output" => bytes(value).map(Self::Output),
            "file-size" => bytes(value).map(Self::FileSize),
            "disk" => bytes(value).map(Self::Disk),
            "files" => count(value).map(Self::Files),
            "open-files" => count(value).map(Self::OpenFiles),
            _ => {
                Err("there are cpu, wall, memory, processes, output, file-size, disk, files, open-files"
                    .into())
            }
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        _ => return Err("a time is a number with ms, s or m, as in 500ms or 1.5s".into()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

fn bytes(text: &str) -> Result<ByteCount, String> {
    let (number, unit) = number_and_unit(text);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err("a size is a whole number with B, KiB, MiB or GiB, as in 256MiB".into()),
    };
    let number: u64 = number.parse().map_err(|_| format!("{number:?} is not a whole number"))?;
    number.checked_mul(unit).map(ByteCount).ok_or_else(|| format!("{text} is more than can be counted"))
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number"))
}

fn number_and_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_people_write_them() {
        check("cpu=5s", Limit::Cpu(Duration::from_secs(5)));
        check("cpu=1.5s", Limit::Cpu(Duration::from_millis(1500)));
        check("wall=250ms", Limit::Wall(Duration::from_millis(250)));
        check("wall=2m", Limit::Wall(Duration::from_secs(120)));
        check("memory=256MiB", Limit::Memory(ByteCount::mib(256)));
        check("output=4096", Limit::Output(ByteCount(4096)));
        check("disk=1G", Limit::Disk(ByteCount::mib(1024)));
        check("file-size=8K", Limit::FileSize(ByteCount::kib(8)));
        check("processes=8", Limit::Processes(8));
        check("files=100", Limit::Files(100));
        check("open-files=32", Limit::OpenFiles(32));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "",
            "cpu",
            "cpu=",
            "cpu=5",
            "cpu=s",
            "cpu=-1s",
            "cpu=1h",
            "cpu=infs",
            "cpu=1e400s",
            "memory=1.5G",
            "memory=-1",
            "memory=99999999999GiB",
            "processes=4294967296",
            "cores=2",
            "=5",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text:?}");
        }
    }

    fn check(text: &str, limit: Limit) {
        assert_eq!(text.parse(), Ok(limit), "{text}");
    }
}
