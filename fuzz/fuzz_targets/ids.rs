//! Ids in groups of up to 64 rows: decided at once where they follow one another, or together, as a
//! plain set of ids decides them one by one; what is named is remembered in its place, and found
//! there and nowhere else.
//!
//! The first byte chooses the number of shards and which ids are named; every five bytes after it
//! are a group: its shape, the number of its rows, where its ids start, and which rows move money.
#![no_main]

use std::collections::{HashMap, HashSet};

use libfuzzer_sys::fuzz_target;
use millrace::ledger::{Decisions, Marks, Registry, TxIds};
use millrace::rules::TxIdSpace;

/// On both sides of the edges of pages, and of what is kept in pages at all.
const STARTS: [u64; 8] = [0, 448, 1_000, 1 << 16, (1 << 32) - 40, 1 << 40, 1 << 63, u64::MAX - 511];
/// Scatters ids and bits when it is multiplied with them.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
const NOWHERE: (u64, Marks) = (u64::MAX, Marks::PLACED);

/// Rows whose ids are decided together.
struct Group {
    /// Of every row; of those that move no money it means nothing.
    ids: Vec<u64>,
    money: u64,
    /// Where the ids of those that move money start, if they follow one another.
    run: Option<u64>,
}

fuzz_target!(|data: &[u8]| {
    let [choice, groups @ ..] = data else { return };
    let groups: Vec<_> =
        groups.chunks_exact(5).map(|it| Group::of(it.try_into().expect("five"))).collect();
    let mut books = Books::new(1 + usize::from(choice >> 4) % 3, u64::from(choice & 15), &groups);
    let all = u64::try_from(groups.len()).expect("64 bits");
    for (group, done) in groups.iter().zip(0..) {
        books.registry.foresee(done, all);
        books.decide(group);
    }
    books.check_places();
});

impl Group {
    fn of([shape, rows, start, place, money]: [u8; 5]) -> Self {
        let first = STARTS[usize::from(start % 8)]
            .wrapping_add(u64::from(place) * u64::from(1 + start / 8));
        let rows = 1 + rows % 64;
        // Few gaps, or many.
        let rotation = u32::from(place % 64);
        let pattern = u64::from_le_bytes([money; 8]);
        let money = match shape / 4 % 4 {
            0 => u64::MAX,
            1 => pattern | pattern << 3,
            2 => pattern.rotate_left(rotation) | 1,
            _ => pattern & pattern.wrapping_mul(SCATTER),
        } & u64::MAX >> (64 - rows);
        let is_run = shape % 4 < 2;
        let mut next = first;
        let ids = (0..u32::from(rows)).map(|at| {
            let id = next;
            let step = if is_run { 1 } else { u64::from(shape | 1).wrapping_pow(at % 9) };
            next = next.wrapping_add(if money >> at & 1 != 0 { step } else { 0 });
            id
        });
        Self { ids: ids.collect(), money, run: is_run.then_some(first) }
    }
}

struct Books {
    registry: Registry,
    decided: HashSet<u64>,
    named: HashSet<u64>,
    /// The shard and the place of what is remembered.
    places: HashMap<u64, (usize, u64)>,
    /// The places given away, by shard.
    taken: Vec<HashSet<u64>>,
}

impl Books {
    /// Names the ids of which `choice` of sixteen are to be.
    fn new(shards: usize, choice: u64, groups: &[Group]) -> Self {
        let is_named = |id: &u64| id.wrapping_mul(SCATTER) >> 60 < choice;
        let named: HashSet<_> =
            groups.iter().flat_map(|group| &group.ids).copied().filter(is_named).collect();
        let mut ids = TxIds::default();
        ids.name_all(&named.iter().copied().collect::<Vec<_>>());
        let registry = Registry::of_named(ids, TxIdSpace::Global, shards);
        let (decided, places) = (HashSet::new(), HashMap::new());
        Self { registry, decided, named, places, taken: vec![HashSet::new(); shards] }
    }

    fn decide(&mut self, group: &Group) {
        let mut expected = Decisions::default();
        let moving = |at: &usize| group.money >> at & 1 != 0;
        for at in (0..group.ids.len()).filter(moving) {
            let id = group.ids[at];
            if !self.decided.insert(id) {
                expected.duplicate |= 1 << at;
            } else if self.named.contains(&id) {
                expected.named |= 1 << at;
            }
        }
        let at_once = group.run.and_then(|first| self.registry.decide_run(first, group.money));
        let decisions = at_once.unwrap_or_else(|| {
            let ahead = group.ids.get(Registry::AHEAD..).unwrap_or_default();
            self.registry.decide(&group.ids, group.money, ahead)
        });
        assert_eq!(decisions, expected, "{:?}", group.ids);
        for at in (0..group.ids.len()).filter(|at| expected.named >> at & 1 != 0) {
            let (id, shard) = (group.ids[at], at % self.taken.len());
            let (place, marks) = self.registry.remember(id, shard);
            assert_eq!(marks, Marks::REMEMBER.and(Marks::PLACED));
            if self.taken.len() > 1 {
                let before = self.taken[shard].len();
                assert_eq!(usize::try_from(place), Ok(before), "one after the other");
            } else {
                assert!(place < 2 * u64::try_from(self.named.len()).unwrap(), "not far apart");
            }
            assert!(self.taken[shard].insert(place), "{id} at {place} in {shard}");
            assert_eq!(self.places.insert(id, (shard, place)), None);
        }
    }

    /// Every named transaction is found by its own shard alone, and where none has come, nothing is.
    fn check_places(mut self) {
        for id in self.named {
            let lookup = self.registry.look_up(id);
            for (shard, taken) in self.taken.iter().enumerate() {
                let found = self.registry.refer(lookup, shard);
                match self.places.get(&id) {
                    Some(&(its, place)) if its == shard => {
                        assert_eq!(found, (place, Marks::PLACED), "{id} in {shard}");
                    }
                    _ if self.taken.len() > 1 => assert_eq!(found, NOWHERE, "{id} in {shard}"),
                    // A single shard may be told the place that it would have.
                    _ => {
                        assert!(!taken.contains(&found.0), "{id}");
                        assert_eq!(found.1, Marks::PLACED);
                    }
                }
            }
        }
        assert_eq!(self.registry.unnamed(), 0);
    }
}
