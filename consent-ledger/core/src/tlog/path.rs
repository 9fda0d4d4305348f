//! The names of tiles and entry bundles, as C2SP tlog-tiles writes them.

use super::{TILE_HEIGHT, TILE_WIDTH};
use crate::merkle::TREE_SIZE_MAX;
use std::fmt;
use std::str::FromStr;

/// The highest level a tile of the largest tree can have. (The specification's numbers go to 63.)
pub const LEVEL_MAX: u8 = 7;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// The entries themselves: an entry bundle.
    Entries,
    /// Hashes of complete subtrees of height `8 * level`, level 0 to [`LEVEL_MAX`].
    Hashes {
        /// The level.
        level: u8,
    },
}

impl Content {
    /// Entries and all levels of hashes, in this order.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Entries).chain((0..=LEVEL_MAX).map(|level| Self::Hashes { level }))
    }

    /// How many bits of a leaf's index one element of the tile stands for.
    fn shift(self) -> u8 {
        match self {
            Self::Entries => 0,
            Self::Hashes { level } => TILE_HEIGHT * level,
        }
    }
}

/// Why a text names no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TilePathFault {
    /// It is not in the form of the specification, or not in its only one.
    #[error(
        "not tile/LEVEL/N, tile/entries/N or one of these with .p/WIDTH, as C2SP tlog-tiles writes them"
    )]
    Form,
    /// No tree has a tile of that level.
    #[error("there is no tile of level {0}, the highest is {LEVEL_MAX}")]
    Level(u8),
    /// No tree has so many tiles.
    #[error("tile {0} lies beyond the largest tree")]
    Index(u64),
    /// A tile holds 1 to 256 elements.
    #[error("a tile is 1 to {TILE_WIDTH} wide, not {0}")]
    Width(u16),
}

