//! The refusal of options that a room cannot have.

use core::ops::RangeInclusive;
use thiserror::Error;

/// An option of a room that is out of its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{option} has to be {low} to {high}, not {value}")]
pub struct OptionsError {
    option: &'static str,
    value: u64,
    low: u64,
    high: u64,
}

impl OptionsError {
    /// Refuses a value that is not within its bounds; `option` is the name of the field.
    ///
    /// ```
    /// use tickwire::OptionsError;
    ///
    /// assert!(OptionsError::unless("bodies", 900_u16, 1..=4_000).is_ok());
    /// let refused = OptionsError::unless("bodies", 40_000_u16, 1..=4_000).unwrap_err();
    /// assert_eq!(refused.to_string(), "bodies has to be 1 to 4000, not 40000");
    /// ```
    ///
    /// # Errors
    /// When the value is out of the bounds.
    pub fn unless<T>(option: &'static str, value: T, bounds: RangeInclusive<T>) -> Result<(), Self>
    where
        T: Copy + PartialOrd + Into<u64>,
    {
        if bounds.contains(&value) {
            return Ok(());
        }
        Err(Self { option, value: value.into(), low: (*bounds.start()).into(), high: (*bounds.end()).into() })
    }
}
