//! Networks of our own: a namespace for each replica, a device in each, and a router between them that is late,
//! loses and cuts off as told.
//!
//! ```text
//! namespace 1                  this process                  namespace 2
//! sekisho ── TCP ── sk0 ─────▶ Router: held until due ─────▶ sk0 ── TCP ── sekisho
//!            10.77.0.1         Weather: delay, jitter,       10.77.0.2
//!                              loss, what is cut off
//! ```

mod namespace;
mod router;
mod weather;

pub use namespace::{Handle, Namespace, sweep};
pub use router::Router;
pub use weather::{CITIES, Weather};
