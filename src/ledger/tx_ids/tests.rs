use super::*;
use crate::transaction::Kind;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Name(u64),
    Decide(u64),
}

fn id() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..40_u64,
        500..530_u64,
        (0..6_u64).prop_map(|far| far << 40),
        (0..4_u64).prop_map(|far| far << 20),
        (1..4_u64, 0..5_u64).prop_map(|(far, place)| (far << 30) + place * 100),
        u64::MAX - 20..=u64::MAX
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![id().prop_map(Step::Name), id().prop_map(Step::Decide)]
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "minutes; the scattered ids below take the same way")]
    fn the_set_agrees_with_plain_sets(steps in prop::collection::vec(step(), 1..200)) {
        let mut ids = TxIds::default();
        let (mut decided, mut named) = (BTreeSet::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Name(tx) => {
                    ids.name(tx);
                    named.insert(tx);
                }
                Step::Decide(tx) => {
                    let expected = Decision {
                        is_first: decided.insert(tx),
                        is_named: named.contains(&tx),
                    };
                    prop_assert_eq!(ids.decide(tx), expected);
                }
            }
            for tx in &named {
                prop_assert!(ids.is_named(*tx));
            }
        }
        for tx in &decided {
            prop_assert_eq!(ids.is_named(*tx), named.contains(tx));
        }
    }
}

proptest! {
    /// Whether an id has a page of its own when it is first asked for, gets one later or never.
    #[test]
    #[cfg_attr(miri, ignore = "minutes; the scattered ids below take the same way")]
    fn every_named_id_has_one_number_of_its_own(
        named in prop::collection::btree_set(id(), 1..40),
        asked in prop::collection::vec(id(), 1..80),
        decided in prop::collection::vec(id(), 80),
    ) {
        let mut ids = TxIds::default();
        for &tx in &named {
            ids.name(tx);
        }
        let mut numbers = BTreeMap::new();
        for (&tx, &other) in asked.iter().chain(&named).zip(decided.iter().cycle()) {
            let number = ids.number(tx);
            prop_assert_eq!(number.is_some(), named.contains(&tx));
            if let Some(number) = number {
                prop_assert_eq!(*numbers.entry(tx).or_insert(number), number);
            }
            ids.decide(other);
        }
        let distinct: BTreeSet<_> = numbers.values().collect();
        prop_assert_eq!(distinct.len(), named.len());
    }
}

/// The ids of rows, 0 for those that decide nothing, and which of them move money.
fn columns(rows: &[(Kind, u64)]) -> (Vec<u64>, u64) {
    let ids = rows.iter().map(|(kind, tx)| tx & kind.money_mask()).collect();
    let money = rows.iter().zip(0..).map(|((kind, _), at)| u64::from(kind.moves_money()) << at);
    (ids, money.fold(0, |all, it| all | it))
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "minutes; the scattered ids below take the same way")]
    fn rows_decided_together_are_decided_as_one_by_one(
        named in prop::collection::vec(id(), 0..40),
        rows in prop::collection::vec((prop::sample::select(&Kind::ALL), id()), 0..300),
    ) {
        let (mut together, mut singly) = (TxIds::default(), TxIds::default());
        for &tx in &named {
            together.name(tx);
            singly.name(tx);
        }
        for rows in rows.chunks(64) {
            let mut expected = Decisions::default();
            for (at, &(_, tx)) in rows.iter().enumerate().filter(|(_, row)| row.0.moves_money()) {
                let Decision { is_first, is_named } = singly.decide(tx);
                expected.duplicate |= u64::from(!is_first) << at;
                expected.named |= u64::from(is_first & is_named) << at;
            }
            let (ids, money) = columns(rows);
            let ahead = ids.get(TxIds::AHEAD..).unwrap_or_default();
            prop_assert_eq!(together.decide_all(&ids, money, ahead), expected);
        }
    }
}

