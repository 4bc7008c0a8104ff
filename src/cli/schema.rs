//! `capsim schema`.

use clap::{Args, ValueEnum};

use super::Exit;
use super::terminal::Terminal;
use crate::{report, scenario};

/// Options of `capsim schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Of what.
    #[arg(default_value = "scenario")]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Of scenarios, for editors.
    Scenario,
    /// Of summary.json.
    Summary,
    /// Of compare.json.
    Compare,
    /// Of plan.json.
    Plan,
}

/// Prints a JSON Schema.
pub(super) fn schema(args: &SchemaArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let schema = match args.what {
        What::Scenario => scenario::schema(),
        What::Summary => report::summary::schema(),
        What::Plan => report::planning::schema(),
        What::Compare => report::comparison::schema(),
    };
    terminal.print(&format!("{schema:#}\n"))?;
    Ok(Exit::Done)
}
