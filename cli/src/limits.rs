//! Limits on the command line: `cpu=1.5s`, `memory=256MiB`, `processes=8`.

use std::str::FromStr;

use protocol::quantity::Kind;
use protocol::{LIMITS, LimitInfo, Limits, LimitsRequest};

/// One `--limit NAME=VALUE`.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    info: &'static LimitInfo,
    value: String,
}

/// Returns all limits as one request. The last one of a name wins.
pub(crate) fn request(limits: &[Limit]) -> LimitsRequest {
    let mut request = LimitsRequest::default();
    for limit in limits {
        // The value was checked when the command line was parsed.
        let _ = limit.info.request(&mut request, &limit.value);
    }
    request
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("a limit is NAME=VALUE, for example cpu=5s")?;
        let Some(info) = LIMITS.iter().find(|info| info.cli_name == name) else {
            let names: Vec<_> = LIMITS.iter().map(|info| info.cli_name).collect();
            return Err(format!("the limits are {}", names.join(", ")));
        };
        // On the command line bytes need no unit.
        let is_number = value.chars().all(|character| character.is_ascii_digit());
        let unit = if info.kind == Kind::ByteCount && is_number { "B" } else { "" };
        let limit = Self { info, value: format!("{value}{unit}") };
        let mut request = LimitsRequest::default();
        info.request(&mut request, &limit.value).map_err(|error| error.to_string())?;
        match request.or(&Limits::MAXIMA).below_minimum() {
            None => Ok(limit),
            Some(info) => Err(format!("{name} must be at least {}", info.described(&Limits::MINIMA))),
        }
    }
}

/// Returns the lines of `executor run --help` about limits: each one with its usual default.
pub(crate) fn help() -> String {
    let example = |limit: &LimitInfo| format!("{}={}", limit.cli_name, limit.written(&Limits::RUN));
    let width = LIMITS.iter().map(|limit| example(limit).len()).max().unwrap_or(0);
    let mut help = "Limits, with their default values:".to_owned();
    for limit in LIMITS {
        help += &format!("\n  {:width$}  {}", example(limit), limit.help);
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ByteCount;
    use std::time::Duration;

    #[test]
    fn limits_are_read_as_people_write_them() {
        check("cpu=5s", |request| request.cpu_time = Some(Duration::from_secs(5)));
        check("cpu=1.5s", |request| request.cpu_time = Some(Duration::from_millis(1500)));
        check("wall=250ms", |request| request.wall_time = Some(Duration::from_millis(250)));
        check("wall=2m", |request| request.wall_time = Some(Duration::from_secs(120)));
        check("memory=256MiB", |request| request.memory = Some(ByteCount::mib(256)));
        check("output=4096", |request| request.output = Some(ByteCount(4096)));
        check("disk=1G", |request| request.disk = Some(ByteCount::mib(1024)));
        check("file-size=8K", |request| request.file_size = Some(ByteCount::kib(8)));
        check("processes=8", |request| request.processes = Some(8));
        check("files=100", |request| request.files = Some(100));
        check("open-files=32", |request| request.open_files = Some(32));
    }

    #[test]
    fn the_last_limit_of_a_name_wins() {
        let limits: Vec<Limit> = ["files=1", "cpu=2s", "files=3"].map(|text| text.parse().unwrap()).into();
        let expected =
            LimitsRequest { cpu_time: Some(Duration::from_secs(2)), files: Some(3), ..Default::default() };
        assert_eq!(request(&limits), expected);
    }

    #[test]
    fn invalid_limits_are_rejected() {
        for text in [
            "",
            "cpu",
            "cpu=",
            "cpu=5",
            "cpu=s",
            "cpu=-1s",
            "cpu=1y",
            "cpu=infs",
            "cpu=1e400s",
            "memory=1.5G",
            "memory=-1",
            "memory=99999999999GiB",
            "memory=",
            "processes=4294967296",
            "cores=2",
            "=5",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_limit_below_the_minimum_is_refused_by_its_name_on_the_command_line() {
        let error = |text: &str| text.parse::<Limit>().unwrap_err();
        assert_eq!(error("open-files=7"), "open-files must be at least 8");
        assert_eq!(error("cpu=0s"), "cpu must be at least 1 ms");
        assert_eq!(error("memory=1K"), "memory must be at least 4 MiB");
    }

    fn check(text: &str, set: fn(&mut LimitsRequest)) {
        let mut expected = LimitsRequest::default();
        set(&mut expected);
        assert_eq!(request(&[text.parse().unwrap()]), expected, "{text}");
    }
}