#[test]
fn scattered_ids_agree_with_a_plain_set_and_keep_their_numbers_while_it_grows() {
    const ROWS: u64 = if cfg!(miri) { 300 } else { 30_000 };
    // Every id comes twice, the second time many rows later.
    let id = |row: u64| (row % (ROWS / 4 * 3)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let named: BTreeSet<u64> = (0..ROWS).step_by(5).map(id).collect();
    let mut ids = TxIds::default();
    ids.name_all(&named.iter().copied().collect::<Vec<_>>());
    let mut decided = BTreeSet::new();
    let mut numbers = BTreeMap::new();
    let rows: Vec<_> = (0..ROWS)
        .map(|row| (if row % 3 == 0 { Kind::Dispute } else { Kind::Deposit }, id(row)))
        .collect();
    for rows in rows.chunks(64) {
        let mut expected = Decisions::default();
        for (at, &(_, tx)) in rows.iter().enumerate().filter(|(_, row)| row.0.moves_money()) {
            let is_first = decided.insert(tx);
            expected.duplicate |= u64::from(!is_first) << at;
            expected.named |= u64::from(is_first && named.contains(&tx)) << at;
        }
        let (some, money) = columns(rows);
        let ahead = some.get(TxIds::AHEAD..).unwrap_or_default();
        assert_eq!(ids.decide_all(&some, money, ahead), expected);
        for &(_, tx) in rows {
            let number = ids.number(tx);
            assert_eq!(number.is_some(), named.contains(&tx));
            if let Some(number) = number {
                assert_eq!(*numbers.entry(tx).or_insert(number), number);
            }
        }
    }
    let distinct: BTreeSet<_> = numbers.values().copied().collect();
    assert_eq!(distinct.into_iter().collect::<Vec<_>>(), (0..named.len()).collect::<Vec<_>>());
}

#[test]
#[cfg_attr(miri, ignore = "10,000 ids")]
fn numbers_are_dense_where_the_ids_are() {
    let mut ids = TxIds::default();
    for tx in (0..10_000).step_by(3) {
        ids.name(tx);
    }
    let numbers: BTreeSet<_> = (0..10_000).filter_map(|tx| ids.number(tx)).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..3334).collect::<Vec<_>>());
}

/// Bytes that the set has taken from the allocator, at least.
fn held_bytes(ids: &TxIds) -> usize {
    ids.directory.held_bytes() + ids.apart.held_bytes() + ids.pages.capacity() * size_of::<Page>()
}

/// Empty sets that foresee nothing, or that nearly all ids are still to come, which is wrong.
fn sets() -> [TxIds; 3] {
    [None, Some(1 << 40), Some(1 << 41)].map(|total_bytes| {
        let mut ids = TxIds::default();
        if let Some(total_bytes) = total_bytes {
            ids.foresee(0, total_bytes);
            ids.foresee(1, total_bytes);
        }
        ids
    })
}

