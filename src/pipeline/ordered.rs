//! Work done ahead, in order: several helpers prepare pieces, and the reader takes them in the order
//! in which they were supplied.
//!
//! Under one lock a helper takes the next piece from the supply and puts its own number into the
//! queue of turns; it works on the piece outside. The reader takes a turn and waits for that helper,
//! whose pieces come through a queue of their own, in order. So nothing is ever put back into order.
//! A helper has an empty piece before it asks for work, so whoever the reader waits for can go on.

use std::io;
use std::panic::resume_unwind;

use super::queue::{Receiver, Sender, bounded};
use super::system::{Mutex, ScopedJoinHandle, scope, spawn};
use super::{Lane, Stopped, pin};

/// Pieces of each helper: one that it works on, one that the reader takes, one that waits.
pub const HELPER_PIECES: usize = 3;

/// Where work comes from, piece by piece.
pub trait Supply: Send {
    /// What is worked on; the default is an empty one. Pieces come back to be filled again.
    type Piece: Default + Send;

    /// Puts the next work into a piece, whatever is left in it; tells whether there was any.
    fn fill(&mut self, piece: &mut Self::Piece) -> bool;
}

/// The threads that prepare what the reader takes.
pub struct Helpers {
    /// The core of each, if it is to be pinned.
    pub(super) cores: Vec<Option<usize>>,
}

/// The reader's view of the helpers: the pieces in order.
pub struct Pieces<P> {
    turns: Receiver<usize>,
    desks: Vec<Desk<P>>,
    /// What the reader has, and whose it is.
    current: Option<(usize, P)>,
}

/// The reader's ends of one helper's queues.
struct Desk<P> {
    full: Receiver<P>,
    empty: Sender<P>,
}

/// What the helpers share.
struct Feed<S> {
    supply: S,
    /// The numbers of the helpers in the order in which they took pieces.
    turns: Sender<usize>,
}

impl Helpers {
    /// So many, that run where the system puts them.
    pub fn unpinned(count: usize) -> Self {
        Self { cores: vec![None; count] }
    }

    /// Tells how many there are.
    pub fn count(&self) -> usize {
        self.cores.len()
    }

    /// Starts the helpers, which do `work` on every piece of the supply, and gives the pieces to
    /// `reader` on the calling thread; when it returns, the helpers stop and are joined.
    ///
    /// # Errors
    /// The system refuses a thread.
    ///
    /// # Panics
    /// When the supply, the work or the reader panics; all helpers are joined before the panic goes
    /// on.
    pub fn in_order<S: Supply, R>(
        self,
        supply: S,
        work: impl Fn(&mut S::Piece) + Sync,
        reader: impl FnOnce(&mut Pieces<S::Piece>) -> R,
    ) -> io::Result<R> {
        // Every turn and every piece fits its queue: nobody waits to put one in.
        let (sender, turns) = bounded(self.count() * HELPER_PIECES);
        let feed = Mutex::new(Some(Feed { supply, turns: sender }));
        scope(|scope| {
            let mut pieces = Pieces { turns, desks: Vec::new(), current: None };
            let mut handles = Vec::with_capacity(self.count());
            for (index, core) in self.cores.into_iter().enumerate() {
                let (full, inbox) = bounded(HELPER_PIECES);
                let (outbox, empty) = bounded(HELPER_PIECES);
                pieces.desks.push(Desk { full: inbox, empty: outbox });
                let lane = Lane { full, empty, unmade: HELPER_PIECES - 1 };
                let (feed, work) = (&feed, &work);
                let help = move || {
                    pin::pin_to(core);
                    help(index, lane, feed, work)
                };
                // Should it fail, the queues close and the helpers started so far end.
                handles.push(spawn(scope, format!("helper-{index}"), help)?);
            }
            let result = reader(&mut pieces);
            drop(pieces);
            let helpers: Vec<_> = handles.into_iter().map(ScopedJoinHandle::join).collect();
            for helper in helpers {
                // One that has stopped early only follows the reader.
                let _: Result<(), Stopped> = helper.unwrap_or_else(|panic| resume_unwind(panic));
            }
            Ok(result)
        })
    }
}

