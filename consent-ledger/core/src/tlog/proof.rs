//! Proof files (C2SP tlog-proof): that an entry is in a log, in one text anybody can check offline.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra base64(…)              left out where there is none
//! index 57
//! base64(hash)                 one line a hash, from the leaf's sibling up; none in a tree of one leaf
//!                              an empty line
//! …                            the checkpoint, with its signatures
//! ```
//!
//! The file does not say what the entry is: that stands in `extra` ([`Receipt`](super::Receipt)) or is known
//! otherwise, and is believed only once its hash is proved to be in the tree.

use crate::ProofError;
use crate::merkle::PROOF_HASHES_MAX;
use crate::note::{NOTE_BYTES_MAX, Note};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_domain::Hash;
use std::fmt;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Longest `extra`, before base64: the longest leaf and what little stands beside it.
const EXTRA_BYTES_MAX: usize = crate::LEAF_BYTES_MAX + 1024;
/// Longest proof file: `extra` in base64, the longest proof, the longest note and the short lines.
pub const PROOF_FILE_BYTES_MAX: usize =
    EXTRA_BYTES_MAX / 3 * 4 + 8 + PROOF_HASHES_MAX * 45 + NOTE_BYTES_MAX + 128;

/// Why a text is not a proof file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileFault {
    /// Longer than one can be; not looked at.
    #[error("{got_bytes} bytes, a proof file is at most {PROOF_FILE_BYTES_MAX}")]
    TooLarge {
        /// Bytes given.
        got_bytes: usize,
    },
    /// Another file.
    #[error("the first line is not {HEADER}")]
    Header,
    /// A line that is not in form.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It has no checkpoint, or what stands there is none.
    #[error("the checkpoint in it is not a signed note: {0}")]
    Checkpoint(#[source] ProofError),
}

/// A proof file, parsed and not checked. `Display` gives its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What the application adds; not authenticated by anything in the file. Never empty.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The checkpoint it leads to.
    pub checkpoint: Note,
}

impl TlogProof {
    /// Parses a file, strictly: [`TlogProof`]'s `Display` gives the same bytes again.
    ///
    /// # Errors
    /// [`ProofFileFault`], the first thing that is not in form.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileFault> {
        let (head, extra, index) = Head::parse(bytes, HEADER)?;
        let (mut hashes, mut rest) = (Vec::new(), head.rest);
        loop {
            let line = head.line + hashes.len();
            let fault = |fault| ProofFileFault::Line { line, fault };
            let (text, after) = rest
                .split_once('\n')
                .ok_or_else(|| fault("the file ends before the checkpoint"))?;
            rest = after;
            if text.is_empty() {
                break;
            }
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(fault("more hashes than any tree calls for"));
            }
            let hash = STANDARD.decode(text).ok();
            let hash = hash.and_then(|bytes| Hash::try_from(bytes.as_slice()).ok());
            hashes.push(hash.ok_or_else(|| fault("not a hash of 32 bytes in base64"))?);
        }
        let checkpoint = Note::parse(rest.as_bytes()).map_err(ProofFileFault::Checkpoint)?;
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint,
        })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, HEADER, self.extra.as_deref(), self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What follows the lines `extra` and `index`.
pub(super) struct Head<'a> {
    /// The text after them.
    pub rest: &'a str,
    /// The number of its first line, from 1.
    pub line: usize,
}

impl<'a> Head<'a> {
    /// The header line, `extra` and `index`.
    pub fn parse(
        bytes: &'a [u8],
        header: &str,
    ) -> Result<(Self, Option<Vec<u8>>, u64), ProofFileFault> {
        if bytes.len() > PROOF_FILE_BYTES_MAX {
            return Err(ProofFileFault::TooLarge {
                got_bytes: bytes.len(),
            });
        }
        let text = str::from_utf8(bytes).map_err(|_| ProofFileFault::Header)?;
        let rest = text
            .strip_prefix(header)
            .and_then(|rest| rest.strip_prefix('\n'));
        let (mut rest, mut line, mut extra) = (rest.ok_or(ProofFileFault::Header)?, 2, None);
        if let Some(after) = rest.strip_prefix("extra ") {
            let fault = |fault| ProofFileFault::Line { line, fault };
            let (text, after) = after
                .split_once('\n')
                .ok_or_else(|| fault("the line does not end"))?;
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| fault("extra is not base64"))?;
            if bytes.is_empty() || bytes.len() > EXTRA_BYTES_MAX {
                return Err(fault("extra is empty or longer than any of ours"));
            }
            extra = Some(bytes);
            (rest, line) = (after, 3);
        }
        let index = rest
            .strip_prefix("index ")
            .and_then(|rest| rest.split_once('\n'))
            .and_then(|(text, after)| Some((crate::checkpoint::decimal(text)?, after)));
        let (index, rest) = index.ok_or(ProofFileFault::Line {
            line,
            fault: "not the entry's index, a decimal number without leading zeros",
        })?;
        let line = line + 1;
        Ok((Self { rest, line }, extra, index))
    }
}

