//! The generator's own chance: xoshiro256** seeded through splitmix64 (Blackman and Vigna), the same on
//! every machine. Every use has its own stream, named by what it is for, so that a change for one
//! patient leaves the others as they were. Not for secrets.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng([u64; 4]);

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of a seed, named by parts.
    pub(crate) fn of(seed: u64, name: &[&str]) -> Self {
        // FNV-1a over the parts, each closed by a byte that no part contains.
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for byte in name.iter().flat_map(|part| part.bytes().chain([0xFF])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let mut state = seed;
        let mut state = splitmix(&mut state) ^ hash;
        Self(std::array::from_fn(|_| splitmix(&mut state)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound`; 0 where the bound is 0. (The bias of a 32-bit bound is below 2^-32.)
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }

    /// A number from `min` to `max`, both included; `min` where `max` is less.
    pub(crate) fn between(&mut self, min: u32, max: u32) -> u32 {
        min + self.below(max.saturating_sub(min).saturating_add(1))
    }

    /// True so many times in a thousand.
    pub(crate) fn permille(&mut self, rate: u32) -> bool {
        self.below(1000) < rate
    }

    /// One of a table's rows. The tables of this crate are constants and not empty.
    pub(crate) fn pick<'a, T>(&mut self, rows: &'a [T]) -> &'a T {
        &rows[self.below(rows.len() as u32) as usize]
    }

    /// One of a table's texts.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u32) as usize]
    }

    /// So many decimal digits.
    pub(crate) fn digits(&mut self, count: u32) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.below(10) as u8))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_named() {
        // Splitmix64 from 0 as published by its authors.
        let mut state = 0;
        assert_eq!(splitmix(&mut state), 0xE220_A839_7B1D_CDAF);
        // xoshiro256** from the state 1, 2, 3, 4 as published by its authors.
        let mut rng = Rng([1, 2, 3, 4]);
        assert_eq!(
            [rng.next(), rng.next(), rng.next()],
            [11_520, 0, 1_509_978_240]
        );
        let of = |name: &[&str]| Rng::of(7, name).next();
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["ab", ""]));
        assert_ne!(of(&["a"]), Rng::of(8, &["a"]).next());
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut rng = Rng::of(1, &["range"]);
        let mut seen = [0u32; 6];
        for _ in 0..6000 {
            seen[rng.between(0, 5) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        assert_eq!((rng.below(0), rng.between(3, 1)), (0, 3));
        assert!(!rng.permille(0) && rng.permille(1000));
    }
}
