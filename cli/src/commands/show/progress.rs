//! How far long work has come, on standard error: one line that changes on a terminal, now and then a line elsewhere.

use crate::ui::Ui;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Often enough to look alive, rarely enough to read.
const ON_TERMINAL: Duration = Duration::from_millis(100);
/// In a log a line now and then is enough.
const IN_A_LOG: Duration = Duration::from_secs(10);

/// Tells progress, not more often than useful.
#[derive(Debug)]
pub(in crate::commands) struct Progress {
    ui: Ui,
    terminal: bool,
    last: Instant,
    open: bool,
}

impl Progress {
    /// Nothing told yet.
    pub(in crate::commands) fn new(ui: Ui) -> Self {
        Self {
            ui,
            terminal: std::io::stderr().is_terminal(),
            last: Instant::now(),
            open: false,
        }
    }

    /// Says where the work is, if it is time to.
    pub(in crate::commands) fn tell(&mut self, words: impl FnOnce() -> (String, String)) {
        let pause = if self.terminal { ON_TERMINAL } else { IN_A_LOG };
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let (ja, en) = words();
        if self.terminal {
            // Back to the line's start, and clear what the last one left.
            let _ = write!(
                std::io::stderr().lock(),
                "\r\x1b[K{}",
                self.ui.pick(&ja, &en)
            );
            self.open = true;
        } else {
            self.ui.note(ja, en);
        }
    }

    /// Ends the line, so that what follows starts on its own.
    pub(in crate::commands) fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
