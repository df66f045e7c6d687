//! What an execution may use: the one table of limits, and the types made of it.
//!
//! [`each_limit!`](crate::each_limit) is the table. Every other list of limits is generated from it or checked against
//! it by a test: [`Limits`] and [`LimitsRequest`] on the wire, the sections of `executord.toml`, the `limits` object of
//! the HTTP API and its OpenAPI description, `--limit` of the command line, and the table in docs/api.md.
//! CONTRIBUTING.md shows how to add a limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::quantity::{ByteCount, Kind, QuantityError, Value};

/// Calls the macro `$use` with all limits, one row each.
///
/// A row is `name: Type { json: …, cli: …, help: …, run: …, compile: …, maximum: …, minimum: … }`. `name` is the key in
/// `executord.toml` and in language files; `json` is the key in the HTTP API, which ends in the unit of its whole
/// number; `cli` is the name for `--limit`. `run` and `compile` are the defaults of a run and of a compilation,
/// `maximum` is the largest value that a client can ask for, each unless the administrator configured another one.
/// `minimum` is the smallest value with which a program can be started at all.
///
/// The order of the rows is the order on the wire: append, and raise [`VERSION`](crate::VERSION).
#[macro_export]
macro_rules! each_limit {
    ($use:ident) => {
        $use! {
            cpu_time: Duration {
                json: cpu_ms, cli: "cpu",
                help: "CPU time of all processes together",
                run: Duration::from_secs(10), compile: Duration::from_secs(20),
                maximum: Duration::from_secs(60), minimum: Duration::from_millis(1),
            }
            wall_time: Duration {
                json: wall_ms, cli: "wall",
                help: "wall-clock time from the start of the program",
                run: Duration::from_secs(15), compile: Duration::from_secs(30),
                maximum: Duration::from_secs(120), minimum: Duration::from_millis(1),
            }
            memory: ByteCount {
                json: memory_bytes, cli: "memory",
                help: "memory of all processes together, page cache and temporary files included",
                run: ByteCount::mib(256), compile: ByteCount::mib(768),
                maximum: ByteCount::mib(2048), minimum: ByteCount::mib(4),
            }
            processes: u32 {
                json: processes, cli: "processes",
                help: "concurrent processes and threads",
                run: 40, compile: 64,
                maximum: 512, minimum: 1,
            }
            output: ByteCount {
                json: output_bytes, cli: "output",
                help: "output on each of stdout and stderr; a program that writes more is killed",
                run: ByteCount::mib(1), compile: ByteCount::kib(256),
                maximum: ByteCount::mib(4), minimum: ByteCount(1),
            }
            file_size: ByteCount {
                json: file_size_bytes, cli: "file-size",
                help: "size of one file",
                run: ByteCount::mib(64), compile: ByteCount::mib(128),
                maximum: ByteCount::mib(256), minimum: ByteCount(1),
            }
            disk: ByteCount {
                json: disk_bytes, cli: "disk",
                help: "size of all files in the work directory, `/tmp` and `/dev/shm` together",
                run: ByteCount::mib(64), compile: ByteCount::mib(128),
                maximum: ByteCount::mib(256), minimum: ByteCount::kib(64),
            }
            files: u32 {
                json: files, cli: "files",
                help: "files and directories that the program may create",
                run: 4096, compile: 4096,
                maximum: 65536, minimum: 1,
            }
            open_files: u32 {
                json: open_files, cli: "open-files",
                help: "open files of one process",
                run: 256, compile: 256,
                maximum: 1024, minimum: 8,
            }
            // A run's stack is bounded by its memory limit. A compilation's is not larger than the compilers expect.
            stack: ByteCount {
                json: stack_bytes, cli: "stack",
                help: "stack of the main thread of each process, at most the memory limit",
                run: ByteCount::mib(65536), compile: ByteCount::mib(64),
                maximum: ByteCount::mib(65536), minimum: ByteCount::kib(256),
            }
            // Off by default: Node.js reserves 1 GiB that it never uses, and Java more than 2 GiB.
            address_space: ByteCount {
                json: address_space_bytes, cli: "address-space",
                help: "address space of each process, including reserved memory; 128 TiB is unlimited",
                run: ByteCount::mib(128 << 20), compile: ByteCount::mib(128 << 20),
                maximum: ByteCount::mib(128 << 20), minimum: ByteCount::mib(4),
            }
            output_files: u32 {
                json: output_files, cli: "output-files",
                help: "number of output files that are returned",
                run: 32, compile: 32,
                maximum: 256, minimum: 0,
            }
            output_file_size: ByteCount {
                json: output_file_bytes, cli: "output-file-size",
                help: "returned bytes of one output file",
                run: ByteCount::mib(1), compile: ByteCount::mib(4),
                maximum: ByteCount::mib(8), minimum: ByteCount(0),
            }
            output_files_size: ByteCount {
                json: output_files_bytes, cli: "output-files-size",
                help: "returned bytes of all output files together",
                run: ByteCount::mib(4), compile: ByteCount::mib(8),
                maximum: ByteCount::mib(8), minimum: ByteCount(0),
            }
            // 0, which only a peer of the daemon can ask for: the wall clock is never paused.
            input_idle: Duration {
                json: input_idle_ms, cli: "input-idle",
                help: "time that a program waits for live input and gets none; its wall-clock time is then paused",
                run: Duration::from_secs(300), compile: Duration::from_secs(300),
                maximum: Duration::from_secs(1800), minimum: Duration::ZERO,
            }
        }
    };
}

