//! `perf script | flame TITLE > graph.svg`: stacks folded, then drawn.

use std::io::{BufReader, stdin, stdout};

use inferno::{
    collapse::{
        Collapse,
        perf::{Folder, Options},
    },
    flamegraph,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut folded = Vec::new();
    Folder::from(Options::default()).collapse(BufReader::new(stdin().lock()), &mut folded)?;
    let mut options = flamegraph::Options::default();
    options.title = std::env::args().nth(1).unwrap_or_else(|| "neipix".to_owned());
    options.count_name = "samples".to_owned();
    flamegraph::from_reader(&mut options, folded.as_slice(), stdout().lock())?;
    Ok(())
}
