//! The streams between a client and its program: input and control messages, output, and the terminal.

pub(crate) mod input;
pub(crate) mod output;
mod output_limit;
pub(crate) mod pipe;
mod read_order;
pub(crate) mod terminal;
