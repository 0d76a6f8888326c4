//! The hand-off under thousands of schedules: who is there, who panics, leaves or is refused, and
//! in which order the threads take their steps. A schedule in which all wait for one another fails.
//!
//! `SCHEDULES` says how many schedules of every scene are tried, `SHUTTLE_RANDOM_SEED` which.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use super::system::grant;
use super::*;

/// Schedules of each scene, half of them random and half of few preemptions at the worst places.
const SCHEDULES: usize = 400;
const SEED: u64 = 20_260_120;
const PREEMPTIONS: usize = 3;

/// Where something goes wrong. The number that goes with it says when: a number that is sent, or
/// how many reports the collector has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
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
struct Scene {
    workers: usize,
    queue: usize,
    helpers: usize,
    faults: &'static [(Place, u64)],
}

impl Scene {
    /// As many numbers as make the reader wait for batches to come back.
    fn numbers(self) -> u64 {
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
    fn dealt(self, end: u64) -> Vec<Vec<u64>> {
        let workers = number_of(self.workers);
        (0..workers)
            .map(|worker| (0..end).filter(|number| number % workers == worker).collect())
            .collect()
    }
}

fn number_of(count: usize) -> u64 {
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

struct Piece(u64, Alive);

impl Default for Piece {
    fn default() -> Self {
        PIECES.set(PIECES.get() + 1);
        Self(u64::MAX, Alive::new())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Report {
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

fn with_helpers<R>(scene: Scene, reader: impl FnOnce(&mut Pieces<Piece>) -> R) -> io::Result<R> {
    let supply = Numbers(scene, 0, Alive::new());
    let work = |piece: &mut Piece| {
        scene.panic(Place::Help, piece.0);
        piece.0 += 1_000;
    };
    Helpers { cores: vec![None; scene.helpers] }.in_order(supply, work, reader)
}

type Ended = io::Result<Finished<io::Result<Result<u64, Stopped>>, Vec<u64>>>;

/// One schedule of a scene: what came of it, and what the collector got.
fn play(scene: Scene) -> (Result<Ended, Box<dyn Any + Send>>, Vec<Report>) {
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
fn explore(scene: Scene, check: impl Fn(Scene) + Copy + Send + Sync + 'static) {
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
fn scenes(
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

fn worked() -> Vec<Vec<u64>> {
    WORKED.with_borrow(Clone::clone)
}

/// Checks that the run has panicked, and with which of its faults.
#[track_caller]
fn panicked_at(scene: Scene, ended: Result<Ended, Box<dyn Any + Send>>, place: Place) {
    let panic = ended.map(|_| ()).expect_err("no panic");
    let Ok(found) = panic.downcast::<Place>() else { panic!("{scene:?}: another panic") };
    assert_eq!(*found, place);
}

/// Checks that each worker has worked through the first of its numbers, in order, none left out.
#[track_caller]
fn worked_from_the_first(scene: Scene) {
    for (found, dealt) in worked().iter().zip(scene.dealt(scene.numbers())) {
        assert!(dealt.starts_with(found), "{found:?}");
    }
}

/// Checks a run that has come to its end: all numbers below `end` are worked through and reported.
#[track_caller]
fn all_below(
    scene: Scene,
    ended: Result<Ended, Box<dyn Any + Send>>,
    reports: &[Report],
    end: u64,
) {
    let finished = ended.expect("no panic").expect("threads");
    assert_eq!(finished.reader.expect("helpers"), Ok(end));
    assert_eq!(finished.workers.as_ref(), Ok(&scene.dealt(end)));
    assert_eq!(worked(), scene.dealt(end));
    for (worker, dealt) in scene.dealt(end).into_iter().enumerate() {
        let of_worker = |report: &&Report| matches!(report, Report::Worked { worker: from, .. } if *from == worker);
        let wanted = dealt.into_iter().map(|number| Report::Worked { worker, number });
        assert!(reports.iter().filter(of_worker).eq(&wanted.collect::<Vec<_>>()));
    }
    let of_reader = reports.iter().filter(|report| matches!(report, Report::Read(_)));
    assert!(of_reader.eq(&(0..end).map(Report::Read).collect::<Vec<_>>()));
}

#[test]
fn every_batch_is_worked_once_in_order_and_reported() {
    scenes(&[0, 1, 2], &[&[]], |scene| {
        let (ended, reports) = play(scene);
        all_below(scene, ended, &reports, scene.numbers());
    });
}

#[test]
fn what_a_reader_has_sent_before_it_returns_is_worked() {
    let faults: [&[_]; 3] = [&[(Place::Leave, 0)], &[(Place::Leave, 1)], &[(Place::Leave, 4)]];
    scenes(&[0, 1, 2], &faults, |scene| {
        let (ended, reports) = play(scene);
        all_below(scene, ended, &reports, scene.faults[0].1);
    });
}

#[test]
fn what_a_reader_has_sent_before_it_panics_is_worked() {
    let faults: [&[_]; 3] = [&[(Place::Read, 0)], &[(Place::Read, 1)], &[(Place::Read, 3)]];
    scenes(&[0, 1, 2], &faults, |scene| {
        let (ended, _) = play(scene);
        panicked_at(scene, ended, Place::Read);
        assert_eq!(worked(), scene.dealt(scene.faults[0].1));
    });
}

#[test]
fn a_worker_that_panics_stops_the_run() {
    let faults: [&[_]; 3] = [&[(Place::Work, 0)], &[(Place::Work, 1)], &[(Place::Work, 3)]];
    scenes(&[0, 1, 2], &faults, |scene| {
        let (ended, _) = play(scene);
        panicked_at(scene, ended, Place::Work);
        worked_from_the_first(scene);
        let at = scene.faults[0].1;
        let worker = usize::try_from(at).unwrap() % scene.workers;
        assert_eq!(worked()[worker], scene.dealt(at)[worker]);
    });
}

#[test]
fn a_worker_that_panics_at_the_end_leaves_the_others_their_work() {
    scenes(&[0, 1], &[&[(Place::Finish, 0)]], |scene| {
        let (ended, _) = play(scene);
        panicked_at(scene, ended, Place::Finish);
        assert_eq!(worked(), scene.dealt(scene.numbers()));
    });
}

#[test]
fn a_collector_that_panics_stops_the_run() {
    let faults: [&[_]; 3] =
        [&[(Place::Collect, 0)], &[(Place::Collect, 1)], &[(Place::Collect, 5)]];
    scenes(&[0, 1, 2], &faults, |scene| {
        let (ended, reports) = play(scene);
        panicked_at(scene, ended, Place::Collect);
        assert_eq!(number_of(reports.len()), scene.faults[0].1);
        worked_from_the_first(scene);
    });
}

#[test]
fn a_collector_that_fails_gets_no_more_and_stops_the_run() {
    let faults: [&[_]; 2] = [&[(Place::Refuse, 0)], &[(Place::Refuse, 3)]];
    scenes(&[0, 1, 2], &faults, |scene| {
        let (ended, reports) = play(scene);
        let finished = ended.expect("no panic").expect("threads");
        // More reports are to come than may wait, so the reader meets the end of them.
        assert_eq!(finished.reader.expect("helpers"), Err(Stopped));
        assert_eq!(number_of(reports.len()), scene.faults[0].1 + 1);
        worked_from_the_first(scene);
    });
}

#[test]
fn a_supply_or_a_helper_that_panics_stops_the_reader_at_its_turn() {
    let faults: [&[_]; 5] = [
        &[(Place::Supply, 0)],
        &[(Place::Supply, 4)],
        &[(Place::Help, 0)],
        &[(Place::Help, 1)],
        &[(Place::Help, 3)],
    ];
    scenes(&[1, 2], &faults, |scene| {
        let (ended, _) = play(scene);
        let (place, at) = scene.faults[0];
        panicked_at(scene, ended, place);
        assert_eq!(worked(), scene.dealt(at));
    });
}

/// Checks that a run has panicked with one of its faults, whichever was joined first.
#[track_caller]
fn panicked_at_any(scene: Scene, ended: Result<Ended, Box<dyn Any + Send>>) {
    let panic = ended.map(|_| ()).expect_err("no panic");
    let place = panic.downcast::<Place>().expect("a panic that was asked for");
    assert!(scene.faults.iter().any(|(told, _)| *told == *place), "{place:?}");
}

#[test]
fn of_two_panics_one_goes_on_and_every_thread_is_joined() {
    let faults: [&[_]; 4] = [
        &[(Place::Work, 1), (Place::Read, 2)],
        &[(Place::Work, 0), (Place::Work, 1)],
        &[(Place::Work, 2), (Place::Collect, 3)],
        &[(Place::Read, 2), (Place::Collect, 3)],
    ];
    scenes(&[0, 1], &faults, |scene| {
        let (ended, _) = play(scene);
        panicked_at_any(scene, ended);
        worked_from_the_first(scene);
    });
    let faults: [&[_]; 2] =
        [&[(Place::Help, 1), (Place::Supply, 2)], &[(Place::Help, 0), (Place::Help, 1)]];
    scenes(&[2], &faults, |scene| {
        let (ended, _) = play(scene);
        panicked_at_any(scene, ended);
        assert_eq!(worked(), scene.dealt(scene.faults[0].1));
    });
}

#[test]
fn a_thread_that_is_refused_ends_those_that_have_started() {
    let faults: [&[_]; 3] = [&[(Place::Spawn, 0)], &[(Place::Spawn, 1)], &[(Place::Spawn, 2)]];
    scenes(&[0, 1, 2], &faults, |scene| {
        let (ended, _) = play(scene);
        let granted = usize::try_from(scene.faults[0].1).unwrap();
        let refused = match granted.cmp(&scene.workers) {
            std::cmp::Ordering::Less => format!("worker-{granted}"),
            std::cmp::Ordering::Equal => "reader".to_owned(),
            std::cmp::Ordering::Greater => format!("helper-{}", granted - scene.workers - 1),
        };
        let error = match ended.expect("no panic") {
            Err(error) => error,
            // Enough threads for all.
            Ok(finished) if granted >= scene.workers + 1 + scene.helpers => {
                return assert_eq!(finished.reader.unwrap(), Ok(scene.numbers()));
            }
            Ok(finished) => finished.reader.expect_err("a helper too many"),
        };
        assert_eq!(error.to_string(), refused);
        assert!(worked().iter().all(Vec::is_empty));
    });
}

/// The helpers by themselves, up to three.
fn ordered_scenes(
    faults: &'static [(Place, u64)],
    check: impl Fn(Scene) + Copy + Send + Sync + 'static,
) {
    for helpers in 1..=3 {
        explore(Scene { workers: 1, queue: 5, helpers, faults }, check);
    }
}

fn play_ordered(
    scene: Scene,
    reader: impl FnOnce(&mut Pieces<Piece>) -> u64,
) -> Result<u64, Box<dyn Any + Send>> {
    start(scene);
    let ended = catch_unwind(AssertUnwindSafe(|| with_helpers(scene, reader).unwrap()));
    assert_eq!(ALIVE.get(), 0, "something is left of a helper");
    assert!(PIECES.get() <= scene.helpers * HELPER_PIECES, "{} pieces", PIECES.get());
    ended
}

fn take(pieces: &mut Pieces<Piece>, most: u64) -> u64 {
    let mut taken = 0;
    while taken < most
        && let Some(piece) = pieces.take().unwrap()
    {
        assert_eq!(piece.0, taken + 1_000);
        taken += 1;
    }
    taken
}

#[test]
fn pieces_of_up_to_three_helpers_come_in_the_order_of_the_supply() {
    ordered_scenes(&[], |scene| {
        let taken = play_ordered(scene, |pieces| take(pieces, u64::MAX));
        assert_eq!(taken.expect("no panic"), scene.numbers());
    });
}

#[test]
fn helpers_end_when_the_reader_of_their_pieces_leaves_or_panics() {
    for most in [0, 1, 4] {
        ordered_scenes(&[], move |scene| {
            let taken = play_ordered(scene, |pieces| take(pieces, most));
            assert_eq!(taken.expect("no panic"), most);
        });
        ordered_scenes(&[], move |scene| {
            let panicked = play_ordered(scene, |pieces| {
                take(pieces, most);
                resume_unwind(Box::new(Place::Read))
            });
            assert_eq!(panicked.expect_err("a panic").downcast_ref(), Some(&Place::Read));
        });
    }
}
