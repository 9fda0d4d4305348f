//! What people see of a command: tables, and how far it is.

mod progress;
mod table;

pub(super) use progress::Progress;
pub(super) use table::Table;
