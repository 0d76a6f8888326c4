//! A run as one page of HTML: what was read, what came of it, and what stands out.
//!
//! The page is whole by itself: it loads nothing, runs no script, and can be printed. Its figures
//! are those of the [`Manifest`], so whoever doubts one can hold the manifest against the files;
//! nothing is opened or measured here. Everything but the time in its head and its section `run` is
//! decided by the bytes of the inputs, the rules and the options.

mod chart;
mod figures;
mod pace;
mod page;
mod survey;

pub use pace::{Pace, Span};
pub use survey::{Bucket, MOST_LISTED, Ranking, Sizes, Survey};

use crate::manifest::Manifest;

/// Writes the page of a run.
pub fn page(manifest: &Manifest, survey: &Survey, pace: &Pace) -> String {
    page::page(manifest, survey, pace)
}