macro_rules! define {
    ($(
        $name:ident: $type:ident {
            json: $json:ident, cli: $cli:literal, help: $help:literal,
            run: $run:expr, compile: $compile:expr, maximum: $maximum:expr, minimum: $minimum:expr,
        }
    )*) => {
        /// Limits of one stage: a compilation, or one run.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Limits {
            $(#[doc = $help] pub $name: $type,)*
        }

        /// Limits that a client asks for. The language's default applies where a limit is left out. A value above the
        /// administrator's maximum is lowered to it; a value below [`Limits::MINIMA`] is rejected.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct LimitsRequest {
            $(#[doc = $help] pub $name: Option<$type>,)*
        }

        impl Limits {
            /// Defaults of a run.
            pub const RUN: Self = Self { $($name: $run,)* };
            /// Defaults of a compilation: compilers are larger than most programs.
            pub const COMPILE: Self = Self { $($name: $compile,)* };
            /// Largest values that a client can ask for, unless the administrator configured others.
            pub const MAXIMA: Self = Self { $($name: $maximum,)* };
            /// Smallest values with which a program can be started at all.
            pub const MINIMA: Self = Self { $($name: $minimum,)* };

            /// Returns the smaller of each limit.
            #[must_use]
            pub fn at_most(&self, maxima: &Self) -> Self {
                Self { $($name: self.$name.min(maxima.$name),)* }
            }

            /// Returns the first limit that is below [`Limits::MINIMA`].
            #[must_use]
            pub fn below_minimum(&self) -> Option<&'static LimitInfo> {
                let is_below = [$(self.$name < Self::MINIMA.$name,)*];
                LIMITS.iter().zip(is_below).find_map(|(limit, is_below)| is_below.then_some(limit))
            }
        }

        impl LimitsRequest {
            /// Request for the defaults.
            pub const NONE: Self = Self { $($name: None,)* };

            /// Creates a request for exactly these limits.
            #[must_use]
            pub const fn exactly(limits: &Limits) -> Self {
                Self { $($name: Some(limits.$name),)* }
            }

            /// Returns the requested limits, and `defaults` where none was requested.
            #[must_use]
            pub fn or(&self, defaults: &Limits) -> Limits {
                Limits { $($name: self.$name.unwrap_or(defaults.$name),)* }
            }
        }

        /// All limits, in the order of the fields of [`Limits`].
        pub const LIMITS: &[LimitInfo] = &[$(
            LimitInfo {
                name: stringify!($name),
                json_key: stringify!($json),
                cli_name: $cli,
                help: $help,
                kind: <$type as Value>::KIND,
                number: |limits| Value::number(limits.$name),
                written: |limits| limits.$name.written(),
                described: |limits| limits.$name.described(),
                request: |request, text| {
                    request.$name = Some(<$type as Value>::parse(text)?);
                    Ok(())
                },
            },
        )*];
    };
}

