//! Catalogues of instance types, as the scenario language has them, from a table of prices.
//!
//! The table is CSV: `provider, name, vcpu, mem_gib, usd_per_hour, source, as_of, notes`. Of the notes two
//! things are understood: a monthly price (`$500/month`), which is then how the type is priced, and the share of
//! a vCPU that a burstable type earns (`baseline 30%`). Everything else is carried along as a comment.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A line of the table.
#[derive(Debug, Clone)]
struct Row {
    provider: String,
    name: String,
    vcpu: f64,
    /// vCPUs, memory and price as they are written: nothing is rounded on the way.
    vcpu_text: String,
    memory: String,
    usd_per_hour: String,
    source: String,
    as_of: String,
    notes: String,
}

/// The families of a table: whoever a provider in it belongs to, by the start of its name.
pub const FAMILIES: [&str; 4] = ["heroku", "aws", "gcp", "azure"];

/// Sizes of Fargate tasks, which are priced by vCPU and by GiB: vCPUs, and the GiB that go with them.
const FARGATE: [(f64, [f64; 3]); 7] = [
    (0.25, [0.5, 1.0, 2.0]),
    (0.5, [1.0, 2.0, 4.0]),
    (1.0, [2.0, 4.0, 8.0]),
    (2.0, [4.0, 8.0, 16.0]),
    (4.0, [8.0, 16.0, 30.0]),
    (8.0, [16.0, 32.0, 60.0]),
    (16.0, [32.0, 64.0, 120.0]),
];

/// The catalogue of one family, as TOML.
///
/// # Errors
/// What is wrong with the table, with the line that it is in.
pub fn catalogue(table: &str, family: &str) -> Result<String, String> {
    let rows = read(table)?;
    let is_own = |row: &&Row| row.provider.split('-').next() == Some(family);
    let own: Vec<&Row> = rows.iter().filter(is_own).collect();
    if own.is_empty() {
        return Err(format!("the table has no provider `{family}`"));
    }
    let mut sources: Vec<(&str, &str)> = Vec::new();
    for row in &own {
        let source = (row.source.as_str(), row.as_of.as_str());
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let mut text = format!(
        "# Instance types of {family}: vCPUs, memory, prices. Made from models/catalog.csv by\n\
         # `capsim catalogue models/catalog.csv {family}`: change the table, not this file.\n\
         #\n\
         # Prices are of the date of their source, not of today; look them up before money depends on them.\n"
    );
    for (at, (source, as_of)) in sources.iter().enumerate() {
        let _ = writeln!(text, "# [{}] {as_of}: {source}", at + 1);
    }
    let baselines: BTreeMap<&str, &str> = own
        .iter()
        .filter_map(|row| Some((row.name.as_str(), between(&row.notes, "baseline ", "%")?)))
        .collect();
    for row in &own {
        let source = (row.source.as_str(), row.as_of.as_str());
        let number = 1 + sources.iter().position(|own| *own == source).unwrap_or(0);
        match row.provider.as_str() {
            "aws-fargate" => add_fargate(&mut text, row, &own, number),
            _ => add(&mut text, row, family, number, &baselines)?,
        }
    }
    Ok(text)
}

fn read(table: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|own| own == name);
        found.ok_or_else(|| format!("the table has no column `{name}`"))
    };
    let names = [
        "provider",
        "name",
        "vcpu",
        "mem_gib",
        "usd_per_hour",
        "source",
        "as_of",
        "notes",
    ];
    let mut at = [0; 8];
    for (at, name) in at.iter_mut().zip(names) {
        *at = column(name)?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |number: usize| record.get(at[number]).unwrap_or("").trim().to_owned();
        let number = |text: &str, what: &str| -> Result<f64, String> {
            if text.is_empty() {
                return Ok(0.0);
            }
            let found = text.parse::<f64>().ok();
            let found = found.filter(|n| n.is_finite() && *n >= 0.0);
            found.ok_or_else(|| format!("line {line}: `{text}` is no {what}"))
        };
        let (vcpu_text, memory, usd_per_hour) = (field(2), field(3), field(4));
        number(&memory, "size of memory in GiB")?;
        number(&usd_per_hour, "price in dollars per hour")?;
        let name = field(1);
        if name.is_empty() || name.contains(['"', '\\']) || name.chars().any(char::is_control) {
            return Err(format!(
                "line {line}: `{name}` is no name of an instance type"
            ));
        }
        let on_one_line = |text: String| text.replace(['\n', '\r'], " ");
        rows.push(Row {
            provider: field(0),
            name,
            vcpu: number(&vcpu_text, "number of vCPUs")?,
            vcpu_text,
            memory,
            usd_per_hour,
            source: on_one_line(field(5)),
            as_of: on_one_line(field(6)),
            notes: on_one_line(field(7)),
        });
    }
    Ok(rows)
}

