//! Signals: SIGINT and SIGTERM ask the run to stop, SIGBUS tells of a truncated map, and SIGXFSZ is
//! left to the write that it comes with.
//!
//! A run that is asked to stop does so between two blocks. One that cannot, because it waits for
//! the reader of a pipe that it writes to, is ended where it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, sleep};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

use millrace::Interrupt;
use millrace::input::{Io, install_truncation_guard};

use super::exit::{Exit, Failure};

/// How long a run that is asked to stop has for it.
const GRACE: Duration = Duration::from_secs(1);

/// How often it is looked whether it was asked.
const TICK: Duration = Duration::from_millis(100);

const MESSAGE: &str = "interrupted; no output was written";

/// Which signal has come, and whether outputs are being put in place.
pub(super) struct Signals {
    last: Arc<AtomicUsize>,
    is_committing: Arc<Mutex<bool>>,
}

/// Makes a file that may not grow any more (`ulimit -f`) fail the write, instead of the signal ending
/// the process without a word.
pub(super) fn outlive_file_size_limit() -> Result<(), Failure> {
    // Nobody asks whether it came: the write says so.
    flag::register(SIGXFSZ, Arc::default()).map(drop).map_err(|error| cannot_be_set(&error))
}

fn cannot_be_set(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Io, format!("signal handlers cannot be set: {error}"))
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
    set().map_err(|error| cannot_be_set(&error))?;
    let signals = Signals { last, is_committing: Arc::default() };
    signals
        .end_when_stuck(interrupt.clone())
        .map_err(|error| Failure::new(Exit::Io, format!("no thread can be started: {error}")))?;
    Ok(signals)
}

impl Signals {
    /// The failure of a run that was interrupted.
    pub(super) fn failure(&self) -> Failure {
        Failure::new(exit_of(&self.last), MESSAGE)
    }

    /// From here on outputs are put in place, and only a second signal ends the run.
    pub(super) fn commit(&self) {
        *self.is_committing.lock() = true;
    }

    /// Starts a thread that ends the process if it was asked to stop and does not.
    fn end_when_stuck(&self, interrupt: Interrupt) -> std::io::Result<()> {
        let (last, is_committing) = (Arc::clone(&self.last), Arc::clone(&self.is_committing));
        let wait = move || {
            while !interrupt.is_requested() {
                sleep(TICK);
            }
            sleep(GRACE);
            // Held to the end, so that the outputs cannot be begun meanwhile.
            let is_committing = is_committing.lock();
            if !*is_committing {
                say_if_heard(&format!("millrace: {MESSAGE}\n"));
                low_level::exit(exit_of(&last).code().into());
            }
        };
        Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
    }
}

/// Says something if that needs no waiting: not even for whoever else is about to say something.
fn say_if_heard(text: &str) {
    let stderr = rustix::stdio::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    if poll(&mut polled, Some(&Timespec::default())) == Ok(1) {
        let _ = rustix::io::write(stderr, text.as_bytes());
    }
}

/// The exit code of a run that the last signal has interrupted.
fn exit_of(last: &AtomicUsize) -> Exit {
    let is_term = i32::try_from(last.load(Ordering::Relaxed)) == Ok(SIGTERM);
    if is_term { Exit::Terminated } else { Exit::Interrupted }
}
