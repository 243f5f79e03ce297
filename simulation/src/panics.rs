//! Notices panics of the functions. Lambda, and the sandbox like it, turns one into a failed
//! invocation, so nothing else would tell.

use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// The panic of the run of this thread; none outside of a run.
    static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// From now on panics of this thread are noticed and not printed.
pub fn watch() {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !noticed(info) {
                usual(info);
            }
        }));
    });
    SEEN.set(Some(Vec::new()));
}

/// The panics since [`watch`], which ends.
pub fn seen() -> Vec<String> {
    SEEN.take().unwrap_or_default()
}

fn noticed(info: &PanicHookInfo<'_>) -> bool {
    SEEN.with_borrow_mut(|seen| match seen {
        Some(seen) => {
            seen.push(info.to_string());
            true
        }
        None => false,
    })
}
