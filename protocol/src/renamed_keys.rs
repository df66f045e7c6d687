//! Configuration keys that were renamed. A file with an old key is rejected with a message that names the new one.
//!
//! ```text
//! let keys: ConfigKeys = toml::from_str(text)?;
//! keys.reject_renamed(&[("cache.max", "build_cache.max_builds")])?;
//! ```

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// All keys of a configuration file, as dotted paths. Tables in an array have the path of the array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigKeys(Vec<String>);

/// A key that was renamed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{old}` was renamed to `{new}`")]
pub struct RenamedKey {
    /// The key in the file.
    pub old: String,
    /// The key to use instead.
    pub new: String,
}

impl ConfigKeys {
    /// Checks that the file has none of the old keys. `renames` holds pairs of old and new paths.
    ///
    /// # Errors
    /// [`RenamedKey`] for the first old key.
    pub fn reject_renamed(&self, renames: &[(&str, &str)]) -> Result<(), RenamedKey> {
        match renames.iter().find(|(old, _)| self.0.iter().any(|key| key == old)) {
            Some(&(old, new)) => Err(RenamedKey { old: old.to_owned(), new: new.to_owned() }),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for ConfigKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut keys = Vec::new();
        Collector { path: "", keys: &mut keys }.deserialize(deserializer)?;
        Ok(Self(keys))
    }
}

/// Collects the keys below `path`, and ignores the values.
struct Collector<'a> {
    path: &'a str,
    keys: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Collector<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collector<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let path = if self.path.is_empty() { key } else { format!("{}.{key}", self.path) };
            self.keys.push(path.clone());
            map.next_value_seed(Collector { path: &path, keys: self.keys })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Collector { path: self.path, keys: self.keys })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ConfigKeys;

    #[test]
    fn an_old_key_is_rejected_with_the_name_of_the_new_one() {
        fn check(text: &str, message: Option<&str>) {
            let renames = [("main", "main_file"), ("a.old", "b.new"), ("list.old", "list.new")];
            let keys: ConfigKeys = toml::from_str(text).unwrap();
            let result = keys.reject_renamed(&renames).map_err(|error| error.to_string());
            assert_eq!(result.err().as_deref(), message, "{text:?}");
        }
        check("", None);
        check("main = 1", Some("`main` was renamed to `main_file`"));
        check("x = 1.5\n[a]\nold = \"text\"", Some("`a.old` was renamed to `b.new`"));
        check("a = { old = true }", Some("`a.old` was renamed to `b.new`"));
        check("[[list]]\nnew = 1\n[[list]]\nold = [1, 2]", Some("`list.old` was renamed to `list.new`"));
        check("old = 1979-05-27\n[b]\nmain = 1\nold = 1", None);
    }
}
