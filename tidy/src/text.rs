//! Splits a file of any kind into prose (comments, string literals, documentation) and code.

use std::ops::Range;
use std::path::Path;

/// Purpose of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For people.
    Prose,
    /// For machines; its identifiers are for people.
    Code,
}

/// A piece of a file. Comments on consecutive lines are one piece, so that a phrase is found across a line break.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Its text, without comment markers.
    pub text: String,
    /// Where lines begin in `text`, with their numbers.
    lines: Vec<(usize, usize)>,
}

impl Piece {
    fn new(kind: Kind) -> Self {
        Self { kind, text: String::new(), lines: Vec::new() }
    }

    fn push(&mut self, line: usize, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.lines.push((self.text.len(), line));
        self.text.push_str(text);
    }

    /// Returns the number of the line that an offset of `text` is in.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        let before = self.lines.iter().rev().find(|(start, _)| *start <= offset);
        before.map_or(0, |(_, line)| *line)
    }
}

/// How a kind of file marks comments and strings.
struct Syntax {
    line_comments: &'static [&'static str],
    block_comments: bool,
    quotes: &'static [&'static str],
    /// `'` begins a character or a lifetime.
    rust: bool,
    /// Text outside comments and strings may be prose too.
    mixed: bool,
}

const RUST: Syntax =
    Syntax { line_comments: &["//"], block_comments: true, quotes: &["\""], rust: true, mixed: false };
const C_LIKE: Syntax =
    Syntax { line_comments: &["//"], block_comments: true, quotes: &["\"", "'"], rust: false, mixed: false };
const SCRIPT: Syntax = Syntax {
    line_comments: &["//"],
    block_comments: true,
    quotes: &["\"", "'", "`"],
    rust: false,
    mixed: true,
};
const HASH: Syntax = Syntax {
    line_comments: &["#"],
    block_comments: false,
    quotes: &["\"\"\"", "'''", "\"", "'"],
    rust: false,
    mixed: true,
};

/// Splits a file, or returns `None` if this kind of file is not checked.
#[must_use]
pub fn split(path: &Path, text: &str) -> Option<Vec<Piece>> {
    let name = path.file_name()?.to_str()?;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    let folder = path.parent().and_then(Path::file_name).and_then(|folder| folder.to_str()).unwrap_or("");
    Some(match extension {
        "rs" => lex(text, &RUST),
        "c" | "h" | "cc" | "cpp" | "java" | "go" => lex(text, &C_LIKE),
        "ts" | "tsx" | "js" | "cjs" | "mjs" | "mts" | "css" => lex(text, &SCRIPT),
        "toml" | "py" | "sh" | "yml" | "yaml" | "service" | "socket" | "slice" | "conf" => lex(text, &HASH),
        "md" => markdown(text),
        "json" if name == "openapi.json" => json(text),
        "html" => plain(text),
        _ if extension.len() == 1 && folder == "man" => manual(text),
        _ if ["Makefile", "Dockerfile", "compile", "record", "headers", "archive"].contains(&name)
            || (extension.is_empty() && [".ci", "debian"].contains(&folder)) =>
        {
            lex(text, &HASH)
        }
        _ => return None,
    })
}

/// Every line as prose and as code.
fn plain(text: &str) -> Vec<Piece> {
    let mut prose = Piece::new(Kind::Prose);
    let mut code = Piece::new(Kind::Code);
    for (index, line) in text.lines().enumerate() {
        prose.push(index + 1, line);
        code.push(index + 1, line);
    }
    vec![prose, code]
}

/// A manual page: font changes are dropped.
fn manual(text: &str) -> Vec<Piece> {
    let mut prose = Piece::new(Kind::Prose);
    for (index, line) in text.lines().enumerate() {
        let mut plain = String::new();
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some('f') => {
                        letters.next();
                    }
                    Some(other) => plain.push(other),
                    None => {}
                },
                _ => plain.push(letter),
            }
        }
        prose.push(index + 1, &plain);
    }
    vec![prose]
}

/// The strings of JSON.
fn json(text: &str) -> Vec<Piece> {
    let mut prose = Piece::new(Kind::Prose);
    for (index, line) in text.lines().enumerate() {
        for string in line.split('"').skip(1).step_by(2) {
            prose.push(index + 1, string);
        }
    }
    vec![prose]
}

/// Paragraphs as prose; what is in fences and backticks as code, with the comments of fenced commands as prose.
fn markdown(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut prose = Piece::new(Kind::Prose);
    let mut fenced: Option<Vec<(usize, &str)>> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.trim_start().starts_with("```") {
            match fenced.take() {
                None => fenced = Some(Vec::new()),
                Some(block) => pieces.extend(fence(&block)),
            }
            prose.push(number, "");
        } else if let Some(block) = &mut fenced {
            block.push((number, line));
        } else {
            prose.push(number, line);
        }
    }
    pieces.extend(backticks(prose));
    pieces
}

fn fence(block: &[(usize, &str)]) -> Vec<Piece> {
    let first = block.first().map_or(0, |(number, _)| *number);
    let text: Vec<&str> = block.iter().map(|(_, line)| *line).collect();
    let mut pieces = lex(&text.join("\n"), &HASH);
    for piece in &mut pieces {
        for (_, line) in &mut piece.lines {
            *line += first - 1;
        }
    }
    pieces
}

