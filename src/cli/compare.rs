//! `capsim compare`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::loading::load;
use super::run::Undecided;
use super::session::with_session;
use super::terminal::{Terminal, say};
use super::{Exit, Global, OutputArgs, ScenarioArgs};
use crate::experiment::{self, Comparison};
#[cfg(feature = "charts")]
use crate::report::chart;
use crate::report::output_dir::{OutputDir, OutputError};
use crate::report::text::Style;
use crate::report::{CompareView, comparison, manifest, markdown, text};
use crate::scenario::{self, Loaded, Scenario};
use crate::units::Fraction;

/// Options of `capsim compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// A: the scenario that B is held against.
    a: PathBuf,
    /// B, if it is another scenario; A with what is `--set` unless given.
    b: Option<PathBuf>,
    /// Change a value in B: a path and TOML, a bare word is a string. Repeatable, the last one wins.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Change a value in A and in B. Repeatable, the last one wins.
    #[arg(long = "set-both", value_name = "PATH=VALUE")]
    sets_both: Vec<String>,
    /// Treat warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// What is printed; files are written in any case.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Differences of less than this, relative to the figure, do not matter.
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    tolerance: Fraction,
    /// End with exit code 3 if B is worse: in a figure that an objective bounds, in cost, errors or latency, or
    /// by missing an objective that A does not miss.
    #[arg(long)]
    exit_code: bool,
    /// With `--exit-code`: what it means if some of that is undecided.
    #[arg(long, value_name = "HOW", default_value = "pass")]
    undecided: Undecided,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The comparison for people.
    Text,
    /// compare.json.
    Json,
    /// The comparison as tables, for a pull request.
    Markdown,
}

/// A side: what it is called, and its scenario.
struct Side {
    name: String,
    loaded: Loaded,
}

/// Compares two configurations.
pub(super) fn compare(
    args: &CompareArgs,
    global: &Global,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    if args.b.is_none() && args.sets.is_empty() {
        say(&format!(
            "error: there is nothing to compare {} with\n  = help: give a second scenario, or what is to be changed: --set components.web.count=20\n\nnothing was run",
            args.a.display()
        ));
        return Ok(Exit::BadInput);
    }
    let b = args.b.as_ref().unwrap_or(&args.a);
    let own: Vec<String> = args.sets_both.iter().chain(&args.sets).cloned().collect();
    // What is wrong with either is said at once.
    let a = side(args, &args.a, &args.sets_both, terminal);
    let b = side(args, b, &own, terminal);
    let (Ok(a), Ok(b)) = (a, b) else {
        return Ok(Exit::BadInput);
    };
    let (notes, of_b) = drawn_alike(&a.loaded.scenario, &b.loaded.scenario);
    let scenarios = [&a.loaded.scenario, &of_b];
    let changes = scenario::changes(scenarios[0], scenarios[1]);
    let id = manifest::compare_id(scenarios[0], scenarios[1], args.tolerance);
    let folder = args.output.output.join(&a.loaded.name);
    let output = OutputDir::create(folder.join(format!("compare-{id}")))?;
    let (found, timings) = with_session(global, 1, |session| {
        experiment::compare(scenarios[0], scenarios[1], args.tolerance, session)
    })?;
    let Some(found) = found else {
        say("interrupted: the comparison is not complete, nothing was written");
        return Ok(Exit::Interrupted);
    };
    let view = CompareView {
        name_a: &a.name,
        name_b: &b.name,
        title: scenarios[0].title(),
        seed: scenarios[0].seed(),
        changes: &changes,
        found: &found,
        notes: &notes,
    };
    write(&output, &id, &a.loaded.name, scenarios, view)?;
    output.write_json("environment.json", &timings.environment())?;
    print(args, &id, view, &output, terminal)?;
    if args.output.timings {
        timings.report();
    }
    Ok(exit(args, &found))
}

/// Loads one side.
fn side(
    args: &CompareArgs,
    path: &Path,
    sets: &[String],
    terminal: &Terminal,
) -> Result<Side, Exit> {
    let scenario = ScenarioArgs {
        scenario: path.to_owned(),
        sets: sets.to_vec(),
        deny_warnings: args.deny_warnings,
    };
    let set = sets.iter().map(|set| format!(" --set {set}"));
    Ok(Side {
        name: format!("{}{}", path.display(), set.collect::<String>()),
        loaded: load(&scenario, terminal)?,
    })
}

/// B with A's seed and rule for replications, and what is to be said of that.
fn drawn_alike(a: &Scenario, b: &Scenario) -> (Vec<String>, Scenario) {
    let mut notes = Vec::new();
    if a.seed() != b.seed() {
        notes.push(format!(
            "B asks for seed {}; both ran with A's, so that they have the same random numbers",
            b.seed()
        ));
    }
    if a.replications() != b.replications() {
        notes.push("B has another rule for its replications; both ran by A's".to_owned());
    }
    let horizon = |own: &Scenario| own.blueprint().windows.horizon;
    if horizon(a) != horizon(b) {
        notes.push(
            "the runs are not equally long, so costs and shares are of different stretches"
                .to_owned(),
        );
    }
    (notes, b.drawn_like(a))
}

/// Writes the files of a comparison.
fn write(
    output: &OutputDir,
    id: &str,
    name: &str,
    scenarios: [&Scenario; 2],
    view: CompareView<'_>,
) -> Result<(), OutputError> {
    output.write(
        "summary.txt",
        text::comparison(view, Style::FILE).as_bytes(),
    )?;
    output.write("compare.md", markdown::comparison(view).as_bytes())?;
    output.write_json("compare.json", &comparison::json(id, view))?;
    #[cfg(feature = "charts")]
    super::run::write_charts(output, &chart::of_comparison(view))?;
    let findings = [&view.found.a, &view.found.b];
    for ((side, scenario), found) in ["a", "b"].into_iter().zip(scenarios).zip(findings) {
        // Each side is shown as a run of its own.
        let own = OutputDir::create(output.path().join(side))?;
        own.write_scenario(scenario, "")?;
        super::run::write_findings(&own, scenario.title(), scenario.seed(), found)?;
    }
    output.write_json(
        "manifest.json",
        &manifest::manifest("compare", id, name, scenarios[0]),
    )
}

fn print(
    args: &CompareArgs,
    id: &str,
    view: CompareView<'_>,
    output: &OutputDir,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let printed = match args.format {
        Format::Json => format!("{:#}\n", comparison::json(id, view)),
        _ if args.output.quiet => format!("{}\n", comparison::verdict(view)),
        Format::Markdown => markdown::comparison(view),
        Format::Text => text::comparison(view, terminal.style),
    };
    terminal.print(&printed)?;
    let path = output.path().display();
    match args.format {
        Format::Text if args.output.quiet => {}
        Format::Text => terminal.print(&format!("\n{path}\n"))?,
        // What is piped somewhere is the result alone.
        Format::Json | Format::Markdown => say(&format!("{path}")),
    }
    Ok(())
}

fn exit(args: &CompareArgs, found: &Comparison) -> Exit {
    if !args.exit_code {
        Exit::Done
    } else if found.is_worse() {
        Exit::NotMet
    } else if found.is_undecided() && args.undecided == Undecided::Fail {
        Exit::Undecided
    } else {
        Exit::Done
    }
}
