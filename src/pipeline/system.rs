//! The threads and the lock that the pipeline stands on.
//!
//! Where schedules are checked, `scheduled.rs` stands in its place.

use std::io;
use std::thread::{Builder, Scope};

pub(super) use parking_lot::Mutex;
pub(super) use std::thread::{ScopedJoinHandle, scope};

/// Starts a thread.
pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().name(name).spawn_scoped(scope, body)
}
