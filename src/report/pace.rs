//! How fast a run went, from looks at how far it was. Who looks, and at which clock, is not known
//! here.

use std::time::Duration;

/// More spans than these are too narrow to be seen.
const MOST_SAMPLES: usize = 128;

/// Fewer spans than these show no course.
const FEWEST_SPANS: usize = 4;

/// How far a run was, and when: a bounded number of samples, however long it takes.
///
/// ```
/// use std::time::Duration;
/// use millrace::report::Pace;
///
/// let mut pace = Pace::default();
/// (1..=4).for_each(|tenth| pace.add(Duration::from_millis(100 * tenth), 50 * tenth));
/// let spans = pace.spans().expect("enough of them");
/// assert!(spans.iter().all(|span| span.bytes_per_second() == 500));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    samples: Vec<Sample>,
    /// How many looks there have been.
    looks: u64,
    /// Every look of which the number is a multiple of two to this power is kept.
    thinned: u32,
    last: Option<Sample>,
}

/// Where the run was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sample {
    at: Duration,
    bytes: u64,
}

/// The run between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it begins, from the start of the run.
    pub from: Duration,
    /// When it ends.
    pub to: Duration,
    /// The bytes worked through in it.
    pub bytes: u64,
}

impl Span {
    /// The bytes per second, cut off.
    pub fn bytes_per_second(&self) -> u64 {
        let nanoseconds = self.to.saturating_sub(self.from).as_nanos();
        let rate = (u128::from(self.bytes) * 1_000_000_000).checked_div(nanoseconds);
        rate.map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

impl Pace {
    /// Takes how many bytes are done, and how long after the start that is. What is out of order
    /// counts for nothing.
    pub fn add(&mut self, at: Duration, bytes: u64) {
        let sample = Sample { at, bytes };
        let before = self.last.unwrap_or_default();
        if at <= before.at || bytes < before.bytes {
            return;
        }
        self.last = Some(sample);
        self.looks += 1;
        if self.looks.trailing_zeros() < self.thinned {
            return;
        }
        self.samples.push(sample);
        if self.samples.len() == MOST_SAMPLES {
            // The kept looks are numbered 1, 2, … in steps of a power of two: every second stays.
            let mut is_kept = true;
            self.samples.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.thinned += 1;
        }
    }

    /// Gives the spans between the samples, from the start of the run to the last look; none if
    /// the run was too short to show a course.
    pub fn spans(&self) -> Option<Vec<Span>> {
        let last = self.last.filter(|last| self.samples.last() != Some(last));
        let ends = self.samples.iter().copied().chain(last);
        let mut before = Sample::default();
        let spans: Vec<_> = ends
            .map(|end| {
                let start = std::mem::replace(&mut before, end);
                Span { from: start.at, to: end.at, bytes: end.bytes - start.bytes }
            })
            .collect();
        (spans.len() >= FEWEST_SPANS).then_some(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that does `bytes` in every tick of 10 ms.
    fn steady(ticks: u32, bytes: u64) -> Pace {
        let mut pace = Pace::default();
        for tick in 1..=ticks {
            pace.add(Duration::from_millis(10) * tick, bytes * u64::from(tick));
        }
        pace
    }

    #[test]
    fn a_short_run_has_no_course() {
        assert_eq!(Pace::default().spans(), None);
        assert_eq!(steady(3, 5).spans(), None);
        assert_eq!(steady(4, 5).spans().unwrap().len(), 4);
    }

    #[test]
    fn however_long_the_run_spans_are_few_and_leave_nothing_out() {
        for ticks in [4, 127, 128, 129, 200, 255, 256, 1_000, 99_999] {
            let spans = steady(ticks, 7).spans().unwrap();
            assert!(spans.len() <= MOST_SAMPLES, "{ticks}");
            assert!(spans.len() >= usize::try_from(ticks).unwrap().min(MOST_SAMPLES / 2));
            assert_eq!(spans[0].from, Duration::ZERO);
            assert!(spans.windows(2).all(|it| it[0].to == it[1].from));
            assert_eq!(spans.last().unwrap().to, Duration::from_millis(10) * ticks);
            let bytes: u64 = spans.iter().map(|it| it.bytes).sum();
            assert_eq!(bytes, 7 * u64::from(ticks));
            assert!(spans.iter().all(|it| it.bytes_per_second() == 700), "{ticks}");
        }
    }

    #[test]
    fn a_clock_or_a_count_that_goes_back_counts_for_nothing() {
        let mut pace = steady(4, 5);
        let expected = pace.clone();
        for (milliseconds, bytes) in [(40, 20), (39, 99), (50, 19)] {
            pace.add(Duration::from_millis(milliseconds), bytes);
        }
        assert_eq!(pace, expected);
    }

    #[test]
    fn a_stop_is_seen() {
        let mut pace = steady(4, 5);
        pace.add(Duration::from_millis(1_040), 20);
        pace.add(Duration::from_millis(1_050), 30);
        let rates: Vec<_> = pace.spans().unwrap().iter().map(Span::bytes_per_second).collect();
        assert_eq!(rates, [500, 500, 500, 500, 0, 1_000]);
    }
}
