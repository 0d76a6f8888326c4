//! Log lines on standard error, for `-v` and `-vv`.

use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::filter::LevelFilter;

use super::args::LogFormat;

/// Starts logging; nothing is logged unless it is asked for.
pub(super) fn start(verbosity: u8, format: LogFormat) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // The convention of https://no-color.org: set and not empty.
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        // A line that cannot be written would be complained about where it cannot be either, with
        // a panic.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal() && !no_color);
    match format {
        LogFormat::Text => builder.without_time().init(),
        LogFormat::Json => builder.json().init(),
    }
}
