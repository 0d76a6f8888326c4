//! A scene: who is there and what goes wrong. It is played under a scheduler of shuttle's.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use super::super::system::grant;
use super::super::{
    Finished, HELPER_PIECES, Helpers, Lanes, Outbox, Pieces, Pin, Settings, Stopped, Supply,
    Worker, run,
};

/// Schedules of each scene, half of them random and half of few preemptions at the worst places.
const SCHEDULES: usize = 400;
const SEED: u64 = 20_260_120;
const PREEMPTIONS: usize = 3;

/// Where something goes wrong. The number that goes with it says when: a number that is sent, or
/// how many reports the collector has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A worker panics.
    Work,
    /// A worker panics when all work is done; the number is its own.
    Finish,
    /// The reader panics.
    Read,
    /// The reader returns.
    Leave,
    /// The collector panics.
    Collect,
    /// The collector fails.
    Refuse,
    /// The helpers' supply panics.
    Supply,
    /// A helper panics.
    Help,
    /// The system refuses a thread after so many.
    Spawn,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) workers: usize,
    pub(super) queue: usize,
    pub(super) helpers: usize,
    pub(super) faults: &'static [(Place, u64)],
}

impl Scene {
    /// As many numbers as make the reader wait for batches to come back.
    pub(super) fn numbers(self) -> u64 {
        number_of(self.workers * (self.queue + 3))
    }

    fn has(self, place: Place, at: u64) -> bool {
        self.faults.contains(&(place, at))
    }

    /// Panics if told to, without a word from the panic hook.
    fn panic(self, place: Place, at: u64) {
        if self.has(place, at) {
            resume_unwind(Box::new(place));
        }
    }

    /// What each worker gets of the numbers below `end`, in order.
    pub(super) fn dealt(self, end: u64) -> Vec<Vec<u64>> {
        let workers = number_of(self.workers);
        (0..workers)
            .map(|worker| (0..end).filter(|number| number % workers == worker).collect())
            .collect()
    }
}

pub(super) fn number_of(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

thread_local! {
    /// What each worker has worked through; all of a schedule run on one thread of the system.
    static WORKED: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
    static BATCHES: Cell<usize> = const { Cell::new(0) };
    static PIECES: Cell<usize> = const { Cell::new(0) };
    /// What has been made and not been dropped: batches, pieces, and what threads own.
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

struct Alive;

impl Alive {
    fn new() -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

struct Batch(Vec<u64>, Alive);

impl Default for Batch {
    fn default() -> Self {
        BATCHES.set(BATCHES.get() + 1);
        Self(Vec::new(), Alive::new())
    }
}

pub(super) struct Piece(pub(super) u64, Alive);

impl Default for Piece {
    fn default() -> Self {
        PIECES.set(PIECES.get() + 1);
        Self(u64::MAX, Alive::new())
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    Worked { worker: usize, number: u64 },
    Read(u64),
}

struct Recorder(Scene, usize, Alive);

impl Worker for Recorder {
    type Batch = Batch;
    type Report = Report;
    type Result = Vec<u64>;

    fn work(&mut self, batch: &mut Batch, out: &mut dyn Outbox<Report>) -> Result<(), Stopped> {
        let Self(scene, worker, _) = *self;
        for number in batch.0.drain(..) {
            scene.panic(Place::Work, number);
            WORKED.with_borrow_mut(|worked| worked[worker].push(number));
            out.put(Report::Worked { worker, number })?;
        }
        Ok(())
    }

    fn finish(self) -> Vec<u64> {
        self.0.panic(Place::Finish, number_of(self.1));
        WORKED.with_borrow(|worked| worked[self.1].clone())
    }
}

struct Collector(Scene, Vec<Report>);

impl Outbox<Report> for Collector {
    fn put(&mut self, report: Report) -> Result<(), Stopped> {
        let Self(scene, reports) = self;
        let at = number_of(reports.len());
        scene.panic(Place::Collect, at);
        reports.push(report);
        if scene.has(Place::Refuse, at) { Err(Stopped) } else { Ok(()) }
    }
}

struct Numbers(Scene, u64, Alive);

impl Supply for Numbers {
    type Piece = Piece;

    fn fill(&mut self, piece: &mut Piece) -> bool {
        let Self(scene, next, _) = self;
        scene.panic(Place::Supply, *next);
        piece.0 = *next;
        *next += 1;
        piece.0 < scene.numbers()
    }
}

/// Deals the numbers out, one to a batch; tells how many, or that it was stopped.
fn read(scene: Scene, lanes: &mut Lanes<'_, Recorder>) -> io::Result<Result<u64, Stopped>> {
    let mut batches: Vec<Option<Batch>> = Vec::new();
    batches.resize_with(lanes.count(), || Some(Batch::default()));
    let mut deal = |number| {
        scene.panic(Place::Read, number);
        let lane = usize::try_from(number).unwrap() % batches.len();
        let mut batch = batches[lane].take().unwrap();
        assert!(batch.0.is_empty(), "a batch that is not empty came back");
        batch.0.push(number);
        batches[lane] = Some(lanes.send(lane, batch)?);
        lanes.put(Report::Read(number))
    };
    let stays = |number: &u64| !scene.has(Place::Leave, *number);
    if scene.helpers == 0 {
        let mut numbers = (0..scene.numbers()).take_while(stays);
        return Ok(numbers.try_fold(0, |count, number| deal(number).map(|()| count + 1)));
    }
    with_helpers(scene, |pieces| {
        let mut count = 0;
        while stays(&count)
            && let Some(piece) = pieces.take()?
        {
            assert_eq!(piece.0, count + 1_000, "another piece's turn");
            deal(count)?;
            count += 1;
        }
        Ok(count)
    })
}

pub(super) fn with_helpers<R>(
    scene: Scene,
    reader: impl FnOnce(&mut Pieces<Piece>) -> R,
) -> io::Result<R> {
    let supply = Numbers(scene, 0, Alive::new());
    let work = |piece: &mut Piece| {
        scene.panic(Place::Help, piece.0);
        piece.0 += 1_000;
    };
    Helpers { cores: vec![None; scene.helpers] }.in_order(supply, work, reader)
}

pub(super) type Ended = io::Result<Finished<io::Result<Result<u64, Stopped>>, Vec<u64>>>;

/// One schedule of a scene: what came of it, and what the collector got.
pub(super) fn play(scene: Scene) -> (Result<Ended, Box<dyn Any + Send>>, Vec<Report>) {
    start(scene);
    let Scene { workers: count, queue: queue_batches, helpers, .. } = scene;
    let settings = Settings { queue_batches, pin: Pin::Never, threads: true, helpers };
    let mut collector = Collector(scene, Vec::new());
    let workers = (0..count).map(|worker| Recorder(scene, worker, Alive::new())).collect();
    let reader_owns = Alive::new();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let reader = move |lanes: &mut Lanes<'_, Recorder>| {
            let _owns = &reader_owns;
            assert_eq!(lanes.helpers().count(), scene.helpers);
            read(scene, lanes)
        };
        run(&settings, workers, reader, &mut collector)
    }));
    assert_eq!(ALIVE.get(), 0, "something is left of a thread");
    assert!(BATCHES.get() <= count * (queue_batches + 2), "{} batches", BATCHES.get());
    assert!(PIECES.get() <= helpers * HELPER_PIECES, "{} pieces", PIECES.get());
    (ended, collector.1)
}

