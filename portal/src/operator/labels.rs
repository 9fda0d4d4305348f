//! Where the names of marks stand on the map, so that none hides another or a mark. What has no room goes without: it is
//! in the mark's title and in the table.
//!
//! Lengths are tenths of the drawing's unit.

/// A name's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    x: i64,
    y: i64,
    /// How it stands to its point, as a class.
    pub anchor: &'static str,
}

impl Label {
    pub fn x(self) -> String {
        written(self.x)
    }
    pub fn y(self) -> String {
        written(self.y)
    }
}

fn written(tenths: i64) -> String {
    format!(
        "{}{}.{}",
        if tenths < 0 { "-" } else { "" },
        tenths.abs() / 10,
        tenths.abs() % 10
    )
}

/// Left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area(i64, i64, i64, i64);

impl Area {
    fn meets(self, other: Self) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }
    fn within(self, other: Self) -> bool {
        self.0 >= other.0 && self.1 >= other.1 && self.2 <= other.2 && self.3 <= other.3
    }
}

/// Sizes on the drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// A mark's radius.
    pub radius: i64,
    /// One em of a name.
    pub em: i64,
    /// The shown part: left, top and side.
    pub part: (i64, i64, i64),
}

/// The labels of marks with their texts, in the same order.
pub(super) fn labels(marks: &[((i64, i64), &str)], sizes: Sizes) -> Vec<Option<Label>> {
    let Sizes { radius, em, part } = sizes;
    let shown = Area(part.0, part.1, part.0 + part.2, part.1 + part.2);
    let around = |(x, y): (i64, i64)| Area(x - radius, y - radius, x + radius, y + radius);
    let circles: Vec<_> = marks.iter().map(|(at, _)| around(*at)).collect();
    let mut taken: Vec<Area> = Vec::new();
    let mut all = Vec::with_capacity(marks.len());
    for ((x, y), text) in marks {
        // Ids are lower-case Latin and digits: six tenths of an em wide at most.
        let wide =
            i64::try_from(text.chars().count()).unwrap_or(i64::MAX / em.max(1)) * em * 6 / 10;
        let (gap, high) = (radius + em / 3, em * 11 / 20);
        let beside = [
            (x + gap, *y, "start"),
            (x - gap, *y, "end"),
            (*x, y + gap + high, "middle"),
            (*x, y - gap - high, "middle"),
        ];
        let area = |(x, y, anchor): (i64, i64, &str)| {
            let left = match anchor {
                "start" => x,
                "end" => x - wide,
                _ => x - wide / 2,
            };
            Area(left, y - high, left + wide, y + high)
        };
        let free = |place: &&(i64, i64, &'static str)| {
            let area = area(**place);
            let hidden = taken.iter().chain(&circles).any(|other| area.meets(*other));
            area.within(shown) && !hidden
        };
        let found = beside.iter().find(free).copied();
        taken.extend(found.map(area));
        all.push(found.map(|(x, y, anchor)| Label { x, y, anchor }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        radius: 30,
        em: 50,
        part: (0, 0, 2_200),
    };

    #[test]
    fn a_name_stands_where_there_is_room_and_else_nowhere() {
        let anchors = |marks: &[((i64, i64), &str)]| {
            let labels = labels(marks, SIZES).into_iter();
            labels
                .map(|label| label.map_or("", |l| l.anchor))
                .collect::<Vec<_>>()
        };
        assert_eq!(anchors(&[((1_000, 1_000), "saga")]), ["start"]);
        // At the right edge; with a mark to the right; in a crowd.
        assert_eq!(anchors(&[((2_150, 1_000), "saga")]), ["end"]);
        assert_eq!(
            anchors(&[((1_000, 1_000), "saga"), ((1_100, 1_000), "kurume")]),
            ["end", "start"]
        );
        let crowd: Vec<_> = (0..5)
            .flat_map(|x| (0..5).map(move |y| ((1_000 + 65 * x, 1_000 + 65 * y), "a-long-name")))
            .collect();
        let crowded = labels(&crowd, SIZES);
        assert!(crowded.iter().any(Option::is_some) && crowded.iter().any(Option::is_none));
        assert_eq!(crowded[12], None, "the one in the middle");
        assert_eq!(
            (written(-5), written(1_234)),
            ("-0.5".to_owned(), "123.4".to_owned())
        );
    }
}
