//! Signals: SIGINT and SIGTERM ask the run to stop, SIGBUS tells of a truncated map.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use millrace::Interrupt;
use millrace::input::{Io, install_truncation_guard};

use super::exit::{Exit, Failure};

/// Which signal has come.
pub(super) struct Signals {
    last: Arc<AtomicUsize>,
}

/// Sets the handlers for a run that reads by `io`.
pub(super) fn watch(interrupt: &Interrupt, io: Io) -> Result<Signals, Failure> {
    let last = Arc::new(AtomicUsize::new(0));
    let set = || -> std::io::Result<()> {
        for (signal, code) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
            // The second signal ends the process where it is; unfinished outputs leave no trace.
            flag::register_conditional_shutdown(signal, code.code().into(), interrupt.flag())?;
            let number = usize::try_from(signal).expect("signals are small positive numbers");
            flag::register_usize(signal, Arc::clone(&last), number)?;
            flag::register(signal, interrupt.flag())?;
        }
        if io == Io::Map {
            install_truncation_guard()?;
        }
        Ok(())
    };
    set().map_err(|error| {
        Failure::new(Exit::Io, format!("signal handlers cannot be set: {error}"))
    })?;
    Ok(Signals { last })
}

impl Signals {
    /// The failure of a run that was interrupted.
    pub(super) fn failure(&self) -> Failure {
        let is_term = i32::try_from(self.last.load(Ordering::Relaxed)) == Ok(SIGTERM);
        let exit = if is_term { Exit::Terminated } else { Exit::Interrupted };
        Failure::new(exit, "interrupted; no output was written")
    }
}
