//! `capsim run`.

use clap::{Args, ValueEnum};

use super::loading::load;
use super::session::{Timings, with_session};
use super::terminal::{Terminal, say};
use super::{Exit, Global, OutputArgs, ScenarioArgs};
use crate::experiment::{self, Findings};
use crate::objective::Verdict;
#[cfg(feature = "charts")]
use crate::report::chart;
use crate::report::output_dir::{OutputDir, OutputError};
use crate::report::text::Style;
use crate::report::tools::Layout;
use crate::report::{csv, manifest, markdown, summary, text, words};
use crate::scenario::{Loaded, Scenario};

/// Options of `capsim run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// What is printed; files are written in any case.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Do not fail when an objective is not met.
    #[arg(long)]
    no_assert: bool,
    /// What an undecided objective does to the exit code.
    #[arg(long, value_name = "HOW", default_value = "pass")]
    undecided: Undecided,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A summary for people.
    Text,
    /// summary.json.
    Json,
    /// The summary as tables, for a pull request.
    Markdown,
    /// One row per figure: name, value, interval, unit.
    Csv,
    /// What k6 would print at the end of this test.
    K6,
    /// What Artillery would print.
    Artillery,
    /// What wrk would print.
    Wrk,
    /// What Locust would print.
    Locust,
}

impl Format {
    /// The layout of a load tool, if it is one.
    const fn layout(self) -> Option<Layout> {
        match self {
            Self::K6 => Some(Layout::K6),
            Self::Artillery => Some(Layout::Artillery),
            Self::Wrk => Some(Layout::Wrk),
            Self::Locust => Some(Layout::Locust),
            Self::Text | Self::Json | Self::Markdown | Self::Csv => None,
        }
    }

    /// True for what programs read: it is printed whole, or not at all.
    const fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Csv)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Undecided {
    /// Nothing.
    Pass,
    /// Exit code 4.
    Fail,
}

