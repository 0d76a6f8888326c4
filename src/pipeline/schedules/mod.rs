//! The hand-off under thousands of schedules: who is there, who panics, leaves or is refused, and
//! in which order the threads take their steps. A schedule in which all wait for one another fails.
//!
//! `SCHEDULES` says how many schedules of every scene are tried, `SHUTTLE_RANDOM_SEED` which.

mod scene;

use std::any::Any;
use std::panic::resume_unwind;

use super::{Pieces, Stopped};
use scene::{
    Ended, Piece, Place, Report, Scene, explore, number_of, play, play_ordered, scenes, worked,
};

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
