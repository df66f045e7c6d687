//! Admission of the files of a program: their names, their content, and room for them.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use protocol::bounds::MAX_SOURCES;
use protocol::{Limits, Rejection, SourceFile};

use crate::admission::relative_path::RelativePath;
use crate::admission::source::Source;
use crate::languages::format::{LineEndings, REPLACED_IN_PARTS};
use crate::languages::toolchain::Toolchain;

/// The byte order mark in UTF-8, with which some editors of Windows begin a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Unit in which a tmpfs allocates, in bytes.
const PAGE: u64 = 4096;

/// Admits the files of a program, the main file first.
pub(super) fn admit_sources(files: Vec<SourceFile>, toolchain: &Toolchain) -> Result<Vec<Source>, Rejection> {
    let mut sources = Vec::with_capacity(files.len());
    let mut paths = BTreeSet::new();
    let mut total = 0_usize;
    for (index, file) in files.into_iter().enumerate() {
        let path = match &file.path {
            Some(path) => path,
            None if index == 0 => &toolchain.file_name,
            None => return Err(Rejection::Invalid("only the first file may have no name".to_owned())),
        };
        let mut path = RelativePath::try_from(path.as_str()).map_err(Rejection::Invalid)?;
        if index == 0 && file.path.is_some() && toolchain.misreads(&path) {
            path = recognizable(&path, toolchain)?;
        }
        let is_source =
            index == 0 || path.extension().is_some_and(|extension| toolchain.is_source(extension));
        // CPython 3.11 stops reading at a NUL character, and would run only a part of the file.
        if is_source && file.content.contains(&0) {
            return Err(Rejection::Invalid(format!("{path} contains a NUL character")));
        }
        total = total.saturating_add(file.content.len());
        if !paths.insert(path.clone()) {
            return Err(Rejection::Invalid(format!("two files are named {path}")));
        }
        let content = if is_source { readable(file.content, toolchain.line_endings) } else { file.content };
        sources.push(Source { path, content: content.into() });
    }
    if sources.is_empty() {
        return Err(Rejection::Invalid("at least one source file is required".to_owned()));
    }
    if total > MAX_SOURCES {
        return Err(Rejection::Invalid(format!("the files are larger than {MAX_SOURCES} bytes in total")));
    }
    if let Some(file) = paths.iter().find(|file| paths.iter().any(|other| file.is_above(other))) {
        return Err(Rejection::Invalid(format!("{file} is both a file and a directory")));
    }
    Ok(sources)
}

/// Returns a name for the main file by which the toolchain recognizes a source: the client's, with the usual extension
/// appended if it has another, and without a part that sources must not have; or, in the same directory, that of a main
/// file without a name.
fn recognizable(path: &RelativePath, toolchain: &Toolchain) -> Result<RelativePath, Rejection> {
    let named = |name: &str| {
        RelativePath::try_from(name).map_err(|error| {
            let accepted = toolchain.extensions().join(", .");
            Rejection::Invalid(format!("{error}; the name of the main file should end in .{accepted}"))
        })
    };
    if toolchain.misreads_directories(path) {
        let title = &toolchain.title;
        return Err(Rejection::Invalid(format!(
            "{:?} is in a directory with a name that {title} may not accept; use ASCII letters, digits, '_', '-' and '.'",
            path.as_str()
        )));
    }
    let mut path = path.clone();
    if toolchain.has_misread_name(&path) {
        let (directories, _) = path.split_directories();
        path = named(&format!("{directories}{}", toolchain.file_name))?;
    }
    if toolchain.has_misread_extension(&path) {
        path = named(&format!("{path}.{}", toolchain.usual_extension()))?;
    }
    // Each replacement leaves a dot or a backslash less.
    while let Some(part) = toolchain.misread_part(&path) {
        let (directories, name) = path.split_directories();
        path = named(&format!(
            "{directories}{}",
            name.replace(part, &part.replacen(REPLACED_IN_PARTS, "_", 1))
        ))?;
    }
    Ok(path)
}

/// Returns a source as its toolchain reads it: without a byte order mark, and with the line endings that it accepts.
fn readable(content: Bytes, accepted: LineEndings) -> Bytes {
    let content =
        if content.starts_with(BYTE_ORDER_MARK) { content.slice(BYTE_ORDER_MARK.len()..) } else { content };
    if accepted == LineEndings::Any || !is_from_windows(&content) {
        return content;
    }
    let mut converted = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                converted.extend_from_slice(text);
                converted.push(b'\n');
            }
            None => converted.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line)),
        }
    }
    converted.into()
}

/// Returns whether the first line or most lines of a file end with CRLF. A file with fewer of them may contain them on
/// purpose. Text from a web form has CRLF, also if another system has put lines of its own before it.
fn is_from_windows(content: &[u8]) -> bool {
    let first_line = content.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let (lines, with_crlf) =
        content.split_inclusive(|&byte| byte == b'\n').fold((0_usize, 0), |(lines, with_crlf), line| {
            (lines + 1, with_crlf + usize::from(line.ends_with(b"\r\n")))
        });
    first_line.ends_with(b"\r") || 2 * with_crlf > lines
}

