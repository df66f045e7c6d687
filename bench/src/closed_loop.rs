//! One client that sends its next request as soon as it has the answer.

use std::io;
use std::time::Duration;

use crate::case::{Case, Samples, compare};
use crate::programs::Language;
use crate::testbed::Testbed;
use crate::variant::Variant;

const VARIANTS: [Variant; 4] = [Variant::Bare, Variant::Warm, Variant::Cold, Variant::WithoutZygote];

/// Measures hello world of a language, each variant for `duration`.
///
/// # Errors
/// A message, if an execution fails.
pub fn measure(testbed: &mut Testbed, language: Language, duration: Duration) -> io::Result<Vec<Case>> {
    let program = language.programs()?.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
    let ready = testbed.prepare(program, 1)?;
    let goal = |variant| match (language, variant) {
        (Language::Java, Variant::Warm) => "≤ 160 ms",
        _ => "",
    };
    let mut ways: Vec<Samples> = Vec::new();
    for variant in testbed.measurable(&VARIANTS, language.name()) {
        ways.push((variant.name(), goal(variant), testbed.load(variant, &ready, 1, duration)?));
    }
    Ok(compare(&format!("{}: one client in a closed loop", language.name()), "an answer", &ways))
}