each_limit!(define);

impl Limits {
    /// Returns the limit of the stack: a stack is never larger than the memory.
    #[must_use]
    pub fn effective_stack(&self) -> ByteCount {
        self.stack.min(self.memory)
    }

    /// Returns the limit of the address space in bytes; `None` for no limit: all that a process of x86-64 has with four
    /// levels of page tables.
    #[must_use]
    pub fn address_space_limit(&self) -> Option<u64> {
        Some(self.address_space.bytes()).filter(|&bytes| bytes < Self::MAXIMA.address_space.bytes())
    }

    /// Returns these limits with the stack that they have in effect.
    #[must_use]
    pub fn effective(&self) -> Self {
        Self { stack: self.effective_stack(), ..self.clone() }
    }
}

/// One limit: its names, and access to its value.
#[derive(Clone, Copy, Debug)]
pub struct LimitInfo {
    /// Key in `executord.toml` and in language files, and field of [`Limits`].
    pub name: &'static str,
    /// Key in the `limits` object of the HTTP API.
    pub json_key: &'static str,
    /// Name for `executor run --limit`.
    pub cli_name: &'static str,
    /// The limited resource, as a noun phrase.
    pub help: &'static str,
    /// The quantity that the value measures.
    pub kind: Kind,
    number: fn(&Limits) -> u64,
    written: fn(&Limits) -> String,
    described: fn(&Limits) -> String,
    request: fn(&mut LimitsRequest, &str) -> Result<(), QuantityError>,
}

impl LimitInfo {
    /// Returns the value in the unit of the HTTP API: whole milliseconds, bytes or items.
    #[must_use]
    pub fn number(&self, limits: &Limits) -> u64 {
        (self.number)(limits)
    }

    /// Returns the value as it is written in a configuration file, without quotes: `10s`, `256MiB`, `64`.
    #[must_use]
    pub fn written(&self, limits: &Limits) -> String {
        (self.written)(limits)
    }

    /// Returns the value for a message: `10 s`, `256 MiB`, `64`.
    #[must_use]
    pub fn described(&self, limits: &Limits) -> String {
        (self.described)(limits)
    }

    /// Requests the value that `text` says.
    ///
    /// # Errors
    /// [`QuantityError`] if `text` is not a value of this limit.
    pub fn request(&self, request: &mut LimitsRequest, text: &str) -> Result<(), QuantityError> {
        (self.request)(request, text)
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMITS, Limits, LimitsRequest};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let name = |select: fn(&super::LimitInfo) -> &'static str| {
            LIMITS.iter().map(select).collect::<BTreeSet<_>>()
        };
        for names in [name(|limit| limit.name), name(|limit| limit.json_key), name(|limit| limit.cli_name)] {
            assert_eq!(names.len(), LIMITS.len());
        }
    }

    #[test]
    fn defaults_lie_between_minimum_and_maximum() {
        for defaults in [Limits::RUN, Limits::COMPILE] {
            assert_eq!(defaults.at_most(&Limits::MAXIMA), defaults);
            assert_eq!(Limits::MINIMA.at_most(&defaults), Limits::MINIMA);
        }
    }

    #[test]
    fn a_limit_that_is_written_can_be_requested() {
        let mut request = LimitsRequest::default();
        for limit in LIMITS {
            assert_eq!(
                limit.request(&mut request, &limit.written(&Limits::MAXIMA)),
                Ok(()),
                "{}",
                limit.name
            );
        }
        assert_eq!(request.or(&Limits::RUN), Limits::MAXIMA);
        assert_eq!(LimitsRequest::default().or(&Limits::RUN), Limits::RUN);
    }

    #[test]
    fn a_limit_below_its_minimum_is_found() {
        assert!(Limits::MINIMA.below_minimum().is_none());
        let limits = Limits { disk: crate::ByteCount(1), ..Limits::RUN };
        assert_eq!(limits.below_minimum().map(|limit| limit.name), Some("disk"));
    }
}
