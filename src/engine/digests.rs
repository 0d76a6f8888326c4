//! The digests of the inputs, computed beside the run.
//!
//! What can be read twice is read once more by a thread of its own; streams are digested as they
//! are read.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, scope};

use super::config::Config;
use super::error::RunError;
use crate::digest::Digested;
use crate::input::{InputError, Source};

/// Runs `body`, and digests the sources meanwhile if the run wants it; one digest for each source.
pub(super) fn beside<T>(
    config: &Config,
    sources: &[Source],
    body: impl FnOnce() -> Result<T, RunError>,
) -> Result<(T, Vec<Option<Digested>>), RunError> {
    if !config.digests {
        return Ok((body()?, vec![None; sources.len()]));
    }
    if !config.uses_threads() {
        let result = body()?;
        return Ok((result, digest_all(sources, || true)?));
    }
    let go_on = AtomicBool::new(true);
    scope(|scope| {
        // Relaxed: it only saves work, and nothing else follows from it.
        let digest = || digest_all(sources, || go_on.load(Ordering::Relaxed));
        let builder = Builder::new().name("digest".to_owned());
        let digests = builder.spawn_scoped(scope, digest).map_err(RunError::Threads)?;
        let result = body();
        if result.is_err() {
            go_on.store(false, Ordering::Relaxed);
        }
        let digests = digests.join().unwrap_or_else(|panic| resume_unwind(panic));
        Ok((result?, digests?))
    })
}

fn digest_all(
    sources: &[Source],
    go_on: impl Fn() -> bool,
) -> Result<Vec<Option<Digested>>, InputError> {
    sources.iter().map(|source| source.digest(&go_on)).collect()
}
