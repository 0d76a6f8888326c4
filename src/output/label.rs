//! The part of a record that only its reason and type decide, spelled out beforehand.

use std::sync::LazyLock;

use crate::outcome::{Malformation, Reason, Rejection};
use crate::text::Text;
use crate::transaction::Kind;

/// Room for the longest label; a copy of this size is a few instructions.
const LABEL_BYTES: usize = 64;

/// The types, and the lack of one.
const KINDS: usize = Kind::ALL.len() + 1;

/// The columns outcome, reason and type with the commas around them.
#[derive(Clone, Copy, Debug)]
struct Label {
    bytes: [u8; LABEL_BYTES],
    length: usize,
}

/// The labels of every reason with every type.
#[derive(Debug)]
pub(super) struct Labels(Vec<Label>);

impl Labels {
    /// The labels, spelled out once.
    pub(super) fn shared() -> &'static Self {
        static LABELS: LazyLock<Labels> = LazyLock::new(Labels::new);
        &LABELS
    }

    fn new() -> Self {
        let malformed = Malformation::ALL.into_iter().map(Reason::Malformed);
        let reasons = malformed.chain(Rejection::ALL.into_iter().map(Reason::Rejected));
        let labels = reasons.flat_map(|reason| {
            let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
            kinds.map(move |kind| Label::new(reason, kind))
        });
        Self(labels.collect())
    }

    /// Appends the columns outcome, reason and type with the commas around them.
    #[inline]
    pub(super) fn push(&self, line: &mut impl Text, reason: Reason, kind: Option<Kind>) {
        let Label { bytes, length } = &self.0[place(reason, kind)];
        line.put(bytes, *length);
    }
}

impl Label {
    fn new(reason: Reason, kind: Option<Kind>) -> Self {
        let kind = kind.map_or("", Kind::name);
        let text = format!(",{},{},{kind},", reason.outcome(), reason.name());
        let mut bytes = [0; LABEL_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self { bytes, length: text.len() }
    }
}

/// The place of a label, in the order in which they are made.
#[inline]
fn place(reason: Reason, kind: Option<Kind>) -> usize {
    let reason = match reason {
        Reason::Malformed(malformation) => malformation.index(),
        Reason::Rejected(rejection) => Malformation::ALL.len() + rejection.index(),
    };
    let kind = match kind {
        Some(Kind::Deposit) => 0,
        Some(Kind::Withdrawal) => 1,
        Some(Kind::Dispute) => 2,
        Some(Kind::Resolve) => 3,
        Some(Kind::Chargeback) => 4,
        None => KINDS - 1,
    };
    reason * KINDS + kind
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;

    #[test]
    fn every_reason_and_type_has_its_own_label() {
        let labels = Labels::new();
        let malformed = Malformation::ALL.into_iter().map(Reason::Malformed);
        for reason in malformed.chain(Rejection::ALL.into_iter().map(Reason::Rejected)) {
            for kind in Kind::ALL.into_iter().map(Some).chain([None]) {
                let mut lines = Lines::default();
                let mut line = lines.line();
                line.push(b'7');
                labels.push(&mut line, reason, kind);
                line.end();
                let name = kind.map_or("", Kind::name);
                let expected = format!("7,{},{},{name},", reason.outcome(), reason.name());
                assert_eq!(lines.bytes(), expected.as_bytes());
            }
        }
    }
}
