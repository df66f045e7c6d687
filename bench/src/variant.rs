//! The variants of executing a program.

/// Variant of executing a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// The bare command.
    Bare,
    /// `POST /api/execute` with default settings: with a pre-warmed sandbox, which in Python is forked from a zygote.
    Warm,
    /// The same with a cold sandbox.
    Cold,
    /// As `Warm`, without zygotes.
    WithoutZygote,
    /// As `Warm`, with a hit in the build cache.
    Hit,
    /// `executor run` over the socket, with a pre-warmed sandbox.
    Cli,
    /// The command in bubblewrap.
    Bubblewrap,
    /// A server that adds a user for each request.
    Naive,
}

impl Variant {
    /// All variants.
    pub const ALL: [Self; 8] = [
        Self::Bare,
        Self::Warm,
        Self::Cold,
        Self::WithoutZygote,
        Self::Hit,
        Self::Cli,
        Self::Bubblewrap,
        Self::Naive,
    ];

    /// Returns the name for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::WithoutZygote => "no zygote",
            Self::Hit => "cache hit",
            Self::Cli => "CLI",
            Self::Bubblewrap => "bubblewrap",
            Self::Naive => "useradd",
        }
    }
}
