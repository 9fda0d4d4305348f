//! Files that are broken on purpose, so that a reader's guards have something to find. A defect is
//! always detectable from the path and the bytes alone.

use serde::Serialize;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefectKind {
    /// Ends within the first kanji of the patient's name, half way through a two-byte character.
    Truncated,
    /// Holds two bytes.
    TwoBytes,
    /// Names another patient of the same facility in PID than the folder it lies in.
    Misfiled,
    /// Lies in a folder whose name is no data kind.
    UnknownKind,
    /// Its name does not follow the rule of seven parts.
    BadName,
}

impl DefectKind {
    /// Every defect.
    pub const ALL: [Self; 5] = [
        Self::Truncated,
        Self::TwoBytes,
        Self::Misfiled,
        Self::UnknownKind,
        Self::BadName,
    ];
}

/// The bytes of a message up to the first kanji of the patient's name, with half of that kanji.
pub(crate) fn truncate(bytes: &[u8]) -> &[u8] {
    let pid = find(bytes, b"PID|").unwrap_or(0);
    let kanji = find(&bytes[pid..], b"\x1b$B").map_or(bytes.len() / 2, |at| pid + at + 4);
    &bytes[..kanji.min(bytes.len())]
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode;

    #[test]
    fn a_truncated_file_ends_inside_a_character_of_the_name() {
        let whole = encode("MSH|^~\\&|病院\rPID|0001||1||山田^太郎||19500101|M\r");
        let cut = truncate(&whole);
        assert!(cut.ends_with(b"\x1b$B\x3b"), "{cut:02x?}");
        let (_, _, faulty) = encoding_rs::ISO_2022_JP.decode(cut);
        assert!(faulty);
    }
}
