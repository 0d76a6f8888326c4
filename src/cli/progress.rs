//! The progress bar: on a terminal, for work of over a second.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::{Condvar, Mutex};

use millrace::Progress;

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// A bar that goes away when this is dropped.
pub(super) struct Bar {
    done: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// Shows a bar, once a second has passed, unless standard error is no terminal.
pub(super) fn show(progress: &Progress, quiet: bool) -> Option<Bar> {
    if quiet || !io::stderr().is_terminal() {
        return None;
    }
    let done = Arc::new((Mutex::new(false), Condvar::new()));
    let (progress, shared) = (progress.clone(), Arc::clone(&done));
    let draw = move || draw_until_done(&progress, &shared);
    let thread = Builder::new().name("progress".to_owned()).spawn(draw).ok()?;
    Some(Bar { done, thread: Some(thread) })
}

fn draw_until_done(progress: &Progress, (done, changed): &(Mutex<bool>, Condvar)) {
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

impl Drop for Bar {
    fn drop(&mut self) {
        let (done, changed) = &*self.done;
        *done.lock() = true;
        changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A bar that failed to draw is no reason to fail.
            let _ = thread.join();
        }
    }
}
