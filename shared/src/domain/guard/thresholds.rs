//! The thresholds: from when on a service counts as not working.

use std::fmt;

use crate::platform::config::{ConfigError, Vars};

/// From when on a service counts as not working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// So many outcomes at least must be bad ...
    pub bad: u32,
    /// ... and so many of a hundred ...
    pub share: u32,
    /// ... in so many seconds, a whole number of minutes.
    pub window: u32,
    /// Or so many outcomes in a row must be unclear.
    pub row: u32,
}

const DEFAULT: Thresholds = Thresholds { bad: 10, share: 50, window: 600, row: 30 };
/// The longest window, in seconds.
const LONGEST_WINDOW: u32 = 3_600;
const PROBLEM: &str = "must be off, or some of bad=10,share=50,window=600,row=30: bad and row 1 or \
                       more, share 1 to 100, window whole minutes in seconds, at most 3600";

impl Default for Thresholds {
    fn default() -> Self {
        DEFAULT
    }
}

impl Thresholds {
    /// The defaults, unless `GUARD` holds others: `bad=10,share=50,window=600,row=30`, or some of these.
    /// `None` where it is `off`.
    ///
    /// # Errors
    /// [`ConfigError`] for anything else.
    pub fn from_vars(vars: &Vars) -> Result<Option<Self>, ConfigError> {
        match vars.optional("GUARD") {
            None => Ok(Some(DEFAULT)),
            Some("off") => Ok(None),
            Some(text) => match Self::parse(text) {
                Some(thresholds) => Ok(Some(thresholds)),
                None => Err(ConfigError::invalid("GUARD", PROBLEM)),
            },
        }
    }

    /// Reads thresholds. What is not named has its default.
    pub fn parse(text: &str) -> Option<Self> {
        let mut thresholds = DEFAULT;
        let mut named = Vec::new();
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let value: u32 = value.parse().ok().filter(|value| *value > 0)?;
            let (place, most) = match name {
                "bad" => (&mut thresholds.bad, u32::MAX),
                "share" => (&mut thresholds.share, 100),
                "window" => (&mut thresholds.window, LONGEST_WINDOW),
                "row" => (&mut thresholds.row, u32::MAX),
                _ => return None,
            };
            if named.contains(&name) || value > most {
                return None;
            }
            named.push(name);
            *place = value;
        }
        thresholds.window.is_multiple_of(60).then_some(thresholds)
    }

    /// The length of the window, in minutes.
    pub fn minutes(&self) -> i64 {
        i64::from(self.window / 60)
    }
}

impl fmt::Display for Thresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bad, share, window, row } = self;
        write!(f, "bad={bad},share={share},window={window},row={row}")
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    fn read(text: &str) -> Result<Option<Thresholds>, ConfigError> {
        Thresholds::from_vars(&[("GUARD".to_owned(), text.to_owned())].into_iter().collect())
    }

    #[test]
    fn thresholds_are_configurable_and_invalid_ones_stop_the_function() {
        assert_eq!(read(""), Ok(Some(DEFAULT)));
        assert_eq!(read("off"), Ok(None));
        let others = Thresholds { row: 5, window: 120, ..DEFAULT };
        assert_eq!(read("row=5, window=120"), Ok(Some(others)));
        for odd in ["on", "bad", "bad=0", "bad=-1", "share=101", "window=90", "window=3660", "x=1"]
        {
            let error = read(odd).unwrap_err().to_string();
            assert!(error.contains("GUARD"), "{error}");
        }
        assert_eq!(read("share=100"), Ok(Some(Thresholds { share: 100, ..DEFAULT })));
        assert_eq!([60, 600].map(|window| Thresholds { window, ..DEFAULT }.minutes()), [1, 10]);
        assert!(read("row=5,row=6").is_err() && read("row=5,").is_err());
    }

    #[test]
    fn thresholds_that_are_read_are_within_their_bounds_and_read_again_as_written() {
        fuzz(|choices| {
            let words =
                ["bad=10,share=50", "window=600", "row=30", "off", "bad=4294967296", "=", ","];
            let Some(read) = Thresholds::parse(&choices.text(&words)) else { return };
            let Thresholds { bad, share, window, row } = read;
            assert!(bad > 0 && row > 0 && (1..=100).contains(&share));
            assert!((60..=LONGEST_WINDOW).contains(&window) && window.is_multiple_of(60));
            assert_eq!(Thresholds::parse(&read.to_string()), Some(read));
        });
    }
}
