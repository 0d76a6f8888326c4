//! The twin of `system` and of the channel crate under shuttle, which takes the threads' steps one
//! at a time in an order of its choice: `cfg(shuttle)`, for tests alone.
//!
//! A panic of one of shuttle's threads is the end of the test, and its scope does not wait for the
//! threads when it is left by a panic, so panics are caught here and handed on as the system would.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use shuttle::sync::MutexGuard;
use shuttle::thread::{self, Scope};

thread_local! {
    /// Threads that will still be granted; all of a schedule run on one thread of the system.
    static GRANTED: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Has every thread after the next `threads` refused.
pub(super) fn grant(threads: usize) {
    GRANTED.set(threads);
}

pub(super) struct ScopedJoinHandle<'scope, T>(
    thread::ScopedJoinHandle<'scope, std::thread::Result<T>>,
);

impl<T> ScopedJoinHandle<'_, T> {
    pub(super) fn join(self) -> std::thread::Result<T> {
        self.0.join().flatten()
    }
}

pub(super) fn scope<'env, T>(body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
    let result = thread::scope(|scope| {
        // The last thread to end wakes the owner of the scope, whatever that waits for. So one
        // thread stays until the owner waits for nothing else.
        let (left, until_left) = channel::bounded::<()>(1);
        scope.spawn(move || until_left.recv());
        let result = catch_unwind(AssertUnwindSafe(|| body(scope)));
        drop(left);
        result
    });
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    let granted = GRANTED.get().checked_sub(1).ok_or_else(|| io::Error::other(name))?;
    GRANTED.set(granted);
    Ok(ScopedJoinHandle(scope.spawn(|| catch_unwind(AssertUnwindSafe(body)))))
}

/// Knows no poison, as the lock that it stands for.
pub(super) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets others take steps before an end of a channel is gone. Shuttle drops them without a step,
/// and several in a row as if that were one.
struct Step;

impl Drop for Step {
    fn drop(&mut self) {
        thread::sleep(Duration::ZERO);
    }
}

pub(super) mod channel {
    use shuttle::sync::mpsc::{self, RecvError, SendError, TryRecvError};

    use super::Step;

    // Fields are dropped in order: the step comes first.
    pub(in super::super) struct Sender<T>(Step, mpsc::SyncSender<T>);

    pub(in super::super) struct Receiver<T>(Step, mpsc::Receiver<T>);

    pub(in super::super) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = mpsc::sync_channel(capacity);
        (Sender(Step, sender), Receiver(Step, receiver))
    }

    impl<T> Sender<T> {
        pub(in super::super) fn send(&self, thing: T) -> Result<(), SendError<T>> {
            self.1.send(thing)
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            Self(Step, self.1.clone())
        }
    }

    impl<T> Receiver<T> {
        pub(in super::super) fn recv(&self) -> Result<T, RecvError> {
            self.1.recv()
        }

        pub(in super::super) fn try_recv(&self) -> Result<T, TryRecvError> {
            self.1.try_recv()
        }
    }
}
