//! The charts, as inline SVG.
//!
//! The colours are those of the light page; the style sheet replaces each where the page is dark, so
//! every colour that is drawn is one of [`Ink`]. Lengths are whole pixels: no figure here is read off
//! as money.

use plotters::coord::Shift;
use plotters::prelude::{
    AreaSeries, BindKeyPoints, ChartBuilder, DrawingArea, IntoDrawingArea, RGBColor, Rectangle,
    SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont};

use super::pace::Span;

/// Charts have the width of a small screen, so that their text is not made small there.
const WIDTH: i32 = 340;
/// A line of text and the bar below it.
const BAR_ROW: i32 = 35;
const BAR: i32 = 7;
const PACE_HEIGHT: i32 = 190;
/// The backend writes a font size of this over 1.24, which is 12 pixels.
const FONT: f64 = 14.88;

const UNWRITABLE: &str = "memory takes a drawing";

/// What a thing is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Soft,
    Line,
    Track,
    One,
    Two,
    Three,
}

impl Ink {
    const fn colour(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(0x1c, 0x24, 0x30),
            Self::Soft => RGBColor(0x59, 0x63, 0x70),
            Self::Line => RGBColor(0xd9, 0xdd, 0xe3),
            Self::Track => RGBColor(0xeb, 0xee, 0xf2),
            Self::One => RGBColor(0x25, 0x63, 0xa8),
            Self::Two => RGBColor(0xa8, 0x57, 0x0c),
            Self::Three => RGBColor(0xb3, 0x26, 0x1e),
        }
    }
}

/// A bar with its name and its figure.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) figure: String,
    /// How long it is, beside the others.
    pub(super) size: u128,
    pub(super) ink: Ink,
}

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws bars from the left, one below the other, the longest over the whole width.
pub(super) fn bars(bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.size).max().unwrap_or(0);
    let rows = i32::try_from(bars.len()).expect("a chart has few bars");
    drawn(rows * BAR_ROW, |canvas| {
        for (row, bar) in (0..).zip(bars) {
            let top = row * BAR_ROW;
            let place = [(0, HPos::Left, &bar.label), (WIDTH, HPos::Right, &bar.figure)];
            for (x, side, text) in place {
                let text = Text::new(text.as_str(), (x, top), style(Ink::Text, side));
                canvas.draw(&text).expect(UNWRITABLE);
            }
            let below = top + 17;
            for (length, ink) in [(WIDTH, Ink::Track), (length(bar.size, longest), bar.ink)] {
                if length > 0 {
                    let corners = [(0, below), (length, below + BAR)];
                    let rectangle = Rectangle::new(corners, ink.colour().filled());
                    canvas.draw(&rectangle).expect(UNWRITABLE);
                }
            }
        }
    })
}

/// Gives the pixels of a bar: what is there is seen.
fn length(size: u128, longest: u128) -> i32 {
    // Beyond 64 bits, digits are dropped that no pixel shows.
    let excess = (u128::BITS - longest.leading_zeros()).saturating_sub(u64::BITS);
    let width = WIDTH.unsigned_abs();
    let pixels = ((size >> excess) * u128::from(width)).checked_div(longest >> excess);
    let pixels = pixels.map_or(0, |pixels| i32::try_from(pixels).unwrap_or(WIDTH));
    if size > 0 { pixels.max(1) } else { 0 }
}

/// Draws how many bytes a second were worked through over the time of a run.
pub(super) fn pace(spans: &[Span]) -> String {
    let nanoseconds = |at: std::time::Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    let end = spans.last().map_or(0, |span| nanoseconds(span.to)).max(1);
    let highest = spans.iter().map(Span::bytes_per_second).max().unwrap_or(0).max(1);
    let top = highest.saturating_add(highest / 10);
    let steps = spans.iter().flat_map(|span| {
        let rate = span.bytes_per_second();
        [(nanoseconds(span.from), rate), (nanoseconds(span.to), rate)]
    });
    drawn(PACE_HEIGHT, |canvas| {
        let mut chart = ChartBuilder::on(canvas)
            .margin_top(10)
            .margin_right(20)
            .x_label_area_size(26)
            .y_label_area_size(74)
            .build_cartesian_2d(
                (0..end).with_key_points(ticks(end)),
                (0..top).with_key_points(ticks(top)),
            )
            .expect(UNWRITABLE);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(Ink::Line.colour())
            .axis_style(Ink::Line.colour())
            .label_style(style(Ink::Soft, HPos::Left))
            .x_label_formatter(&|at| scaled(*at, 1_000_000_000, "s"))
            .y_label_formatter(&|rate| per_second(*rate))
            .draw()
            .expect(UNWRITABLE);
        let area = AreaSeries::new(steps, 0, Ink::One.colour().mix(0.25));
        chart.draw_series(area.border_style(Ink::One.colour())).expect(UNWRITABLE);
    })
}

