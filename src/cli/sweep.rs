//! `capsim sweep`.

use std::sync::{Mutex, PoisonError};

use clap::Args;

use super::loading::load;
use super::session::with_session;
use super::terminal::{Terminal, say};
use super::{Exit, Global, OutputArgs, ScenarioArgs};
use crate::experiment::{self, Choice, Findings, choose, offered_by};
#[cfg(feature = "charts")]
use crate::report::chart;
use crate::report::output_dir::{OutputDir, OutputError};
use crate::report::text::Style;
use crate::report::{SweepView, csv, manifest, text};
use crate::scenario::{Loaded, Sweep};
use crate::units::{three_digits, with_suffix};

/// Options of `capsim sweep`.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Show what would be run, and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Run every point, also those whose results are there.
    #[arg(long)]
    fresh: bool,
}

/// Runs every point of a sweep that is not complete yet.
pub(super) fn sweep(
    args: &SweepArgs,
    global: &Global,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let loaded = match load(&args.scenario, terminal) {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let Some(sweep) = &loaded.sweep else {
        let path = args.scenario.scenario.display();
        say(&format!(
            "error: {path} has no [sweep]\nhelp: add axes: [sweep.axes] \"components.web.count\" = [5, 10, 20]"
        ));
        return Ok(Exit::BadInput);
    };
    if args.dry_run {
        terminal.print(&plan(&loaded, sweep))?;
        return Ok(Exit::Done);
    }
    let id = manifest::sweep_id(&loaded.scenario, sweep.resolved());
    let output = OutputDir::create(
        args.output
            .output
            .join(&loaded.name)
            .join(format!("sweep-{id}")),
    )?;
    let work = Work::new(sweep, &output, args.fresh);
    let open = work.open();
    let n_known = sweep.points().len() - open.len();
    if n_known > 0 {
        say(&format!(
            "{n_known} of {} points are complete already",
            sweep.points().len()
        ));
    }
    work.write_points()?;
    let (done, timings) = with_session(global, open.len(), |session| {
        let ended = experiment::sweep(
            &open,
            |point| sweep.scenario(point),
            session,
            |point, findings| work.complete(point, &findings),
        );
        ended.map(|()| session.is_interrupted())
    })?;
    let interrupted = done?;
    work.write_points()?;
    if args.output.timings {
        timings.report();
    }
    let Some(findings) = work.into_complete() else {
        assert!(interrupted, "a sweep that was not interrupted is complete");
        say(&format!(
            "interrupted: what is complete is in {}; the same command goes on from there",
            output.path().display()
        ));
        return Ok(Exit::Interrupted);
    };
    let view = SweepView {
        paths: sweep.paths(),
        points: sweep.points(),
        findings: &findings,
    };
    write(&output, &id, &loaded, sweep, view)?;
    output.write_json("environment.json", &timings.environment())?;
    if args.output.quiet {
        terminal.print(&text::choices(view, terminal.style))?;
    } else {
        terminal.print(&text::sweep(loaded.scenario.title(), view, terminal.style))?;
        terminal.print(&format!("\n{}\n", output.path().display()))?;
    }
    Ok(Exit::Done)
}

/// The points of a sweep and their results, as they come.
struct Work<'a> {
    sweep: &'a Sweep,
    output: &'a OutputDir,
    /// The file of each point: by what the point runs, so that a result is found again whatever the sweep
    /// around it looks like.
    files: Vec<String>,
    results: Mutex<Vec<Option<Findings>>>,
}

impl<'a> Work<'a> {
    fn new(sweep: &'a Sweep, output: &'a OutputDir, fresh: bool) -> Self {
        let file = |at| format!("points/{}.json", manifest::run_id(&sweep.scenario(at)));
        let files: Vec<String> = (0..sweep.points().len()).map(file).collect();
        let stored = |name: &String| if fresh { None } else { output.stored(name) };
        let results = files.iter().map(stored).collect();
        Self {
            sweep,
            output,
            files,
            results: Mutex::new(results),
        }
    }