/// Checks that the files fit into the work directory, which the disk limits bound. A file occupies whole pages there, and
/// a directory counts as a file.
pub(super) fn check_room(sources: &[Source], limits: &Limits) -> Result<(), Rejection> {
    let bytes: u64 = sources.iter().map(|source| source.content.len().next_multiple_of(PAGE)).sum();
    if bytes > limits.disk.bytes() {
        let allowed = limits.disk;
        return Err(Rejection::Invalid(format!(
            "the files need {bytes} bytes of disk space, and {allowed} are allowed"
        )));
    }
    let paths = sources.iter().flat_map(|source| Path::new(source.path.as_str()).ancestors());
    // The last ancestor of each path is the empty path: the work directory itself.
    let count = paths.collect::<BTreeSet<_>>().len() - 1;
    if count > limits.files as usize {
        let allowed = limits.files;
        return Err(Rejection::Invalid(format!(
            "the request has {count} files and directories, and {allowed} are allowed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::{ByteCount, ExecuteRequest, LimitsRequest};

    use super::MAX_SOURCES;
    use crate::admission::tests::{File, request, try_admit};

    #[test]
    fn the_main_file_has_the_default_name_of_its_language_unless_the_client_names_it() {
        let path = |files: &[File]| try_admit(request(files)).map(|job| job.sources[0].path.to_string());
        assert_eq!(path(&[(None, b"1")]), Ok("main.py".to_owned()));
        assert_eq!(path(&[(Some("a/b.py"), b"1")]), Ok("a/b.py".to_owned()));
    }

    #[test]
    fn a_main_file_gets_a_name_by_which_its_toolchain_recognizes_a_source() {
        let named = |language: &str, name: &str, more: &[File]| {
            let files: Vec<File> =
                [(Some(name), &b"1"[..])].into_iter().chain(more.iter().copied()).collect();
            let request = ExecuteRequest { language: language.to_owned(), ..request(&files) };
            try_admit(request).map(|job| job.sources[0].path.to_string())
        };
        for (language, name, expected) in [
            ("c", "main.c", "main.c"),
            ("c", "solution", "solution.c"),
            ("c", "PROG.C", "PROG.C.c"),
            ("c", "main.cpp", "main.cpp.c"),
            ("cpp", "file0.code", "file0.code.cpp"),
            ("cpp", "a/b.cc", "a/b.cc"),
            ("cpp", "x.ld", "x.ld.cpp"),
            ("typescript", "MAIN.TS", "MAIN.TS.ts"),
            ("typescript", "a.mts", "a.mts"),
            ("typescript", "a.d.ts", "a_d.ts"),
            ("typescript", "a.d", "a_d.ts"),
            ("typescript", "a\\b", "a_b.ts"),
            ("typescript", "x/a\\b\\c.ts", "x/a_b_c.ts"),
            ("typescript", "x.d.y/a.d.b.mts", "x.d.y/a_d.b.mts"),
            ("javascript", "inspect", "inspect.js"),
            ("java", "Main.class", "Main.class.java"),
            ("go", "main.txt", "main.txt.go"),
            ("go", ".hidden.go", "main.go"),
            ("go", "_x.go", "main.go"),
            ("go", "a/p_test.go", "a/main.go"),
            ("go", ".hidden", "main.go"),
            ("go", "x_test", "main.go"),
            ("go", "$(id).go", "main.go"),
            ("go", "test_é-1.go", "test_é-1.go"),
            ("ocaml", "a b.ml", "main.ml"),
            ("ocaml", "a'b.ml", "main.ml"),
            ("ocaml", "a-b.c.ml", "a-b.c.ml"),
            ("ocaml", "_x.ml", "main.ml"),
            ("ocaml", "d/\u{e9}.ml", "d/main.ml"),
            ("ocaml", "a.ml ", "main.ml"),
            ("cobol", "http:x.cob", "main.cob"),
            ("cobol", "class.cob", "main.cob"),
            ("cobol", "classes.cob", "classes.cob"),
            ("ada", "a-b.adb", "main.adb"),
            ("bash", "+a.sh", "main.sh"),
            ("bash", "\u{e9} b", "\u{e9} b"),
            ("python", "\u{e9} b/c'd.py", "\u{e9} b/c'd.py"),
            ("ada", "a b.adb", "main.adb"),
            ("ada", ".hidden", "main.adb"),
            ("ada", "prog", "prog"),
            ("basic", "a b", "main.bas"),
            ("groovy", ".hidden", "main.groovy"),
            ("rust", "solution", "solution.rs"),
            ("python", "solution", "solution"),
            ("python", "a.pyc", "a.pyc.py"),
            ("bash", "run", "run"),
        ] {
            assert_eq!(named(language, name, &[]), Ok(expected.to_owned()), "{language} {name}");
        }
        let long = "x".repeat(98);
        assert_eq!(named("ocaml", &format!("{long}.ml"), &[]), Ok("main.ml".to_owned()));
        assert_eq!(named("c", &format!("{long}.c"), &[]), Ok(format!("{long}.c")));
        assert_eq!(
            named("basic", "a b/c.bas", &[]).unwrap_err(),
            "\"a b/c.bas\" is in a directory with a name that Basic (Yabasic) may not accept; use ASCII letters, digits, \
             '_', '-' and '.'"
        );
        let message = |name: &str, more: &[File]| named("cpp", name, more).unwrap_err();
        assert_eq!(message("x", &[(Some("x.cpp"), b"")]), "two files are named x.cpp");
        let too_long = "x".repeat(255);
        assert!(
            message(&too_long, &[]).ends_with("should end in .cpp, .cc, .cxx"),
            "{}",
            message(&too_long, &[])
        );
    }

    #[test]
    fn sources_from_windows_are_readable() {
        let admitted = |language: &str, content: &[u8]| {
            let files: &[File] = &[(None, content), (Some("data.txt"), content)];
            let request = ExecuteRequest { language: language.to_owned(), ..request(files) };
            let job = try_admit(request).unwrap();
            assert_eq!(&job.sources[1].content.bytes().unwrap()[..], content);
            job.sources[0].content.bytes().unwrap().to_vec()
        };
        assert_eq!(admitted("java", b"\xef\xbb\xbfclass A {}\r\n"), b"class A {}\r\n");
        assert_eq!(admitted("bash", b"\xef\xbb\xbfecho\r\n\r\nfi\r\nx\r"), b"echo\n\nfi\nx");
        assert_eq!(admitted("bash", b"a\r"), b"a");
        assert_eq!(admitted("bash", b"a\nb\r\n"), b"a\nb\r\n");
        assert_eq!(
            admitted("bash", b"#!/bin/bash\nif a; then\r\n  b\r\nfi\r\n"),
            b"#!/bin/bash\nif a; then\n  b\nfi\n"
        );
        assert_eq!(admitted("bash", b""), b"");
        assert_eq!(admitted("python", b"a\r\n"), b"a\r\n");
    }

    #[test]
    fn invalid_sources_are_rejected_with_a_message() {
        let too_much = vec![b' '; MAX_SOURCES];
        let cases: [(&[File], &str); 8] = [
            (&[], "at least one source file is required"),
            (&[(None, b"1"), (None, b"2")], "only the first file may have no name"),
            (&[(None, b"1"), (Some("main.py"), b"2")], "two files are named main.py"),
            (&[(None, b"1"), (Some("a"), b""), (Some("a/b"), b"")], "a is both a file and a directory"),
            (&[(None, b"1\0")], "main.py contains a NUL character"),
            (&[(None, b"1"), (Some("b.py"), b"\0")], "b.py contains a NUL character"),
            (&[(None, b"1"), (Some("../b"), b"")], "the file name \"../b\" contains . or .."),
            (&[(None, b"1"), (Some("b"), &too_much)], "the files are larger than 4194304 bytes in total"),
        ];
        for (files, message) in cases {
            assert_eq!(try_admit(request(files)).map(|_| ()), Err(message.to_owned()));
        }
        // Other files may be binary.
        assert!(try_admit(request(&[(None, b"1"), (Some("b.dat"), b"\0")])).is_ok());
    }

    #[test]
    fn files_must_fit_within_the_disk_limits() {
        let files: &[File] = &[(None, b"1"), (Some("a/b/c.dat"), &[0; 5000])];
        let with = |limits: LimitsRequest| try_admit(ExecuteRequest { limits, ..request(files) }).map(|_| ());
        let files_allowed = |files| with(LimitsRequest { files: Some(files), ..LimitsRequest::default() });
        assert_eq!(files_allowed(4), Ok(()));
        assert_eq!(
            files_allowed(3),
            Err("the request has 4 files and directories, and 3 are allowed".to_owned())
        );
        let many = [0; 60_000];
        let files: &[File] = &[(None, b"1"), (Some("b.dat"), &many)];
        let with = |disk| {
            let limits = LimitsRequest { disk: Some(ByteCount(disk)), ..LimitsRequest::default() };
            try_admit(ExecuteRequest { limits, ..request(files) }).map(|_| ())
        };
        assert_eq!(with(65_536), Ok(()));
        let files: &[File] = &[(None, b"1"), (Some("b.dat"), &many), (Some("c"), b"3")];
        let limits = LimitsRequest { disk: Some(ByteCount(65_536)), ..LimitsRequest::default() };
        let message = "the files need 69632 bytes of disk space, and 64 KiB are allowed";
        let answer = try_admit(ExecuteRequest { limits, ..request(files) });
        assert_eq!(answer.map(|_| ()), Err(message.to_owned()));
    }
}
