//! Bad inputs and what they get: every numbered line of that page is an executable case.
//!
//! [`COVERED`] says where the case of each number is: a row in [`rows::CASES`], a test here or in
//! a file beside this one, or a golden sample, which tests/golden.rs runs in every way there is.

#[path = "../drive/mod.rs"]
mod drive;
mod header;
mod limits;
mod load;
mod memory;
mod rows;
mod whole_file;

use std::path::Path;

/// Where a number of the page is a case.
#[derive(Clone, Copy)]
enum Where {
    /// In the table of rows.
    Rows,
    /// A test of this name.
    Test(&'static str),
    /// A sample of this name, in whose rejects the reason stands; an accepted one has none.
    Sample(&'static str, Option<&'static str>),
}

use Where::{Rows, Sample, Test};

const LAST: u32 = 102;

/// The page leaves it out.
const NO_SUCH_NUMBER: u32 = 20;

const COVERED: &[(u32, Where)] = &[
    // Whole file
    (1, Test("a_missing_file_is_named")),
    (2, Test("a_directory_is_no_input")),
    (3, Test("a_file_without_permission_is_named")),
    (4, Test("an_empty_file_is_no_csv")),
    (5, Test("a_header_alone_gives_a_header_alone")),
    (5, Sample("header-only", None)),
    (5, Sample("header-only-without-a-newline", None)),
    (6, Test("a_byte_order_mark_may_come_byte_by_byte")),
    (6, Sample("byte-order-mark", None)),
    (7, Test("other_encodings_are_named")),
    (8, Test("other_kinds_of_file_are_named")),
    (8, Test("compressed_input_is_as_good_as_plain")),
    (9, Test("pipes_and_files_without_a_size_are_read_to_their_end")),
    (10, Test("a_terabyte_of_nuls_is_refused_in_little_memory")),
    (11, Test("offsets_beyond_four_gigabytes_are_exact")),
    (11, Test("lines_beyond_two_to_the_32_are_counted")),
    (12, Test("a_last_row_without_a_newline_is_told")),
    (12, Sample("last-row-without-a-newline", None)),
    (12, Sample("strict-last-row-without-a-newline", Some("unterminated_row"))),
    (13, Sample("last-row-cut-in-mid-field", Some("too_few_fields"))),
    (14, Test("lines_that_end_with_cr_alone_are_refused")),
    (15, Sample("crlf-and-lf-mixed", None)),
    (16, Test("an_input_changed_in_place_is_refused")),
    (16, Test("a_map_cut_short_is_a_message_and_no_crash")),
    (17, Test("an_input_replaced_by_rename_is_read_as_it_was")),
    (18, Sample("nul-padding-at-the-end", Some("too_few_fields"))),
    (19, Test("a_bomb_ends_at_the_limit_in_little_memory")),
    (19, Test("a_bomb_takes_a_few_blocks")),
    // Header
    (21, Test("what_is_no_header_is_refused")),
    (22, Sample("columns-reordered", None)),
    (23, Test("what_is_no_header_is_refused")),
    (24, Test("what_is_no_header_is_refused")),
    (24, Sample("extra-columns-ignored", None)),
    (25, Test("what_is_no_header_is_refused")),
    (26, Sample("header-in-other-spelling", None)),
    (27, Sample("header-repeated", Some("header_row"))),
    (28, Test("what_is_no_header_is_refused")),
    // Row shape, type and ids, amount: see the table
    (29, Rows),
    (29, Sample("blanks-around-fields", None)),
    (30, Test("blank_lines_count_as_lines")),
    (31, Test("a_dispute_needs_no_amount")),
    (32, Test("a_dispute_needs_no_amount")),
    (33, Test("a_dispute_needs_no_amount")),
    (33, Sample("dispute-with-an-amount", None)),
    (34, Rows),
    (35, Rows),
    (36, Rows),
    (37, Rows),
    (38, Rows),
    (39, Rows),
    (40, Rows),
    (41, Rows),
    (41, Sample("row-too-long", Some("row_too_long"))),
    (42, Test("a_row_of_64_mebibytes_takes_little_memory")),
    (42, Test("a_row_without_an_end_takes_a_few_blocks")),
    (43, Rows),
    (44, Rows),
    (45, Rows),
    (46, Rows),
    (47, Rows),
    (48, Test("millions_of_bad_rows_take_little_memory")),
    (48, Test("bad_rows_take_no_memory_of_their_own")),
    (48, Test("a_hundred_million_bad_rows_take_no_more")),
    (49, Rows),
    (50, Rows),
    (51, Rows),
    (52, Rows),
    (53, Rows),
    (54, Rows),
    (55, Rows),
    (56, Rows),
    (57, Rows),
    (58, Rows),
    (59, Rows),
    (60, Rows),
    (61, Rows),
    (62, Rows),
    (63, Rows),
    (64, Rows),
    (65, Rows),
    (66, Rows),
    (67, Rows),
    (68, Rows),
    (69, Rows),
    (70, Rows),
    (71, Rows),
    (72, Rows),
    (73, Rows),
    (74, Rows),
    (75, Rows),
    (76, Rows),
    (77, Rows),
    (78, Rows),
    // Rules
    (79, Sample("two-deposits-of-the-maximum", None)),
    (80, Sample("duplicate-tx-of-the-same-client", Some("duplicate_tx"))),
    (81, Sample("duplicate-tx-of-another-client", Some("duplicate_tx"))),
    (82, Sample("duplicate-of-a-refused-tx", Some("duplicate_tx"))),
    (83, Sample("dispute-of-a-duplicate-holds-the-first-amount", Some("duplicate_tx"))),
    (84, Test("duplicates_far_apart_get_one_verdict")),
    (85, Sample("dispute-of-another-clients-tx", Some("unknown_tx"))),
    (86, Sample("dispute-of-an-unknown-tx", Some("unknown_tx"))),
    (87, Sample("dispute-of-a-later-tx", Some("unknown_tx"))),
    (88, Sample("dispute-of-a-withdrawal", Some("not_disputable"))),
    (89, Sample("dispute-twice", Some("already_disputed"))),
    (90, Sample("resolve-without-dispute", Some("not_disputed"))),
    (90, Sample("chargeback-without-dispute", Some("not_disputed"))),
    (91, Sample("dispute-again-after-resolve", None)),
    (92, Sample("anything-on-a-charged-back-tx", Some("charged_back"))),
    (93, Sample("dispute-after-the-money-left", None)),
    (94, Sample("anything-on-a-locked-account", Some("account_locked"))),
    (95, Sample("withdrawal-of-more-than-available", Some("insufficient_funds"))),
    (96, Sample("chargeback-while-another-dispute-is-open", None)),
    // Hostile load
    (97, Test("ids_crafted_to_collide_are_ids_like_any_other")),
    (98, Test("scattered_ids_take_little_memory")),
    (98, Test("scattered_ids_take_sixty_four_bytes_each")),
    (99, Test("one_client_alone_is_right_for_any_number_of_workers")),
    (100, Test("clients_of_one_worker_are_right_for_any_number_of_workers")),
    (101, Test("random_ids_are_right_for_any_number_of_workers")),
    (102, Test("as_many_clients_as_rows_are_right_for_any_number_of_workers")),
];

const SOURCES: [&str; 8] = [
    include_str!("header.rs"),
    include_str!("limits.rs"),
    include_str!("memory.rs"),
    include_str!("load.rs"),
    include_str!("rows.rs"),
    include_str!("whole_file.rs"),
    include_str!("../faults/changed.rs"),
    include_str!("../faults/main.rs"),
];

#[test]
fn every_number_of_the_page_is_a_case() {
    for number in (1..=LAST).filter(|&number| number != NO_SUCH_NUMBER) {
        let mut places = COVERED.iter().filter(|(covered, _)| *covered == number).peekable();
        assert!(places.peek().is_some(), "{number}");
        for (_, place) in places {
            match *place {
                Rows => {
                    let is_there = rows::CASES.iter().any(|case| case.number == number);
                    assert!(is_there, "{number}: no row");
                }
                Test(name) => {
                    let test = format!("fn {name}()");
                    let is_there = SOURCES.iter().any(|source| source.contains(&test));
                    assert!(is_there, "{number}: no test {name}");
                }
                Sample(name, reason) => assert_sample(number, name, reason),
            }
        }
    }
    for (number, _) in COVERED {
        assert!((1..=LAST).contains(number) && *number != NO_SUCH_NUMBER, "{number}");
    }
    for case in rows::CASES {
        let is_listed =
            COVERED.iter().any(|(number, place)| *number == case.number && matches!(place, Rows));
        assert!(is_listed, "{}", case.number);
    }
}

fn assert_sample(number: u32, name: &str, reason: Option<&str>) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let file = |ending: &str| samples.join(format!("{name}{ending}"));
    assert!(file(".csv").is_file() && file(".expected.csv").is_file(), "{number}: no {name}");
    if let Some(reason) = reason {
        let rejects = std::fs::read_to_string(file(".rejects.csv")).expect("rejects");
        assert!(rejects.contains(&format!(",{reason},")), "{number}: no {reason} in {name}");
    }
}