#[test]
#[cfg_attr(miri, ignore = "more than a million ids")]
fn ids_spread_over_pages_take_at_most_64_bytes_each() {
    for (per_page, first) in (1..=8_u64).flat_map(|it| [(it, 0), (it, 1 << 30)]) {
        for mut ids in sets() {
            let mut count = 0;
            for page in first..first + 65_536 / per_page {
                for place in 0..per_page {
                    assert!(ids.decide(page * PAGE_IDS + place * 7).is_first);
                    count += 1;
                }
            }
            let each = held_bytes(&ids) / count;
            assert!(each <= 64, "{per_page} ids per page take {each} bytes each");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "more than 160,000 ids")]
fn a_table_grows_to_what_the_rest_of_the_input_needs() {
    // Five ids for each bucket of 2¹³, and one more.
    let (named, decided) = (7, 5 * (1 << 13) + 1);
    let apart = |index: u64| (1 << 40) + index * PAGE_IDS;
    // With this much of the input, there are tables of 2¹⁴ and 2¹⁵ buckets.
    for (done_bytes, size) in [(None, 14), (Some(600), 14), (Some(400), 15), (Some(150), 14)] {
        let mut ids = TxIds::default();
        (0..named).for_each(|index| ids.name(apart(index)));
        ids.end_names();
        for index in 0..decided {
            ids.foresee(done_bytes.map_or(0, |it| 1 + index * it / decided), 1_000);
            assert!(ids.decide(apart(index)).is_first);
        }
        let buckets = ids.directory.loose.held_bytes() / 64;
        assert_eq!(buckets.ilog2(), size, "{done_bytes:?}");
        // A table that has grown to four times its size has what it had.
        for index in 0..decided {
            let expected = Decision { is_first: false, is_named: index < named };
            assert_eq!(ids.decide(apart(index)), expected);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "more than 100,000 ids")]
fn one_scattered_name_takes_no_room_for_others() {
    let mut ids = TxIds::default();
    (0..50_000).for_each(|tx| ids.name(tx));
    ids.name(1 << 50);
    ids.end_names();
    for index in 0..50_000 {
        ids.decide(index);
        ids.decide((1 << 40) + index * PAGE_IDS);
    }
    ids.decide(1 << 50);
    let before = held_bytes(&ids);
    assert!(ids.number(1 << 50).is_some());
    assert!(held_bytes(&ids) - before <= 2048, "{} to {}", before, held_bytes(&ids));
}

#[test]
#[cfg_attr(miri, ignore = "more than 100,000 ids")]
fn pages_that_get_their_bits_late_take_at_most_64_bytes_for_an_id() {
    // Five ids of each page fill the hash table just beyond a growth; the sixth moves them.
    for (pages, mut ids) in [8_193, 16_384].into_iter().flat_map(|it| sets().map(|ids| (it, ids))) {
        for place in 0..6 {
            for page in 0..pages {
                assert!(ids.decide(((1 << 30) + page) * PAGE_IDS + place * 7).is_first);
            }
        }
        let each = held_bytes(&ids) / (6 * usize::try_from(pages).unwrap());
        assert!(each <= 64, "{pages} pages: {each} bytes each");
    }
}

#[test]
#[cfg_attr(miri, ignore = "more than 200,000 ids")]
fn ids_that_are_near_and_far_take_at_most_64_bytes_each() {
    // Far ones, all but the lowest thousand, fill their table just beyond a growth; then one after
    // another comes near.
    let nears = [1, 1_000, 20_000, 42_000].into_iter();
    for (near, mut ids) in nears.flat_map(|it| sets().map(|ids| (it, ids))) {
        for page in (0..42_000).rev().chain(0..near) {
            ids.decide(page * PAGE_IDS);
        }
        let each = held_bytes(&ids) / 42_000;
        assert!(each <= 64, "{near} of 42,000 near: {each} bytes each");
    }
}

#[test]
#[cfg_attr(miri, ignore = "8,192 ids, most with a page of their own")]
fn pages_move_to_the_table_when_it_reaches_them() {
    let mut ids = TxIds::default();
    // From both ends of a range that only all of them together are enough for.
    let pages = 4 * u64::try_from(Directory::SMALL).unwrap();
    for page in (0..pages / 2).flat_map(|page| [pages - 1 - page, page]) {
        assert!(ids.decide(page * PAGE_IDS).is_first);
    }
    assert_eq!(ids.directory.loose.count(), 0);
    assert!((0..pages).all(|page| !ids.decide(page * PAGE_IDS).is_first));
}

#[test]
#[cfg_attr(miri, ignore = "a million ids")]
fn ascending_ids_take_two_bits_each() {
    let mut ids = TxIds::default();
    for tx in 0..1_000_000 {
        assert!(ids.decide(tx).is_first);
    }
    assert!(held_bytes(&ids) < 1_000_000);
    let twice: BTreeMap<u64, bool> =
        [0, 511, 512, 999_999].map(|tx| (tx, ids.decide(tx).is_first)).into();
    assert!(twice.values().all(|&is_first| !is_first));
}
