//! The queues between threads: bounded, one receiver each.
//!
//! The only module that names the channel crate. A receiver cannot be cloned here, because one
//! stray clone would let a sender wait for ever on a thread that is gone.

#[cfg(not(all(test, shuttle)))]
use crossbeam_channel as channel;

use super::Stopped;
#[cfg(all(test, shuttle))]
use super::system::channel;

/// The end that puts things in; may be cloned.
pub(super) struct Sender<T>(channel::Sender<T>);

/// The end that takes things out; there is one.
pub(super) struct Receiver<T>(channel::Receiver<T>);

/// Makes a queue in which at most `capacity` things wait.
pub(super) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::bounded(capacity);
    (Sender(sender), Receiver(receiver))
}

impl<T> Sender<T> {
    /// Puts a thing in, waiting for room.
    pub(super) fn send(&self, thing: T) -> Result<(), Stopped> {
        self.0.send(thing).map_err(|_| Stopped)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Receiver<T> {
    /// Takes a thing out, waiting for one; `None` when every sender is gone.
    pub(super) fn take(&self) -> Option<T> {
        self.0.recv().ok()
    }

    /// Takes a thing out if there is one.
    pub(super) fn try_take(&self) -> Option<T> {
        self.0.try_recv().ok()
    }
}
