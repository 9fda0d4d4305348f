//! Medians and percentiles.

/// The middle of the values, or the mean of the two in the middle; none of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// The smallest value that at least `percent` (above 0, at most 100) of the values do not exceed (nearest
/// rank); none of none.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let sorted = sorted(values);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let cases: [(&[f64], Option<f64>); 5] = [
            (&[], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 5.0], Some(5.0)),
            (&[8.0, 1.0, 4.0, 2.0], Some(3.0)),
            (&[7.0, 7.0, 1e9, 0.0, 7.0], Some(7.0)),
        ];
        for (values, expected) in cases {
            assert_eq!(median(values), expected, "of {values:?}");
        }
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (percent, expected) in [(50.0, 50.0), (99.0, 99.0), (99.1, 100.0), (100.0, 100.0)] {
            assert_eq!(percentile(&hundred, percent), Some(expected), "{percent} %");
        }
        assert_eq!(percentile(&[4.0, 2.0], 50.0), Some(2.0));
        assert_eq!(percentile(&[4.0, 2.0], 99.0), Some(4.0));
        assert_eq!(percentile(&[4.0], 0.1), Some(4.0));
        assert_eq!(percentile(&[], 50.0), None);
    }
}