    /// Points without a result; of points that run the same, the first.
    fn open(&self) -> Vec<usize> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open =
            |at: &usize| results[*at].is_none() && !self.files[..*at].contains(&self.files[*at]);
        (0..results.len()).filter(is_open).collect()
    }

    /// A point is complete.
    fn complete(&self, point: usize, findings: &Findings) -> Result<(), OutputError> {
        self.output.store(&self.files[point], findings)?;
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, file) in self.files.iter().enumerate() {
            if *file == self.files[point] {
                results[at] = Some(findings.clone());
            }
        }
        drop(results);
        self.write_points()
    }

    /// Writes the table of the points that are complete.
    fn write_points(&self) -> Result<(), OutputError> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let table = csv::points(self.sweep.paths(), self.sweep.points(), &results);
        self.output.write_made("points.csv", table)
    }

    fn into_complete(self) -> Option<Vec<Findings>> {
        let results = self
            .results
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        results.into_iter().collect()
    }
}

/// Writes the files of a complete sweep; the points are there already.
fn write(
    output: &OutputDir,
    id: &str,
    loaded: &Loaded,
    sweep: &Sweep,
    view: SweepView<'_>,
) -> Result<(), OutputError> {
    let scenario = &loaded.scenario;
    output.write_scenario(scenario, sweep.resolved())?;
    output.write(
        "summary.txt",
        text::sweep(scenario.title(), view, Style::FILE).as_bytes(),
    )?;
    #[cfg(feature = "charts")]
    super::run::write_charts(output, &chart::of_sweep(scenario.title(), view))?;
    if let Some(point) = to_look_at(view) {
        // The point to look at first is shown as a run of its own.
        let own = OutputDir::create(output.path().join("chosen"))?;
        let point_scenario = sweep.scenario(point);
        own.write_scenario(&point_scenario, "")?;
        let title = point_title(scenario.title(), view, point);
        super::run::write_findings(&own, &title, scenario.seed(), &view.findings[point])?;
    }
    output.write_json(
        "manifest.json",
        &manifest::manifest("sweep", id, &loaded.name, scenario),
    )
}

/// The point to look at first: what to choose for the heaviest traffic, or what comes closest.
fn to_look_at(view: SweepView<'_>) -> Option<usize> {
    let loads = offered_by(view.points, view.findings);
    Some(match choose(&loads.last()?.points, view.findings)? {
        Choice::Cheapest(at) | Choice::Perhaps(at) | Choice::None { closest: at } => at,
    })
}

fn point_title(title: &str, view: SweepView<'_>, point: usize) -> String {
    let settings: Vec<_> = view.points[point]
        .settings
        .iter()
        .map(|setting| format!("{} = {}", setting.path, setting.label))
        .collect();
    format!("{title}, with {}", settings.join(", "))
}

/// What a sweep would run.
fn plan(loaded: &Loaded, sweep: &Sweep) -> String {
    /// Requests per second and thread, as a rule of thumb for a system of some components.
    const PER_THREAD: f64 = 2.5e6;
    let mut text = format!(
        "{}\n{} points: {}\n",
        loaded.scenario.title(),
        sweep.points().len(),
        sweep.paths().join(" × ")
    );
    let (mut least, mut most, mut all_known) = (0.0, 0.0, true);
    for (number, point) in sweep.points().iter().enumerate() {
        let scenario = sweep.scenario(number);
        let blueprint = scenario.blueprint();
        let requests: f64 = blueprint
            .sources
            .iter()
            .filter_map(|own| own.begins.expected())
            .sum();
        // How much users send depends on how fast they are answered.
        let is_open = |own: &crate::component::source::Plan| own.begins.expected().is_some();
        let more = if blueprint.sources.iter().all(is_open) {
            ""
        } else {
            all_known = false;
            " and those of users"
        };
        let rule = scenario.replications();
        least += requests * f64::from(rule.at_least);
        most += requests * f64::from(rule.at_most);
        let settings: Vec<_> = point
            .settings
            .iter()
            .map(|setting| setting.label.as_str())
            .collect();
        text.push_str(&format!(
            "  {number:>4}  {}   {} requests{more}, {} to {} times\n",
            settings.join("  "),
            with_suffix(requests),
            rule.at_least,
            rule.at_most
        ));
    }
    let minutes = |requests: f64| three_digits(requests / PER_THREAD / 60.0);
    if !all_known {
        text.push_str(
            "how long it takes depends on the system, since users wait for it; nothing was run\n",
        );
        return text;
    }
    text.push_str(&format!(
        "in all {} to {} requests: some {} to {} minutes of one thread; nothing was run\n",
        with_suffix(least),
        with_suffix(most),
        minutes(least),
        minutes(most)
    ));
    text
}