pub(super) fn write_head(
    f: &mut fmt::Formatter<'_>,
    header: &str,
    extra: Option<&[u8]>,
    index: u64,
) -> fmt::Result {
    writeln!(f, "{header}")?;
    if let Some(extra) = extra.filter(|extra| !extra.is_empty()) {
        writeln!(f, "extra {}", STANDARD.encode(extra))?;
    }
    writeln!(f, "index {index}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// In the form of the example of C2SP tlog-proof, which the public vectors hold.
    const EXAMPLE: &str = "c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

\u{2014} example.com/fancylog AAAAAAE=
\u{2014} witness1.example AAAAAAI=
";

    #[test]
    fn the_specifications_form_is_read_and_written() {
        let proof = TlogProof::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(
            proof.extra.as_deref(),
            Some(b"age-v1.2.1-darwin-arm64.tar.gz".as_slice())
        );
        assert_eq!((proof.index, proof.hashes.len()), (73_894, 2));
        assert!(
            proof
                .checkpoint
                .text()
                .starts_with("example.com/fancylog\n")
        );
        assert_eq!(proof.to_string(), EXAMPLE);
        let without: String = EXAMPLE
            .split_inclusive('\n')
            .enumerate()
            .filter_map(|(at, line)| (![1, 3, 4].contains(&at)).then_some(line))
            .collect();
        let proof = TlogProof::parse(without.as_bytes()).unwrap();
        assert_eq!((&proof.extra, proof.hashes.len()), (&None, 0));
        assert_eq!(proof.to_string(), without);
    }

    #[test]
    fn another_form_is_refused_with_its_line() {
        let with = |from: &str, to: &str| {
            assert!(EXAMPLE.contains(from), "{from}");
            TlogProof::parse(EXAMPLE.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        let line = |expected: usize, fault: ProofFileFault| {
            assert!(
                matches!(fault, ProofFileFault::Line { line, .. } if line == expected),
                "{fault:?}, expected line {expected}"
            );
        };
        assert_eq!(with("@v1", "@v2"), ProofFileFault::Header);
        assert_eq!(with("@v1\n", "@v1 \n"), ProofFileFault::Header);
        line(2, with("extra YWdl", "extra YWd"));
        line(
            2,
            with("extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6", "extra "),
        );
        line(2, with("extra", "Extra"));
        for index in ["073894", "-1", "+1", "", "73894 ", "99999999999999999999"] {
            line(3, with("73894", index));
        }
        line(4, with("gSKy", "gSK"));
        line(5, with("B95l", " B95"));
        // No empty line: the checkpoint's origin is no hash.
        line(6, with("XmA=\n\n", "XmA=\n"));
        let many = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n".repeat(62);
        line(67, with("B95l", &format!("{many}B95l")));
        for end in [0, 20, 23, 80, 95, 140, 186, 187, 190, 300] {
            assert!(
                TlogProof::parse(&EXAMPLE.as_bytes()[..end]).is_err(),
                "cut at {end}"
            );
        }
        assert!(matches!(
            with("AAAAAAI=\n", "AAAAAAI="),
            ProofFileFault::Checkpoint(ProofError::NoteForm(_))
        ));
        let got_bytes = PROOF_FILE_BYTES_MAX + 1;
        assert_eq!(
            TlogProof::parse(&vec![b'a'; got_bytes]),
            Err(ProofFileFault::TooLarge { got_bytes })
        );
        assert_eq!(TlogProof::parse(b"\xff"), Err(ProofFileFault::Header));
    }

    proptest! {
        /// Any change of a byte is refused or changes what is read: a proof has one form.
        #[test]
        fn a_proof_has_one_form(at in 0..EXAMPLE.len(), to in any::<u8>()) {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes[at] = to;
            if let Ok(proof) = TlogProof::parse(&bytes) {
                prop_assert_eq!(proof.to_string().into_bytes(), bytes);
            }
        }
    }
}