/// Moves what is between backticks out of a piece of prose, into one of code.
fn backticks(prose: Piece) -> Vec<Piece> {
    let mut kept = String::new();
    let mut code = Piece::new(Kind::Code);
    for (index, part) in prose.text.split('`').enumerate() {
        if index > 0 {
            kept.push('`');
        }
        if index % 2 == 0 {
            kept.push_str(part);
            continue;
        }
        code.push(prose.line(kept.len()), part);
        // Line numbers are by offset.
        kept.extend(part.bytes().map(|byte| if byte == b'\n' { '\n' } else { '_' }));
    }
    vec![Piece { text: kept, ..prose }, code]
}

fn lex(text: &str, syntax: &Syntax) -> Vec<Piece> {
    let mut lexer =
        Lexer { text, at: 0, line: 1, pieces: Vec::new(), comment: None, code: Piece::new(Kind::Code) };
    lexer.run(syntax);
    let Lexer { mut pieces, comment, code, .. } = lexer;
    pieces.extend(comment.map(|(piece, _)| piece));
    let mut all: Vec<_> = pieces.into_iter().flat_map(backticks).collect();
    if syntax.mixed {
        all.push(Piece { kind: Kind::Prose, ..code.clone() });
    }
    all.push(code);
    all
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    pieces: Vec<Piece>,
    /// A comment of whole lines that the next line may continue, and its last line.
    comment: Option<(Piece, usize)>,
    code: Piece,
}

impl Lexer<'_> {
    fn run(&mut self, syntax: &Syntax) {
        let mut code_from = 0;
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            if let Some(marker) = syntax.line_comments.iter().find(|marker| self.begins_comment(rest, marker))
            {
                self.flush(code_from);
                self.line_comment(rest, marker);
            } else if syntax.block_comments && rest.starts_with("/*") {
                self.flush(code_from);
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                self.prose(0..end);
            } else if syntax.rust && is_character(rest) {
                self.at += character_length(rest);
                continue;
            } else if let Some(quoted) =
                syntax.quotes.iter().find_map(|quote| string(rest, quote, syntax.rust))
            {
                let hashes = if syntax.rust { self.raw_hashes() } else { None };
                self.flush(code_from);
                match hashes {
                    Some(hashes) => {
                        let end = format!("\"{}", "#".repeat(hashes));
                        let length = rest[1..].find(&end).map_or(rest.len(), |found| 1 + found + end.len());
                        self.prose(0..length);
                    }
                    None => self.prose(0..quoted),
                }
            } else if rest.starts_with('\n') {
                self.flush(code_from);
                self.at += 1;
                self.line += 1;
            } else {
                self.at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
            code_from = self.at;
        }
        self.flush(code_from);
    }

    fn begins_comment(&self, rest: &str, marker: &str) -> bool {
        // `$#` and `a#b` of a shell, `http://` in a word.
        let before = self.text[..self.at].chars().next_back();
        rest.starts_with(marker)
            && (marker == "//" && before != Some(':') || before.is_none_or(char::is_whitespace))
    }

    /// Returns how many `#` come before a quote, if it begins a raw string.
    fn raw_hashes(&self) -> Option<usize> {
        let before = self.text[..self.at].trim_end_matches('#');
        let is_raw = before.strip_suffix("r").or_else(|| before.strip_suffix("br"))?;
        let stands_alone = !is_raw.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        (stands_alone || is_raw.ends_with('b')).then(|| self.at - before.len())
    }

    fn flush(&mut self, from: usize) {
        let code = self.text[from..self.at].trim_end();
        if !code.trim().is_empty() {
            self.code.push(self.line, code);
            self.end_comment();
        }
    }

    fn end_comment(&mut self) {
        self.pieces.extend(self.comment.take().map(|(piece, _)| piece));
    }

    fn line_comment(&mut self, rest: &str, marker: &str) {
        let length = rest.find('\n').unwrap_or(rest.len());
        let text = rest[..length].trim_start_matches(marker.chars().next().unwrap_or('#'));
        let text = text.strip_prefix('!').unwrap_or(text).trim();
        match &mut self.comment {
            Some((piece, last)) if *last + 1 == self.line => {
                piece.push(self.line, text);
                *last = self.line;
            }
            _ => {
                self.end_comment();
                let mut piece = Piece::new(Kind::Prose);
                piece.push(self.line, text);
                self.comment = Some((piece, self.line));
            }
        }
        self.at += length;
    }

    /// Takes a string or a block comment.
    fn prose(&mut self, range: Range<usize>) {
        self.end_comment();
        let text = &self.text[self.at..][range];
        let mut piece = Piece::new(Kind::Prose);
        for (index, line) in text.split('\n').enumerate() {
            let line = line.replace("\\n", "  ").replace("\\\"", "'");
            piece.push(self.line + index, line.trim().trim_start_matches("* ").trim_end_matches('\\'));
        }
        self.line += text.matches('\n').count();
        self.at += text.len();
        self.pieces.push(piece);
    }
}

/// Returns the length of the string that begins here.
fn string(rest: &str, quote: &str, multiline: bool) -> Option<usize> {
    let inside = rest.strip_prefix(quote)?;
    let many_lines = multiline || quote.len() == 3 || quote == "`";
    let mut escaped = false;
    for (offset, letter) in inside.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' if !many_lines => return None,
            _ if inside[offset..].starts_with(quote) => return Some(quote.len() * 2 + offset),
            _ => {}
        }
    }
    None
}

/// Returns whether a Rust character or lifetime begins here.
fn is_character(rest: &str) -> bool {
    rest.starts_with('\'')
}

fn character_length(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            letters.next();
            letters.find(|(_, letter)| *letter == '\'').map_or(1, |(offset, _)| offset + 1)
        }
        Some(_) => match letters.next() {
            Some((offset, '\'')) => offset + 1,
            _ => 1,
        },
        None => 1,
    }
}
