//! Medians, percentiles and ratios of whole numbers.

use serde::Serialize;

/// The middle and the ends of some values, in their unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The middle value; of an even number of values the mean of the two in the middle.
    pub median: u64,
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
}

impl Spread {
    /// The spread of the values; none if there are none.
    pub fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => values[middle - 1].midpoint(values[middle]),
        };
        Some(Self { median, min, max })
    }
}

/// The smallest value that is not below `percent` of the values (nearest rank); none if there are none.
pub fn percentile(mut values: Vec<u64>, percent: usize) -> Option<u64> {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}

/// How many times `base` the value is; none if `base` is 0.
pub fn ratio(value: u64, base: u64) -> Option<f64> {
    (base != 0).then(|| value as f64 / base as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_of_values_is_one_of_them() {
        let expected = Spread { median: 5, min: 1, max: 900 };
        assert_eq!(Spread::of(vec![900, 1, 5]), Some(expected));
    }

    #[test]
    fn the_median_of_an_even_number_of_values_is_the_mean_of_the_middle_two() {
        let expected = Spread { median: 15, min: 1, max: u64::MAX };
        assert_eq!(Spread::of(vec![20, u64::MAX, 10, 1]), Some(expected));
    }

    #[test]
    fn no_values_have_no_spread_and_no_percentile() {
        assert_eq!(Spread::of(Vec::new()), None);
        assert_eq!(percentile(Vec::new(), 50), None);
    }

    #[test]
    fn a_percentile_is_the_value_at_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        for (percent, expected) in [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)] {
            assert_eq!(percentile(hundred.clone(), percent), Some(expected), "{percent}");
        }
        assert_eq!(percentile(vec![30, 10, 20], 99), Some(30));
        assert_eq!(percentile(vec![7], 50), Some(7));
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        assert_eq!(ratio(3, 2), Some(1.5));
        assert_eq!(ratio(3, 0), None);
    }
}
