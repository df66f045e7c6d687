//! The streams between a client and its program: input and control messages, output, and the terminal.

pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod terminal;
