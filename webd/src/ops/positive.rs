//! Quantities in configuration files.

use std::time::Duration;

use protocol::quantity::{Quantity, Value};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Deserializes a duration such as `"10s"`; `"0s"` is valid.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Quantity::deserialize(deserializer).map(|Quantity(value)| value)
}

/// Deserializes a quantity such as `"10s"` or `"16MiB"`, and refuses zero.
pub(crate) fn positive<'de, D: Deserializer<'de>, T: Value>(deserializer: D) -> Result<T, D::Error> {
    let Quantity(value) = Quantity::<T>::deserialize(deserializer)?;
    if value <= T::from_number(0) {
        return Err(D::Error::custom("must be more than zero"));
    }
    Ok(value)
}
