//! Whether and when a network is called once more for one request. Pure: time is handed in (P8, P12).
//!
//! One [`Book`] has a page for each network: a [`Breaker`](breaker::Breaker) for each of its endpoints, an
//! [`Account`](account::Account) of extra calls, and how long its answers took lately
//! ([`Times`](times::Times)). Who calls asks the book before each call, and tells it afterwards what it met.

mod account;
mod book;
mod breaker;
mod times;

pub(crate) use book::{Book, Pass};