/// Runs a scenario.
pub(super) fn run(args: &RunArgs, global: &Global, terminal: &Terminal) -> anyhow::Result<Exit> {
    let loaded = match load(&args.scenario, terminal) {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let scenario = &loaded.scenario;
    if let Some(layout) = args.format.layout()
        && let Err(exit) = has_source(layout, scenario, &args.scenario)
    {
        return Ok(exit);
    }
    let id = manifest::run_id(scenario);
    // Whether results can be written is known before they are computed.
    let output = OutputDir::create(
        args.output
            .output
            .join(&loaded.name)
            .join(format!("run-{id}")),
    )?;
    let (findings, timings) =
        with_session(global, 1, |session| experiment::run(scenario, session))?;
    let Some(findings) = findings else {
        say("interrupted: the run is not complete, nothing was written");
        return Ok(Exit::Interrupted);
    };
    write(&output, &id, &loaded, &findings, &timings)?;
    let printed = printed(args, &id, scenario, &findings, terminal.style)?;
    terminal.print(&printed)?;
    if !args.output.quiet || args.format.is_data() {
        match args.format {
            Format::Text => terminal.print(&format!("\n{}\n", output.path().display()))?,
            // What is piped somewhere is the result alone.
            _ => say(&format!("{}", output.path().display())),
        }
        if let Some(layout) = args.format.layout() {
            say(&format!("note: {}", layout.left_out()));
        }
    }
    if args.output.timings {
        timings.report();
    }
    Ok(exit(args, &findings))
}

/// Says so if there is nothing that a load tool could have reported on.
fn has_source(layout: Layout, scenario: &Scenario, args: &ScenarioArgs) -> Result<(), Exit> {
    let sources = &scenario.blueprint().sources;
    if sources.iter().any(|source| source.kind == layout.kind()) {
        return Ok(());
    }
    let there: Vec<String> = sources
        .iter()
        .map(|source| format!("{} ({})", source.name, source.kind))
        .collect();
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let kind = layout.kind();
    say(&format!(
        "error: {} has no source of kind `{kind}`, so there is nothing that {kind} would report\n  = help: its sources are {}; give one kind = \"{kind}\", or take another --format\n\nnothing was run",
        args.scenario.display(),
        words::list(&there),
    ));
    Err(Exit::BadInput)
}

/// What goes to stdout.
fn printed(
    args: &RunArgs,
    id: &str,
    scenario: &Scenario,
    findings: &Findings,
    style: Style,
) -> anyhow::Result<String> {
    let (title, seed) = (scenario.title(), scenario.seed());
    if args.output.quiet && !args.format.is_data() {
        return Ok(format!("{}\n", words::answer(findings)));
    }
    if let Some(layout) = args.format.layout() {
        return Ok(layout.report(findings));
    }
    Ok(match args.format {
        Format::Json => format!("{:#}\n", summary::summary(id, seed, findings)),
        Format::Csv => String::from_utf8(csv::figures(findings)?)?,
        Format::Markdown => markdown::run(title, seed, findings),
        _ => text::run(title, seed, findings, style),
    })
}

fn exit(args: &RunArgs, findings: &Findings) -> Exit {
    let overflowed = findings.overflow_s.is_some();
    if args.no_assert {
        return Exit::Done;
    }
    match findings.verdict {
        // Without an objective nothing was promised, but the run did not get to its end.
        Verdict::NotMet if overflowed && findings.objectives.is_empty() => Exit::CouldNot,
        Verdict::NotMet => Exit::NotMet,
        Verdict::Undecided if args.undecided == Undecided::Fail => Exit::Undecided,
        Verdict::Undecided | Verdict::Met => Exit::Done,
    }
}

/// Writes the files of a run.
fn write(
    output: &OutputDir,
    id: &str,
    loaded: &Loaded,
    findings: &Findings,
    timings: &Timings,
) -> Result<(), OutputError> {
    let scenario = &loaded.scenario;
    output.write_scenario(scenario, "")?;
    write_findings(output, scenario.title(), scenario.seed(), findings)?;
    output.write_json(
        "summary.json",
        &summary::summary(id, scenario.seed(), findings),
    )?;
    output.write_json("environment.json", &timings.environment())?;
    // The manifest comes last: where it is, the rest is.
    output.write_json(
        "manifest.json",
        &manifest::manifest("run", id, &loaded.name, scenario),
    )
}

/// Writes what is shown of one point: text, tables, charts.
pub(super) fn write_findings(
    output: &OutputDir,
    title: &str,
    seed: u64,
    findings: &Findings,
) -> Result<(), OutputError> {
    output.write(
        "summary.txt",
        text::run(title, seed, findings, Style::FILE).as_bytes(),
    )?;
    output.write_made("timeseries.csv", csv::timeseries(findings))?;
    output.write_made("resources.csv", csv::resources(&findings.resources))?;
    output.write_made("decisions.csv", csv::decisions(findings))?;
    if !findings.log.is_empty() {
        output.write_made("log.csv", csv::log(findings))?;
    }
    #[cfg(feature = "charts")]
    write_charts(output, &chart::of_run(title, findings))?;
    Ok(())
}

/// Writes charts, as SVG and, where that is built in, as PNG.
#[cfg(feature = "charts")]
pub(super) fn write_charts(output: &OutputDir, charts: &[chart::Chart]) -> Result<(), OutputError> {
    for chart in charts {
        output.write(&format!("charts/{}.svg", chart.name), chart.svg.as_bytes())?;
    }
    #[cfg(feature = "png")]
    {
        use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
        // Pictures take their time; each is the same whatever thread makes it.
        let made: Vec<_> = charts.par_iter().map(|own| chart::png(&own.svg)).collect();
        for (chart, png) in charts.iter().zip(made) {
            let png = png.map_err(std::io::Error::other);
            output.write_made(&format!("charts/{}.png", chart.name), png)?;
        }
    }
    Ok(())
}
