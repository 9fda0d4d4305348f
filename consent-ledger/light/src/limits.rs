//! Every bound a light ledger keeps (P12).

use std::time::Duration;

/// Voters one network may name: more than two prefectures' worth, and each is asked every question.
pub const VOTERS_MAX: usize = 9;
/// Voters that must say the same.
pub const VOTERS_MIN: usize = 2;
/// Longest one question to the state takes, whatever it needs to be told.
pub const READ_MAX: Duration = Duration::from_secs(10);
/// How often voters that are not equally far are asked again.
pub const ROUNDS_MAX: usize = 5;
/// How long the others are waited for once two have answered that are not equally far; twice as long each round.
pub const OTHERS_PATIENCE: Duration = Duration::from_millis(100);
/// How much sooner a voter's deadline is than the question's own: the way back, and some.
pub const ANSWER_MARGIN: Duration = Duration::from_millis(200);
/// How often the voters are asked whose keys are whose: a revoked key works so much longer here than at a replica.
pub const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// Shortest time between two such questions, if a key nobody knows asks for one.
pub const REFRESH_PAUSE: Duration = Duration::from_secs(1);
/// How long what was told last lets this process serve.
pub const READY_FOR: Duration = Duration::from_secs(15);
/// Bytes of one reply: rows, framing and signature.
pub const REPLY_BYTES_MAX: usize = sekisho_ledger::attested::REPLY_BYTES_MAX + 512 * 1024;
