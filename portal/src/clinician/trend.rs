//! A test's values as a small curve (SVG): the normal range as a band, values outside it as squares.
//!
//! The table beside it says the same to whoever does not see it.

use super::summary::Trend;
use std::fmt::Write;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 90.0;
const MARGIN: f64 = 8.0;

/// The curve. Numbers only: nothing of what a document says is in it.
pub fn curve(trend: &Trend) -> String {
    let values = trend.points.iter().map(|point| point.value);
    let range = trend.range.into_iter().flat_map(|(low, high)| [low, high]);
    let (low, high) = values
        .chain(range)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
    let (first, last) = match (trend.points.first(), trend.points.last()) {
        (Some(first), Some(last)) => (first.at.0, last.at.0),
        _ => return String::new(),
    };
    let x = |at: u64| match last.saturating_sub(first) {
        0 => WIDTH / 2.0,
        span => MARGIN + (WIDTH - 2.0 * MARGIN) * (at.saturating_sub(first) as f64 / span as f64),
    };
    let y = |value: f64| match high > low {
        true => HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * ((value - low) / (high - low)),
        false => HEIGHT / 2.0,
    };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" class=\"curve\" aria-hidden=\"true\" focusable=\"false\">"
    );
    if let Some((low, high)) = trend.range {
        let (top, bottom) = (y(high), y(low));
        let _ = write!(
            svg,
            "<rect class=\"range\" x=\"0\" y=\"{top:.1}\" width=\"{WIDTH}\" height=\"{:.1}\"/>",
            bottom - top
        );
    }
    let mut line = String::new();
    for point in &trend.points {
        let _ = write!(line, "{:.1},{:.1} ", x(point.at.0), y(point.value));
    }
    let _ = write!(
        svg,
        "<polyline class=\"line\" points=\"{}\"/>",
        line.trim_end()
    );
    for point in &trend.points {
        let (x, y) = (x(point.at.0), y(point.value));
        let _ = match point.outside {
            true => write!(
                svg,
                "<rect class=\"outside\" x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"/>",
                x - 4.0,
                y - 4.0
            ),
            false => write!(
                svg,
                "<circle class=\"inside\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            ),
        };
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinician::summary::Point;
    use sekisho_domain::TimeMs;

    fn trend(values: &[(u64, f64)]) -> Trend {
        let point = |(at, value): &(u64, f64)| Point {
            at: TimeMs(*at),
            value: *value,
            text: "<script>".into(),
            outside: *value > 50.0,
            facility: "<b>".into(),
            number: 0,
        };
        Trend {
            name: "<i>".into(),
            unit: "<u>".into(),
            range: Some((10.0, 40.0)),
            points: values.iter().map(point).collect(),
        }
    }

    #[test]
    fn a_curve_stays_in_its_frame_and_holds_nothing_but_numbers() {
        let svg = curve(&trend(&[(0, 20.0), (10, 55.0), (20, 5.0)]));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert_eq!(
            (
                svg.matches("class=\"outside\"").count(),
                svg.matches("<circle").count()
            ),
            (1, 2)
        );
        for tag in ["<script", "<b>", "<i>", "<u>"] {
            assert!(!svg.contains(tag), "{svg}");
        }
        let points = svg
            .split("points=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        for pair in points.split(' ') {
            let (x, y) = pair.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!(
                (0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y),
                "{pair}"
            );
        }
    }

    #[test]
    fn one_value_and_none_are_drawn_too() {
        assert!(
            curve(&Trend {
                range: None,
                ..trend(&[(5, 7.0)])
            })
            .contains("cx=\"160.0\" cy=\"45.0\"")
        );
        assert_eq!(curve(&trend(&[])), "");
    }
}
