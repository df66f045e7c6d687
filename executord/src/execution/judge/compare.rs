//! The comparison of a run's stdout with the expected one. Pure, and linear in the length of both.

use protocol::{Compare, Difference, Tolerance};

use super::text::{characters, excerpt, is_space, position, trim_end};

/// How much more than the tolerance an error may be, as in testlib: the decimal numbers that differ by exactly the
/// tolerance do not, once they are binary.
const ROUNDING_ERROR: f64 = 1e-15;

/// Compares the output of a run with the expected output. Returns the first difference.
pub(super) fn compare(how: Compare, expected: &[u8], actual: &[u8]) -> Option<Difference> {
    match how {
        Compare::Exact => compare_exactly(expected, actual),
        Compare::Lines => compare_lines(expected, actual),
        Compare::Tokens => compare_tokens(expected, actual, |expected, actual| expected == actual),
        Compare::Float(tolerance) => compare_tokens(expected, actual, |expected, actual| {
            expected == actual || are_close(expected, actual, tolerance)
        }),
    }
}

fn compare_exactly(expected: &[u8], actual: &[u8]) -> Option<Difference> {
    let offset = first_difference(expected, actual)?;
    let line_start =
        expected[..offset].iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    // With its newline, which may be the difference.
    let line =
        |text: &[u8]| text[line_start..].split_inclusive(|&byte| byte == b'\n').next().map(<[u8]>::to_vec);
    let (number, _) = position(expected, line_start);
    Some(difference_in_line(number, line(expected).as_deref(), line(actual).as_deref()))
}

fn compare_lines(expected: &[u8], actual: &[u8]) -> Option<Difference> {
    let (mut expected, mut actual) = (lines(expected), lines(actual));
    let mut number = 0;
    loop {
        number += 1;
        match (expected.next(), actual.next()) {
            (None, None) => return None,
            (expected, actual) if expected == actual => {}
            (expected, actual) => return Some(difference_in_line(number, expected, actual)),
        }
    }
}

/// Returns the lines of a text, without white space at the end of each and without empty lines at the end.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = Some(trim_end(text)).filter(|text| !text.is_empty());
    text.into_iter().flat_map(|text| text.split(|&byte| byte == b'\n')).map(trim_end)
}

/// Describes the difference between two lines. `None` is a line that a text does not have.
fn difference_in_line(line: u64, expected: Option<&[u8]>, actual: Option<&[u8]>) -> Difference {
    let (left, right) = (expected.unwrap_or_default(), actual.unwrap_or_default());
    let offset = first_difference(left, right).unwrap_or(0);
    let index = characters(&left[..offset]);
    // The first byte that differs may be within a character.
    let is_within = |text: &[u8]| text.get(offset).is_some_and(|byte| byte & 0xc0 == 0x80);
    let index = if is_within(left) || is_within(right) { index.saturating_sub(1) } else { index };
    Difference {
        line,
        column: index as u64 + 1,
        expected: expected.map(|line| excerpt(line, index)),
        actual: actual.map(|line| excerpt(line, index)),
    }
}

/// Returns the offset of the first byte that differs, or `None` if the texts are equal.
fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    let common = left.iter().zip(right).position(|(left, right)| left != right);
    common.or_else(|| (left.len() != right.len()).then(|| left.len().min(right.len())))
}

fn compare_tokens(
    expected: &[u8],
    actual: &[u8],
    are_equal: impl Fn(&[u8], &[u8]) -> bool,
) -> Option<Difference> {
    let (mut expected_tokens, mut actual_tokens) = (Tokens(expected), Tokens(actual));
    loop {
        let (expected_token, actual_token) = (expected_tokens.next(), actual_tokens.next());
        if let (Some(expected), Some(actual)) = (expected_token, actual_token)
            && are_equal(expected, actual)
        {
            continue;
        }
        if expected_token.is_none() && actual_token.is_none() {
            return None;
        }
        let rest = actual_tokens.0.len() + actual_token.map_or(0, <[u8]>::len);
        let (line, column) = position(actual, actual.len() - rest);
        let text = |token: Option<&[u8]>| token.map(|token| excerpt(token, 0));
        return Some(Difference { line, column, expected: text(expected_token), actual: text(actual_token) });
    }
}

