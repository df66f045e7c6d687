//! The list of package sets, as text or as JSON.

use protocol::PackageSet;
use serde_json::{Map, Value, json};

use crate::packages::store::Store;

/// Returns the package sets of a language, or of all.
pub(super) fn list(store: &Store, id: Option<&str>, is_json: bool) -> Result<String, String> {
    let mut languages = store.list()?;
    languages.retain(|(language, _)| id.is_none_or(|id| id == language));
    Ok(if is_json { format!("{:#}\n", as_json(&languages)) } else { table(&languages) })
}

fn as_json(languages: &[(String, Vec<PackageSet>)]) -> Value {
    let sets = |(language, sets): &(String, Vec<PackageSet>)| {
        (language.clone(), sets.iter().map(set_as_json).collect::<Vec<_>>().into())
    };
    Value::Object(languages.iter().map(sets).collect::<Map<_, _>>())
}

/// Returns a set as the HTTP API lists it.
pub(crate) fn set_as_json(set: &PackageSet) -> Value {
    let packages = set.packages.iter();
    let packages = packages.map(|one| json!({ "name": one.name, "version": one.version }));
    json!({ "name": set.name, "default": set.is_default, "packages": packages.collect::<Vec<_>>() })
}

fn table(languages: &[(String, Vec<PackageSet>)]) -> String {
    let mut table = String::new();
    for (language, sets) in languages {
        for set in sets {
            table += &format!("{language}  {}\n", summary(set));
        }
    }
    table
}

/// Returns the name of a set and its packages with their versions, on one line.
pub(crate) fn summary(set: &PackageSet) -> String {
    let package = |package: &protocol::Package| match &package.version {
        Some(version) => format!("{} {version}", package.name),
        None => package.name.clone(),
    };
    let default = if set.is_default { " (default)" } else { "" };
    let packages = set.packages.iter().map(package).collect::<Vec<_>>().join(", ");
    format!("{}{default}: {packages}", set.name)
}

#[cfg(test)]
mod tests {
    use protocol::Package;

    use super::*;

    #[test]
    fn a_set_is_one_line_of_text_or_an_object() {
        let packages = vec![
            Package { name: "numpy".to_owned(), version: Some("1.24.2".to_owned()) },
            Package { name: "headers".to_owned(), version: None },
        ];
        let set = PackageSet { name: "data".to_owned(), is_default: true, packages };
        let languages = [("python".to_owned(), vec![set])];
        assert_eq!(table(&languages), "python  data (default): numpy 1.24.2, headers\n");
        let expected = json!({ "python": [{ "name": "data", "default": true, "packages": [
            { "name": "numpy", "version": "1.24.2" }, { "name": "headers", "version": null },
        ] }] });
        assert_eq!(as_json(&languages), expected);
    }
}
