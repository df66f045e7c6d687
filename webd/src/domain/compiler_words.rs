//! Arguments of a C or C++ compiler in requests to the APIs of other servers, as declared options of the language. The
//! words themselves never reach a compiler.

use protocol::{OptionSetting, OptionValue};

/// Words that change nothing here: the files are sources of the language, and C is linked with the mathematical library.
const WITHOUT_EFFECT: [&str; 7] = ["-g", "-pipe", "-lm", "-lstdc++", "-xc", "-xc++", "-static-libstdc++"];
/// Words that set a flag.
const FLAGS: [(&str, &str); 5] = [
    ("-Wall", "wall"),
    ("-Wextra", "warnings"),
    ("-Werror", "werror"),
    ("-pedantic", "pedantic"),
    ("-fopenmp", "openmp"),
];

/// Returns the options that the words select. A later word replaces an earlier one, as for a compiler.
///
/// # Errors
/// The first word that is no option.
pub(crate) fn options(words: &[String]) -> Result<Vec<OptionSetting>, String> {
    let mut settings: Vec<OptionSetting> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, value) = match word.as_str() {
            "-x" => match words.next().map(String::as_str) {
                Some("c" | "c++") => continue,
                _ => return Err(word.clone()),
            },
            known if WITHOUT_EFFECT.contains(&known) => continue,
            _ => option(word).ok_or_else(|| word.clone())?,
        };
        settings.retain(|setting| setting.name != name);
        settings.push(OptionSetting { name: name.to_owned(), value });
    }
    Ok(settings)
}

/// Returns the option that a word selects.
fn option(word: &str) -> Option<(&'static str, OptionValue)> {
    let choice = |value: &str| OptionValue::Choice(value.to_owned());
    if let Some((_, name)) = FLAGS.iter().find(|(flag, _)| *flag == word) {
        return Some((name, OptionValue::Flag(true)));
    }
    if word == "-O" {
        return Some(("optimize", choice("1")));
    }
    if let Some(level) = word.strip_prefix("-O") {
        return Some(("optimize", choice(level)));
    }
    if let Some(standard) = word.strip_prefix("-std=") {
        return Some(("std", choice(standard)));
    }
    let sanitizers = word.strip_prefix("-fsanitize=")?;
    Some(("sanitize", OptionValue::Set(sanitizers.split(',').map(str::to_owned).collect())))
}

/// Returns whether the compiler of a language has these options.
pub(crate) fn has_options(language: &str) -> bool {
    ["c", "cpp"].contains(&language)
}

/// Adds a setting, unless the option is set.
pub(crate) fn set_default(settings: &mut Vec<OptionSetting>, name: &str, value: OptionValue) {
    if settings.iter().all(|setting| setting.name != name) {
        settings.push(OptionSetting { name: name.to_owned(), value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(words: &str) -> Result<Vec<(String, OptionValue)>, String> {
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        options(&words).map(|settings| settings.into_iter().map(|one| (one.name, one.value)).collect())
    }

    #[test]
    fn words_select_options() {
        let choice = |name: &str, value: &str| (name.to_owned(), OptionValue::Choice(value.to_owned()));
        let flag = |name: &str| (name.to_owned(), OptionValue::Flag(true));
        assert_eq!(
            selected("-Wall -Werror -std=c99 -x c"),
            Ok(vec![flag("wall"), flag("werror"), choice("std", "c99")])
        );
        assert_eq!(selected("-O2 -g -O3 -lm"), Ok(vec![choice("optimize", "3")]));
        assert_eq!(
            selected("-O -Wextra -pedantic"),
            Ok(vec![choice("optimize", "1"), flag("warnings"), flag("pedantic")])
        );
        let sanitizers = OptionValue::Set(vec!["address".to_owned(), "undefined".to_owned()]);
        assert_eq!(selected("-fsanitize=address,undefined"), Ok(vec![("sanitize".to_owned(), sanitizers)]));
        assert_eq!(selected(""), Ok(vec![]));
        for (words, refused) in [
            ("-Wall -DX=1", "-DX=1"),
            ("-x assembler", "-x"),
            ("-o /tmp/x", "-o"),
            ("@file", "@file"),
            ("-fplugin=x.so", "-fplugin=x.so"),
            ("main.c", "main.c"),
        ] {
            assert_eq!(selected(words), Err(refused.to_owned()));
        }
    }
}
