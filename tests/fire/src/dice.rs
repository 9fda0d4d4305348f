//! Chance from a seed, so that a run can be told apart and its draws repeated.

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed from `SEKISHO_SEED`, or of this moment; printed, so that a failure names it.
    pub fn of_environment(what: &str) -> Self {
        let given = std::env::var("SEKISHO_SEED")
            .ok()
            .map(|text| text.parse().expect("SEKISHO_SEED is a number"));
        let now = || {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |since| since.subsec_nanos().into())
        };
        let seed = given.unwrap_or_else(now);
        println!("{what}: SEKISHO_SEED={seed}");
        Self(seed)
    }

    /// The next draw.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw().checked_rem(end).unwrap_or_default()
    }

    /// True this often in a million.
    pub fn one_in_a_million(&mut self, times: u32) -> bool {
        self.below(1_000_000) < u64::from(times)
    }

    /// A sequence of its own for a part of the test.
    pub fn split(&mut self) -> Self {
        Self(self.draw())
    }
}
