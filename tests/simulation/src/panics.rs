//! Panics of tasks, which tokio keeps to itself.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes this process's panics, each on its own thread.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            usual(info);
            let info = info.to_string();
            FIRST.with_borrow_mut(|first| first.get_or_insert(info).truncate(2000));
        }));
    });
}

/// The first panic on this thread since the last call.
pub(crate) fn taken() -> Option<String> {
    FIRST.with_borrow_mut(Option::take)
}
