//! The summary as JSON for programs.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Counts, Summary};

/// The keys and their order, which are a promise.
#[derive(serde::Serialize)]
struct Document<'a> {
    inputs: u64,
    bytes: u64,
    rows: u64,
    applied: u64,
    rejected: u64,
    malformed: u64,
    rejected_by_reason: Rejected<'a>,
    malformed_by_reason: Malformed<'a>,
    left_out: u64,
    blank_lines: u64,
    amounts_ignored: u64,
    accounts: u64,
    locked_accounts: u64,
    deposited: String,
    withdrawn: String,
    charged_back: String,
    unterminated_inputs: &'a [String],
    workers: u64,
    elapsed_ns: u64,
}

struct Rejected<'a>(&'a Counts);

impl Serialize for Rejected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (rejection, count) in self.0.rejections() {
            map.serialize_entry(rejection.name(), &count)?;
        }
        map.end()
    }
}

struct Malformed<'a>(&'a Counts);

impl Serialize for Malformed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (malformation, count) in self.0.malformations() {
            map.serialize_entry(malformation.name(), &count)?;
        }
        map.end()
    }
}

impl Summary {
    /// Gives the summary as one JSON object on one line, without a newline.
    ///
    /// | key | value |
    /// |---|---|
    /// | `inputs`, `bytes` | numbers; bytes once decompressed |
    /// | `rows`, `applied`, `rejected`, `malformed` | numbers; the first is the sum of the others and `left_out` |
    /// | `rejected_by_reason`, `malformed_by_reason` | an object of every reason, zeros included |
    /// | `left_out`, `blank_lines`, `amounts_ignored` | numbers |
    /// | `accounts`, `locked_accounts` | numbers |
    /// | `deposited`, `withdrawn`, `charged_back` | strings with four decimals |
    /// | `unterminated_inputs` | an array of names |
    /// | `workers` | a number |
    /// | `elapsed_ns` | nanoseconds, an integer |
    ///
    /// Money is text, so that no reader makes a float of it. The keys stand in this order. Keys may
    /// be added, none is renamed or taken away.
    #[expect(clippy::missing_panics_doc, reason = "strings and integers have a JSON form")]
    pub fn to_json(&self) -> String {
        let document = Document {
            inputs: self.inputs,
            bytes: self.bytes,
            rows: self.rows,
            applied: self.applied,
            rejected: self.refused.rejected(),
            malformed: self.refused.malformed(),
            rejected_by_reason: Rejected(&self.refused),
            malformed_by_reason: Malformed(&self.refused),
            left_out: self.left_out,
            blank_lines: self.blank_lines,
            amounts_ignored: self.amounts_ignored,
            accounts: self.accounts,
            locked_accounts: self.locked_accounts,
            deposited: self.deposited.to_string(),
            withdrawn: self.withdrawn.to_string(),
            charged_back: self.charged_back.to_string(),
            unterminated_inputs: &self.unterminated_inputs,
            workers: self.workers,
            elapsed_ns: u64::try_from(self.elapsed.as_nanos()).unwrap_or(u64::MAX),
        };
        serde_json::to_string(&document).expect("strings and integers")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::full;
    use super::*;
    use crate::outcome::{Malformation, Rejection};
    use serde_json::Value;

    #[test]
    fn every_figure_stands_under_its_key() {
        let expected = concat!(
            r#"{"inputs":2,"bytes":157000000,"rows":5000000,"applied":4998790,"#,
            r#""rejected":1201,"malformed":2,"#,
            r#""rejected_by_reason":{"duplicate_tx":1,"unterminated_row":0,"account_locked":0,"#,
            r#""unknown_tx":0,"not_disputable":0,"charged_back":0,"already_disputed":0,"#,
            r#""not_disputed":0,"already_resolved":0,"insufficient_funds":1200},"#,
            r#""malformed_by_reason":{"row_too_long":0,"bad_quoting":0,"too_few_fields":0,"#,
            r#""too_many_fields":0,"header_row":0,"unknown_type":0,"bad_client":0,"bad_tx":0,"#,
            r#""missing_amount":0,"bad_amount":2,"negative_amount":0,"zero_amount":0,"#,
            r#""too_precise":0,"amount_too_large":0},"#,
            r#""left_out":7,"blank_lines":3,"amounts_ignored":4,"accounts":65535,"locked_accounts":12345,"#,
            r#""deposited":"1234567890.5000","withdrawn":"0.5000","charged_back":"999.9999","#,
            r#""unterminated_inputs":["may.csv"],"workers":2,"elapsed_ns":142900000}"#,
        );
        assert_eq!(full().to_json(), expected);
    }

    #[test]
    fn any_name_and_size_is_json() {
        let summary = Summary {
            unterminated_inputs: vec!["\"\\\n\u{1b}".into()],
            rows: u64::MAX,
            elapsed: std::time::Duration::MAX,
            ..full()
        };
        let value: Value = serde_json::from_str(&summary.to_json()).unwrap();
        assert_eq!(value["unterminated_inputs"][0], "\"\\\n\u{1b}");
        assert_eq!(value["rows"], u64::MAX);
        assert_eq!(value["elapsed_ns"], u64::MAX);
        assert_eq!(value["rejected_by_reason"].as_object().unwrap().len(), Rejection::ALL.len());
        let malformed = value["malformed_by_reason"].as_object().unwrap();
        assert_eq!(malformed.len(), Malformation::ALL.len());
    }
}