/// Gives the round numbers from 0 on that an axis up to `end` is marked at, five at the most beyond
/// 0. The library's own search for them overflows at large ends.
fn ticks(end: u64) -> Vec<u64> {
    let powers = (0..=19).map(|power| 10_u64.pow(power));
    let steps = powers.flat_map(|power| [1, 2, 5].map(|digit| power.saturating_mul(digit)));
    let step = steps.into_iter().find(|step| end / step <= 5).unwrap_or(u64::MAX);
    (0..=end / step).map(|tick| tick * step).collect()
}

fn drawn(height: i32, draw: impl FnOnce(&Canvas<'_>)) -> String {
    let mut svg = String::new();
    let canvas =
        SVGBackend::with_string(&mut svg, (WIDTH.unsigned_abs(), height.unsigned_abs().max(1)))
            .into_drawing_area();
    draw(&canvas);
    canvas.present().expect(UNWRITABLE);
    drop(canvas);
    // In HTML the element needs no name space, and an image is what it says it is.
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}

fn style(ink: Ink, side: HPos) -> TextStyle<'static> {
    TextStyle {
        font: ("sans-serif", FONT).into_font(),
        color: ink.colour().to_backend_color(),
        pos: Pos::new(side, VPos::Top),
    }
}

/// Writes a rate in the largest unit of which there is a whole one.
pub(super) fn per_second(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        1..1_000 => format!("{bytes} B/s"),
        1_000..1_000_000 => scaled(bytes, 1_000, "kB/s"),
        1_000_000..1_000_000_000 => scaled(bytes, 1_000_000, "MB/s"),
        _ => scaled(bytes, 1_000_000_000, "GB/s"),
    }
}

/// Writes a number of a unit with the three decimals that it has, without zeros at their end.
fn scaled(value: u64, unit: u64, name: &str) -> String {
    let thousandths = value % unit / (unit / 1_000).max(1);
    let text = format!("{}.{thousandths:03}", value / unit);
    format!("{} {name}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        for (size, longest, expected) in [
            (0, 0, 0),
            (0, 5, 0),
            (5, 5, 340),
            (1, 2, 170),
            (1, 1_000_000, 1),
            (u128::MAX, u128::MAX, 340),
            (u128::MAX / 4, u128::MAX, 84),
            (1, u128::MAX, 1),
        ] {
            assert_eq!(length(size, longest), expected, "{size} of {longest}");
        }
    }

    #[test]
    fn names_are_escaped_and_nothing_is_loaded() {
        let bar =
            Bar { label: "<b>&\"".to_owned(), figure: "1".to_owned(), size: 1, ink: Ink::One };
        let svg = bars(&[bar]);
        assert!(svg.contains("&lt;b&gt;&amp;"), "{svg}");
        assert!(!svg.contains("://"), "{svg}");
    }

    #[test]
    fn any_spans_can_be_drawn() {
        let second = |at| Duration::from_secs(at);
        for spans in [
            &[][..],
            &[Span { from: second(0), to: second(0), bytes: 0 }],
            &[Span { from: second(0), to: Duration::from_nanos(1), bytes: u64::MAX }],
            &[Span { from: second(0), to: Duration::MAX, bytes: u64::MAX }],
        ] {
            assert!(pace(spans).ends_with("</svg>\n"));
        }
    }

    #[test]
    fn an_axis_of_any_length_is_marked_at_round_numbers() {
        for (end, expected) in [
            (0, &[0][..]),
            (1, &[0, 1]),
            (5, &[0, 1, 2, 3, 4, 5]),
            (6, &[0, 2, 4, 6]),
            (29, &[0, 5, 10, 15, 20, 25]),
            (1_234_567, &[0, 500_000, 1_000_000]),
            (u64::MAX, &[0, 5_000_000_000_000_000_000, 10_u64.pow(19), 15 * 10_u64.pow(18)]),
        ] {
            assert_eq!(ticks(end), expected, "{end}");
        }
    }

    #[test]
    fn rates_have_a_unit_of_their_size() {
        for (bytes, expected) in [
            (0, "0"),
            (999, "999 B/s"),
            (1_500, "1.5 kB/s"),
            (20_000_000, "20 MB/s"),
            (1_250_000_999, "1.25 GB/s"),
        ] {
            assert_eq!(per_second(bytes), expected);
        }
        assert_eq!(scaled(20_000_000, 1_000_000_000, "s"), "0.02 s");
    }
}
