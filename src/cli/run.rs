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
use crate::report::{csv, manifest, summary, text, words};
use crate::scenario::Loaded;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Undecided {
    Pass,
    Fail,
}

/// Runs a scenario.
pub(super) fn run(args: &RunArgs, global: &Global, terminal: &Terminal) -> anyhow::Result<Exit> {
    let loaded = match load(&args.scenario, terminal) {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let scenario = &loaded.scenario;
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
    let style = terminal.style;
    match (args.format, args.output.quiet) {
        (Format::Json, _) => {
            terminal.print(&format!(
                "{:#}\n",
                summary::summary(&id, scenario.seed(), &findings)
            ))?;
        }
        (Format::Text, true) => terminal.print(&format!("{}\n", words::answer(&findings)))?,
        (Format::Text, false) => {
            terminal.print(&text::run(
                scenario.title(),
                scenario.seed(),
                &findings,
                style,
            ))?;
            terminal.print(&format!("\n{}\n", output.path().display()))?;
        }
    }
    if args.output.timings {
        timings.report();
    }
    Ok(exit(args, &findings))
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
