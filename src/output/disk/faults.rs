//! Makes the calls of one test's thread fail.

use std::cell::RefCell;
use std::io;

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::output) enum Call {
    Create,
    Write,
    Sync,
    Link,
    Rename,
    SyncDirectory,
}

/// Which call of its kind fails, and how.
#[derive(Clone, Copy, Debug)]
pub(in crate::output) struct Fault {
    pub(in crate::output) call: Call,
    /// Counted from 1.
    pub(in crate::output) nth: u32,
    /// Whether every later call fails as well.
    pub(in crate::output) is_lasting: bool,
    /// What the system says.
    pub(in crate::output) errno: i32,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    met: u32,
    has_struck: bool,
    /// The most bytes that one write takes.
    most_bytes: Option<usize>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Does something with a fault waiting for it, and tells whether it was met.
pub(in crate::output) fn with<T>(fault: Fault, body: impl FnOnce() -> T) -> (T, bool) {
    STATE.set(State { fault: Some(fault), ..State::default() });
    let result = body();
    (result, STATE.take().has_struck)
}

/// Does something while no write takes more than so many bytes.
pub(in crate::output) fn with_short_writes<T>(bytes: usize, body: impl FnOnce() -> T) -> T {
    STATE.set(State { most_bytes: Some(bytes), ..State::default() });
    let result = body();
    STATE.take();
    result
}

/// Fails if it is the turn of this call.
pub(super) fn meet(call: Call) -> io::Result<()> {
    STATE.with_borrow_mut(|state| {
        let Some(fault) = state.fault.filter(|fault| fault.call == call) else { return Ok(()) };
        state.met += 1;
        if state.met == fault.nth || (fault.is_lasting && state.met > fault.nth) {
            state.has_struck = true;
            return Err(io::Error::from_raw_os_error(fault.errno));
        }
        Ok(())
    })
}

/// Gives what a write takes of `bytes`.
pub(super) fn shorten(bytes: &[u8]) -> io::Result<&[u8]> {
    meet(Call::Write)?;
    let most = STATE.with_borrow(|state| state.most_bytes).unwrap_or(usize::MAX);
    Ok(&bytes[..bytes.len().min(most)])
}
