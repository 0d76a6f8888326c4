//! Watching a run: the progress bar, on a terminal, for work of over a second; and how far the run
//! is at which time, for its report.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::{Condvar, Mutex};

use millrace::Progress;
use millrace::report::Pace;

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// How often it is noted how far the run is.
const LOOK: Duration = Duration::from_millis(10);

/// Whether the run has ended.
type Ended = (Mutex<bool>, Condvar);

/// A thread that watches the run, until this is dropped.
pub(super) struct Watch<T> {
    ended: Arc<Ended>,
    thread: Option<JoinHandle<T>>,
}

/// Shows a bar, once a second has passed, unless standard error is no terminal.
pub(super) fn show(progress: &Progress, quiet: bool) -> Option<Watch<()>> {
    if quiet || !io::stderr().is_terminal() {
        return None;
    }
    let progress = progress.clone();
    Watch::start("progress", move |ended| draw_until_done(&progress, ended))
}

/// Notes how far the run is from time to time.
pub(super) fn note(progress: &Progress) -> Option<Watch<Pace>> {
    let progress = progress.clone();
    Watch::start("pace", move |ended| note_until_done(&progress, ended))
}

impl<T: Send + 'static> Watch<T> {
    /// A watch that cannot be started is no reason to fail.
    fn start(name: &str, body: impl FnOnce(&Ended) -> T + Send + 'static) -> Option<Self> {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&ended);
        let thread = Builder::new().name(name.to_owned()).spawn(move || body(&shared)).ok()?;
        Some(Self { ended, thread: Some(thread) })
    }
}

impl<T> Watch<T> {
    /// Ends the watch and gives what it has seen.
    pub(super) fn end(mut self) -> Option<T> {
        self.join()
    }

    fn join(&mut self) -> Option<T> {
        let (ended, changed) = &*self.ended;
        *ended.lock() = true;
        changed.notify_all();
        // Nor is one that has failed.
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        self.join();
    }
}

fn draw_until_done(progress: &Progress, (done, changed): &Ended) {
    let mut is_done = done.lock();
    changed.wait_while_for(&mut is_done, |is_done| !*is_done, PATIENCE);
    if *is_done {
        return;
    }
    let bar = ProgressBar::with_draw_target(progress.total_bytes(), ProgressDrawTarget::stderr());
    bar.set_style(style(progress.total_bytes().is_some()));
    while !*is_done {
        bar.set_position(progress.done_bytes());
        changed.wait_while_for(&mut is_done, |is_done| !*is_done, TICK);
    }
    bar.finish_and_clear();
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{wide_bar} {percent} % of {total_bytes}, {eta} left"
    } else {
        "{spinner} {bytes}, {binary_bytes_per_sec}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn note_until_done(progress: &Progress, (done, changed): &Ended) -> Pace {
    let start = Instant::now();
    let mut pace = Pace::default();
    let mut is_done = done.lock();
    while !*is_done {
        changed.wait_while_for(&mut is_done, |is_done| !*is_done, LOOK);
        pace.add(start.elapsed(), progress.done_bytes());
    }
    pace
}
