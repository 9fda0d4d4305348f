//! Meals: OMD.

use super::Scene;
use crate::Day;
use crate::day::Moment;
use crate::message::Seg;

/// A diet from a day on: code and name.
pub(crate) const DIETS: &[(&str, &str)] = &[
    ("001", "常食"),
    ("002", "塩分制限食（６ｇ）"),
    ("003", "糖尿病食１６００ｋｃａｌ"),
    ("004", "全粥食"),
    ("005", "絶食"),
];

/// OMD; `code` is ORC-1.
pub(crate) fn meal(
    scene: &Scene<'_>,
    order: &str,
    diet: (&str, &str),
    start: Day,
    ordered: Moment,
    code: &str,
) -> Vec<Seg> {
    vec![
        scene.pid(),
        scene.pv1(),
        scene.orc(code, order, ordered),
        Seg::new("TQ1")
            .with(1, "1")
            .with(3, "TID&１日３回&HL70335")
            .with(7, format!("{start}07"))
            .with(9, "R^ルーチン^HL70485"),
        Seg::new("ODS")
            .with(1, "D")
            .with(3, format!("{}^{}^99XY3", diet.0, diet.1))
            .with(4, "食堂で・麦飯不可"),
    ]
}
