//! Paths that would make a command read what it writes.

use std::path::Path;

use millrace::output::same_file;
use millrace::printable::Printable;

use super::exit::{Exit, Failure};

/// Refuses standard input twice, and outputs that are an input or the rule file. An input that is
/// `None` is standard input.
pub(super) fn check<'p>(
    inputs: &(impl Iterator<Item = Option<&'p Path>> + Clone),
    rules_file: Option<&'p Path>,
    outputs: &[&Path],
) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::new(Exit::Usage, message));
    if inputs.clone().filter(Option::is_none).count() > 1 {
        return usage("`-` is given twice; standard input can be read once".to_owned());
    }
    for output in outputs {
        for input in inputs.clone().chain(rules_file.map(Some)) {
            if same_file(input.unwrap_or(Path::new("/dev/stdin")), output) {
                let shown = Printable::path(output);
                return usage(format!("{shown}: is an input; the output would replace it"));
            }
        }
    }
    Ok(())
}