fn add(
    text: &mut String,
    row: &Row,
    family: &str,
    source: usize,
    baselines: &BTreeMap<&str, &str>,
) -> Result<(), String> {
    let name = match row.provider.as_str() {
        "aws-alb" => "alb",
        _ => &row.name,
    };
    let notes = if row.notes.is_empty() {
        format!("[{source}]")
    } else {
        format!("[{source}] {}", row.notes)
    };
    let _ = writeln!(text, "\n# {notes}\n[instances.\"{family}/{name}\"]");
    if row.vcpu > 0.0 {
        let _ = writeln!(text, "vcpu = {}", row.vcpu_text);
    }
    if !row.memory.is_empty() && row.memory != "0" {
        let _ = writeln!(text, "memory = \"{}GiB\"", row.memory);
    }
    // The databases and caches that AWS runs earn credits as the machines that they are named after.
    let machine = name.trim_start_matches("db.").trim_start_matches("cache.");
    if let Some(baseline) = baselines.get(machine) {
        let _ = writeln!(text, "baseline = \"{baseline}%\"");
    }
    let _ = writeln!(text, "cost = \"{}\"", price(row)?);
    Ok(())
}

/// A price in the provider's own terms: by the month where that is how it is stated.
fn price(row: &Row) -> Result<String, String> {
    let monthly = row.notes.strip_prefix('$').and_then(|rest| {
        let (amount, rest) = rest.split_once("/month")?;
        // "$5/month buys 1000 hours" is no price of one type by the month.
        (rest.starts_with(" cap") || rest.starts_with(';')).then_some(amount)
    });
    let Some(monthly) = monthly else {
        return Ok(format!("${}/h", row.usd_per_hour));
    };
    let same = |monthly: f64, hourly: f64| (monthly / 720.0 - hourly).abs() < 1e-6;
    match (monthly.parse::<f64>(), row.usd_per_hour.parse::<f64>()) {
        (Ok(per_month), Ok(hourly)) if same(per_month, hourly) => Ok(format!("${monthly}/month")),
        _ => Err(format!(
            "`{}` has ${monthly} a month and ${} an hour, which is not the same",
            row.name, row.usd_per_hour
        )),
    }
}

/// Tasks of the usual sizes, for the two prices that they are made of.
fn add_fargate(text: &mut String, row: &Row, own: &[&Row], source: usize) {
    if row.name != "vcpu-hour" {
        return;
    }
    let price = |name: &str| {
        let found = own
            .iter()
            .find(|row| row.provider == "aws-fargate" && row.name == name);
        found.and_then(|row| row.usd_per_hour.parse::<f64>().ok())
    };
    let (Some(per_vcpu), Some(per_gib)) = (price("vcpu-hour"), price("gib-hour")) else {
        return;
    };
    for (vcpu, sizes) in FARGATE {
        for gib in sizes {
            // Prices have six decimals: more than that is the noise of binary fractions.
            let cost = ((vcpu * per_vcpu + gib * per_gib) * 1e9).round() / 1e9;
            let _ = writeln!(
                text,
                "\n# [{source}] {vcpu} × ${per_vcpu} per vCPU-hour and {gib} × ${per_gib} per GiB-hour\n\
                 [instances.\"aws/fargate-{vcpu}vcpu-{gib}gib\"]\n\
                 vcpu = {vcpu}\nmemory = \"{gib}GiB\"\ncost = \"${cost}/h\""
            );
        }
    }
}

/// What stands between two texts, after the last time that the first occurs before the second.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let end = text.find(after)?;
    let start = text[..end].rfind(before)? + before.len();
    let found = &text[start..end];
    found.parse::<f64>().ok().map(|_| found)
}