impl<P> Pieces<P> {
    /// Gives the piece whose turn it is, and the one before back to be filled again; `None` when
    /// there are no more.
    ///
    /// # Errors
    /// The helper that works on the piece has stopped early.
    pub fn take(&mut self) -> Result<Option<&mut P>, Stopped> {
        if let Some((helper, piece)) = self.current.take() {
            // A helper that is gone needs none.
            let _ = self.desks[helper].empty.send(piece);
        }
        let Some(helper) = self.turns.take() else { return Ok(None) };
        let piece = self.desks[helper].full.take().ok_or(Stopped)?;
        Ok(Some(&mut self.current.insert((helper, piece)).1))
    }
}

/// One helper's thread: works on pieces until there are no more or the reader is gone.
fn help<S: Supply>(
    index: usize,
    mut lane: Lane<S::Piece>,
    feed: &Mutex<Option<Feed<S>>>,
    work: &impl Fn(&mut S::Piece),
) -> Result<(), Stopped> {
    let mut piece = S::Piece::default();
    while take_turn(index, feed, &mut piece)? {
        work(&mut piece);
        piece = lane.send(piece)?;
    }
    Ok(())
}

/// Takes the next piece of the supply, and a turn with it.
fn take_turn<S: Supply>(
    index: usize,
    feed: &Mutex<Option<Feed<S>>>,
    piece: &mut S::Piece,
) -> Result<bool, Stopped> {
    let mut slot = feed.lock();
    // Taken out meanwhile: a supply that is at its end or panics is dropped, and the turns end.
    let Some(mut taken) = slot.take() else { return Ok(false) };
    if !taken.supply.fill(piece) {
        return Ok(false);
    }
    taken.turns.send(index)?;
    *slot = Some(taken);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// More pieces than there are at a time, by far; Miri takes its time for each.
    const MANY: u64 = if cfg!(miri) { 30 } else { 10_000 };
    /// Once every helper has had its turns.
    const LATE: u64 = if cfg!(miri) { 10 } else { 500 };
    const HELPERS: &[usize] = if cfg!(miri) { &[1, 3] } else { &[1, 2, 4, 8] };

    /// A number to be squared; tells by its end whether its thread is still there.
    #[derive(Default)]
    struct Piece<'a> {
        number: u64,
        square: u64,
        alive: Option<Alive<'a>>,
    }

    struct Alive<'a>(&'a AtomicUsize);

    impl Drop for Alive<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Supplies the numbers below `end`, and panics at one of them.
    struct Numbers<'a> {
        next: u64,
        end: u64,
        panic_at: Option<u64>,
        alive: &'a AtomicUsize,
    }

    impl<'a> Numbers<'a> {
        fn below(end: u64, alive: &'a AtomicUsize) -> Self {
            Self { next: 0, end, panic_at: None, alive }
        }
    }

    impl<'a> Supply for Numbers<'a> {
        type Piece = Piece<'a>;

        fn fill(&mut self, piece: &mut Piece<'a>) -> bool {
            assert_ne!(Some(self.next), self.panic_at, "the supply was told to");
            if self.next == self.end {
                return false;
            }
            piece.number = self.next;
            piece.alive.get_or_insert_with(|| {
                self.alive.fetch_add(1, Ordering::SeqCst);
                Alive(self.alive)
            });
            self.next += 1;
            true
        }
    }

    fn helpers(count: usize) -> Helpers {
        Helpers { cores: vec![None; count] }
    }

    fn square(piece: &mut Piece<'_>) {
        // The odd ones take longer, so that helpers overtake one another.
        if piece.number % 2 == 1 {
            std::thread::yield_now();
        }
        piece.square = piece.number * piece.number;
    }

    fn take_all(pieces: &mut Pieces<Piece<'_>>) -> Result<u64, Stopped> {
        let mut taken = 0;
        while let Some(piece) = pieces.take()? {
            assert_eq!((piece.number, piece.square), (taken, taken * taken));
            taken += 1;
        }
        Ok(taken)
    }

    /// Runs what panics; gives the text, once no thread is left.
    #[track_caller]
    fn panic_of<T>(alive: &AtomicUsize, run: impl FnOnce() -> T) -> String {
        let panic = catch_unwind(AssertUnwindSafe(run)).map(|_| ()).unwrap_err();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        panic.downcast_ref::<String>().unwrap().clone()
    }

    #[test]
    fn pieces_come_in_the_order_of_the_supply() {
        for &count in HELPERS {
            for end in [0, 1, 2, 5, MANY] {
                let alive = AtomicUsize::new(0);
                let supply = Numbers::below(end, &alive);
                let taken = helpers(count).in_order(supply, square, take_all).unwrap();
                assert_eq!(taken, Ok(end));
                assert_eq!(alive.load(Ordering::SeqCst), 0);
            }
        }
    }

    #[test]
    fn no_more_pieces_are_made_than_the_helpers_may_have() {
        for &count in HELPERS {
            let alive = AtomicUsize::new(0);
            let most = helpers(count).in_order(Numbers::below(MANY, &alive), square, |pieces| {
                let mut most = 0;
                while pieces.take().unwrap().is_some() {
                    most = most.max(alive.load(Ordering::SeqCst));
                }
                most
            });
            assert!((1..=count * HELPER_PIECES).contains(&most.unwrap()));
        }
    }

    #[test]
    fn work_that_panics_stops_the_run_and_every_helper_is_joined() {
        for &count in HELPERS {
            for panic_at in [0, 1, LATE] {
                let alive = AtomicUsize::new(0);
                let mut result = None;
                let work = |piece: &mut Piece<'_>| {
                    assert_ne!(piece.number, panic_at, "the work was told to");
                    square(piece);
                };
                let supply = Numbers::below(u64::MAX, &alive);
                let text = panic_of(&alive, || {
                    let reader = |pieces: &mut Pieces<_>| result = Some(take_all(pieces));
                    helpers(count).in_order(supply, work, reader)
                });
                assert!(text.contains("the work was told to"), "{text}");
                assert_eq!(result, Some(Err(Stopped)));
            }
        }
    }

    #[test]
    fn a_supply_that_panics_ends_the_pieces_and_every_helper_is_joined() {
        for &count in HELPERS {
            for panic_at in [0, 1, LATE] {
                let alive = AtomicUsize::new(0);
                let mut result = None;
                let supply =
                    Numbers { panic_at: Some(panic_at), ..Numbers::below(u64::MAX, &alive) };
                let text = panic_of(&alive, || {
                    let reader = |pieces: &mut Pieces<_>| result = Some(take_all(pieces));
                    helpers(count).in_order(supply, square, reader)
                });
                assert!(text.contains("the supply was told to"), "{text}");
                assert_eq!(result, Some(Ok(panic_at)));
            }
        }
    }

    #[test]
    fn a_reader_that_panics_stops_the_helpers() {
        for &count in HELPERS {
            let alive = AtomicUsize::new(0);
            let supply = Numbers::below(u64::MAX, &alive);
            let text = panic_of(&alive, || {
                helpers(count).in_order(supply, square, |pieces| {
                    let number = pieces.take().unwrap().unwrap().number;
                    panic!("the reader was told to at {number}");
                })
            });
            assert_eq!(text, "the reader was told to at 0");
        }
    }

    #[test]
    fn a_reader_that_returns_early_stops_the_helpers() {
        for &count in HELPERS {
            for most in [0, 1, LATE] {
                let alive = AtomicUsize::new(0);
                let supply = Numbers::below(u64::MAX, &alive);
                let sum = helpers(count).in_order(supply, square, |pieces| {
                    (0..most).map(|_| pieces.take().unwrap().unwrap().number).sum::<u64>()
                });
                assert_eq!(sum.unwrap(), (0..most).sum::<u64>());
                assert_eq!(alive.load(Ordering::SeqCst), 0);
            }
        }
    }
}