/// The tokens of the rest of a text.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Some(start) = self.0.iter().position(|&byte| !is_space(byte)) else {
            self.0 = &[];
            return None;
        };
        let text = &self.0[start..];
        let end = text.iter().position(|&byte| is_space(byte)).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        self.0 = rest;
        Some(token)
    }
}

/// Returns whether both tokens are numbers that differ by at most the tolerance, absolutely or relative to the expected
/// one. Not-a-number equals only itself, and infinity only infinity with the same sign.
fn are_close(expected: &[u8], actual: &[u8], tolerance: Tolerance) -> bool {
    let (Some(expected), Some(actual)) = (number(expected), number(actual)) else { return false };
    if expected.is_nan() || actual.is_nan() {
        return expected.is_nan() && actual.is_nan();
    }
    if expected.is_infinite() || actual.is_infinite() {
        return expected.is_infinite() && actual.is_infinite() && expected.signum() == actual.signum();
    }
    let (error, allowed) = ((expected - actual).abs(), tolerance.get());
    error <= allowed + ROUNDING_ERROR || error <= allowed * expected.abs() + ROUNDING_ERROR
}

/// Returns the decimal number that a token is, if it is one: `1`, `-0.5`, `.5`, `1.`, `1e-9`, `inf`, `infinity`, `nan`, in
/// upper or lower case. A number that is too large is infinite.
fn number(token: &[u8]) -> Option<f64> {
    str::from_utf8(token).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{Compare, Difference, Tolerance, compare};

    const FLOAT: fn(f64) -> Compare = |error| Compare::Float(Tolerance::new(error).unwrap());

    #[track_caller]
    fn equal(how: Compare, expected: &str, actual: &str) {
        assert_eq!(compare(how, expected.as_bytes(), actual.as_bytes()), None);
    }

    #[track_caller]
    fn differ(how: Compare, texts: [&str; 2], at: (u64, u64), excerpts: [Option<&str>; 2]) {
        let [expected, actual] = excerpts.map(|excerpt| excerpt.map(str::to_owned));
        let difference = Difference { line: at.0, column: at.1, expected, actual };
        assert_eq!(compare(how, texts[0].as_bytes(), texts[1].as_bytes()), Some(difference));
    }

    #[test]
    fn an_exact_comparison_finds_every_difference() {
        let exact = Compare::Exact;
        equal(exact, "", "");
        equal(exact, "a b\n", "a b\n");
        differ(exact, ["a\nbc\n", "a\nbd\n"], (2, 2), [Some("bc\n"), Some("bd\n")]);
        differ(exact, ["a\n", "a"], (1, 2), [Some("a\n"), Some("a")]);
        differ(exact, ["a", "a\n"], (1, 2), [Some("a"), Some("a\n")]);
        differ(exact, ["a\n", "a\nb"], (2, 1), [None, Some("b")]);
        differ(exact, ["a\n", ""], (1, 1), [Some("a\n"), None]);
        differ(exact, ["a\r\n", "a\n"], (1, 2), [Some("a\r\n"), Some("a\n")]);
        differ(exact, ["xä\n", "xö\n"], (1, 2), [Some("xä\n"), Some("xö\n")]);
    }

    #[test]
    fn lines_are_compared_without_white_space_at_the_end() {
        let lines = Compare::Lines;
        for actual in ["1 2\n3\n", "1 2\n3", "1 2 \r\n3\t\n\n \n"] {
            equal(lines, "1 2\n3\n", actual);
            equal(lines, actual, "1 2\n3\n");
        }
        equal(lines, "", "\n \n");
        differ(lines, ["1 2\n", "1  2\n"], (1, 3), [Some("1 2"), Some("1  2")]);
        differ(lines, ["1\n2\n", "1\n\n2\n"], (2, 1), [Some("2"), Some("")]);
        differ(lines, ["1\n2\n", "1\n"], (2, 1), [Some("2"), None]);
        differ(lines, ["1\n", "1\n2"], (2, 1), [None, Some("2")]);
        differ(lines, ["1\n", ""], (1, 1), [Some("1"), None]);
        differ(lines, ["", " x"], (1, 1), [None, Some(" x")]);
    }

    #[test]
    fn tokens_are_compared_whatever_separates_them() {
        let tokens = Compare::Tokens;
        equal(tokens, "1 2 3\n", " 1\n2\t\t3");
        equal(tokens, "", " \n");
        differ(tokens, ["1 2 3", "1\n4 3\n"], (2, 1), [Some("2"), Some("4")]);
        differ(tokens, ["1 2 3", "1 2\n"], (2, 1), [Some("3"), None]);
        differ(tokens, ["1", "1 x"], (1, 3), [None, Some("x")]);
        differ(tokens, ["1.0", "1"], (1, 1), [Some("1.0"), Some("1")]);
    }

    #[test]
    fn numbers_are_equal_within_an_absolute_or_a_relative_error() {
        equal(FLOAT(1e-6), "0.5 x 1000000", "0.5000009 x 1000000.9");
        equal(FLOAT(1e-6), "1", "1.000001");
        equal(FLOAT(0.0), "1 -2 .5", "1.0 -2e0 5E-1");
        differ(FLOAT(1e-6), ["0.5", "0.500002"], (1, 1), [Some("0.5"), Some("0.500002")]);
        differ(FLOAT(1e-6), ["1e6", "1000002"], (1, 1), [Some("1e6"), Some("1000002")]);
        differ(FLOAT(1e-6), ["yes", "Yes"], (1, 1), [Some("yes"), Some("Yes")]);
        differ(FLOAT(1e-6), ["1", "1x"], (1, 1), [Some("1"), Some("1x")]);
        differ(FLOAT(1e-6), ["1 2", "1"], (1, 2), [Some("2"), None]);
    }

    #[test]
    fn what_is_not_a_finite_number_equals_only_itself() {
        equal(FLOAT(1e-6), "nan NaN inf -Infinity", "NAN -nan INF -inf");
        equal(FLOAT(1e-6), "inf", "1e999");
        for (expected, actual) in
            [("nan", "1"), ("1", "nan"), ("inf", "-inf"), ("1e300", "inf"), ("inf", "nan")]
        {
            assert!(
                compare(FLOAT(1e300), expected.as_bytes(), actual.as_bytes()).is_some(),
                "{expected} {actual}"
            );
        }
    }

    #[test]
    fn excerpts_of_long_lines_are_short() {
        let long = "x".repeat(1 << 20);
        let difference =
            compare(Compare::Lines, format!("{long}a").as_bytes(), format!("{long}b").as_bytes()).unwrap();
        assert_eq!((difference.line, difference.column), (1, (1 << 20) + 1));
        assert_eq!(difference.actual, Some(format!("…{}b", "x".repeat(20))));
    }

    const ALL: [fn() -> Compare; 4] =
        [|| Compare::Exact, || Compare::Lines, || Compare::Tokens, || FLOAT(1e-6)];

    proptest! {
        #[test]
        fn every_text_equals_itself(text in any::<Vec<u8>>()) {
            for how in ALL {
                assert_eq!(compare(how(), &text, &text), None);
            }
        }

        #[test]
        fn what_a_stricter_comparison_accepts_a_looser_one_accepts(
            left in "[ab1 \n]{0,8}", right in "[ab1 \n]{0,8}",
        ) {
            let accepts = |how: fn() -> Compare| compare(how(), left.as_bytes(), right.as_bytes()).is_none();
            for pair in ALL.windows(2) {
                assert!(!accepts(pair[0]) || accepts(pair[1]), "{left:?} {right:?}");
            }
        }

        #[test]
        fn a_comparison_is_symmetric(left in "[ab1. \n]{0,8}", right in "[ab1. \n]{0,8}") {
            for how in ALL {
                let there = compare(how(), left.as_bytes(), right.as_bytes());
                let back = compare(how(), right.as_bytes(), left.as_bytes());
                assert_eq!(there.is_none(), back.is_none(), "{left:?} {right:?}");
            }
        }

        #[test]
        fn a_difference_is_at_a_position_of_the_output(
            left in prop::collection::vec(any::<u8>(), 0..40), right in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            for how in ALL {
                if let Some(difference) = compare(how(), &left, &right) {
                    let lines = right.iter().filter(|&&byte| byte == b'\n').count() as u64;
                    assert!((1..=lines + 2).contains(&difference.line));
                    assert!((1..=right.len().max(left.len()) as u64 + 1).contains(&difference.column));
                }
            }
        }
    }
}
