//! Loading scenarios, and saying what is wrong with them.

use std::path::Path;

use super::terminal::{Terminal, say};
use super::{Exit, ScenarioArgs};
use crate::scenario::{self, Disk, Loaded, Problems};

/// Loads a scenario; says what is wrong with it, and how the command ends if it cannot be run.
pub(super) fn load(args: &ScenarioArgs, terminal: &Terminal) -> Result<Loaded, Exit> {
    checked(
        scenario::load(&Disk, &args.scenario, &args.sets),
        args,
        terminal,
    )
}

/// Loads a scenario to plan with it.
pub(super) fn load_plan(args: &ScenarioArgs, terminal: &Terminal) -> Result<Loaded, Exit> {
    checked(
        scenario::load_plan(&Disk, &args.scenario, &args.sets),
        args,
        terminal,
    )
}

fn checked(
    loaded: Result<Loaded, Problems>,
    args: &ScenarioArgs,
    terminal: &Terminal,
) -> Result<Loaded, Exit> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => {
            show(&problems, &args.scenario, terminal);
            return Err(Exit::BadInput);
        }
    };
    if !loaded.warnings.found.is_empty() {
        show(&loaded.warnings, &args.scenario, terminal);
        if args.deny_warnings {
            return Err(Exit::BadInput);
        }
    }
    Ok(loaded)
}

/// Shows problems, each in its place, and how many errors there are.
pub(super) fn show(problems: &Problems, path: &Path, terminal: &Terminal) {
    let text = problems
        .found
        .render(&problems.sources, terminal.stderr_colour);
    say(text.trim_end());
    let n = problems.found.n_errors();
    if n > 0 {
        let errors = if n == 1 {
            "1 error".to_owned()
        } else {
            format!("{n} errors")
        };
        say(&format!(
            "\n{errors} in {}; nothing was run",
            path.display()
        ));
    } else {
        say("");
    }
}
