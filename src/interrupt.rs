//! The request to stop: set by a signal handler or an embedding program, seen between blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that asks a run to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the run to stop; it ends with [`crate::RunError::Interrupted`].
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether the run is to stop.
    pub fn is_requested(&self) -> bool {
        // Relaxed: the flag carries no data with it, and a block more or less does not matter.
        self.0.load(Ordering::Relaxed)
    }

    /// Gives the flag itself, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