fn start(scene: Scene) {
    WORKED.set(vec![Vec::new(); scene.workers]);
    BATCHES.set(0);
    PIECES.set(0);
    ALIVE.set(0);
    let refused = scene.faults.iter().find(|(place, _)| *place == Place::Spawn);
    grant(refused.map_or(usize::MAX, |&(_, granted)| usize::try_from(granted).unwrap()));
}

/// Tries schedules of a scene.
pub(super) fn explore(scene: Scene, check: impl Fn(Scene) + Copy + Send + Sync + 'static) {
    let wanted = std::env::var("SCHEDULES").map_or(SCHEDULES, |text| text.parse().unwrap());
    let tried = Arc::new(AtomicUsize::new(0));
    let finished = catch_unwind(AssertUnwindSafe(|| {
        let one = |tried: Arc<AtomicUsize>| {
            move || {
                tried.fetch_add(1, Ordering::SeqCst);
                check(scene);
            }
        };
        let random = RandomScheduler::new_from_seed(SEED, wanted / 2);
        Runner::new(random, Config::new()).run(one(Arc::clone(&tried)));
        let pct = PctScheduler::new_from_seed(SEED, PREEMPTIONS, wanted - wanted / 2);
        Runner::new(pct, Config::new()).run(one(Arc::clone(&tried)));
    }));
    let tried = tried.load(Ordering::SeqCst);
    assert!(finished.is_ok(), "schedule {tried} (above) of {scene:?}");
    assert_eq!(tried, wanted);
}

/// Every size with every one of these faults, with and without helpers.
pub(super) fn scenes(
    helpers: &[usize],
    faults: &[&'static [(Place, u64)]],
    check: impl Fn(Scene) + Copy + Send + Sync + 'static,
) {
    for workers in [1, 2] {
        for queue in [1, 2] {
            for &helpers in helpers {
                for &faults in faults {
                    explore(Scene { workers, queue, helpers, faults }, check);
                }
            }
        }
    }
}

pub(super) fn play_ordered(
    scene: Scene,
    reader: impl FnOnce(&mut Pieces<Piece>) -> u64,
) -> Result<u64, Box<dyn Any + Send>> {
    start(scene);
    let ended = catch_unwind(AssertUnwindSafe(|| with_helpers(scene, reader).unwrap()));
    assert_eq!(ALIVE.get(), 0, "something is left of a helper");
    assert!(PIECES.get() <= scene.helpers * HELPER_PIECES, "{} pieces", PIECES.get());
    ended
}

pub(super) fn worked() -> Vec<Vec<u64>> {
    WORKED.with_borrow(Clone::clone)
}