/// The name of one tile or entry bundle. Orders entries first, then hashes from the leaves up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TilePath {
    content: Content,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The tile `index` of its level, `width` (1 to 256) elements wide.
    ///
    /// # Errors
    /// [`TilePathFault::Level`], [`TilePathFault::Index`] or [`TilePathFault::Width`].
    pub fn new(content: Content, index: u64, width: u16) -> Result<Self, TilePathFault> {
        if let Content::Hashes { level } = content
            && level > LEVEL_MAX
        {
            return Err(TilePathFault::Level(level));
        }
        if !(1..=TILE_WIDTH).contains(&width) {
            return Err(TilePathFault::Width(width));
        }
        // Checked so, nothing computed from a path can overflow.
        let elements = TREE_SIZE_MAX >> content.shift();
        let end = index
            .checked_mul(TILE_WIDTH.into())
            .and_then(|begin| begin.checked_add(width.into()));
        if end.is_none_or(|end| end > elements) {
            return Err(TilePathFault::Index(index));
        }
        Ok(Self {
            content,
            index,
            width,
        })
    }

    /// What it holds.
    pub fn content(self) -> Content {
        self.content
    }

    /// Its place among the tiles of its level, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many elements it holds, 1 to 256.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Whether it is 256 wide, and so never changes.
    pub fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Its elements' places among those of its level: leaves for entries and level 0, complete subtrees of
    /// height `8 * level` above.
    pub fn elements(self) -> std::ops::Range<u64> {
        let begin = self.index * u64::from(TILE_WIDTH);
        begin..begin + u64::from(self.width)
    }

    /// The smallest tree that has all of it.
    pub fn tree_size(self) -> u64 {
        self.elements().end << self.content.shift()
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("tile/entries")?,
            Content::Hashes { level } => write!(f, "tile/{level}")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (left, group) in groups.iter().enumerate().rev() {
            let more = if left > 0 { "x" } else { "" };
            write!(f, "/{more}{group:03}")?;
        }
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

impl FromStr for TilePath {
    type Err = TilePathFault;
    fn from_str(text: &str) -> Result<Self, TilePathFault> {
        let path = read(text).ok_or(TilePathFault::Form)?;
        let path = Self::new(path.0, path.1, path.2)?;
        // One name for a tile: no leading zeros, no empty groups, no `.p/256`.
        if path.to_string() == text {
            Ok(path)
        } else {
            Err(TilePathFault::Form)
        }
    }
}

fn read(text: &str) -> Option<(Content, u64, u16)> {
    let (content, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let content = match content {
        "entries" => Content::Entries,
        level => Content::Hashes {
            level: level.parse().ok()?,
        },
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let mut number = 0u64;
    for group in index.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let group: u16 = digits.parse().ok()?;
        number = number.checked_mul(1000)?.checked_add(group.into())?;
    }
    Some((content, number, width))
}

/// All tiles and entry bundles of a tree of this size, full ones and the partial ones of its right edge, in
/// their order.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
    Content::all().flat_map(move |content| {
        let elements = size.min(TREE_SIZE_MAX) >> content.shift();
        let full = elements / u64::from(TILE_WIDTH);
        let rest = (elements % u64::from(TILE_WIDTH)) as u16;
        let of = move |index, width| TilePath {
            content,
            index,
            width,
        };
        (0..full)
            .map(move |index| of(index, TILE_WIDTH))
            .chain((rest > 0).then(|| of(full, rest)))
    })
}

/// The tiles and entry bundles that are full in a tree of the larger size but not in one of the smaller, in
/// their order.
pub fn tiles_completed(smaller: u64, larger: u64) -> impl Iterator<Item = TilePath> {
    Content::all().flat_map(move |content| {
        let full = |size: u64| (size.min(TREE_SIZE_MAX) >> content.shift()) / u64::from(TILE_WIDTH);
        (full(smaller)..full(larger)).map(move |index| TilePath {
            content,
            index,
            width: TILE_WIDTH,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_those_of_the_specification() {
        let hashes = |level| Content::Hashes { level };
        for (content, index, width, name) in [
            (hashes(0), 0, 256, "tile/0/000"),
            (hashes(1), 1_234_067, 256, "tile/1/x001/x234/067"),
            (hashes(2), 1_000, 17, "tile/2/x001/000.p/17"),
            (Content::Entries, 999, 1, "tile/entries/999.p/1"),
        ] {
            let path = TilePath::new(content, index, width).unwrap();
            assert_eq!(path.to_string(), name);
            assert_eq!(name.parse(), Ok(path), "{name}");
        }
    }

    #[test]
    fn other_names_of_the_same_are_refused() {
        use TilePathFault::{Form, Index, Level, Width};
        for (name, fault) in [
            ("tile/0/000.p/256", Form),
            ("tile/0/000.p/0", Width(0)),
            ("tile/0/000.p/257", Width(257)),
            ("tile/0/000.p/07", Form),
            ("tile/0/000.p/+7", Form),
            ("tile/00/000", Form),
            ("tile/8/000", Level(8)),
            ("tile/64/000", Level(64)),
            ("tile/-1/000", Form),
            ("tile/0/0", Form),
            ("tile/0/0000", Form),
            ("tile/0/x000/001", Form),
            ("tile/0/001/002", Form),
            ("tile/0/x001", Form),
            ("tile/0/x001/x002", Form),
            ("tile/0/000/", Form),
            ("tile/0/000.p/", Form),
            ("tile/0/000.p/1.p/1", Form),
            ("tile/0//000", Form),
            ("tile/0/+12", Form),
            ("tile/0/..", Form),
            ("/tile/0/000", Form),
            ("tile/entries", Form),
            ("tile/Entries/000", Form),
            ("checkpoint", Form),
            ("", Form),
            ("tile/7/001", Index(1)),
            ("tile/0/x099/x999/x999/x999/x999/x999/999", Form),
        ] {
            assert_eq!(name.parse::<TilePath>(), Err(fault), "{name}");
        }
    }

    /// The example of the specification: "a tree of size 70,000".
    #[test]
    fn a_tree_of_70_000_has_the_tiles_the_specification_says() {
        let mut count = std::collections::BTreeMap::new();
        for path in tiles_of(70_000) {
            *count.entry((path.content(), path.width())).or_insert(0) += 1;
        }
        let hashes = |level| Content::Hashes { level };
        let expected = [
            ((Content::Entries, 112), 1),
            ((Content::Entries, 256), 273),
            ((hashes(0), 112), 1),
            ((hashes(0), 256), 273),
            ((hashes(1), 17), 1),
            ((hashes(1), 256), 1),
            ((hashes(2), 1), 1),
        ];
        assert_eq!(count.into_iter().collect::<Vec<_>>(), expected);
        let of_256: Vec<_> = tiles_of(256).map(|path| path.to_string()).collect();
        assert_eq!(of_256, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(tiles_of(0).count(), 0);
    }

    proptest! {
        #[test]
        fn a_name_leads_back(level in 0..=LEVEL_MAX, index in any::<u64>(), width in 1..=TILE_WIDTH) {
            let content = Content::Hashes { level };
            let elements = TREE_SIZE_MAX >> content.shift();
            let index = index % (elements / 256).max(1);
            let width = u64::from(width).min(elements) as u16;
            let path = TilePath::new(content, index, width).unwrap();
            prop_assert_eq!(path.to_string().parse(), Ok(path));
            prop_assert!(path.tree_size() <= TREE_SIZE_MAX);
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "(tile/)?(entries|[0-9]{1,2})(/x?[0-9]{1,4}){1,7}(\\.p/[0-9]{1,3})?") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn growing_completes_exactly_the_new_full_tiles(a in 0u64..200_000, b in 0u64..200_000) {
            let (smaller, larger) = (a.min(b), a.max(b));
            let full = |size| tiles_of(size).filter(|path| path.is_full()).collect::<BTreeSet<_>>();
            let new: BTreeSet<_> = full(larger).difference(&full(smaller)).copied().collect();
            prop_assert!(new.iter().all(|path| smaller < path.tree_size() && path.tree_size() <= larger));
            prop_assert_eq!(tiles_completed(smaller, larger).collect::<BTreeSet<_>>(), new);
        }
    }
}
